//! The route behind Guardrail.

use std::time::Duration;

use ::guardrail::{
    AuthLayer, Bcrypt, Guardrail, GuardrailBuilder, SigningKey, User, Users,
    policy::Rule,
    require,
    storage::{MemoryStore, Store},
};
use anyhow::{Context as _, Result, ensure};
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{Request, StatusCode, header},
    response::Response,
    routing::{get, post as post_to},
};
use guardrail_sqlx::{SqlStore, SqlStoreOptions, SqliteSynchronous};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{App, FORBIDDEN_PATH, Options, PATH, Post, Synchronous, post};
use guardrail_bench::rule_set::RuleSet;

/// Whoever reads.
const READER: &str = "reader@example.com";
/// Whoever signs in again and again, which ends the oldest sessions.
pub(crate) const EMAIL: &str = "signer@example.com";
/// The password of both.
pub(crate) const PASSWORD: &str = "the password of the benchmark";

pub(super) async fn app(options: &Options) -> Result<App> {
    let guard = match &options.store {
        None => build(options, MemoryStore::new()).await?,
        Some(url) => build(options, open(url, options.synchronous).await?).await?,
    };
    let mut rules = RuleSet::of(options.rules - 1).rules()?;
    rules.push(Rule::new("user", PATH, "read")?);
    guard.force_replace_rules(rules).await?;

    let router = Router::new()
        .route(PATH, get(read))
        .route(FORBIDDEN_PATH, get(read_secret))
        .route("/reload", post_to(reload).with_state(guard.clone()))
        .nest("/api", guard.routes())
        .layer(AuthLayer::new(guard));
    let headers = credentials(&router).await?;
    Ok(App { router, headers })
}

#[require(PATH, "read")]
async fn read(Path(id): Path<u64>) -> Json<Post> {
    post(id)
}

#[require(FORBIDDEN_PATH, "read")]
async fn read_secret(Path(id): Path<u64>) -> Json<Post> {
    post(id)
}

async fn reload(State(guard): State<Guardrail>) -> Result<(), StatusCode> {
    guard.reload_policies().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

async fn build<S: Store<User = User>>(options: &Options, store: S) -> Result<Guardrail> {
    let builder: GuardrailBuilder<SigningKey, Users<User>> = Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of the benchmark, 32 bytes or more")?)
        .store(store);
    let hasher = match options.bcrypt {
        cost @ ..10 => Bcrypt::with_insecure_cost(cost),
        cost => Bcrypt::with_cost(cost)?,
    };
    // A minute without news of others: nothing else writes the rules here. And no bound: more is asked for here than
    // anybody may.
    let builder = builder.policy_poll_interval(Duration::from_mins(1)).rate_limit_auth(0);
    Ok(builder.password_hasher(hasher).build().await?)
}

/// A SQL store with its tables.
pub(crate) async fn open(url: &str, synchronous: Synchronous) -> Result<SqlStore> {
    let synchronous = match synchronous {
        Synchronous::Full => SqliteSynchronous::Full,
        Synchronous::Normal => SqliteSynchronous::Normal,
    };
    let options = SqlStoreOptions::new().with_sqlite_synchronous(synchronous);
    let store = SqlStore::connect_with(url, &options).await?;
    store.migrate().await?;
    Ok(store)
}

/// Registers both, signs the reader in, and returns what its requests carry.
async fn credentials(router: &Router) -> Result<Vec<(String, String)>> {
    for email in [READER, EMAIL] {
        let name = email.split('@').next();
        let account = json!({ "email": email, "password": PASSWORD, "username": name });
        send(router, "/api/register", &account, StatusCode::CREATED).await?;
    }
    let account = json!({ "email": READER, "password": PASSWORD });
    let answer = send(router, "/api/auth", &account, StatusCode::OK).await?;
    let cookie = answer.headers().get(header::SET_COOKIE).context("no cookie")?.to_str()?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let body: Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
    let token = body["token"].as_str().context("no token")?;
    Ok(vec![("authorization".to_owned(), format!("Bearer {token}")), ("cookie".to_owned(), cookie)])
}

async fn send(router: &Router, path: &str, body: &Value, status: StatusCode) -> Result<Response> {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))?;
    let answer = router.clone().oneshot(request).await?;
    ensure!(answer.status() == status, "{path} answered {}", answer.status());
    Ok(answer)
}
