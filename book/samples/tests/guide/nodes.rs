//! Several nodes on one store, and what is done when something got into other hands.

use std::time::Duration;

use axum::{Router, extract::State, routing::delete};
use guardrail::{
    AuthLayer, Bcrypt, Error, Guardrail, GuardrailBuilder, MissingSigningKey, SigningKey, User, UserId,
    Users, require,
    storage::{Bootstrap, MemoryStore},
    testing::ManualClock,
};
use guardrail_sqlx::{Db, SqlStore, SqlStoreOptions};
use guardrail_tests::{App, Call, Login, TestStore};
use serde_json::json;

// === What nodes share

// ANCHOR: node
/// One of several nodes: the database and the secret are the same for all.
async fn node(database_url: &str, secret: &str) -> anyhow::Result<(Guardrail, Router)> {
    let options =
        SqlStoreOptions::new().with_max_connections(20).with_acquire_timeout(Duration::from_secs(2));
    let store = SqlStore::connect_with(database_url, &options).await?;
    store.migrate().await?;
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256(secret)?)
        .store(store)
        .default_policies()
        .session_cache_ttl(Duration::from_secs(10))
        .build()
        .await?;
    let app = Router::new().nest("/api", guard.routes()).layer(AuthLayer::new(guard.clone()));
    Ok((guard, app))
}
// ANCHOR_END: node

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "battery staple";
const SECRET: &str = "a secret that every node has, of 32 bytes or more";

async fn log_in(router: &Router) -> Login {
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    Login::from_reply(&Call::new(router.clone(), "POST", "/api/auth").json(&body).send().await.expect(200))
}

async fn register(router: &Router) -> Login {
    let body = json!({ "email": EMAIL, "password": PASSWORD, "username": "ada" });
    Call::new(router.clone(), "POST", "/api/register").json(&body).send().await.expect(201);
    log_in(router).await
}

fn profile(router: &Router, login: &Login) -> Call {
    Call::new(router.clone(), "GET", "/api/profile").by(login)
}

fn refresh(router: &Router, login: &Login) -> Call {
    let body = json!({ "refresh_token": login.refresh_token });
    Call::new(router.clone(), "POST", "/api/refresh").cookie(&login.cookie).json(&body)
}

#[tokio::test]
async fn what_is_in_the_database_is_every_nodes() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("guardrail.db").display());
    let (one, router) = node(&url, SECRET).await.unwrap();
    let (two, other) = node(&url, SECRET).await.unwrap();

    let bootstrap = |guard: Guardrail| async move {
        guard.bootstrap_admin("root@example.com".parse().unwrap(), PASSWORD.to_owned().into()).await.unwrap()
    };
    let outcomes = tokio::join!(bootstrap(one), bootstrap(two));
    let outcomes = [outcomes.0, outcomes.1];
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Bootstrap::Created(_))).count(), 1);

    let ada = register(&router).await;
    profile(&other, &ada).send().await.expect(200);
    let ada = ada.after(&refresh(&other, &ada).send().await.expect(200));
    profile(&router, &ada).send().await.expect(200);
}

#[tokio::test]
async fn failures_are_counted_together_and_rates_by_each_node() {
    let (store, clock) = (TestStore::memory().await, ManualClock::new());
    let node = || App::with(&store, |builder| builder.clock(clock.clone()).rate_limit_auth(5));
    let (one, two) = (node().await, node().await);
    let guess = |node: &App, user: usize| {
        let body = json!({ "email": App::email(user), "password": "not the password" });
        node.post("/api/auth").json(&body).from("203.0.113.9").send()
    };
    for _ in 0..5 {
        guess(&one, 1).await.problem(401, "invalid_credentials");
    }
    // At that account the other node knows of them; at any other it lets the address try as often again.
    guess(&two, 1).await.problem(429, "too_many_requests");
    guess(&one, 2).await.problem(429, "too_many_requests");
    guess(&two, 2).await.problem(401, "invalid_credentials");
}

// === What a node hears, and what it believes

#[tokio::test]
async fn what_one_node_ends_the_other_forgets_when_it_hears_of_it() {
    let store = TestStore::memory().await;
    let node = || App::with(&store, |builder| builder.session_cache_ttl(Duration::from_hours(1)));
    let (one, two) = (node().await, node().await);
    let ada = one.register_and_log_in(1).await;
    two.get("/app/whoami").by(&ada).send().await.expect(200);
    one.log_out(&ada.refresh_token).send().await.expect(200);
    one.get("/app/whoami").by(&ada).send().await.problem(401, "session_ended");
    for _ in 0..1_000 {
        if two.get("/app/whoami").by(&ada).send().await.status == 401 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it has not heard of it");
}

/// SQLite tells other processes nothing of sessions.
#[tokio::test]
async fn without_news_a_session_is_believed_for_so_long_or_not_at_all() {
    let store = TestStore::sqlite().await;
    let node = |ttl| App::with(&store, move |builder| builder.session_cache_ttl(Duration::from_secs(ttl)));
    let (one, believes, asks) = (node(30).await, node(30).await, node(0).await);
    let ada = one.register_and_log_in(1).await;
    for node in [&one, &believes, &asks] {
        node.get("/app/whoami").by(&ada).send().await.expect(200);
    }
    one.log_out(&ada.refresh_token).send().await.expect(200);
    asks.get("/app/whoami").by(&ada).send().await.problem(401, "session_ended");
    believes.get("/app/whoami").by(&ada).send().await.expect(200);
    believes.clock.advance(Duration::from_secs(30));
    believes.get("/app/whoami").by(&ada).send().await.problem(401, "session_ended");
}

// === Clocks

#[tokio::test]
async fn clocks_may_differ_by_half_a_minute_and_for_repeats_by_less_than_grace() {
    let store = TestStore::memory().await;
    let (one, ahead) = (App::on(&store).await, App::on(&store).await);
    ahead.clock.advance(Duration::from_secs(25));
    let ada = ahead.register_and_log_in(1).await;
    one.get("/api/profile").by(&ada).send().await.expect(200);
    ahead.clock.advance(Duration::from_secs(10));
    let bob = ahead.register_and_log_in(2).await;
    one.get("/api/profile").by(&bob).send().await.problem(401, "token_invalid");

    // The answer to the first got lost; the node that is asked again believes it long ago.
    one.refresh(&ada).send().await.expect(200);
    ahead.refresh(&ada).send().await.problem(401, "session_ended");
}

// === Changing keys

// ANCHOR: rotation
/// What a node is built with in each of the three steps; `base` has its store and everything else.
fn steps<U>(
    base: impl Fn() -> GuardrailBuilder<MissingSigningKey, Users<U>>,
    old: &SigningKey,
    new: &SigningKey,
) -> [GuardrailBuilder<SigningKey, Users<U>>; 3] {
    [
        // 1. Every node learns the new key, which signs nothing yet.
        base().signing_key(old.clone()).previous_signing_key(new.clone()),
        // 2. When every node knows it, it signs. What the old one signed is good as before.
        base().signing_key(new.clone()).previous_signing_key(old.clone()),
        // 3. When nothing is good any more that the old one has signed or renewed.
        base().signing_key(new.clone()),
    ]
}
// ANCHOR_END: rotation

async fn served(builder: GuardrailBuilder<SigningKey, Users<User>>) -> Router {
    let guard = builder.build().await.unwrap();
    Router::new().nest("/api", guard.routes()).layer(AuthLayer::new(guard))
}

#[tokio::test]
async fn keys_change_in_three_steps_and_nobody_is_logged_out() {
    let store = MemoryStore::new();
    let base = || {
        let hasher = Bcrypt::with_insecure_cost(4);
        Guardrail::builder().store(store.clone()).default_policies().password_hasher(hasher)
    };
    let key = |text: &str| SigningKey::hs256(text).unwrap();
    let [learns, turns, forgets] = steps(base, &key(SECRET), &key("the next secret, of 32 bytes or more"));
    let (learns, turns, forgets) = (served(learns).await, served(turns).await, served(forgets).await);

    // Between the steps some nodes are a step ahead: neither refuses what the other has made.
    let old = register(&learns).await;
    profile(&turns, &old).send().await.expect(200);
    let new = old.after(&refresh(&turns, &old).send().await.expect(200));
    profile(&learns, &new).send().await.expect(200);
    let back = new.after(&refresh(&learns, &new).send().await.expect(200));
    profile(&turns, &back).send().await.expect(200);
    // What the old key has signed, or renewed, is refused without it.
    profile(&forgets, &back).send().await.problem(401, "token_invalid");
    refresh(&forgets, &back).send().await.problem(401, "token_invalid");
    // A client that has refreshed since the second step goes on.
    let new = back.after(&refresh(&turns, &back).send().await.expect(200));
    profile(&forgets, &new).send().await.expect(200);
    let new = new.after(&refresh(&forgets, &new).send().await.expect(200));
    profile(&forgets, &new).send().await.expect(200);
}

// === Incidents

// ANCHOR: incident
/// A copy of the database is in other hands: every session of everybody ends, on every node.
async fn database_leaked(guard: &Guardrail) -> Result<u64, Error> {
    guard.revoke_all().await
}

/// The refresh key in use is in other hands: what was made with it is refused, on this node.
fn refresh_key_leaked(guard: &Guardrail) -> Result<bool, Error> {
    guard.compromise_refresh_key(guard.refresh_key_id())
}

/// A signing key that only verifies by now is in other hands: what it signed is refused, on this node.
fn previous_key_leaked(guard: &Guardrail, key: &SigningKey) -> bool {
    guard.retire_signing_key(key.id())
}

/// An account is in other hands: it is signed out everywhere.
async fn account_taken_over(guard: &Guardrail, user: &UserId) -> Result<usize, Error> {
    guard.end_sessions_of(user).await
}

/// Somebody guesses at an account from many networks, and its owner comes from no device that is known.
async fn owner_kept_waiting(guard: &Guardrail, email: &str) -> Result<(), Error> {
    guard.forgive_failures(email).await
}
// ANCHOR_END: incident

#[tokio::test]
async fn after_a_leak_of_the_database_nobody_is_signed_in() {
    let store = TestStore::memory().await;
    let (one, two) = (App::on(&store).await, App::on(&store).await);
    let (ada, bob) = (one.register_and_log_in(1).await, two.register_and_log_in(2).await);
    assert_eq!(database_leaked(&one.guard).await.unwrap(), 2);
    for login in [&ada, &bob] {
        one.get("/api/profile").by(login).send().await.problem(401, "session_ended");
        two.refresh(login).send().await.problem(401, "session_ended");
    }
}

#[tokio::test]
async fn a_leaked_refresh_key_makes_nothing_here_and_access_tokens_last() {
    let store = TestStore::memory().await;
    let (one, two) = (App::on(&store).await, App::on(&store).await);
    let ada = one.register_and_log_in(1).await;
    assert!(refresh_key_leaked(&one.guard).unwrap());
    one.refresh(&ada).send().await.problem(401, "token_invalid");
    one.get("/api/profile").by(&ada).send().await.expect(200);
    // The other node has to be told by itself, and does not know the random key that took its place.
    two.refresh(&ada).send().await.expect(200);
    let bob = one.register_and_log_in(2).await;
    one.refresh(&bob).send().await.expect(200);
    let bob = one.log_in(&App::email(2), &App::password(2)).await;
    two.refresh(&bob).send().await.problem(401, "token_invalid");
}

#[tokio::test]
async fn a_leaked_key_that_only_verifies_is_refused_here() {
    let key = |text: &str| SigningKey::hs256(text).unwrap();
    let (old, new) = (key(SECRET), key("the next secret, of 32 bytes or more"));
    let store = TestStore::memory().await;
    let before = App::with_key(&store, old.clone(), |builder| builder).await;
    let ada = before.register_and_log_in(1).await;
    let node = || App::with_key(&store, new.clone(), |builder| builder.previous_signing_key(old.clone()));
    let (one, two) = (node().await, node().await);
    assert!(previous_key_leaked(&one.guard, &old));
    one.get("/api/profile").by(&ada).send().await.problem(401, "token_invalid");
    two.get("/api/profile").by(&ada).send().await.expect(200);
    assert!(!previous_key_leaked(&one.guard, &new), "the key in use stays");
}

#[tokio::test]
async fn an_account_that_was_taken_over_is_signed_out() {
    let app = App::on(&TestStore::memory().await).await;
    let (ada, bob) = (app.register_and_log_in(1).await, app.register_and_log_in(2).await);
    assert_eq!(account_taken_over(&app.guard, &ada.user_id.parse().unwrap()).await.unwrap(), 1);
    app.get("/api/profile").by(&ada).send().await.problem(401, "session_ended");
    app.get("/api/profile").by(&bob).send().await.expect(200);
}

#[tokio::test]
async fn an_owner_who_was_kept_waiting_is_let_in() {
    let app = App::on(&TestStore::memory().await).await;
    app.registration(1).send().await.expect(201);
    let log_in = |password: &str, address: String| {
        let body = json!({ "email": App::email(1), "password": password });
        app.post("/api/auth").json(&body).from(&address).send()
    };
    for number in 0..50 {
        log_in("not the password", format!("203.0.113.{number}")).await.expect(401);
    }
    let owner = || log_in(&App::password(1), "198.51.100.1".to_owned());
    owner().await.problem(429, "too_many_requests");
    owner_kept_waiting(&app.guard, &App::email(1)).await.unwrap();
    owner().await.expect(200);
}

// ANCHOR: end_everything
/// For administrators: ends every session of everybody, the caller's own too.
#[require("/api/emergency/sessions", "delete")]
async fn end_everything(State(guard): State<Guardrail>) -> Result<String, Error> {
    let ended = guard.revoke_all().await?;
    Ok(format!("{ended} sessions ended\n"))
}

fn emergency(guard: Guardrail) -> Router {
    Router::new().route("/emergency/sessions", delete(end_everything)).with_state(guard)
}
// ANCHOR_END: end_everything

#[tokio::test]
async fn an_administrator_can_end_everything() {
    let app = App::on(&TestStore::memory().await).await;
    let router = Router::new()
        .nest("/api", emergency(app.guard.clone()))
        .nest("/api", app.guard.routes())
        .layer(AuthLayer::new(app.guard.clone()));
    let (ada, root) = (app.register_and_log_in(1).await, app.log_in_as_admin().await);
    let end = |login: &Login| Call::new(router.clone(), "DELETE", "/api/emergency/sessions").by(login).send();
    end(&ada).await.problem(403, "permission_denied");
    assert_eq!(end(&root).await.expect(200).body, "2 sessions ended\n");
    for login in [&ada, &root] {
        profile(&router, login).send().await.problem(401, "session_ended");
    }
}

/// The statements of the chapter on production, as it shows them: for PostgreSQL, and for SQLite.
fn statements() -> [&'static str; 2] {
    let chapter = include_str!("../../../src/production.md");
    let mut blocks = chapter.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap());
    [blocks.next().unwrap(), blocks.next().unwrap()]
}

/// Runs `statement` on the store's database, and looks who is signed in afterwards.
async fn everybody_is_out_after(statement: &'static str, store: SqlStore) {
    store.migrate().await.unwrap();
    let builder = Guardrail::builder()
        .signing_key(SigningKey::hs256(SECRET).unwrap())
        .store(store.clone())
        .default_policies()
        .password_hasher(Bcrypt::with_insecure_cost(4))
        // As after the start that the chapter asks for on SQLite.
        .session_cache_ttl(Duration::ZERO);
    let router = served(builder).await;
    let ada = register(&router).await;
    profile(&router, &ada).send().await.expect(200);
    match store.db() {
        Db::Postgres(pool) => {
            sqlx::raw_sql(statement).execute(pool).await.unwrap();
        }
        Db::Sqlite(pool) => {
            sqlx::raw_sql(statement).execute(pool).await.unwrap();
        }
        _ => panic!("a database that these tests do not know"),
    }
    profile(&router, &ada).send().await.problem(401, "session_ended");
    refresh(&router, &ada).send().await.problem(401, "session_ended");
    let ada = log_in(&router).await;
    profile(&router, &ada).send().await.expect(200);
}

#[tokio::test]
async fn sqlite_the_chapters_statement_ends_every_session() {
    let [_, statement] = statements();
    let store = SqlStore::connect("sqlite::memory:").await.unwrap();
    everybody_is_out_after(statement, store).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn postgres_the_chapters_statement_ends_every_session() {
    let server = std::env::var("GUARDRAIL_TEST_POSTGRES").unwrap();
    let schema = format!("guide_{}", uuid::Uuid::now_v7().simple());
    let pool = sqlx::PgPool::connect(&server).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::query(create).execute(&pool).await.unwrap();
    pool.close().await;
    let separator = if server.contains('?') { '&' } else { '?' };
    let store =
        SqlStore::connect(&format!("{server}{separator}options[search_path]={schema}")).await.unwrap();
    let [statement, _] = statements();
    everybody_is_out_after(statement, store).await;
}
