//! Of the chapter on stores: a store for one trait, tested by the suite, and put beside Guardrail's own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header::CONTENT_TYPE},
};
use chrono::{DateTime, Utc};
use guardrail::{
    AuthLayer, Bcrypt, Error, Forbidden, Guardrail, GuardrailBuilder, PasswordPolicy, SameSite, Sha256Digest,
    SigningKey, Unauthenticated, User, Users,
    policy::Rule,
    storage::{FailureStore, Failures, MemoryStore, Store as _, StoreError, UserStore},
};
use guardrail_sqlx::{SqlStore, SqlStoreOptions, SqliteSynchronous};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use tower::ServiceExt as _;

const SECRET: &str = "a secret of these samples, 32 bytes or more";

// ANCHOR: store
/// Counts of failed attempts in a map: of this process alone, and gone with it.
#[derive(Default)]
struct Counts(Mutex<HashMap<[u8; 32], Failures>>);

impl Counts {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Failures>> {
        // A thread that panics leaves the map whole, wherever it stops.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[guardrail::async_trait]
impl FailureStore for Counts {
    async fn failures(&self, key: &Sha256Digest) -> Result<Option<Failures>, StoreError> {
        Ok(self.lock().get(key.as_bytes()).copied())
    }

    async fn count_failure(&self, key: &Sha256Digest, now: DateTime<Utc>) -> Result<(), StoreError> {
        // The lock is held from the reading to the writing: of callers at the same time each is counted.
        let mut counts = self.lock();
        let failures = counts.entry(*key.as_bytes()).or_insert(Failures { count: 0, last_at: now });
        failures.count = failures.count.saturating_add(1);
        failures.last_at = now;
        Ok(())
    }

    async fn forget_failures(&self, key: &Sha256Digest) -> Result<(), StoreError> {
        self.lock().remove(key.as_bytes());
        Ok(())
    }

    async fn delete_failures(
        &self,
        before: DateTime<Utc>,
        most: u32,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let mut counts = self.lock();
        let old = counts.iter().filter(|(_, failures)| failures.last_at < before && failures.count <= most);
        let keys: Vec<_> = old.map(|(key, _)| *key).take(limit).collect();
        for key in &keys {
            counts.remove(key);
        }
        Ok(keys.len() as u64)
    }
}
// ANCHOR_END: store

// ANCHOR: suite
async fn counts() -> Arc<Counts> {
    Arc::default()
}

mod conformance {
    guardrail::failure_store_tests!(super::counts);
}
// ANCHOR_END: suite

// ANCHOR: parts
/// Guardrail's own store, but for the counts.
async fn application(store: SqlStore, counts: Arc<Counts>) -> anyhow::Result<Guardrail> {
    let mut parts = store.parts();
    parts.failures = Some(counts as Arc<dyn FailureStore>);
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256(SECRET)?)
        .store(parts)
        .default_policies()
        .build()
        .await?;
    Ok(guard)
}
// ANCHOR_END: parts

#[tokio::test]
async fn a_failed_log_in_is_counted_there() {
    let store = SqlStore::connect("sqlite::memory:").await.unwrap();
    store.migrate().await.unwrap();
    let counts = counts().await;
    let guard = application(store, Arc::clone(&counts)).await.unwrap();
    let app = Router::new().nest("/api", guard.routes()).layer(AuthLayer::new(guard.clone()));
    let body = json!({ "email": "nobody@example.com", "password": "correct horse" });
    let request = Request::post("/api/auth")
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    // No address is known here: it is counted for the account from everywhere, though there is none.
    let counted: Vec<_> = counts.lock().values().map(|failures| failures.count).collect();
    assert_eq!(counted, [1]);
}

#[tokio::test]
async fn a_part_can_be_given_by_itself() {
    let counts = Counts::default();
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256(SECRET).unwrap())
        .store(MemoryStore::new())
        .failures(counts)
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .build()
        .await
        .unwrap();
    guard.forgive_failures("ada@example.com").await.unwrap();
}

// ANCHOR: options
async fn connect(url: &str) -> anyhow::Result<SqlStore> {
    let options = SqlStoreOptions::new()
        .with_max_connections(20)
        .with_acquire_timeout(Duration::from_secs(2))
        .with_sqlite_synchronous(SqliteSynchronous::Normal);
    let store = SqlStore::connect_with(url, &options).await?;
    store.migrate().await?;
    Ok(store)
}
// ANCHOR_END: options

// ANCHOR: pool
async fn on_own_pool(url: &str) -> anyhow::Result<SqlStore> {
    let file = url
        .parse::<SqliteConnectOptions>()?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5));
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(file).await?;
    let store = SqlStore::from_pool(pool.clone()); // the application goes on using `pool`
    store.migrate().await?;
    Ok(store)
}
// ANCHOR_END: pool

#[tokio::test]
async fn a_store_is_made_of_a_url_or_of_a_pool() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("app.db").display());
    for store in [connect(&url).await.unwrap(), on_own_pool(&url).await.unwrap()] {
        let nobody = "00000000-0000-0000-0000-000000000000".parse().unwrap();
        assert!(UserStore::find(&store, &nobody).await.unwrap().is_none());
        store.close().await;
    }
}

// What the chapter on errors quotes, it must quote as it is.

const ERRORS: &str = include_str!("../../../src/errors.md");

#[track_caller]
fn is_quoted(message: &str) {
    assert!(ERRORS.contains(message), "errors.md does not have: {message}");
}

type Builder = GuardrailBuilder<SigningKey, Users<User>>;

fn builder() -> Builder {
    Guardrail::builder().signing_key(SigningKey::hs256(SECRET).unwrap()).store(MemoryStore::new())
}

#[tokio::test]
async fn settings_that_are_refused_are_quoted() {
    let refused: [fn(Builder) -> Builder; 14] = [
        |it| it.access_token_ttl(Duration::ZERO),
        |it| it.refresh_token_ttl(Duration::from_secs(1)),
        |it| it.session_absolute_ttl(Duration::from_secs(1)),
        |it| it.session_absolute_ttl(Duration::from_hours(24 * 3651)),
        |it| it.refresh_grace(Duration::from_secs(61)),
        |it| it.cookie_name("a b"),
        |it| it.cookie_path("app"),
        |it| it.cookie_domain(""),
        |it| it.cookie_name("a".repeat(4000)),
        |it| it.cookie_name("__Host-a").cookie_path("/app"),
        |it| it.cookie_name("__Secure-a").with_insecure_cookies(),
        |it| it.cookie_same_site(SameSite::None).with_insecure_cookies(),
        |it| it.policy_poll_interval(Duration::from_millis(99)),
        |it| it.sweep_interval(Duration::ZERO),
    ];
    for change in refused {
        is_quoted(&change(builder()).build().await.unwrap_err().to_string());
    }
    let key = SigningKey::hs256(SECRET).unwrap();
    let alone = Guardrail::builder().signing_key(key).users(MemoryStore::new());
    is_quoted(&alone.build().await.unwrap_err().to_string());
}

#[tokio::test]
async fn what_keeps_a_program_from_starting_is_quoted() {
    for secret in ["secret", &"secret".repeat(6), "-----BEGIN PUBLIC KEY----- and so on", KNOWN] {
        is_quoted(&SigningKey::hs256(secret).unwrap_err().to_string());
    }
    is_quoted(&SigningKey::from_pem("no PEM").unwrap_err().to_string());
    is_quoted(&Bcrypt::with_cost(9).unwrap_err().to_string());
    is_quoted(&guardrail::Argon2::with_params(1024, 1, 1).unwrap_err().to_string());
    is_quoted(&PasswordPolicy::with_min_chars(7).unwrap_err().to_string());
    is_quoted(&SqlStore::connect("mysql://root@localhost/app").await.unwrap_err().to_string());

    let not_migrated = SqlStore::connect("sqlite::memory:").await.unwrap();
    let key = SigningKey::hs256(SECRET).unwrap();
    let error = Guardrail::builder().signing_key(key).store(not_migrated).build().await.unwrap_err();
    is_quoted(&error.to_string());
    let causes = format!("{:#}", anyhow::Error::from(error));
    let remedy = "the tables are not there: run `SqlStore::migrate()`, or `sqlx migrate run`, before the \
        store is used";
    assert!(causes.contains(remedy), "{causes}");
    is_quoted(remedy);
}

/// One of the secrets that are refused since everybody knows them.
const KNOWN: &str = "a-string-secret-at-least-256-bits-long";

#[test]
fn what_is_wrong_with_rules_is_quoted() {
    for (subject, object, action) in [
        ("", "/a", "read"),
        ("two words", "/a", "read"),
        ("user:", "/a", "read"),
        ("editor", "", "read"),
        ("editor", "/a/*/b", "read"),
        ("editor", "/a/{id}.json", "read"),
        ("editor", "/a(b", "read"),
        ("editor", "/a", "re*"),
        ("user:1", "no role", ""),
    ] {
        let error = Rule::new(subject, object, action).unwrap_err();
        for (_, message) in error.errors() {
            is_quoted(message);
        }
    }
}

#[test]
fn every_code_and_what_it_says_is_quoted() {
    let errors: [Error; 14] = [
        Unauthenticated::TokenMissing.into(),
        Unauthenticated::TokenInvalid.into(),
        Unauthenticated::TokenExpired.into(),
        Unauthenticated::FingerprintMissing.into(),
        Unauthenticated::SessionEnded.into(),
        Forbidden::PermissionDenied.into(),
        Forbidden::RegistrationClosed.into(),
        Forbidden::FamilyLogoutDisabled.into(),
        Error::InvalidCredentials,
        Error::NotFound,
        Error::MethodNotAllowed,
        Error::PayloadTooLarge,
        Error::UnsupportedMediaType,
        Error::TooManyRequests { retry_after: Duration::ZERO },
    ];
    for error in errors {
        is_quoted(&format!("`{}`", error.code()));
        is_quoted(&error.to_string());
    }
    for code in ["conflict", "malformed", "validation_failed", "internal_error", "busy", "unavailable"] {
        is_quoted(&format!("`{code}`"));
    }
}
