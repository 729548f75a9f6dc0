//! Log-in, device-bound sessions and Casbin permissions for Axum applications.
//!
//! Guardrail stands between the request and the handler: it signs users in, issues JWT access tokens that are bound
//! to a fingerprint in an `HttpOnly` cookie, rotates refresh tokens and finds out their reuse, and decides by Casbin
//! rules who may do what, written as [`#[require("object", "action")]`](require) on a handler.
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
//!     .default_policies()
//!     .build()
//!     .await?;
//!
//! let app = Router::new()
//!     .route("/api/hello", get(hello))
//!     .nest("/api", guard.routes())
//!     .layer(AuthLayer::new(guard));
//! # Ok(app)
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! |-|-|
//! | setting up | [`GuardrailBuilder`] |
//! | handlers | [`require`], [`Authenticated`], [`Principal`], [`RequireLayer`] |
//! | one's own users table | [`AuthUser`], [`storage::UserStore`] |
//! | rules | [`policy`] |
//! | a store of one's own | [`storage`], and `guardrail::testing` (feature `testing`) |
//! | errors | [`Error`] |
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
//! | `testing` | no | `guardrail::testing`: the conformance suite for stores, and a clock that tests set |

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

#[cfg(feature = "argon2")]
pub use crate::password::{Argon2, InvalidArgon2Params};
pub use crate::{
    builder::{BuildError, GuardrailBuilder, Missing, Users},
    clock::{Clock, SystemClock},
    config::SameSite,
    domain::Domain,
    error::{Error, FieldErrors, Forbidden, Unauthenticated},
    handle::Guardrail,
    http::{
        AuthFuture, AuthLayer, AuthService, Authenticated, Bound, EnforceRoutes, EnforceService, Guarded,
        GuardedFuture, Permit, Public, PublicLayer, PublicService, RateLimitLayer, RequireLayer,
        RequireService, method_not_allowed, not_found,
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
