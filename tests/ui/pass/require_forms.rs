//! Every way to write the arguments.

use axum::{Router, routing::get};
use guardrail::require;

mod objects {
    pub(crate) const POST: &str = "/api/posts/{id}";
}

trait Acts {
    const EDIT: &'static str;
}

struct Blog;

impl Acts for Blog {
    const EDIT: &'static str = "edit";
}

const MODERATOR: &str = "moderator";

#[require("/api/posts/{id}", "edit")]
async fn by_position() {}

#[require("/files/{owner}/{*rest}", "read",)]
async fn rest_of_the_path() {}

#[require("reports", "read")]
async fn no_path_at_all() {}

#[require(objects::POST, <Blog as Acts>::EDIT)]
async fn constants() {}

#[require(action = Blog::EDIT, object = crate::objects::POST)]
async fn by_name() {}

#[require(role = "moderator")]
async fn role() {}

#[require(role = MODERATOR)]
async fn role_constant() {}

#[require(any(("/api/posts/{id}", "edit"), role = "moderator"))]
async fn any_of() {}

#[require(all(
    (object = "/api/posts/{id}", action = "edit"),
    any(role = "author", role = MODERATOR, all((objects::POST, "read"), role = "staff")),
))]
async fn nested() {}

#[require("/api/posts/{id}", "read")]
#[require(role = "author")]
#[guardrail::require("/api/posts/{id}", "edit")]
async fn stacked() {}

fn main() {
    let _: Router = Router::new()
        .route("/1", get(by_position))
        .route("/2", get(rest_of_the_path))
        .route("/3", get(no_path_at_all))
        .route("/4", get(constants))
        .route("/5", get(by_name))
        .route("/6", get(role))
        .route("/7", get(role_constant))
        .route("/8", get(any_of))
        .route("/9", get(nested))
        .route("/10", get(stacked));
}
