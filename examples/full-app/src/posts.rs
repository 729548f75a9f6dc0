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
    Error, Forbidden, Guardrail, Principal,
    policy::{InvalidRule, Rule},
    require,
};
use http::{StatusCode, request::Parts};
use serde::Serialize;

use body::Draft;
use store::{Post, Posts};

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
#[derive(Serialize)]
struct Listing {
    data: Vec<Post>,
    next_cursor: Option<String>,
}

/// A single post in the form of Guardrail's own answers.
#[derive(Serialize)]
struct Data {
    data: Post,
}

#[require("/api/posts", "read")]
async fn list(State(shared): State<Shared>) -> Json<Listing> {
    Json(Listing { data: shared.posts.visible(), next_cursor: None })
}

#[require("/api/posts", "write")]
async fn create(State(shared): State<Shared>, who: Principal, draft: Draft) -> (StatusCode, Json<Data>) {
    let data = shared.posts.add(who.user_id().clone(), draft);
    (StatusCode::CREATED, Json(Data { data }))
}

#[require("/api/posts/{id}", "read")]
async fn read(State(shared): State<Shared>, who: Principal, id: PostId) -> Result<Json<Data>, Error> {
    let data = shared.posts.find(id.0).ok_or(Error::NotFound)?;
    if data.hidden && !shared.may_change(&who, &data)? {
        return Err(Error::NotFound);
    }
    Ok(Json(Data { data }))
}

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

#[require("/api/posts/{id}", "delete")]
async fn remove(State(shared): State<Shared>, who: Principal, id: PostId) -> Result<StatusCode, Error> {
    shared.demand_change(&who, id)?;
    shared.posts.remove(id.0).ok_or(Error::NotFound)?;
    Ok(StatusCode::NO_CONTENT)
}

/// For moderators, and for whom a rule names: `user:<id>` may `hide` `/api/posts/7`, say.
#[require(any(("/api/posts/{id}", "hide"), role = "moderator"))]
async fn hide(State(shared): State<Shared>, id: PostId) -> Result<Json<Data>, Error> {
    let data = shared.posts.change(id.0, |post| post.hidden = true).ok_or(Error::NotFound)?;
    Ok(Json(Data { data }))
}

impl Shared {
    /// An author may change a post, and whoever the rules let `edit` it.
    fn may_change(&self, who: &Principal, post: &Post) -> Result<bool, Error> {
        let author = post.author == *who.user_id();
        Ok(author || self.guard.is_allowed(who, &format!("/api/posts/{}", post.id), "edit")?)
    }

    fn demand_change(&self, who: &Principal, id: PostId) -> Result<(), Error> {
        let post = self.posts.find(id.0).ok_or(Error::NotFound)?;
        if self.may_change(who, &post)? { Ok(()) } else { Err(Forbidden::PermissionDenied.into()) }
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
