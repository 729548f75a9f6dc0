//! What Guardrail holds in memory, counted by the allocator: a program of its own, since counting costs time.
//!
//! Prints one line of JSON.

use std::alloc::System;

use anyhow::{Context as _, Result, bail, ensure};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{StatusCode, header},
    routing::get,
};
use cap::Cap;
use guardrail::{
    AuthLayer, Guardrail, NewUser, PasswordHash, PasswordHasher, PasswordHasherError, Principal, SigningKey,
    storage::{
        AppliedChange, CreateUser, MemoryStore, PolicyChange, PolicyStore, Revision, Store as _, StoreError,
        StoredPolicies, StoredRule,
    },
};
use guardrail_bench::rule_set::RuleSet;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, number] = arguments.as_slice() else { bail!("usage: memory sessions|rules NUMBER") };
    let number: usize = number.parse()?;
    let measured = match what.as_str() {
        "sessions" => sessions(number).await?,
        "rules" => rules(number).await?,
        other => bail!("no such thing to hold: {other}"),
    };
    println!("{measured}");
    Ok(())
}

/// Signs in so many users and lets each make one request. What the store holds (in memory here, in a database
/// elsewhere) is told from what is remembered for the next request by doing it twice: remembering one session, and
/// remembering all.
async fn sessions(number: usize) -> Result<Value> {
    let stored = held_by_sessions(number, 1).await?;
    let all = held_by_sessions(number, number).await?;
    Ok(json!({ "remembered": all.saturating_sub(stored) / number, "stored": stored / number, "rss": rss() }))
}

async fn held_by_sessions(number: usize, capacity: usize) -> Result<usize> {
    let parts = MemoryStore::new().parts();
    let admin = parts.user_admin.clone().context("the store creates users")?;
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of the benchmark, 32 bytes or more")?)
        .store(parts)
        .password_hasher(Plain)
        .session_cache_capacity(capacity.try_into()?)
        .build()
        .await?;
    let app = Router::new()
        .route("/", get(async |_: Principal| {}))
        .nest("/api", guard.routes())
        .layer(AuthLayer::new(guard));
    let mut before = 0;
    // The first thousand are for what is there once.
    for index in 0..number + 1_000 {
        if index == 1_000 {
            before = ALLOCATOR.allocated();
        }
        let email = format!("user{index}@example.com");
        let user = NewUser::new(
            email.parse()?,
            format!("user{index}").parse()?,
            "user".parse()?,
            PasswordHash::from("password".to_owned()),
        );
        ensure!(matches!(admin.create(user).await?, CreateUser::Created(_)), "user {index} was not created");
        one_request(&app, &email).await?;
    }
    let held = ALLOCATOR.allocated() - before;
    drop(app);
    Ok(held)
}

/// Signs in, and asks for something.
async fn one_request(app: &Router, email: &str) -> Result<()> {
    let body = json!({ "email": email, "password": "password" }).to_string();
    let request =
        Request::post("/api/auth").header(header::CONTENT_TYPE, "application/json").body(Body::from(body))?;
    let answer = app.clone().oneshot(request).await?;
    ensure!(answer.status() == StatusCode::OK, "a log-in failed with {}", answer.status());
    let cookie = answer.headers().get(header::SET_COOKIE).context("no cookie")?.to_str()?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let body: Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
    let token = body["token"].as_str().context("no token")?;
    let request = Request::get("/")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::COOKIE, cookie)
        .body(Body::empty())?;
    let answer = app.clone().oneshot(request).await?;
    ensure!(answer.status() == StatusCode::OK, "a request failed with {}", answer.status());
    Ok(())
}

/// Holds so many rules, of a store that holds none itself.
async fn rules(number: usize) -> Result<Value> {
    let none = held_by_rules(RuleSet::of(0)).await?;
    let all = held_by_rules(RuleSet::of(number)).await?;
    Ok(json!({ "rule": (all - none) / number }))
}

async fn held_by_rules(rules: RuleSet) -> Result<usize> {
    let before = ALLOCATOR.allocated();
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of the benchmark, 32 bytes or more")?)
        .store(MemoryStore::new())
        .policies(Generated(rules))
        .build()
        .await?;
    let held = ALLOCATOR.allocated() - before;
    guard.shutdown().await;
    Ok(held)
}

/// Rules that are made when they are loaded.
struct Generated(RuleSet);

#[guardrail::async_trait]
impl PolicyStore for Generated {
    async fn load(&self) -> Result<StoredPolicies, StoreError> {
        let rules = self.0.texts().map(|values| StoredRule { ptype: "p".to_owned(), values: values.into() });
        Ok(StoredPolicies { rules: rules.collect(), revision: Some(Revision(1)) })
    }

    async fn apply(&self, _: PolicyChange) -> Result<AppliedChange, StoreError> {
        Err(StoreError::new("these rules do not change", "unsupported"))
    }

    async fn revision(&self) -> Result<Option<Revision>, StoreError> {
        Ok(Some(Revision(1)))
    }
}

/// A hasher that does not: what is measured is memory, and a million hashes take days.
struct Plain;

impl PasswordHasher for Plain {
    fn hash(&self, password: &str) -> Result<PasswordHash, PasswordHasherError> {
        Ok(PasswordHash::from(password.to_owned()))
    }

    fn verify(&self, password: &str, hash: &str) -> Result<bool, PasswordHasherError> {
        Ok(password == hash)
    }

    fn is_outdated(&self, _: &str) -> bool {
        false
    }

    fn max_bytes(&self) -> usize {
        72
    }
}

/// What the system has given to this process, in bytes.
fn rss() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<usize>().ok());
    pages.unwrap_or_default() * rustix::param::page_size()
}
