//! What can be set of a connection.

use std::time::Duration;

/// Settings of [`SqlStore::connect_with`](crate::SqlStore::connect_with).
///
/// ```
/// use std::time::Duration;
/// use guardrail_sqlx::{SqlStoreOptions, SqliteSynchronous};
///
/// let options = SqlStoreOptions::new()
///     .with_max_connections(20)
///     .with_acquire_timeout(Duration::from_secs(2))
///     .with_sqlite_synchronous(SqliteSynchronous::Normal);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SqlStoreOptions {
    pub(crate) max_connections: Option<u32>,
    pub(crate) acquire_timeout: Duration,
    pub(crate) sqlite_synchronous: SqliteSynchronous,
}

impl SqlStoreOptions {
    /// The defaults: 10 connections to PostgreSQL, 4 to SQLite, 5 s to wait for one, and nothing lost at power loss.
    pub fn new() -> Self {
        Self {
            max_connections: None,
            acquire_timeout: Duration::from_secs(5),
            sqlite_synchronous: SqliteSynchronous::Full,
        }
    }

    /// How many connections there are at most. One is the least; SQLite in memory always has exactly one.
    pub fn with_max_connections(mut self, connections: u32) -> Self {
        self.max_connections = Some(connections.max(1));
        self
    }

    /// How long a request waits for a connection before it fails with 503.
    pub fn with_acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// How much SQLite may lose at power loss.
    pub fn with_sqlite_synchronous(mut self, synchronous: SqliteSynchronous) -> Self {
        self.sqlite_synchronous = synchronous;
        self
    }
}

impl Default for SqlStoreOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// SQLite's [`PRAGMA synchronous`](https://www.sqlite.org/pragma.html#pragma_synchronous).
///
/// A crash of the process loses nothing either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SqliteSynchronous {
    /// What was acknowledged is on the disk.
    #[default]
    Full,
    /// A loss of power may take back the last changes, revocations among them. Writes are several times faster.
    Normal,
}
