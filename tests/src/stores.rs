//! A store of each kind, empty and of the test's own.

use std::sync::Arc;

use guardrail::{
    User,
    storage::{MemoryStore, PolicyChange, PolicyStore as _, Store as _, StoreParts, StoredRule},
};
use guardrail_sqlx::{Db, SqlStore, SqlStoreOptions, SqliteSynchronous};
use tempfile::TempDir;
use uuid::Uuid;

/// A store, and the folder that goes with it when the test ends.
#[derive(Clone)]
pub struct TestStore {
    kind: Kind,
    _folder: Option<Arc<TempDir>>,
}

#[derive(Clone)]
enum Kind {
    Memory(MemoryStore),
    Sql(SqlStore),
}

impl TestStore {
    /// A store in memory.
    #[allow(clippy::unused_async)] // the stores are made alike
    pub async fn memory() -> Self {
        Self { kind: Kind::Memory(MemoryStore::new()), _folder: None }
    }

    /// A store on a SQLite file.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("guardrail.db").display());
        // Nobody pulls the plug during these tests.
        let options = SqlStoreOptions::new().with_sqlite_synchronous(SqliteSynchronous::Normal);
        let store = SqlStore::connect_with(&url, &options).await.unwrap();
        store.migrate().await.unwrap();
        Self { kind: Kind::Sql(store), _folder: Some(Arc::new(folder)) }
    }

    /// A store in a schema of its own of the PostgreSQL server that `GUARDRAIL_TEST_POSTGRES` names.
    ///
    /// The schema stays: the server is a throw-away one, which `cargo xtask test` starts and removes.
    pub async fn postgres() -> Self {
        let server = std::env::var("GUARDRAIL_TEST_POSTGRES").expect(
            "GUARDRAIL_TEST_POSTGRES is the URL of a PostgreSQL server; `cargo xtask test` starts one and sets it",
        );
        let schema = format!("http_{}", Uuid::now_v7().simple());
        let pool = sqlx::PgPool::connect(&server).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
        sqlx::query(create).execute(&pool).await.unwrap();
        pool.close().await;

        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options[search_path]={schema}");
        let options = SqlStoreOptions::new().with_max_connections(8);
        let store = SqlStore::connect_with(&url, &options).await.unwrap();
        store.migrate().await.unwrap();
        Self { kind: Kind::Sql(store), _folder: None }
    }

    pub(crate) fn parts(&self) -> StoreParts<User> {
        match &self.kind {
            Kind::Memory(store) => store.clone().parts(),
            Kind::Sql(store) => store.clone().parts(),
        }
    }

    /// Writes rows of rules past Guardrail, as another program would: into `casbin_rule` where there is a table.
    pub async fn write_rows(&self, rows: &[&[&str]]) {
        for row in rows {
            let field = |index: usize| row.get(index).copied().unwrap_or_default();
            let insert =
                "INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) VALUES ($1, $2, $3, $4, $5, $6, $7)";
            match &self.kind {
                Kind::Memory(store) => {
                    let values = row[1..].iter().map(|&value| value.to_owned()).collect();
                    let rule = StoredRule { ptype: row[0].to_owned(), values };
                    store.apply(PolicyChange { add: vec![rule], remove: Vec::new() }).await.unwrap();
                }
                Kind::Sql(store) => match store.db() {
                    Db::Postgres(pool) => {
                        let query = (0..7).fold(sqlx::query(insert), |query, index| query.bind(field(index)));
                        query.execute(pool).await.unwrap();
                    }
                    Db::Sqlite(pool) => {
                        let query = (0..7).fold(sqlx::query(insert), |query, index| query.bind(field(index)));
                        query.execute(pool).await.unwrap();
                    }
                    _ => panic!("a database that these tests do not know"),
                },
            }
        }
    }
}
