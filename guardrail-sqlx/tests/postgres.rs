//! The PostgreSQL store: the conformance suite, and what is PostgreSQL's own.
#![allow(clippy::unwrap_used, clippy::panic)] // what they meet fails the test, in its helpers too

mod common;

use chrono::{DateTime, TimeDelta, Utc};
use common::{postgres, postgres_bare, with_user};
use guardrail::{
    KeyId, SessionId, Sha256Digest,
    storage::{
        ClientInfo, NewSession, PolicyChange, PolicyStore as _, RevokeReason, SessionStore, UserStore,
    },
};
use guardrail_sqlx::{Db, SqlStore};
use sqlx::PgPool;

mod sessions {
    guardrail::session_store_tests!(
        #[ignore = "needs PostgreSQL: run `cargo xtask test`"]
        super::postgres
    );
}
mod users {
    async fn store() -> (super::common::Fixture, guardrail::testing::conformance::ExistingUser) {
        super::with_user(super::postgres().await).await
    }
    guardrail::user_store_tests!(
        #[ignore = "needs PostgreSQL: run `cargo xtask test`"]
        store
    );
}
mod user_admin {
    guardrail::user_admin_tests!(
        #[ignore = "needs PostgreSQL: run `cargo xtask test`"]
        super::postgres
    );
}
mod user_records {
    guardrail::user_record_tests!(
        #[ignore = "needs PostgreSQL: run `cargo xtask test`"]
        super::postgres
    );
}
mod changes {
    guardrail::change_feed_tests!(
        #[ignore = "needs PostgreSQL: run `cargo xtask test`"]
        super::postgres
    );
}
mod policies {
    guardrail::policy_store_tests!(
        #[ignore = "needs PostgreSQL: run `cargo xtask test`"]
        super::postgres
    );
}
mod audit {
    guardrail::audit_store_tests!(
        #[ignore = "needs PostgreSQL: run `cargo xtask test`"]
        super::postgres
    );
}
mod failures {
    guardrail::failure_store_tests!(
        #[ignore = "needs PostgreSQL: run `cargo xtask test`"]
        super::postgres
    );
}

/// A session of user 1 that ends at `end`.
fn session(end: DateTime<Utc>) -> NewSession {
    let id = SessionId::from(uuid::Uuid::now_v7());
    NewSession {
        id,
        user_id: 1_i64.into(),
        fingerprint: Sha256Digest::of(id.as_uuid().as_bytes()),
        token: Sha256Digest::of(b"token"),
        key_id: KeyId::from_slice(&[0; 8]).unwrap(),
        created_at: end,
        expires_at: end,
        absolute_expires_at: end,
        client: ClientInfo::default(),
    }
}

fn pool(store: &SqlStore) -> &PgPool {
    match store.db() {
        Db::Postgres(pool) => pool,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn connecting_makes_no_tables() {
    let fixture = postgres_bare().await;
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
            .fetch_one(pool(&fixture))
            .await
            .unwrap();
    assert_eq!(tables, 0);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn a_missing_table_says_what_to_do() {
    let error = postgres_bare().await.load().await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("migrate()") && cause.contains("guardrail_policy_revision"), "{cause}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn text_that_the_server_refuses_is_an_error() {
    let fixture = postgres().await;
    let client = ClientInfo { address: None, user_agent: Some("a\0b".to_owned()) };
    let session = NewSession { client, ..session(chrono::Utc::now()) };
    assert!(fixture.create(session.clone(), 10).await.is_err());
    assert!(SessionStore::find(&fixture.store, session.id).await.unwrap().is_none());
    // The connection is as good as before.
    fixture.create(NewSession { client: ClientInfo::default(), ..session }, 10).await.unwrap();
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn a_damaged_row_is_an_error_and_no_user() {
    let (fixture, user) = with_user(postgres().await).await;
    sqlx::query("UPDATE guardrail_users SET role = 'user:1'").execute(pool(&fixture)).await.unwrap();
    assert!(UserStore::find(&fixture.store, &user.id).await.is_err());
    assert!(fixture.find_for_login(&user.login).await.is_err());
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn people_can_read_the_times() {
    let fixture = postgres().await;
    let types: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT data_type FROM information_schema.columns \
         WHERE table_schema = current_schema() AND table_name LIKE 'guardrail%' AND column_name LIKE '%\\_at'",
    )
    .fetch_all(pool(&fixture))
    .await
    .unwrap();
    assert_eq!(types, ["timestamp with time zone"]);
}

/// Statements that change common rows lock them in one order. Nodes whose planners choose otherwise (here: join by
/// hashing and join by looping) would else lock them crosswise, and the server would fail one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn revocations_with_different_plans_never_deadlock() {
    let fixture = postgres().await;
    let looping = format!("{}&options[enable_hashjoin]=off&options[enable_mergejoin]=off", fixture.url);
    let looping = SqlStore::connect(&looping).await.unwrap();
    let now = chrono::Utc::now();
    for _ in 0..15 {
        // Physically in another order than by time.
        for number in (0_i64..300).map(|number| number * 7 % 300) {
            let second = TimeDelta::seconds(number);
            let new = NewSession { created_at: now - second, ..session(now + TimeDelta::days(1)) };
            fixture.create(new, 1_000).await.unwrap();
        }
        let revocations = (0..8).map(|task| {
            let store = if task % 2 == 0 { fixture.store.clone() } else { looping.clone() };
            tokio::spawn(async move {
                match task % 4 {
                    0 | 1 => store.revoke_all(RevokeReason::Everything, now).await.map(drop),
                    _ => store.revoke_user(&1_i64.into(), None, RevokeReason::LogoutAll, now).await.map(drop),
                }
            })
        });
        for revocation in revocations.collect::<Vec<_>>() {
            revocation.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn rules_of_other_tools_load_and_can_be_removed() {
    let fixture = postgres().await;
    // NULL where our own table has an empty text, as in the tables of other languages' adapters.
    sqlx::raw_sql(
        "DROP TABLE casbin_rule; CREATE TABLE casbin_rule (id SERIAL PRIMARY KEY, ptype TEXT, v0 TEXT, v1 TEXT, \
         v2 TEXT, v3 TEXT, v4 TEXT, v5 TEXT); INSERT INTO casbin_rule (ptype, v0, v1) VALUES ('g', 'user:1', 'admin')",
    )
    .execute(pool(&fixture))
    .await
    .unwrap();
    let remove = fixture.load().await.unwrap().rules;
    assert_eq!(remove.len(), 1);
    fixture.apply(PolicyChange { add: vec![], remove }).await.unwrap();
    assert!(fixture.load().await.unwrap().rules.is_empty());
}
