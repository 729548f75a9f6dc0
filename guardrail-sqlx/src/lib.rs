//! PostgreSQL and SQLite stores for [`guardrail`], on sqlx: users, sessions, rules, failed attempts and audit events in
//! one database.
//!
//! ```
//! use guardrail::{Guardrail, SigningKey};
//! use guardrail_sqlx::SqlStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = SqlStore::connect("sqlite::memory:").await?; // or postgres://user:password@host/database
//! store.migrate().await?;
//! let guard = Guardrail::builder()
//!     .signing_key(SigningKey::hs256("at least 32 bytes, from the environment")?)
//!     .store(store)
//!     .default_policies()
//!     .build()
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`SqlStore::connect`] takes `postgres://…` and `sqlite:…` URLs, [`SqlStore::connect_with`] further settings;
//!   [`SqlStore::from_pool`] takes a pool that the application has already.
//! - [`SqlStore::migrate`] makes and updates the tables; nothing else ever alters the schema. They are called
//!   `guardrail_*` and `casbin_rule`, and what has been applied is kept in `_guardrail_migrations`: an application's
//!   own migrations, in `_sqlx_migrations`, live beside them.
//! - The `casbin_rule` table is the one of Casbin's SQL adapters, which read and write the same rules.
//! - With users in a table of the application's own, clones of the store keep the rest: give them to the builder's
//!   `sessions`, `policies`, `failures`, `audit` and `changes`.
//!
//! | | SQLite | PostgreSQL |
//! |-|-|-|
//! | for | one process, or few on one machine | any number of nodes |
//! | other nodes hear of a rule | within `policy_poll_interval` | within moments, by `NOTIFY` |
//! | other nodes hear of an ended session or a changed user | after `session_cache_ttl` | within moments, by `NOTIFY` |
//! | connections besides the pool | none | one, which listens |
//!
//! Minimum versions: PostgreSQL 12; SQLite comes with the crate.

mod audit;
mod changes;
mod connect;
mod db;
mod error;
mod failures;
mod migrate;
mod options;
mod policies;
mod sessions;
mod store;
mod users;

pub use self::{
    connect::ConnectError,
    db::Db,
    migrate::MigrateError,
    options::{SqlStoreOptions, SqliteSynchronous},
    store::SqlStore,
};
