//! Log-in, device-bound sessions and Casbin permissions for Axum applications.
//!
//! Guardrail signs users in, issues JWT access tokens that are good only beside a fingerprint in an `HttpOnly`
//! cookie, rotates refresh tokens and finds out their reuse, and decides by Casbin rules who may do what, written as
//! [`#[require("object", "action")]`](require) above a handler.
//!
//! ```
//! use axum::{Router, routing::get};
//! use guardrail::{AuthLayer, Authenticated, Guardrail, SigningKey, User, require, storage::MemoryStore};
//!
//! #[require("/api/hello", "read")]
//! async fn hello(user: Authenticated<User>) -> String {
//!     format!("Hello {}", user.username)
//! }
//!
//! # async fn example() -> Result<Router, Box<dyn std::error::Error>> {
//! let guard = Guardrail::builder()
//!     .signing_key(SigningKey::hs256("at least 32 bytes, from the environment")?)
//!     .store(MemoryStore::new()) // `guardrail_sqlx::SqlStore` for PostgreSQL and SQLite
//!     .default_policies() // admin: everything below /api; user: the own account
//!     .build()
//!     .await?;
//!
//! let app = Router::new()
//!     .route("/api/hello", get(hello))
//!     .nest("/api", guard.routes()) // log-in, refresh, log-out, sessions, rules, users, …
//!     .layer(AuthLayer::new(guard));
//! # Ok(app)
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```
//!
//! # The way of a request
//!
//! 1. [`AuthLayer`] puts a handle into the request. It refuses nothing and asks no store.
//! 2. The first `#[require]`, [`RequireLayer`], [`EnforceRoutes`] or extractor has the caller recognised: token,
//!    cookie, session, user. Without credentials, or with wrong ones, the answer is 401.
//! 3. `#[require]` fills `{id}` in its object from the path, and asks the rules. Who may not gets 403.
//! 4. The handler's other arguments are extracted, the body last.
//!
//! Sessions, users and rules are remembered, so that this seldom asks a store. A change holds from the next request on,
//! and on other nodes once they hear of it. A route with none of the above is open: [`#[public]`](public) says that it
//! is meant to be, and [`AuthLayer::strict`] finds in tests where nothing says so.
//!
//! A layer is around what stands above it. `AuthLayer` belongs around all routes and the fallback, once; CORS, traces
//! and [`RateLimitLayer`] around it. Serve the router by `into_make_service_with_connect_info::<SocketAddr>()`, or
//! nothing is bounded by a client's address.
//!
//! # Handlers and errors
//!
//! [`Principal`] is who calls, [`Authenticated<U>`] the whole user, read for this request; as an `Option` either is
//! `None` where no credentials came. [`Error`] is what a handler may return: the variant is the status, the answer a
//! problem (RFC 9457), and a cause that is no client's business is in the log.
//!
//! ```
//! use axum::{Router, extract::Path, routing::{delete, put}};
//! use guardrail::{Error, FieldErrors, Principal, RequireLayer, require};
//!
//! #[require("/api/posts/{id}", "edit")] // or role = "…", any(…, …), all(…, …)
//! async fn rename(Path(id): Path<u64>, who: Principal, title: String) -> Result<String, Error> {
//!     if title.is_empty() {
//!         return Err(FieldErrors::one("title", "is required").into()); // 422
//!     }
//!     Ok(format!("{} renames {id}", who.subject()))
//! }
//!
//! let app: Router = Router::new()
//!     .route("/api/posts/{id}", put(rename))
//!     // A closure takes no attribute.
//!     .route("/api/drafts", delete(async || "gone").layer(RequireLayer::role("moderator")));
//! ```
//!
//! # Rules and roles
//!
//! Nothing is allowed but by a rule. A caller is `user:<id>`, and has its account's role and those that rules give it.
//! The module [`policy`] has more.
//!
//! ```
//! use guardrail::policy::Rule;
//!
//! # async fn example(guard: guardrail::Guardrail) -> Result<(), Box<dyn std::error::Error>> {
//! guard.add_rules(vec![
//!     Rule::new("editor", "/api/posts/{id}", "edit")?, // any post
//!     Rule::new("user:42", "/api/posts/7", "edit")?,   // that post
//!     Rule::new("editor", "user", "")?,                // an editor may what a user may
//! ]).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Stores and tests
//!
//! [`GuardrailBuilder`] takes a store of everything, or users, sessions, rules and the rest one by one. For a users
//! table of your own, derive [`AuthUser`] and write the three methods of [`storage::UserStore`]. With the feature
//! `testing`, `testing::conformance` tests a store, `testing::ManualClock` is a clock that a test sets, and
//! `testing::principal` makes a caller without a request:
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # fn example(guard: guardrail::Guardrail) -> Result<(), Box<dyn std::error::Error>> {
//! let editor = guardrail::testing::principal(42_i64, "editor".parse()?);
//! assert!(guard.is_allowed(&editor, "/api/posts/7", "edit")?);
//! # Ok(())
//! # }
//! ```
//!
//! # What binding a token to a cookie does not do
//!
//! It stops a stolen token from being used elsewhere. It does not stop script that runs in the victim's own page, nor
//! malware that takes both.
//!
//! # Features
//!
//! | feature | default | adds |
//! |-|-|-|
//! | `argon2` | no | `Argon2`: passwords hashed with Argon2id in place of bcrypt |
//! | `metrics` | no | counters and gauges by the `metrics` facade |
//! | `openapi` | no | `Guardrail::openapi`: the API's description |
//! | `testing` | no | `guardrail::testing`: the conformance suite for stores, a clock that tests set, and a caller |
//!
//! # Metrics
//!
//! With the feature `metrics`, what happens is counted through the facade of the crate of that name. Install a recorder
//! before [`build`](GuardrailBuilder::build), such as that of `metrics-exporter-prometheus`. Every series is there from
//! the start, and no client makes others. The outcomes are those of one request, log-in and so on, each counted once.
//!
//! | metric | kind | labels |
//! |-|-|-|
//! | `guardrail_log_ins_total` | counter | `outcome`: `ok`, `refused`, `throttled`, `busy`, `error` |
//! | `guardrail_refreshes_total` | counter | `outcome`: `rotated`, `repeated`, `refused`, `reuse`, `theft`, `throttled`, `error` |
//! | `guardrail_sessions_revoked_total` | counter | `reason`: [those of a store](storage::RevokeReason), `logout`, `reuse` and so on |
//! | `guardrail_requests_authenticated_total` | counter | `outcome`: `ok`, `error`, or [the code](Unauthenticated::code) of the 401 |
//! | `guardrail_decisions_total` | counter | `outcome`: `allowed`, `denied`, `error` |
//! | `guardrail_session_cache_total` | counter | `outcome`: `hit`, `miss` |
//! | `guardrail_token_cache_total` | counter | `outcome`: `hit`, `miss` |
//! | `guardrail_policy_reloads_total` | counter | `outcome`: `ok`, `error` |
//! | `guardrail_policy_rules` | gauge | |
//! | `guardrail_hashing_queue` | gauge: passwords that wait for a thread | |
//! | `guardrail_hashing_seconds` | histogram | |
//! | `guardrail_audit_events_lost_total` | counter | |
//!
//! Whether it is on or not, the id of a caller who is recognised is written into the `tracing` span that the request is
//! in, if that span has a field `user`.

// The macros name this crate by its own name; within it they need that name too.
extern crate self as guardrail;

mod account;
mod at_once;
mod audit;
mod builder;
mod caller;
mod clock;
mod config;
mod domain;
mod entries;
mod error;
mod fingerprint;
mod handle;
mod http;
mod id;
mod lockout;
mod metrics;
mod password;
pub mod policy;
mod principal;
mod secret;
mod session;
pub mod storage;
mod tasks;
mod throttle;
mod token;
mod user;
mod user_columns;
mod watcher;
mod weak_secret;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

/// Makes `async fn` in a trait implementation fit Guardrail's store traits: `#[guardrail::async_trait]`.
pub use async_trait::async_trait;
pub use guardrail_macros::{AuthUser, public, require};
/// Passwords on their way to the hasher: redacted in `Debug`, wiped when dropped.
pub use secrecy::SecretString;

#[cfg(feature = "openapi")]
pub use crate::http::openapi;
#[cfg(feature = "argon2")]
pub use crate::password::{Argon2, InvalidArgon2Params};
pub use crate::{
    builder::{BuildError, GuardrailBuilder, MissingSigningKey, MissingStore, Users},
    clock::{Clock, SystemClock},
    config::SameSite,
    domain::Domain,
    error::{Error, FieldErrors, Forbidden, Unauthenticated},
    handle::Guardrail,
    http::{
        AuthFuture, AuthLayer, AuthService, Authenticated, Bound, EnforceRoutes, EnforceService, Guarded,
        GuardedFuture, Permit, Public, PublicLayer, PublicService, RateLimitLayer, RequireLayer,
        RequireService, SignedIn, method_not_allowed, not_found,
    },
    id::{InvalidUserId, SessionId, USER_ID_MAX_BYTES, UserId, UserKey},
    password::{
        Bcrypt, InvalidBcryptCost, InvalidPasswordPolicy, PASSWORD_MIN_CHARS, PasswordHasher,
        PasswordHasherError, PasswordPolicy,
    },
    policy::{Declared, Requirement, permissions},
    principal::Principal,
    secret::{PasswordHash, RandomUnavailable, Sha256Digest},
    session::RefreshKey,
    throttle::{ProxyHeader, TrustedProxies},
    token::{InvalidSigningKey, KeyId, SigningAlgorithm, SigningKey},
    user::{
        AuthUser, EMAIL_MAX_BYTES, Email, InvalidEmail, InvalidRole, InvalidUsername, NAME_MAX_CHARS,
        NewUser, Role, User, Username,
    },
    weak_secret::{KEY_SECRET_MIN_BYTES, WeakSecret},
};

/// What the macros' expansions name. Not for use by hand: it may change with any version.
#[doc(hidden)]
pub mod __private {
    pub use inventory::submit;

    pub use crate::{
        policy::{Declaration, Declared, Requirement},
        user_columns::{EmailColumn, HashColumn},
    };
}
