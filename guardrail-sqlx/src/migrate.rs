//! The schema.

use sqlx::{
    Executor as _, SqlStr,
    migrate::{Migration, MigrationType, Migrator},
};

use crate::{
    SqlStore,
    db::{Db, Dialect},
};

/// The files, in order, each with the name that stands in its own.
const POSTGRES: [(&str, &str); 4] = [
    ("guardrail", include_str!("../migrations/postgres/0001_guardrail.sql")),
    ("changes", include_str!("../migrations/postgres/0002_changes.sql")),
    ("failures", include_str!("../migrations/postgres/0003_failures.sql")),
    ("audit", include_str!("../migrations/postgres/0004_audit.sql")),
];
const SQLITE: [(&str, &str); 4] = [
    ("guardrail", include_str!("../migrations/sqlite/0001_guardrail.sql")),
    ("changes", include_str!("../migrations/sqlite/0002_changes.sql")),
    ("failures", include_str!("../migrations/sqlite/0003_failures.sql")),
    ("audit", include_str!("../migrations/sqlite/0004_audit.sql")),
];

/// Where it is kept what has been applied: not the table that an application's own migrations use.
const TABLE: &str = "_guardrail_migrations";

impl SqlStore {
    /// Makes and updates Guardrail's tables; does nothing where they are up to date.
    ///
    /// Several nodes may do so at the same time: one does the work, the others wait for it. A newer version's tables
    /// are left alone.
    ///
    /// `sqlx migrate run` with the files of the repository's `migrations/` folder and its `sqlx.toml` does the same
    /// on PostgreSQL.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        match &self.db {
            Db::Postgres(pool) => {
                let mut connection = pool.acquire().await.map_err(MigrateError::Database)?;
                // Other nodes are waited for, however long they take.
                let patient = connection.execute("SET lock_timeout = 0").await;
                // That lasts as long as the connection, and so does the advisory lock of one that fails.
                connection.close_on_drop();
                patient.map_err(MigrateError::Database)?;
                let migrator = migrator(POSTGRES);
                let outcome = migrator.run_direct(None, &mut *connection, false).await;
                let closed = connection.close().await;
                outcome.map_err(MigrateError::Migration)?;
                closed.map_err(MigrateError::Database)
            }
            Db::Sqlite(pool) => {
                let _turn = self.write_turn().await;
                // sqlx locks nothing here: the write lock of one transaction around all keeps other nodes out.
                let begin = <sqlx::Sqlite as Dialect>::BEGIN;
                let mut transaction = pool.begin_with(begin).await.map_err(MigrateError::Database)?;
                let migrator = migrator(SQLITE);
                let outcome = migrator.run_direct(None, &mut *transaction, false).await;
                outcome.map_err(MigrateError::Migration)?;
                transaction.commit().await.map_err(MigrateError::Database)
            }
        }
    }
}

/// sqlx's `migrate!` would embed the folder, but with it come the macros that read `DATABASE_URL` during the build
/// of whoever uses this crate.
fn migrator(files: [(&'static str, &'static str); 4]) -> Migrator {
    let migrations = (1..).zip(files).map(|(version, (name, sql))| {
        Migration::new(version, name.into(), MigrationType::Simple, SqlStr::from_static(sql), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(TABLE);
    migrator.set_ignore_missing(true);
    migrator
}

/// The tables could not be made or updated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The database is away or busy.
    #[error("the database cannot be migrated now: {0}")]
    Database(#[source] sqlx::Error),
    /// A migration failed, or differs from the one that was applied.
    #[error(
        "{0}; what failed has left nothing behind. The database's user needs the right to create tables, and no \
         other table may be called `guardrail_*`"
    )]
    Migration(#[source] sqlx::migrate::MigrateError),
}
