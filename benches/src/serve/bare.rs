//! The route with nothing before it.

use axum::{Json, Router, extract::Path, routing::get};

use super::{App, PATH, Post, post};

pub(super) fn app() -> App {
    App { router: Router::new().route(PATH, get(read)), headers: Vec::new() }
}

async fn read(Path(id): Path<u64>) -> Json<Post> {
    post(id)
}
