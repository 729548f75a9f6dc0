//! Stores on databases of their own.

#![allow(dead_code)] // each test program uses its part
#![allow(clippy::unwrap_used, clippy::expect_used)] // a fixture that cannot be made fails the test

use std::{ops::Deref, path::PathBuf};

use guardrail::testing::conformance::ExistingUser;
use guardrail_sqlx::{SqlStore, SqlStoreOptions, SqliteSynchronous};
use tempfile::TempDir;
use uuid::Uuid;

/// A store, and the folder that goes with it when the test ends.
pub(crate) struct Fixture {
    pub(crate) store: SqlStore,
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Deref for Fixture {
    type Target = SqlStore;

    fn deref(&self) -> &SqlStore {
        &self.store
    }
}

/// A store on an empty SQLite file, not migrated.
pub(crate) async fn sqlite_bare() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("guardrail.db");
    let url = format!("sqlite://{}", file.display());
    // Nobody pulls the plug during these tests.
    let options = SqlStoreOptions::new().with_sqlite_synchronous(SqliteSynchronous::Normal);
    let store = SqlStore::connect_with(&url, &options).await.unwrap();
    Fixture { store, url, _folder: Some(folder) }
}

/// A store on a migrated SQLite file.
pub(crate) async fn sqlite() -> Fixture {
    let fixture = sqlite_bare().await;
    fixture.migrate().await.unwrap();
    fixture
}

/// A store in an empty schema of the PostgreSQL server that `GUARDRAIL_TEST_POSTGRES` names, not migrated.
///
/// The schema stays: the server is a throw-away one, which `cargo xtask test` starts and removes.
pub(crate) async fn postgres_bare() -> Fixture {
    let server = std::env::var("GUARDRAIL_TEST_POSTGRES")
        .expect("GUARDRAIL_TEST_POSTGRES is the URL of a PostgreSQL server; `cargo xtask test` starts one and sets it");
    let schema = format!("test_{}", Uuid::now_v7().simple());
    let pool = sqlx::PgPool::connect(&server).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::query(create).execute(&pool).await.unwrap();
    pool.close().await;

    let separator = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{separator}options[search_path]={schema}");
    let options = SqlStoreOptions::new().with_max_connections(8);
    let store = SqlStore::connect_with(&url, &options).await.unwrap();
    Fixture { store, url, _folder: None }
}

/// A store in a migrated schema of the PostgreSQL server.
pub(crate) async fn postgres() -> Fixture {
    let fixture = postgres_bare().await;
    fixture.migrate().await.unwrap();
    fixture
}

/// The fixture with a user in it.
pub(crate) async fn with_user(fixture: Fixture) -> (Fixture, ExistingUser) {
    let user = ExistingUser::create(&fixture.store).await;
    (fixture, user)
}
