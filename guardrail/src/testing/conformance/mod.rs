//! What a store must do, case by case.
//!
//! Macros turn a function that makes an empty store into one named test a case, so that a failure names what
//! the store gets wrong:
//!
//! | macro | the function gives | what is tested |
//! |-|-|-|
//! | [`session_store_tests!`](crate::session_store_tests) | a [`SessionStore`] | [`sessions`] |
//! | [`user_store_tests!`](crate::user_store_tests) | a [`UserStore<U>`] and a user in it | [`users`] |
//! | [`user_admin_tests!`](crate::user_admin_tests) | a [`UserStore<U>`] that is a [`UserAdmin<U>`] | [`user_admin`] |
//! | [`user_record_tests!`](crate::user_record_tests) | the same for Guardrail's own [`User`](crate::User) | [`user_records`] |
//! | [`policy_store_tests!`](crate::policy_store_tests) | a [`PolicyStore`] | [`policies`] |
//! | [`audit_store_tests!`](crate::audit_store_tests) | an [`AuditStore`] | [`audit`] |
//! | [`failure_store_tests!`](crate::failure_store_tests) | a [`FailureStore`] | [`failures`] |
//! | [`change_feed_tests!`](crate::change_feed_tests) | a store of everything that is a [`ChangeFeed`] | [`changes`] |
//!
//! The store comes behind a pointer: an `Arc`, a `Box`, or a fixture of your own that dereferences to the store and
//! removes its database when it is dropped. Every case gets a store of its own. Attributes in front of the function
//! go to every test, `#[ignore = "…"]` for instance. The tests run on tokio: the crate that has them needs `tokio`
//! with `macros` and `rt-multi-thread`. The cases are public functions, for another harness.
//!
//! ```
//! use std::sync::Arc;
//! use guardrail::storage::MemoryStore;
//!
//! async fn store() -> Arc<MemoryStore> {
//!     Arc::new(MemoryStore::new())
//! }
//!
//! mod sessions {
//!     guardrail::session_store_tests!(super::store);
//! }
//! mod policies {
//!     guardrail::policy_store_tests!(super::store);
//! }
//! ```
//!
//! [`SessionStore`]: crate::storage::SessionStore
//! [`UserStore<U>`]: crate::storage::UserStore
//! [`UserAdmin<U>`]: crate::storage::UserAdmin
//! [`PolicyStore`]: crate::storage::PolicyStore
//! [`AuditStore`]: crate::storage::AuditStore
//! [`FailureStore`]: crate::storage::FailureStore
//! [`ChangeFeed`]: crate::storage::ChangeFeed
// A case fails by panicking, as a test does.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

pub mod audit;
pub mod changes;
pub mod failures;
mod fixture;
mod macros;
pub mod policies;
pub mod sessions;
pub mod user_admin;
pub mod user_records;
pub mod users;

pub use self::fixture::{
    ExistingUser, Shared, SharedAudit, SharedEverything, SharedFailures, SharedPolicies, SharedSessions,
    SharedUserAdmin, SharedUsers,
};
