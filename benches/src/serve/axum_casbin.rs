//! axum-casbin, which decides on permissions alone, behind the hand-written check of token and cookie.

use anyhow::Result;
use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use axum_casbin::{CasbinAxumLayer, CasbinVals};
use tokio::sync::RwLock;

use super::{App, Options, PATH, Post, by_hand, post};

pub(super) async fn app(options: &Options) -> Result<App> {
    let keys = by_hand::Keys::new();
    let headers = keys.credentials()?;
    let enforcer = by_hand::enforcer(options).await?;
    let router = Router::new()
        .route(PATH, get(read))
        .layer(CasbinAxumLayer::set_enforcer(RwLock::new(enforcer).into()))
        .layer(from_fn_with_state(keys, authenticate));
    Ok(App { router, headers })
}

async fn read(Path(id): Path<u64>) -> Json<Post> {
    post(id)
}

async fn authenticate(State(keys): State<by_hand::Keys>, mut request: Request, next: Next) -> Response {
    let Some(claims) = keys.authenticate(&request) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    request.extensions_mut().insert(CasbinVals { subject: claims.role, domain: None });
    next.run(request).await
}
