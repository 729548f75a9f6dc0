//! The API's description (OpenAPI 3.1), made from the code: feature `openapi`.
//!
//! [`Guardrail::openapi`](crate::Guardrail::openapi) describes what [`routes`](crate::Guardrail::routes) serves. The
//! application nests it where it nests the router, beside the description of its own handlers, which say by
//! [`Failures`] what they can fail with:
//!
//! ```
//! use axum::extract::Path;
//! use guardrail::{Guardrail, openapi::{Caller, Failures, NotFound}, require};
//! use utoipa::openapi::{Info, OpenApi, Paths};
//!
//! /// Reads a post
//! #[utoipa::path(
//!     get, path = "/posts/{id}",
//!     params(("id" = u64, Path, description = "The post's number.")),
//!     responses((status = 200, description = "Its text.", body = String), Failures<(Caller, NotFound)>),
//!     security(("bearer" = [], "fingerprint" = [])),
//! )]
//! #[require("/api/posts/{id}", "read")]
//! async fn read_post(Path(id): Path<u64>) -> String {
//!     format!("the text of {id}")
//! }
//!
//! #[derive(utoipa::OpenApi)]
//! #[openapi(paths(read_post))]
//! struct Posts;
//!
//! fn description(guard: &Guardrail) -> OpenApi {
//!     OpenApi::new(Info::new("My application", "1.0.0"), Paths::new())
//!         .nest("/api", guard.openapi())
//!         .nest("/api", <Posts as utoipa::OpenApi>::openapi())
//!         .merge_from(guard.well_known_openapi())
//! }
//! ```
//!
//! Where two descriptions have a schema of one name, the first one's stays: give your own types other names than those
//! of this one. What layers of the application answer, such as [`RateLimitLayer`](crate::RateLimitLayer), is for the
//! application to [add](add_failures).

mod any_user;
mod document;
mod failure;
mod needs;

pub(in crate::http) use self::{
    any_user::AnyUser,
    failure::{InvalidCredentials, codes, fails},
};
pub use self::{
    document::operations,
    failure::{
        Busy, Caller, Fails, Failures, NotFound, ReadsBody, ReadsQuery, TooMany, Unavailable, add_failures,
    },
};
