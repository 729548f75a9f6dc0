//! The store.

use std::{fmt, sync::Arc};

use guardrail::{
    User,
    storage::{ChangeFeed, Store, StoreParts},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::db::Db;

/// Users, sessions and rules in a PostgreSQL or SQLite database. Clones share the connections.
#[derive(Clone)]
pub struct SqlStore {
    pub(crate) db: Db,
    sqlite_writer: Arc<Mutex<()>>,
}

impl SqlStore {
    /// A store on a pool that the application has: a `PgPool` or a `SqlitePool`.
    ///
    /// The pool stays as the application has set it. For SQLite that should be WAL, `synchronous=FULL` (with
    /// `NORMAL`, a loss of power can take back a revocation) and a busy timeout; for PostgreSQL `SET lock_timeout = '2s'`
    /// in its `after_connect`: a refresh whose client has gone, and which is held up for longer than
    /// [`refresh_grace`](guardrail::GuardrailBuilder::refresh_grace) by locks and the wait for a connection, ends its
    /// session.
    pub fn from_pool(pool: impl Into<Db>) -> Self {
        Self { db: pool.into(), sqlite_writer: Arc::default() }
    }

    /// The database, for the application's own statements.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Closes the connections once they are idle, and waits for that. Any later use is an error.
    pub async fn close(&self) {
        match &self.db {
            Db::Postgres(pool) => pool.close().await,
            Db::Sqlite(pool) => pool.close().await,
        }
    }

    /// This task's turn to write, held while it does.
    ///
    /// SQLite has one writer. Who finds it busy asks again after ever longer sleeps, without order and for no longer
    /// than the busy timeout; a queue in front of it is fair and wakes the next at once. The busy timeout is left
    /// for other processes.
    pub(crate) async fn write_turn(&self) -> Option<MutexGuard<'_, ()>> {
        match &self.db {
            Db::Postgres(_) => None,
            Db::Sqlite(_) => Some(self.sqlite_writer.lock().await),
        }
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = match &self.db {
            Db::Postgres(_) => "PostgreSQL",
            Db::Sqlite(_) => "SQLite",
        };
        f.debug_struct("SqlStore").field("database", &database).finish_non_exhaustive()
    }
}

impl Store for SqlStore {
    type User = User;

    fn parts(self) -> StoreParts<User> {
        let store = Arc::new(self);
        StoreParts::of(&store).with_changes(store as Arc<dyn ChangeFeed>)
    }
}
