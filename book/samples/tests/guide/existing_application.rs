//! Adding Guardrail to an application that is there: notes, with a state, a pool and migrations of its own.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    time::Duration,
};

// ANCHOR: imports
use guardrail::{
    AuthLayer, EnforceRoutes, Error, Guardrail, Principal, ProxyHeader, RateLimitLayer, SigningKey,
    TrustedProxies,
    policy::{InvalidRule, Rule},
    public, require,
    storage::{Bootstrap, StoreError},
};
use guardrail_sqlx::SqlStore;
// ANCHOR_END: imports

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, Method, Request, StatusCode, header},
    routing::get,
};
use guardrail::{Bcrypt, storage::MemoryStore};
use guardrail_tests::Call;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{
    SqlStr, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use tower_http::cors::CorsLayer;

use crate::getting_started::{log_in, post, register};

/// What the application's handlers share.
#[derive(Clone)]
struct AppState {
    pool: SqlitePool,
}

#[derive(Serialize, sqlx::FromRow)]
struct Note {
    id: i64,
    text: String,
}

#[derive(Deserialize)]
struct Draft {
    text: String,
}

/// What `sqlx::migrate!()` makes of the application's folder of migrations.
fn migrations() -> Migrator {
    const NOTES: &str =
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, text TEXT NOT NULL)";
    let notes = Migration::new(1, "notes".into(), MigrationType::Simple, SqlStr::from_static(NOTES), false);
    Migrator::with_migrations(vec![notes])
}

// ANCHOR: pool
async fn open(url: &str) -> anyhow::Result<SqlitePool> {
    let options = url
        .parse::<SqliteConnectOptions>()?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5));
    Ok(SqlitePool::connect_with(options).await?)
}
// ANCHOR_END: pool

// ANCHOR: guard
async fn guard(pool: &SqlitePool, key: SigningKey) -> anyhow::Result<Guardrail> {
    migrations().run(pool).await?; // yours, as before: sqlx::migrate!().run(pool)
    let store = SqlStore::from_pool(pool.clone());
    store.migrate().await?;

    let guard = Guardrail::builder()
        .signing_key(key)
        .store(store)
        .default_policies()
        .initial_policies(rules()?) // step 10
        .build()
        .await?;
    Ok(guard)
}
// ANCHOR_END: guard

// ANCHOR: rules
fn rules() -> Result<Vec<Rule>, InvalidRule> {
    Ok(vec![
        Rule::new("user", "/api/notes", "read")?,
        Rule::new("user", "/api/notes", "write")?,
        Rule::new("auditor", "/api/reports/{year}", "read")?,
        Rule::new("auditor", "user", "")?, // an auditor may what a user may
    ])
}
// ANCHOR_END: rules

// ANCHOR: proxies
fn proxies() -> anyhow::Result<TrustedProxies> {
    Ok(TrustedProxies::new(["10.0.0.0/8".parse()?, "::1/128".parse()?], ProxyHeader::XForwardedFor))
}
// ANCHOR_END: proxies

// ANCHOR: admin
async fn first_administrator(guard: &Guardrail, email: &str, password: String) -> anyhow::Result<()> {
    if guard.needs_admin().await? {
        let outcome = guard.bootstrap_admin(email.parse()?, password.into()).await?;
        anyhow::ensure!(outcome != Bootstrap::Taken, "{email} or the name `admin` is somebody's already");
    }
    Ok(())
}
// ANCHOR_END: admin

// ANCHOR: handlers
#[require("/api/notes", "read")]
async fn notes(State(state): State<AppState>, who: Principal) -> Result<Json<Vec<Note>>, Error> {
    let notes = sqlx::query_as("SELECT id, text FROM notes WHERE owner = $1 ORDER BY id")
        .bind(who.user_id().as_str())
        .fetch_all(&state.pool)
        .await
        .map_err(|error| StoreError::new("reading notes", error))?;
    Ok(Json(notes))
}

#[require("/api/notes", "write")]
async fn add_note(
    State(state): State<AppState>,
    who: Principal,
    Json(draft): Json<Draft>,
) -> Result<StatusCode, Error> {
    sqlx::query("INSERT INTO notes (owner, text) VALUES ($1, $2)")
        .bind(who.user_id().as_str())
        .bind(draft.text)
        .execute(&state.pool)
        .await
        .map_err(|error| StoreError::new("writing a note", error))?;
    Ok(StatusCode::CREATED)
}

#[public]
async fn version() -> &'static str {
    "1.0"
}
// ANCHOR_END: handlers

// ANCHOR: group
fn reports() -> Router<AppState> {
    Router::new().route("/{year}", get(report)).route_layer(EnforceRoutes::new())
}
// ANCHOR_END: group

async fn report(Path(year): Path<u16>) -> String {
    format!("Report of {year}")
}

// ANCHOR: router
fn router(state: AppState, guard: &Guardrail, auth: AuthLayer) -> Router {
    let api = Router::new()
        .route("/notes", get(notes).post(add_note))
        .nest("/reports", reports())
        .with_state(state); // before Guardrail's routes, which have a state of their own

    Router::new()
        .route("/version", get(version))
        .nest("/api", api)
        .nest("/api", guard.routes())
        .fallback(guardrail::not_found)
        .method_not_allowed_fallback(guardrail::method_not_allowed)
        .layer(auth)
        .layer(RateLimitLayer::new(guard.clone()))
        .layer(cors())
}
// ANCHOR_END: router

// ANCHOR: cors
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(HeaderValue::from_static("https://app.example.com"))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER])
}
// ANCHOR_END: cors

// ANCHOR: serve
async fn serve(
    listener: TcpListener,
    app: Router,
    guard: &Guardrail,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    guard.shutdown().await;
    Ok(())
}
// ANCHOR_END: serve

fn key() -> SigningKey {
    SigningKey::hs256("a secret of the guide's tests, 32 bytes or more").unwrap()
}

/// The application on a database of the test's own.
async fn set_up(folder: &TempDir) -> anyhow::Result<(AppState, Guardrail)> {
    let pool = open(&format!("sqlite://{}", folder.path().join("notes.db").display())).await?;
    let guard = guard(&pool, key()).await?;
    Ok((AppState { pool }, guard))
}

#[tokio::test]
async fn notes_and_guardrail_share_a_database_and_a_router() {
    let folder = tempfile::tempdir().unwrap();
    let (state, guard) = set_up(&folder).await.unwrap();
    let app = router(state.clone(), &guard, AuthLayer::new(guard.clone()).strict());
    let call = |method: &str, path: &str| Call::new(app.clone(), method, path);
    for table in ["notes", "guardrail_users", "_sqlx_migrations", "_guardrail_migrations"] {
        let found =
            sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = $1)");
        assert!(found.bind(table).fetch_one(&state.pool).await.unwrap(), "{table}");
    }

    assert!(guard.needs_admin().await.unwrap());
    for _ in 0..2 {
        first_administrator(&guard, "admin@example.com", "correct horse".to_owned()).await.unwrap();
    }
    let admin = log_in(&app, "admin@example.com", "correct horse").await;
    let (ada, bob) = (register(&app, "ada").await, register(&app, "bob").await);

    call("GET", "/version").send().await.expect(200);
    call("GET", "/api/notes").send().await.problem(401, "token_missing");
    let note = json!({ "text": "a note of ada's" });
    post(&app, "/api/notes", &note).by(&ada).send().await.expect(201);
    let notes = call("GET", "/api/notes").by(&ada).send().await.expect(200).json();
    assert_eq!(notes, json!([{ "id": 1, "text": "a note of ada's" }]));
    assert_eq!(call("GET", "/api/notes").by(&bob).send().await.expect(200).json(), json!([]));

    call("GET", "/api/reports/2026").by(&ada).send().await.problem(403, "permission_denied");
    let role = json!({ "role": "auditor" });
    let path = format!("/api/users/{}", ada.user_id);
    call("PATCH", &path).by(&admin).json(&role).send().await.expect(200);
    let report = call("GET", "/api/reports/2026").by(&ada).send().await.expect(200);
    assert_eq!(report.body, "Report of 2026");
    call("GET", "/api/notes").by(&ada).send().await.expect(200);

    call("GET", "/nowhere").send().await.problem(404, "not_found");
    call("DELETE", "/api/notes").send().await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn what_is_initial_is_written_into_an_empty_rule_set_only() {
    let folder = tempfile::tempdir().unwrap();
    let (state, first) = set_up(&folder).await.unwrap();
    let rule = Rule::new("user", "/api/notes", "write").unwrap();
    assert_eq!(first.remove_rules(vec![rule.clone()]).await.unwrap(), 1);
    let again = guard(&state.pool, key()).await.unwrap();
    assert!(!again.rules().contains(&rule), "what an administrator took away stays away");
    assert_eq!(again.add_rules(vec![rule]).await.unwrap(), 1);
}

// ANCHOR: strict
#[tokio::test]
async fn no_route_is_open_by_oversight() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (state, guard) = set_up(&folder).await?;
    let app = router(state, &guard, AuthLayer::new(guard.clone()).strict());
    for path in ["/version", "/api/notes", "/api/reports/2026"] {
        let response = app.clone().oneshot(Request::get(path).body(Body::empty())?).await?;
        assert_ne!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path} is open");
    }
    Ok(())
}
// ANCHOR_END: strict

/// A Guardrail of which one address may ask for one thing a minute.
async fn bounded() -> Guardrail {
    Guardrail::builder()
        .signing_key(key())
        .store(MemoryStore::new())
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .trusted_proxies(proxies().unwrap())
        .rate_limit_requests(1)
        .build()
        .await
        .unwrap()
}

/// The router on it. Its pool has no database yet, and no handler that is called here wants one.
async fn bounded_app() -> (Router, Guardrail) {
    let guard = bounded().await;
    let state = AppState { pool: SqlitePool::connect_lazy("sqlite::memory:").unwrap() };
    (router(state, &guard, AuthLayer::new(guard.clone())), guard)
}

#[tokio::test]
async fn an_open_route_is_found_by_strict_mode() {
    let guard = bounded().await;
    let open = |auth: AuthLayer| Router::new().route("/open", get(async || "open")).layer(auth);
    let strict = open(AuthLayer::new(guard.clone()).strict());
    Call::new(strict, "GET", "/open").send().await.problem(500, "internal_error");
    Call::new(open(AuthLayer::new(guard)), "GET", "/open").send().await.expect(200);
}

#[tokio::test]
async fn a_page_of_the_other_origin_may_ask_and_may_read_refusals() {
    let (app, _) = bounded_app().await;
    let from_page = |call: Call| call.header("origin", "https://app.example.com");
    let preflight = Call::new(app.clone(), "OPTIONS", "/api/notes")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let asked = from_page(preflight).send().await.expect(200);
    let refused = from_page(Call::new(app.clone(), "GET", "/api/notes")).send().await.expect(401);
    let get = || from_page(Call::new(app.clone(), "GET", "/version")).from("203.0.113.9");
    get().send().await.expect(200);
    let bounded = get().send().await.expect(429);
    for reply in [asked, refused, bounded] {
        assert_eq!(reply.header("access-control-allow-origin"), "https://app.example.com");
        assert_eq!(reply.header("access-control-allow-credentials"), "true");
    }
}

#[tokio::test]
async fn behind_a_proxy_each_client_is_bounded_by_itself() {
    let (app, _) = bounded_app().await;
    let ask = |peer: &str, client: &str| {
        Call::new(app.clone(), "GET", "/version").from(peer).header("x-forwarded-for", client)
    };
    ask("10.0.0.1", "203.0.113.8").send().await.expect(200);
    ask("10.0.0.1", "203.0.113.9").send().await.expect(200);
    ask("10.0.0.1", "203.0.113.9").send().await.problem(429, "too_many_requests");
    // Who is no proxy is not believed.
    ask("198.51.100.7", "203.0.113.1").send().await.expect(200);
    ask("198.51.100.7", "203.0.113.2").send().await.problem(429, "too_many_requests");
}

/// Two requests over a socket.
fn ask_twice(address: SocketAddr) -> std::io::Result<[String; 2]> {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /version HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    Ok([ask()?, ask()?])
}

#[tokio::test]
async fn served_so_a_clients_address_is_known() {
    let (app, guard) = bounded_app().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, answers) = mpsc::channel();
    let asking = tokio::task::spawn_blocking(move || told.send(ask_twice(address)));
    serve(listener, app, &guard, async move { drop(asking.await) }).await.unwrap();
    let [first, second] = answers.recv().unwrap().unwrap();
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    assert!(second.starts_with("HTTP/1.1 429"), "{second}");
}

#[tokio::test]
async fn nested_elsewhere_it_asks_for_the_same_objects() {
    let guard = Guardrail::builder()
        .signing_key(key())
        .store(MemoryStore::new())
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .default_policies()
        .build()
        .await
        .unwrap();
    // The state is still to come, so Guardrail's routes are told that theirs has.
    let routes: Router<AppState> = Router::new().nest("/account", guard.routes().with_state(()));
    let state = AppState { pool: SqlitePool::connect_lazy("sqlite::memory:").unwrap() };
    let app = routes.with_state(state).layer(AuthLayer::new(guard.clone()));

    let account = json!({ "email": "ada@example.com", "password": "battery staple", "username": "ada" });
    post(&app, "/account/register", &account).send().await.expect(201);
    let reply = post(&app, "/account/auth", &account).send().await.expect(200);
    let ada = guardrail_tests::Login::from_reply(&reply);
    let profile = || Call::new(app.clone(), "GET", "/account/profile").by(&ada);
    profile().send().await.expect(200);
    guard.remove_rules(vec![Rule::new("user", "/api/profile", "read").unwrap()]).await.unwrap();
    profile().send().await.problem(403, "permission_denied");
}
