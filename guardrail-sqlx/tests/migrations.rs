//! Guardrail's migrations beside an application's own, on both databases.
#![allow(clippy::unwrap_used, clippy::panic)] // what they meet fails the test, in its helpers too

mod common;

use std::{path::Path, time::Duration};

use common::{Fixture, postgres_bare, sqlite_bare};
use guardrail::storage::{PolicyChange, PolicyStore as _, StoredRule};
use guardrail_sqlx::{Db, MigrateError, SqlStore};
use sqlx::migrate::Migrator;
use tokio::task::JoinSet;

/// How many migrations there are.
const MIGRATIONS: i64 = 4;

/// A case a database.
macro_rules! on_both {
    ($($case:ident)*) => {
        mod sqlite {$(
            #[tokio::test]
            async fn $case() {
                super::$case(super::sqlite_bare().await).await;
            }
        )*}
        mod postgres {$(
            #[tokio::test]
            #[ignore = "needs PostgreSQL: run `cargo xtask test`"]
            async fn $case() {
                super::$case(super::postgres_bare().await).await;
            }
        )*}
    };
}

on_both! {
    a_second_run_does_nothing
    an_applications_own_migrations_live_beside_them
    nodes_that_start_together_migrate_once
    a_node_waits_for_another_however_long_it_migrates
    a_rule_table_of_another_tool_is_kept
    a_newer_version_is_left_alone
    a_failed_migration_leaves_nothing_and_can_be_repeated
    the_files_run_as_well
}

async fn run(store: &SqlStore, migrator: &Migrator) -> Result<(), sqlx::migrate::MigrateError> {
    match store.db() {
        Db::Postgres(pool) => migrator.run(pool).await,
        Db::Sqlite(pool) => migrator.run(pool).await,
        other => panic!("{other:?}"),
    }
}

async fn execute(store: &SqlStore, sql: &'static str) {
    match store.db() {
        Db::Postgres(pool) => sqlx::raw_sql(sql).execute(pool).await.map(drop).unwrap(),
        Db::Sqlite(pool) => sqlx::raw_sql(sql).execute(pool).await.map(drop).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn count(store: &SqlStore, sql: &'static str) -> i64 {
    match store.db() {
        Db::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        Db::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn a_second_run_does_nothing(fixture: Fixture) {
    fixture.migrate().await.unwrap();
    fixture.migrate().await.unwrap();
    assert_eq!(count(&fixture, "SELECT count(*) FROM _guardrail_migrations").await, MIGRATIONS);
}

async fn an_applications_own_migrations_live_beside_them(fixture: Fixture) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, sql: &str| std::fs::write(folder.path().join(name), sql).unwrap();
    write("0001_posts.sql", "CREATE TABLE posts (id BIGINT PRIMARY KEY)");
    run(&fixture, &Migrator::new(folder.path()).await.unwrap()).await.unwrap();

    fixture.migrate().await.unwrap();

    write("0002_tags.sql", "CREATE TABLE tags (id BIGINT PRIMARY KEY)");
    run(&fixture, &Migrator::new(folder.path()).await.unwrap()).await.unwrap();
    fixture.migrate().await.unwrap();
    assert_eq!(count(&fixture, "SELECT count(*) FROM _sqlx_migrations").await, 2);
    assert_eq!(count(&fixture, "SELECT count(*) FROM _guardrail_migrations").await, MIGRATIONS);
    assert_eq!(count(&fixture, "SELECT count(*) FROM posts").await, 0);
    assert!(fixture.load().await.unwrap().rules.is_empty());
}

async fn nodes_that_start_together_migrate_once(fixture: Fixture) {
    // Left by a start that was interrupted: so that none of them has to wait until another has made this table.
    let mut empty = Migrator::with_migrations(Vec::new());
    empty.dangerous_set_table_name("_guardrail_migrations");
    run(&fixture, &empty).await.unwrap();
    let mut nodes = Vec::new();
    for _ in 0..6 {
        let node = SqlStore::connect(&fixture.url).await.unwrap();
        nodes.push(tokio::spawn(async move { node.migrate().await }));
    }
    for node in nodes {
        node.await.unwrap().unwrap();
    }
    assert_eq!(count(&fixture, "SELECT count(*) FROM _guardrail_migrations").await, MIGRATIONS);
}

async fn a_node_waits_for_another_however_long_it_migrates(fixture: Fixture) {
    /// Longer than statements wait for a lock elsewhere.
    const LONG: Duration = Duration::from_secs(3);
    fixture.migrate().await.unwrap();
    let node = SqlStore::connect(&fixture.url).await.unwrap();
    let mut nodes = JoinSet::new();
    let wait = async || {
        nodes.spawn(async move { node.migrate().await });
        tokio::time::sleep(LONG).await;
        assert!(nodes.try_join_next().is_none());
    };
    match fixture.db() {
        Db::Postgres(pool) => {
            let mut other = pool.begin().await.unwrap();
            sqlx::raw_sql("LOCK TABLE _guardrail_migrations").execute(&mut *other).await.unwrap();
            wait().await;
            other.commit().await.unwrap();
        }
        Db::Sqlite(pool) => {
            let other = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
            wait().await;
            other.commit().await.unwrap();
        }
        other => panic!("{other:?}"),
    }
    nodes.join_next().await.unwrap().unwrap().unwrap();
}

async fn a_rule_table_of_another_tool_is_kept(fixture: Fixture) {
    let id = match fixture.db() {
        Db::Sqlite(_) => "INTEGER",
        _ => "SERIAL",
    };
    let create = format!(
        "CREATE TABLE casbin_rule (id {id} PRIMARY KEY, ptype VARCHAR NOT NULL, v0 VARCHAR NOT NULL, \
         v1 VARCHAR NOT NULL, v2 VARCHAR NOT NULL, v3 VARCHAR NOT NULL, v4 VARCHAR NOT NULL, v5 VARCHAR NOT NULL, \
         CONSTRAINT unique_key_sqlx_adapter UNIQUE (ptype, v0, v1, v2, v3, v4, v5)); \
         INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) VALUES ('p', 'admin', '/x', 'read', '', '', '')"
    );
    execute(&fixture, create.leak()).await;
    fixture.migrate().await.unwrap();

    let rule =
        |values: [&str; 3]| StoredRule { ptype: "p".to_owned(), values: values.map(String::from).to_vec() };
    let (theirs, ours) = (rule(["admin", "/x", "read"]), rule(["admin", "/y", "read"]));
    let add = vec![theirs.clone(), ours.clone()];
    fixture.apply(PolicyChange { add, remove: Vec::new() }).await.unwrap();
    assert_eq!(fixture.load().await.unwrap().rules, [theirs, ours]);
}

async fn a_newer_version_is_left_alone(fixture: Fixture) {
    fixture.migrate().await.unwrap();
    let newer = match fixture.db() {
        Db::Sqlite(_) => {
            "INSERT INTO _guardrail_migrations VALUES (999, 'newer', CURRENT_TIMESTAMP, TRUE, x'00', 1)"
        }
        _ => "INSERT INTO _guardrail_migrations VALUES (999, 'newer', now(), TRUE, '\\x00', 1)",
    };
    execute(&fixture, newer).await;
    fixture.migrate().await.unwrap();
    assert_eq!(count(&fixture, "SELECT count(*) FROM _guardrail_migrations").await, MIGRATIONS + 1);
}

async fn a_failed_migration_leaves_nothing_and_can_be_repeated(fixture: Fixture) {
    execute(&fixture, "CREATE TABLE guardrail_sessions (id INTEGER)").await;
    let error = fixture.migrate().await.unwrap_err();
    assert!(matches!(error, MigrateError::Migration(_)), "{error}");
    assert!(error.to_string().contains("guardrail_sessions"), "{error}");
    // What it had made before it failed is taken back, and another node is not kept waiting.
    execute(&fixture, "CREATE TABLE guardrail_users (id INTEGER)").await;
    execute(&fixture, "DROP TABLE guardrail_users; DROP TABLE guardrail_sessions").await;
    let other = SqlStore::connect(&fixture.url).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), other.migrate()).await.unwrap().unwrap();
}

/// What `sqlx migrate run` does with the folder and the table name of `sqlx.toml`, `migrate` takes as done.
async fn the_files_run_as_well(fixture: Fixture) {
    let dialect = match fixture.db() {
        Db::Sqlite(_) => "sqlite",
        _ => "postgres",
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect);
    let mut migrator = Migrator::new(folder).await.unwrap();
    migrator.dangerous_set_table_name("_guardrail_migrations");
    run(&fixture, &migrator).await.unwrap();
    fixture.migrate().await.unwrap();
    run(&fixture, &migrator).await.unwrap();
    assert_eq!(count(&fixture, "SELECT count(*) FROM _guardrail_migrations").await, MIGRATIONS);
}
