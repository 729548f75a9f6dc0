//! Every kind of function that can be a handler.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::get,
};
use guardrail::require;

trait Store: Clone + Send + Sync + 'static {
    fn count(&self) -> usize;
}

#[derive(Clone)]
struct Memory(usize);

impl Store for Memory {
    fn count(&self) -> usize {
        self.0
    }
}

/// Documented.
#[require("/api/posts", "read")]
async fn no_arguments() -> &'static str {
    "none"
}

#[require("/api/posts", "read")]
async fn with_state(State(store): State<Memory>) -> String {
    store.count().to_string()
}

#[require("/api/posts/{id}", "edit")]
async fn with_body(Path(id): Path<u64>, Json(title): Json<String>) -> Result<Json<String>, StatusCode> {
    if id == 0 { Err(StatusCode::NOT_FOUND) } else { Ok(Json(title)) }
}

#[require("/api/posts", "read")]
async fn generic<S, const N: usize>(State(store): State<S>) -> impl IntoResponse
where
    S: Store,
{
    (StatusCode::OK, (store.count() + N).to_string())
}

#[require("/api/posts", "read")]
async fn impl_trait(State(store): State<Memory>, _path: Path<String>) -> impl IntoResponse + use<> {
    store.count().to_string()
}

#[require("/api/posts", "read")]
async fn with_lifetime<'a, T>(_name: Json<&'a T>) -> &'static str
where
    T: ?Sized + 'static,
    'a: 'static,
{
    "never a route, but a function all the same"
}

#[require("/api/posts", "read")]
async fn r#type() -> &'static str {
    "raw"
}

#[require("/api/posts", "read")]
#[allow(clippy::unused_async, reason = "an attribute of the function")]
#[must_use]
async fn with_attributes(#[allow(unused)] store: State<Memory>) -> &'static str {
    #![allow(unused_variables)]
    let unused = 1;
    "attributes"
}

mod outer {
    pub(crate) mod posts {
        use guardrail::require;

        // The same name as in the module above: markers are items of the function's own module.
        #[require("/api/posts", "read")]
        pub(crate) async fn list() {}

        #[require("/api/posts", "read")]
        pub(super) async fn to_parent() {}

        #[require("/api/posts", "read")]
        pub(in crate::outer) async fn to_path() {}

        #[require("/api/posts", "read")]
        pub async fn to_all() {}
    }

    #[guardrail::require("/api/posts", "read")]
    pub(crate) async fn list() {}

    pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> axum::Router<S> {
        use axum::routing::get;
        axum::Router::new().route("/parent", get(posts::to_parent)).route("/path", get(posts::to_path))
    }
}

fn inside_a_function() -> Router<Memory> {
    #[require("/api/posts", "read")]
    async fn local(State(store): State<Memory>) -> String {
        store.count().to_string()
    }

    {
        #[require(role = "staff")]
        async fn local() {}
        let _: Router<Memory> = Router::new().route("/staff", get(local));
    }

    Router::new().route("/local", get(local))
}

fn main() {
    let _ = with_lifetime::<str>;
    let _: Router = Router::new()
        .route("/none", get(no_arguments))
        .route("/state", get(with_state))
        .route("/body/{id}", get(with_body))
        .route("/generic", get(generic::<Memory, 2>))
        .route("/impl/{name}", get(impl_trait))
        .route("/raw", get(r#type))
        .route("/attributes", get(with_attributes))
        .route("/1", get(outer::list))
        .route("/2", get(outer::posts::list))
        .route("/3", get(outer::posts::to_all))
        .merge(outer::routes())
        .merge(inside_a_function())
        .with_state(Memory(3));
}
