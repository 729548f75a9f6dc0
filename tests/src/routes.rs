//! The application's own routes, one for each way to ask for a caller or a permission.

use axum::{
    Json, Router,
    extract::{MatchedPath, Path},
    http::Method,
    routing::{get, post},
};
use guardrail::{
    AuthUser, Authenticated, EnforceRoutes, PasswordHash, Principal, RequireLayer, User, public, require,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An object that is a constant.
pub const REPORTS: &str = "/app/reports";

/// A user type that no layer here has.
#[derive(Clone, AuthUser)]
pub struct Stranger {
    /// The key.
    #[auth(id)]
    pub id: Uuid,
    /// The role.
    #[auth(role)]
    pub role: String,
    /// Whether it may sign in.
    #[auth(active)]
    pub active: bool,
    /// The password's hash.
    #[auth(password_hash)]
    pub hash: PasswordHash,
}

#[derive(Serialize, Deserialize)]
struct Note {
    text: String,
}

/// Every route; what guards them is in the objects' names.
pub fn router() -> Router {
    Router::new()
        .route("/app/notes", post(write_note))
        .route("/app/notes/{id}", get(read_note))
        .route("/app/files/{*path}", get(read_file))
        .route("/app/reports", get(reports))
        .route("/app/any/{id}", get(any))
        .route("/app/all/{id}", get(all))
        .route("/app/role", get(role))
        .route("/app/stacked", get(stacked))
        .route("/app/closure/{id}", get(closure).layer(RequireLayer::new("/app/closure/{id}", "read")))
        .route("/app/closure", get(async || "closure").layer(RequireLayer::role("moderator")))
        .route("/app/misnamed/{name}", get(misnamed))
        .route("/app/whoami", get(whoami))
        .route("/app/maybe", get(maybe))
        .route("/app/maybe-user", get(maybe_user))
        .route("/app/me", get(me))
        .route("/app/stranger", get(stranger))
        .nest("/auto", automatic())
}

/// Routes whose permissions are their templates.
fn automatic() -> Router {
    let echo = async |path: MatchedPath, method: Method| format!("{method} {}", path.as_str());
    let every_method = get(echo).post(echo).put(echo).patch(echo).delete(echo).options(echo).trace(echo);
    Router::new()
        .route("/posts", every_method.clone())
        .route("/posts/{id}", every_method.clone())
        .route("/posts/export", every_method.clone())
        .route("/files/{*rest}", every_method)
        .nest_service("/tail", get(async || "tail").layer(EnforceRoutes::new()))
        .route_layer(EnforceRoutes::new())
        .fallback(get(async || "fallback").layer(EnforceRoutes::new()))
}

#[require("/app/notes", "write")]
async fn write_note(Json(note): Json<Note>) -> Json<Note> {
    Json(note)
}

#[require("/app/notes/{id}", "read")]
async fn read_note(Path(id): Path<String>) -> String {
    id
}

#[require("/app/files/{*path}", "read")]
async fn read_file(Path(path): Path<String>) -> String {
    path
}

#[require(REPORTS, "read")]
async fn reports() -> &'static str {
    "reports"
}

#[require(any(("/app/any/{id}", "read"), role = "moderator"))]
async fn any() -> &'static str {
    "any"
}

#[require(all(("/app/all/{id}", "read"), role = "moderator"))]
async fn all() -> &'static str {
    "all"
}

#[require(role = "moderator")]
async fn role() -> &'static str {
    "role"
}

#[require("/app/stacked", "read")]
#[require(role = "moderator")]
async fn stacked() -> &'static str {
    "stacked"
}

async fn closure(Path(id): Path<String>) -> String {
    id
}

/// The requirement wants `{id}`, which the route does not have.
#[require("/app/misnamed/{id}", "read")]
async fn misnamed() {}

async fn whoami(who: Principal) -> String {
    format!("{} {}", who.subject(), who.role())
}

#[public]
async fn maybe(who: Option<Principal>) -> String {
    who.map_or_else(|| "nobody".to_owned(), |who| who.subject().to_owned())
}

#[public]
async fn maybe_user(user: Option<Authenticated<User>>) -> String {
    user.map_or_else(|| "nobody".to_owned(), |user| user.username.clone())
}

async fn me(user: Authenticated<User>) -> String {
    user.username.clone()
}

async fn stranger(_: Authenticated<Stranger>) {}
