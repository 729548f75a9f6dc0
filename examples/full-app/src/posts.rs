//! The application's own routes: posts, kept in memory, as an example of permissions.
//!
//! | who | may |
//! |-|-|
//! | role `user` | read and write posts, change and delete one's own |
//! | role `moderator` | what a user may, hide posts, and change any |
//! | `user:<id>` with a rule for `/api/posts/7`, `edit` | change that post |
//!
//! `#[require]` asks the rules; that an author may change a post is in the post and not in the rules, so the handler
//! looks.

mod body;
mod store;

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, State},
    routing::{get, post},
};
use guardrail::{
    Error, Guardrail, Principal,
    openapi::{Caller, Failures, NotFound, ReadsBody},
    policy::{InvalidRule, Rule},
    require,
};
use http::{StatusCode, request::Parts};
use serde::Serialize;
use utoipa::ToSchema;

use body::{Draft, Unchecked};
use store::{Post, Posts};

/// What the routes are, for the API's description; their paths are below the one where the router is nested.
#[derive(utoipa::OpenApi)]
#[openapi(
    paths(list, create, read, edit, remove, hide),
    tags((name = "posts", description = "The application's own."))
)]
pub(crate) struct Described;

/// What the routes share.
#[derive(Clone)]
struct Shared {
    guard: Guardrail,
    posts: Posts,
}

/// The routes, for `.nest("/api", …)`.
pub fn router(guard: Guardrail) -> Router {
    Router::new()
        .route("/posts", get(list).post(create))
        .route("/posts/{id}", get(read).put(edit).delete(remove))
        .route("/posts/{id}/hide", post(hide))
        .with_state(Shared { guard, posts: Posts::default() })
}

/// The rules to start with.
pub fn rules() -> Result<Vec<Rule>, InvalidRule> {
    [
        ("user", "/api/posts", "read"),
        ("user", "/api/posts", "write"),
        ("user", "/api/posts/{id}", "read"),
        ("user", "/api/posts/{id}", "write"),
        ("user", "/api/posts/{id}", "delete"),
        ("moderator", "/api/posts/{id}", "edit"),
        // A moderator may what a user may.
        ("moderator", "user", ""),
    ]
    .into_iter()
    .map(|(subject, object, action)| Rule::new(subject, object, action))
    .collect()
}

/// A list in the form of Guardrail's own.
#[derive(Serialize, ToSchema)]
#[schema(as = PostListing)]
struct Listing {
    data: Vec<Post>,
    /// Always `null`: the list comes whole.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A single post in the form of Guardrail's own answers.
#[derive(Serialize, ToSchema)]
#[schema(as = PostData)]
struct Data {
    data: Post,
}

/// Lists the posts
///
/// Those that are not hidden, the newest first, whole. Needs `read` on `/api/posts`.
#[utoipa::path(
    get, path = "/posts", tag = "posts", operation_id = "list_posts",
    responses((status = 200, description = "The posts.", body = Listing), Failures<Caller>),
    security(("bearer" = [], "fingerprint" = [])),
)]
#[require("/api/posts", "read")]
async fn list(State(shared): State<Shared>) -> Json<Listing> {
    Json(Listing { data: shared.posts.visible(), next_cursor: None })
}

/// Writes a post
///
/// Needs `write` on `/api/posts`.
#[utoipa::path(
    post, path = "/posts", tag = "posts", operation_id = "create_post",
    request_body = Unchecked,
    responses((status = 201, description = "The post.", body = Data), Failures<(Caller, ReadsBody)>),
    security(("bearer" = [], "fingerprint" = [])),
)]
#[require("/api/posts", "write")]
async fn create(State(shared): State<Shared>, who: Principal, draft: Draft) -> (StatusCode, Json<Data>) {
    let data = shared.posts.add(who.user_id().clone(), draft);
    (StatusCode::CREATED, Json(Data { data }))
}

/// Reads a post
///
/// Needs `read` on `/api/posts/{id}`. One that is hidden is there only for those who may change it.
#[utoipa::path(
    get, path = "/posts/{id}", tag = "posts", operation_id = "read_post",
    params(("id" = u64, Path, description = "The post's number.")),
    responses((status = 200, description = "The post.", body = Data), Failures<(Caller, NotFound)>),
    security(("bearer" = [], "fingerprint" = [])),
)]
#[require("/api/posts/{id}", "read")]
async fn read(State(shared): State<Shared>, who: Principal, id: PostId) -> Result<Json<Data>, Error> {
    let data = shared.posts.find(id.0).ok_or(Error::NotFound)?;
    if data.hidden && !shared.may_change(&who, &data)? {
        return Err(Error::NotFound);
    }
    Ok(Json(Data { data }))
}

/// Changes a post
///
/// Needs `write` on `/api/posts/{id}`, and of another's post `edit`.
#[utoipa::path(
    put, path = "/posts/{id}", tag = "posts", operation_id = "edit_post",
    params(("id" = u64, Path, description = "The post's number.")),
    request_body = Unchecked,
    responses((status = 200, description = "The post.", body = Data), Failures<(Caller, ReadsBody, NotFound)>),
    security(("bearer" = [], "fingerprint" = [])),
)]
#[require("/api/posts/{id}", "write")]
async fn edit(
    State(shared): State<Shared>,
    who: Principal,
    id: PostId,
    draft: Draft,
) -> Result<Json<Data>, Error> {
    shared.demand_change(&who, id)?;
    let data = shared.posts.change(id.0, |post| post.rewrite(draft)).ok_or(Error::NotFound)?;
    Ok(Json(Data { data }))
}

/// Deletes a post
///
/// Needs `delete` on `/api/posts/{id}`, and of another's post `edit`.
#[utoipa::path(
    delete, path = "/posts/{id}", tag = "posts", operation_id = "remove_post",
    params(("id" = u64, Path, description = "The post's number.")),
    responses((status = 204, description = "It is gone."), Failures<(Caller, NotFound)>),
    security(("bearer" = [], "fingerprint" = [])),
)]
#[require("/api/posts/{id}", "delete")]
async fn remove(State(shared): State<Shared>, who: Principal, id: PostId) -> Result<StatusCode, Error> {
    shared.demand_change(&who, id)?;
    shared.posts.remove(id.0).ok_or(Error::NotFound)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hides a post
///
/// For moderators, and for whom a rule names: `user:<id>` may `hide` `/api/posts/7`, say.
#[utoipa::path(
    post, path = "/posts/{id}/hide", tag = "posts", operation_id = "hide_post",
    params(("id" = u64, Path, description = "The post's number.")),
    responses((status = 200, description = "The post.", body = Data), Failures<(Caller, NotFound)>),
    security(("bearer" = [], "fingerprint" = [])),
)]
#[require(any(("/api/posts/{id}", "hide"), role = "moderator"))]
async fn hide(State(shared): State<Shared>, id: PostId) -> Result<Json<Data>, Error> {
    let data = shared.posts.change(id.0, |post| post.hidden = true).ok_or(Error::NotFound)?;
    Ok(Json(Data { data }))
}

guardrail::asks!("/api/posts/{id}", "edit");

impl Shared {
    /// An author may change a post, and whoever the rules let `edit` it.
    fn may_change(&self, who: &Principal, post: &Post) -> Result<bool, Error> {
        let author = post.author == *who.user_id();
        Ok(author || self.guard.is_allowed(who, &format!("/api/posts/{}", post.id), "edit")?)
    }

    fn demand_change(&self, who: &Principal, id: PostId) -> Result<(), Error> {
        let post = self.posts.find(id.0).ok_or(Error::NotFound)?;
        if post.author == *who.user_id() {
            return Ok(());
        }
        self.guard.demand(who, &format!("/api/posts/{}", post.id), "edit")
    }
}

/// The `{id}` of a path. What is no number is as unknown as a number without a post.
#[derive(Clone, Copy)]
struct PostId(u64);

impl<S: Send + Sync> FromRequestParts<S> for PostId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path(id) = Path::from_request_parts(parts, state).await.map_err(|_| Error::NotFound)?;
        Ok(Self(id))
    }
}
