//! sqlx-adapter and `SqlStore` read and write each other's rules.
//!
//! Two nodes of one application are on one database, with one key: one reads and writes the rules by sqlx-adapter, the
//! other by `SqlStore`. What each decides is asked over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // what they meet fails the test

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use guardrail::{
    AuthLayer, Guardrail, SigningKey,
    policy::{Rule, default_rules},
    storage::{AdapterStore, PolicyStore, StoredRule},
};
use guardrail_sqlx::SqlStore;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use sqlx_adapter::SqlxAdapter;
use tower::ServiceExt as _;
use uuid::Uuid;

const EMAIL: &str = "admin@example.com";
const PASSWORD: &str = "correct horse";

/// The URL of an empty schema of its own. It stays: the server is a throw-away one.
async fn database() -> String {
    let server = std::env::var("GUARDRAIL_TEST_POSTGRES")
        .expect("GUARDRAIL_TEST_POSTGRES is the URL of a PostgreSQL server; `cargo xtask test` starts one and sets it");
    let schema = format!("test_{}", Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::query(create).execute(&mut connection).await.unwrap();
    let separator = if server.contains('?') { '&' } else { '?' };
    format!("{server}{separator}options[search_path]={schema}")
}

fn key() -> SigningKey {
    SigningKey::hs256("a secret of these tests, 32 bytes or more").unwrap()
}

/// A server, and an administrator who is logged in.
struct Node {
    guard: Guardrail,
    app: Router,
    token: String,
    cookie: String,
}

impl Node {
    async fn start(guard: Guardrail) -> Self {
        guard.bootstrap_admin(EMAIL.parse().unwrap(), PASSWORD.to_owned().into()).await.unwrap();
        let app = Router::new().nest("/api", guard.routes()).layer(AuthLayer::new(guard.clone()));
        let mut node = Self { guard, app, token: String::new(), cookie: String::new() };
        let response = node.post("/api/auth", &json!({"email": EMAIL, "password": PASSWORD})).await;
        node.cookie = response.1;
        node.token = response.0["token"].as_str().unwrap().to_owned();
        node
    }

    /// What a request is answered with, and the cookie that came along.
    async fn post(&self, path: &str, body: &Value) -> (Value, String) {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::COOKIE, &self.cookie)
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let cookie = response.headers().get(header::SET_COOKIE);
        let cookie =
            cookie.map_or("", |cookie| cookie.to_str().unwrap().split(';').next().unwrap()).to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (serde_json::from_slice(&body).unwrap(), cookie)
    }

    async fn allows(&self, subject: &str) -> bool {
        let question = json!({"subject": subject, "object": "/api/posts/7", "action": "edit"});
        self.post("/api/permissions/check", &question).await.0["data"]["allowed"].as_bool().unwrap()
    }
}

/// A node by sqlx-adapter, and one by `SqlStore`.
async fn nodes(url: &str) -> (Node, Node) {
    let by_adapter = example_sqlx_adapter::build(url, key()).await.unwrap();
    let store = SqlStore::connect(url).await.unwrap();
    let builder = Guardrail::builder().signing_key(key()).store(store).default_policies();
    let by_store = builder.build().await.unwrap();
    (Node::start(by_adapter).await, Node::start(by_store).await)
}

/// A permission and a role that `writer` adds hold for `reader`; what `reader` then removes is gone for `writer`.
async fn exchange(writer: &Node, reader: &Node) {
    let permission = Rule::new("editor", "/api/posts/{id}", "edit").unwrap();
    let role = Rule::new("junior", "editor", "").unwrap();
    assert!(!reader.allows("editor").await && !reader.allows("junior").await);

    let added = writer.guard.add_rules(vec![permission.clone(), role.clone()]).await.unwrap();
    assert_eq!(added, 2);
    reader.guard.reload_policies().await.unwrap();
    assert!(reader.allows("editor").await && reader.allows("junior").await);

    assert_eq!(reader.guard.remove_rules(vec![role]).await.unwrap(), 1);
    writer.guard.reload_policies().await.unwrap();
    assert!(writer.allows("editor").await && !writer.allows("junior").await);

    assert_eq!(reader.guard.remove_rules(vec![permission]).await.unwrap(), 1);
    writer.guard.reload_policies().await.unwrap();
    assert!(!writer.allows("editor").await);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn what_sqlx_adapter_writes_sql_store_reads_and_removes() {
    let (by_adapter, by_store) = nodes(&database().await).await;
    exchange(&by_adapter, &by_store).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn what_sql_store_writes_sqlx_adapter_reads_and_removes() {
    let (by_adapter, by_store) = nodes(&database().await).await;
    exchange(&by_store, &by_adapter).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn both_load_the_same_rows() {
    async fn rows(store: &impl PolicyStore) -> Vec<StoredRule> {
        let mut rows: Vec<_> =
            store.load().await.unwrap().rules.into_iter().map(StoredRule::trimmed).collect();
        rows.sort();
        rows
    }
    let url = database().await;
    let (by_adapter, by_store) = nodes(&url).await;
    by_adapter.guard.add_rules(vec![Rule::new("junior", "editor", "").unwrap()]).await.unwrap();
    by_store.guard.add_rules(vec![Rule::new("editor", "/api/*", "*").unwrap()]).await.unwrap();

    let by_store = rows(&SqlStore::connect(&url).await.unwrap()).await;
    let by_adapter = rows(&AdapterStore::new(SqlxAdapter::new(&url, 1).await.unwrap())).await;
    assert_eq!(by_store, by_adapter);
    // The second node found the first one's default rules, and wrote none again.
    assert_eq!(by_store.len(), default_rules().len() + 2);
}

/// The table that sqlx-adapter makes where it comes first is one that the migration keeps.
#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn a_table_that_sqlx_adapter_made_is_used() {
    let url = database().await;
    let first = AdapterStore::new(SqlxAdapter::new(&url, 1).await.unwrap());
    let values = ["editor", "/api/posts/{id}", "edit"].map(str::to_owned).to_vec();
    let change = guardrail::storage::PolicyChange {
        add: vec![StoredRule { ptype: "p".to_owned(), values }],
        remove: Vec::new(),
    };
    first.apply(change).await.unwrap();

    let store = SqlStore::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    let rules = store.load().await.unwrap().rules;
    let stored: Vec<_> = rules.into_iter().map(|rule| rule.trimmed().values.join(" ")).collect();
    assert_eq!(stored, ["editor /api/posts/{id} edit"]);
}
