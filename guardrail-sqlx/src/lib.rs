//! PostgreSQL and SQLite stores for [`guardrail`], on sqlx: users, sessions and rules in one database.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use guardrail_sqlx::SqlStore;
//!
//! let store = SqlStore::connect("sqlite::memory:").await?;
//! store.migrate().await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`SqlStore::connect`] takes `postgres://…` and `sqlite:…` URLs; [`SqlStore::from_pool`] a pool that the
//!   application has already.
//! - [`SqlStore::migrate`] makes and updates the tables; nothing else ever alters the schema. They are called
//!   `guardrail_*` and `casbin_rule`, and what has been applied is kept in `_guardrail_migrations`: an application's
//!   own migrations, in `_sqlx_migrations`, live beside them.
//! - The `casbin_rule` table is the one of Casbin's SQL adapters, which read and write the same rules.
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
