//! The API's description, and a page to read it and to try it: Swagger UI, whose files are in the binary.

use std::sync::Arc;

use axum::{Json, Router, extract::State, middleware::map_response, response::Response, routing::get};
use guardrail::{
    Guardrail, PublicLayer,
    openapi::{Busy, TooMany, add_failures, operations},
    public,
};
use http::{HeaderValue, header::CONTENT_SECURITY_POLICY};
use utoipa::{
    OpenApi as _,
    openapi::{HeaderBuilder, Info, OpenApi, Paths, RefOr, path::Operation},
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::posts;

const DOCUMENT: &str = "/api/openapi.json";
const PAGE: &str = "/api/docs";

/// What the page may load: its own files. Swagger UI writes styles into its elements, and icons into its styles.
const PAGE_MAY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The description and the page, for the root of the application.
pub(crate) fn router(guard: &Guardrail) -> Router {
    // The browser brings the cookie along, once somebody has logged in on the page.
    let config = Config::new([DOCUMENT]).use_base_layout().validator_url("none");
    let page = Router::from(SwaggerUi::new(PAGE).config(config))
        .layer(PublicLayer::new())
        .layer(map_response(bound_page));
    Router::new().route(DOCUMENT, get(description)).with_state(Arc::new(describe(guard))).merge(page)
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(description))]
struct Described;

/// Shows this description
#[utoipa::path(
    get, path = "/openapi.json", tag = "health", operation_id = "openapi",
    responses((status = 200, description = "An OpenAPI document.", body = Object)),
    security(()),
)]
#[public]
async fn description(State(document): State<Arc<OpenApi>>) -> Json<Arc<OpenApi>> {
    Json(document)
}

/// Everything that the application serves below `/api`, and the public keys.
fn describe(guard: &Guardrail) -> OpenApi {
    let mut document = OpenApi::new(Info::new("full-app", env!("CARGO_PKG_VERSION")), Paths::new())
        .nest("/api", guard.openapi())
        .nest("/api", posts::Described::openapi())
        .nest("/api", Described::openapi())
        .merge_from(guard.well_known_openapi());
    for operation in operations(&mut document) {
        // What the layers answer.
        add_failures::<(TooMany, Busy)>(operation);
        name_request(operation);
    }
    document
}

fn name_request(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let told = "The client's own name for the request, if it is harmless, or one that was made up.";
            let header = HeaderBuilder::new().description(Some(told)).build();
            response.headers.insert("X-Request-Id".to_owned(), RefOr::T(header));
        }
    }
}

async fn bound_page(mut response: Response) -> Response {
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_MAY));
    response
}
