//! The two databases, and where their SQL differs.

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool};

/// A database: the pool of its connections.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Db {
    /// PostgreSQL, 12 or later.
    Postgres(PgPool),
    /// SQLite.
    Sqlite(SqlitePool),
}

impl From<PgPool> for Db {
    fn from(pool: PgPool) -> Self {
        Self::Postgres(pool)
    }
}

impl From<SqlitePool> for Db {
    fn from(pool: SqlitePool) -> Self {
        Self::Sqlite(pool)
    }
}

/// Does the same on either database: `on!(&db, pool: D => …)`, where `D` is sqlx's type for it.
macro_rules! on {
    ($db:expr, $pool:ident: $Database:ident => $body:expr) => {
        match $db {
            $crate::db::Db::Postgres($pool) => {
                type $Database = ::sqlx::Postgres;
                $body
            }
            $crate::db::Db::Sqlite($pool) => {
                type $Database = ::sqlx::Sqlite;
                $body
            }
        }
    };
}
pub(crate) use on;

/// A number of rows as SQL takes it.
pub(crate) fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Where the two databases differ.
pub(crate) trait Dialect {
    /// Begins a transaction that writes.
    ///
    /// SQLite takes the write lock at once: a transaction that had read before it wrote would fail, without
    /// waiting, if another had written meanwhile.
    const BEGIN: &'static str;
    /// Begins a transaction whose statements all read as of one moment.
    const BEGIN_READ: &'static str;
    /// Lets the transaction wait for locks as long as it takes: nobody is worse off for its coming late.
    const PATIENT: Option<&'static str>;
    /// Makes the writers of rules wait for each other until the transaction ends; readers do not wait.
    ///
    /// On PostgreSQL two changes with common rules would otherwise lock them in different orders, and one would fail.
    /// SQLite has one writer anyway.
    const LOCK_RULES: Option<&'static str>;
    /// Makes those who change users under a condition on others wait for each other until the transaction ends.
    const LOCK_USERS: Option<&'static str>;
    /// Until the transaction ends, single sessions that are revoked are not told to other nodes.
    const QUIET: Option<&'static str>;
    /// Tells other nodes that anything may have changed, once the transaction is committed.
    const TELL_EVERYTHING: Option<&'static str>;

    /// The dialect's text of a statement.
    fn sql(statement: Locking) -> &'static str;
}

impl Dialect for Postgres {
    const BEGIN: &'static str = "BEGIN";
    const BEGIN_READ: &'static str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    const PATIENT: Option<&'static str> = Some("SET LOCAL lock_timeout = 0");
    const LOCK_RULES: Option<&'static str> = Some("LOCK TABLE casbin_rule IN SHARE ROW EXCLUSIVE MODE");
    const LOCK_USERS: Option<&'static str> = Some("LOCK TABLE guardrail_users IN SHARE ROW EXCLUSIVE MODE");
    const QUIET: Option<&'static str> = Some("SELECT set_config('guardrail.quiet', 'on', true)");
    const TELL_EVERYTHING: Option<&'static str> = Some(
        "SELECT pg_notify('guardrail_' || relnamespace, 'everything') FROM pg_class \
         WHERE oid = to_regclass('guardrail_sessions')",
    );

    fn sql(statement: Locking) -> &'static str {
        statement.postgres
    }
}

impl Dialect for Sqlite {
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const BEGIN_READ: &'static str = "BEGIN";
    const PATIENT: Option<&'static str> = None;
    const LOCK_RULES: Option<&'static str> = None;
    const LOCK_USERS: Option<&'static str> = None;
    const QUIET: Option<&'static str> = None;
    const TELL_EVERYTHING: Option<&'static str> = None;

    fn sql(statement: Locking) -> &'static str {
        statement.sqlite
    }
}

/// A statement that chooses rows, locks them and changes them; made by [`locking!`].
#[derive(Clone, Copy)]
pub(crate) struct Locking {
    pub(crate) postgres: &'static str,
    pub(crate) sqlite: &'static str,
}

/// `locking!(select, lock, change)`: the rows that `select` chooses, called `chosen` in `change`.
///
/// PostgreSQL locks them in the order of `select` with `lock`. One order for all statements means that none waits
/// for another that waits for it; without it two that change common rows can deadlock, and one of them fails.
macro_rules! locking {
    ($select:literal, $lock:literal, $change:literal) => {
        $crate::db::Locking {
            postgres: concat!("WITH chosen AS (", $select, " ", $lock, ") ", $change),
            sqlite: concat!("WITH chosen AS (", $select, ") ", $change),
        }
    };
}
pub(crate) use locking;
