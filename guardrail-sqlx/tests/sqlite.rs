//! The SQLite store on a file: the conformance suite, and what is SQLite's own.
#![allow(clippy::unwrap_used, clippy::panic)] // what they meet fails the test, in its helpers too

mod common;

use common::{sqlite, sqlite_bare, with_user};
use guardrail::{
    Sha256Digest,
    storage::{PolicyChange, PolicyStore as _, RevokeReason, SessionStore, StoredRule, UserStore},
};
use guardrail_sqlx::{Db, SqlStore};
use sqlx::SqlitePool;

mod sessions {
    guardrail::session_store_tests!(super::sqlite);
}
mod users {
    async fn store() -> (super::common::Fixture, guardrail::testing::conformance::ExistingUser) {
        super::with_user(super::sqlite().await).await
    }
    guardrail::user_store_tests!(store);
}
mod user_admin {
    guardrail::user_admin_tests!(super::sqlite);
}
mod user_records {
    guardrail::user_record_tests!(super::sqlite);
}
mod policies {
    guardrail::policy_store_tests!(super::sqlite);
}
mod audit {
    guardrail::audit_store_tests!(super::sqlite);
}
mod failures {
    guardrail::failure_store_tests!(super::sqlite);
}

fn pool(store: &SqlStore) -> &SqlitePool {
    match store.db() {
        Db::Sqlite(pool) => pool,
        other => panic!("{other:?}"),
    }
}

async fn pragma(store: &SqlStore, name: &str) -> String {
    let statement = sqlx::AssertSqlSafe(format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"));
    sqlx::query_scalar(statement).fetch_one(pool(store)).await.unwrap()
}

#[tokio::test]
async fn a_file_is_created_without_tables_and_kept_safe_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new file.db");
    let store = SqlStore::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    assert!(file.exists());
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_master").fetch_one(pool(&store)).await.unwrap();
    assert_eq!(tables, 0);
    assert_eq!(pragma(&store, "journal_mode").await, "wal");
    assert_eq!(pragma(&store, "synchronous").await, "2", "FULL");
    assert_eq!(pragma(&store, "foreign_keys").await, "1");
    let busy: i64 = sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(pool(&store)).await.unwrap();
    assert_eq!(busy, 5_000);
    store.close().await;
    assert!(store.load().await.is_err(), "a closed store answers no more");
}

#[tokio::test]
async fn normal_is_a_setting() {
    assert_eq!(pragma(&sqlite_bare().await.store, "synchronous").await, "1");
}

#[tokio::test]
async fn a_file_that_must_exist_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing.db");
    let error = SqlStore::connect(&format!("sqlite://{}?mode=rw", file.display())).await.unwrap_err();
    assert!(error.to_string().contains("missing.db"), "{error}");
    assert!(!file.exists());
}

#[tokio::test]
async fn a_database_in_memory_is_one_for_all_callers() {
    for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://?mode=memory"] {
        let store = SqlStore::connect(url).await.unwrap();
        let other = SqlStore::connect(url).await.unwrap();
        store.migrate().await.unwrap();
        let user = guardrail::testing::conformance::ExistingUser::create(&store).await;
        let lookups = (0..20).map(|_| {
            let (store, id) = (store.clone(), user.id.clone());
            tokio::spawn(async move { UserStore::find(&store, &id).await.unwrap().is_some() })
        });
        for lookup in lookups.collect::<Vec<_>>() {
            assert!(lookup.await.unwrap());
        }
        assert_eq!(pool(&store).size(), 1);
        assert!(UserStore::find(&other, &user.id).await.is_err(), "another store has another database");
    }
}

#[tokio::test]
async fn what_was_stored_is_there_when_the_file_is_opened_again() {
    let (fixture, user) = with_user(sqlite().await).await;
    fixture.close().await;
    let again = SqlStore::connect(&fixture.url).await.unwrap();
    assert!(UserStore::find(&again, &user.id).await.unwrap().is_some());
}

/// As two processes do: each has a queue of its writers, and only SQLite's own lock keeps them apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_write_to_one_file() {
    let fixture = sqlite().await;
    let stores = [fixture.store.clone(), SqlStore::connect(&fixture.url).await.unwrap()];
    let rule = |number: usize| StoredRule { ptype: "p".to_owned(), values: vec![number.to_string()] };
    let writers = (0..60).map(|number| {
        let (store, add) = (stores[number % 2].clone(), vec![rule(number)]);
        tokio::spawn(async move { store.apply(PolicyChange { add, remove: Vec::new() }).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(fixture.load().await.unwrap().rules.len(), 60);
}

#[tokio::test]
async fn a_missing_table_says_what_to_do() {
    let error = sqlite_bare().await.load().await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("migrate()") && cause.contains("guardrail_policy_revision"), "{cause}");
}

#[tokio::test]
async fn a_damaged_row_is_an_error_and_no_session() {
    let fixture = sqlite().await;
    let damages = [
        "fingerprint_hash = x'00'",
        "token_hash = x''",
        "key_id = x'0011'",
        "generation = -1",
        "user_id = 'not an id'",
        "created_at = 'yesterday'",
        "revoked_at = created_at, revoked_reason = 'whim'",
    ];
    for (number, damage) in (0_u8..).zip(damages) {
        let id = uuid::Uuid::now_v7();
        sqlx::query(
            "INSERT INTO guardrail_sessions (family_id, user_id, fingerprint_hash, token_hash, key_id, generation, \
             created_at, last_used_at, expires_at, absolute_expires_at) VALUES ($1, 'ada', $2, $2, $3, 0, \
             '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', '2030-01-01T00:00:00+00:00', \
             '2030-01-01T00:00:00+00:00')",
        )
        .bind(id)
        .bind(Sha256Digest::of(&[number]).as_bytes().as_slice())
        .bind([0_u8; 8].as_slice())
        .execute(pool(&fixture))
        .await
        .unwrap();
        assert!(SessionStore::find(&fixture.store, id.into()).await.unwrap().is_some());
        let update = format!("UPDATE guardrail_sessions SET {damage} WHERE family_id = $1");
        sqlx::query(sqlx::AssertSqlSafe(update)).bind(id).execute(pool(&fixture)).await.unwrap();
        assert!(SessionStore::find(&fixture.store, id.into()).await.is_err(), "{damage}");
        // It can be ended all the same.
        fixture.revoke(id.into(), RevokeReason::EndedByAdmin, chrono::Utc::now()).await.unwrap();
    }
}

#[tokio::test]
async fn a_user_with_an_impossible_role_is_an_error_and_no_user() {
    let (fixture, user) = with_user(sqlite().await).await;
    for damage in ["role = 'user:1'", "role = ''", "email = 'nobody'"] {
        let update = format!("UPDATE guardrail_users SET {damage}");
        sqlx::query(sqlx::AssertSqlSafe(update)).execute(pool(&fixture)).await.unwrap();
        assert!(UserStore::find(&fixture.store, &user.id).await.is_err(), "{damage}");
    }
}

#[tokio::test]
async fn rules_of_other_tools_load_and_can_be_removed() {
    let fixture = sqlite().await;
    // NULL where our own table has an empty text, as in the tables of other languages' adapters.
    sqlx::raw_sql(
        "DROP TABLE casbin_rule; CREATE TABLE casbin_rule (id INTEGER PRIMARY KEY, ptype TEXT, v0 TEXT, v1 TEXT, \
         v2 TEXT, v3 TEXT, v4 TEXT, v5 TEXT); INSERT INTO casbin_rule (ptype, v0, v1) VALUES ('g', 'user:1', 'admin')",
    )
    .execute(pool(&fixture))
    .await
    .unwrap();
    let rules = fixture.load().await.unwrap().rules;
    assert_eq!(rules.len(), 1);
    assert_eq!(
        (rules[0].ptype.as_str(), rules[0].values.as_slice()),
        ("g", ["user:1", "admin"].map(String::from).as_slice())
    );

    // What was shown can be removed: a rule that is only gone until the next start opens.
    fixture.apply(PolicyChange { add: vec![], remove: rules }).await.unwrap();
    assert!(fixture.load().await.unwrap().rules.is_empty());
}
