//! The API's description, against what the router does.

use std::collections::BTreeSet;

use axum::Router;
use guardrail::{
    Bcrypt, Guardrail, SigningKey,
    storage::{MemoryStore, Store as _},
};
use guardrail_tests::{
    ADMIN_EMAIL, App, Call, Document, Login, Operation, Reply, SECRET, TestStore, Trouble, routes_below,
};
use serde_json::{Value, json};
use utoipa::openapi::{Info, OpenApi, Paths};

/// The description as an application serves it, whose router is the harness's.
fn describe(guard: &Guardrail) -> Value {
    let document = OpenApi::new(Info::new("tests", "1.0.0"), Paths::new())
        .nest("/api", guard.openapi())
        .merge_from(guard.well_known_openapi());
    serde_json::to_value(document).unwrap()
}

async fn app() -> (App, Document) {
    let app = App::on(&TestStore::memory().await).await;
    let document = Document::new(describe(&app.guard));
    (app, document)
}

fn operation(text: &str) -> Operation {
    let (method, path) = text.split_once(' ').unwrap();
    (method.to_owned(), path.to_owned())
}

/// Every value of a member of this name, at any depth.
fn all_of<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(members) => {
            members.get(name).into_iter().chain(members.values().flat_map(|it| all_of(it, name))).collect()
        }
        Value::Array(items) => items.iter().flat_map(|it| all_of(it, name)).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_document_is_whole() {
    let (app, document) = app().await;
    let json = describe(&app.guard);
    assert_eq!(json["openapi"], "3.1.0");
    let ids = all_of(&json["paths"], "operationId");
    let distinct: BTreeSet<_> = ids.iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!((ids.len(), distinct.len()), (22, 22), "{ids:?}");
    for reference in all_of(&json, "$ref") {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(json.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let tags: BTreeSet<_> =
        json["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).map(Value::to_string).collect();
    for operation in document.operations() {
        let said = document.operation(&operation);
        assert!(said["summary"].is_string(), "{operation:?}");
        assert!(said["security"].is_array(), "{operation:?}");
        assert!(tags.contains(&said["tags"][0].to_string()), "{operation:?}");
        for response in said["responses"].as_object().unwrap().values() {
            assert!(response["description"].is_string(), "{operation:?}");
        }
    }
}

#[tokio::test]
async fn its_examples_are_what_it_describes() {
    let (_, document) = app().await;
    document.examples_fit();
}

#[tokio::test]
async fn who_calls_sends_token_and_cookie() {
    let store = TestStore::memory().await;
    let app = App::with(&store, |builder| builder.cookie_name("__Host-device")).await;
    let json = describe(&app.guard);
    let schemes = &json["components"]["securitySchemes"];
    assert_eq!(schemes["bearer"]["scheme"], "bearer");
    assert_eq!(
        (&schemes["fingerprint"]["in"], &schemes["fingerprint"]["name"]),
        (&json!("cookie"), &json!("__Host-device"))
    );
    let both = json!([{ "bearer": [], "fingerprint": [] }]);
    let profile = &json["paths"]["/api/profile"]["get"];
    assert_eq!(profile["security"], both);
    assert_eq!(profile["description"], "Needs `read` on `/api/profile`.");
}

#[tokio::test]
async fn the_codes_are_those_of_the_book() {
    let book = include_str!("../../../book/src/errors.md");
    let code = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let code = cells.next()?.strip_suffix('`')?.to_owned();
        cells.next()?.parse::<u16>().ok().map(|_| code)
    };
    let written: BTreeSet<_> = book.lines().filter_map(code).collect();
    let (_, document) = app().await;
    let codes = &document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"];
    let described: BTreeSet<_> =
        codes.as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    assert_eq!(described, written);
}

#[tokio::test]
async fn routes_and_document_agree() {
    let (app, document) = app().await;
    let mut served = routes_below(&app.router, "/api/").await;
    served.extend(routes_below(&app.router, "/.well-known/").await);
    assert_eq!(document.operations(), served);
}

#[tokio::test]
async fn what_the_stores_cannot_is_in_neither() {
    let (whole, _) = app().await;
    let mut parts = MemoryStore::new().parts();
    (parts.user_admin, parts.audit) = (None, None);
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256(SECRET).unwrap())
        .store(parts)
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .build()
        .await
        .unwrap();
    let router = Router::new().nest("/api", guard.routes()).merge(guard.well_known());
    let document = Document::new(describe(&guard));
    let mut served = routes_below(&router, "/api/").await;
    served.extend(routes_below(&router, "/.well-known/").await);
    assert_eq!(document.operations(), served);
    let missing: Vec<_> =
        Document::new(describe(&whole.guard)).operations().difference(&served).cloned().collect();
    let expected = [
        "DELETE /api/users/{id}/sessions",
        "GET /api/audit",
        "GET /api/users",
        "PATCH /api/users/{id}",
        "POST /api/register",
    ];
    assert_eq!(missing, expected.map(operation));
}

/// An administrator, and somebody who may nothing, of the harness's application.
async fn callers(app: &App) -> (Login, Login) {
    let admin = app.log_in_as_admin().await;
    app.registration(9).send().await;
    let guest = app.log_in(&App::email(9), &App::password(9)).await;
    let path = format!("/api/users/{}", guest.user_id);
    app.patch(&path).by(&admin).json(&json!({ "role": "guest" })).send().await.expect(200);
    (admin, guest)
}

#[tokio::test]
async fn whatever_clients_do_wrongly_is_described() {
    let (app, document) = app().await;
    for operation in document.operations() {
        // Some operations end the sessions of who calls.
        let (admin, guest) = callers(&app).await;
        let provoked = document.provoke(&app.router, &operation, &admin, &guest).await;
        assert!(!provoked.contains(&405), "{operation:?}");
        let missing = document.not_provoked(&operation, &provoked);
        assert!(missing.is_empty(), "{operation:?} does not answer {missing:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_described() {
    let trouble = Trouble::default();
    let app = App::in_trouble(&TestStore::memory().await, &trouble).await;
    let document = Document::new(describe(&app.guard));
    let (admin, guest) = callers(&app).await;
    trouble.away();
    let mut unavailable = 0;
    for operation in document.operations() {
        let provoked = document.provoke(&app.router, &operation, &admin, &guest).await;
        unavailable += usize::from(provoked.contains(&503));
    }
    assert!(unavailable >= 5, "{unavailable}");
}

/// What has been played.
struct Play {
    document: Document,
    played: BTreeSet<Operation>,
}

impl Play {
    /// Plays a request, whose answer must be as the document says and have this status.
    async fn out(&mut self, text: &str, call: Call, status: u16) -> Reply {
        let operation = operation(text);
        let reply = call.send().await.expect(status);
        self.document.allows(&operation, &reply);
        self.played.insert(operation);
        reply
    }
}

#[tokio::test]
async fn every_operation_answers_as_described() {
    let (app, document) = app().await;
    let operations = document.operations();
    let mut play = Play { document, played: BTreeSet::new() };
    sign_in_and_out(&app, &mut play).await;
    use_the_account(&app, &mut play).await;
    change_rules(&app, &mut play).await;
    ask_for_permissions(&app, &mut play).await;
    administer(&app, &mut play).await;
    play.out("GET /api/health", app.get("/api/health"), 200).await;
    play.out("GET /api/health/ready", app.get("/api/health/ready"), 200).await;
    play.out("GET /.well-known/jwks.json", app.get("/.well-known/jwks.json"), 200).await;
    assert_eq!(play.played, operations);
}

async fn sign_in_and_out(app: &App, play: &mut Play) {
    let names = json!({
        "email": App::email(1), "password": App::password(1), "username": "user1", "first_name": "Ada",
    });
    play.out("POST /api/register", app.post("/api/register").json(&names), 201).await;
    play.out("POST /api/register", app.post("/api/register").json(&names), 409).await;
    let right = json!({ "email": App::email(1), "password": App::password(1) });
    let reply = play.out("POST /api/auth", app.post("/api/auth").json(&right), 200).await;
    let ada = Login::from_reply(&reply);
    let wrong = json!({ "email": App::email(1), "password": "wrong" });
    play.out("POST /api/auth", app.post("/api/auth").json(&wrong), 401).await;

    let reply = play.out("POST /api/refresh", app.refresh(&ada), 200).await;
    let ada = ada.after(&reply);
    play.out("POST /api/refresh", app.refresh_with(&ada, "forged"), 401).await;
    play.out("POST /api/logout", app.log_out("forged"), 401).await;
    play.out("POST /api/logout", app.log_out(&ada.refresh_token), 200).await;
    play.out("POST /api/refresh", app.refresh(&ada), 401).await;

    let ada = app.log_in(&App::email(1), &App::password(1)).await;
    play.out("POST /api/logout/all", app.post("/api/logout/all").by(&ada), 200).await;
}

async fn use_the_account(app: &App, play: &mut Play) {
    let ada = app.log_in(&App::email(1), &App::password(1)).await;
    let other = app.log_in(&App::email(1), &App::password(1)).await;
    play.out("GET /api/profile", app.get("/api/profile").by(&ada), 200).await;
    play.out("GET /api/sessions", app.get("/api/sessions").by(&ada), 200).await;
    let path = format!("/api/sessions/{}", other.family_id);
    play.out("DELETE /api/sessions/{id}", app.delete(&path).by(&ada), 200).await;
    play.out("DELETE /api/sessions/{id}", app.delete(&path).by(&ada), 404).await;
    let change = json!({ "current_password": App::password(1), "new_password": "another password" });
    play.out("POST /api/password", app.post("/api/password").by(&ada).json(&change), 200).await;
}

async fn change_rules(app: &App, play: &mut Play) {
    let admin = app.log_in_as_admin().await;
    let rule = json!({ "subject": "editor", "object": "/app/notes", "action": "read" });
    play.out("POST /api/policies", app.post("/api/policies").by(&admin).json(&rule), 201).await;
    play.out("POST /api/policies", app.post("/api/policies").by(&admin).json(&rule), 409).await;
    play.out("GET /api/policies", app.get("/api/policies").by(&admin), 200).await;
    play.out("GET /api/policies", app.get("/api/policies?limit=1").by(&admin), 200).await;
    let removal = "/api/policies?subject=editor&object=/app/notes&action=read";
    play.out("DELETE /api/policies", app.delete(removal).by(&admin), 200).await;
    play.out("DELETE /api/policies", app.delete("/api/policies").by(&admin).json(&rule), 404).await;
    let last = json!({ "subject": "admin", "object": "/api/*", "action": "*" });
    play.out("DELETE /api/policies", app.delete("/api/policies").by(&admin).json(&last), 409).await;
    let batch = json!([rule, { "subject": "user:7", "object": "editor", "action": "" }]);
    let call = app.post("/api/policies/batch").by(&admin).json(&batch);
    play.out("POST /api/policies/batch", call, 201).await;
}

async fn ask_for_permissions(app: &App, play: &mut Play) {
    let admin = app.log_in_as_admin().await;
    let user = format!("user:{}", admin.user_id);
    for (subject, object, action) in [
        (user.as_str(), "/api/users", "read"),
        ("user:nobody", "/api/users", "read"),
        ("user", "/nowhere", "read"),
        ("user", "/api/profile", "delete"),
        ("guest", "/api/profile", "read"),
        ("editor", "/app/notes", "write"),
    ] {
        for explain in [true, false] {
            let question =
                json!({ "subject": subject, "object": object, "action": action, "explain": explain });
            let call = app.post("/api/permissions/check").by(&admin).json(&question);
            play.out("POST /api/permissions/check", call, 200).await;
        }
    }
    play.out("GET /api/permissions", app.get("/api/permissions").by(&admin), 200).await;
}

async fn administer(app: &App, play: &mut Play) {
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(2).await;
    play.out("GET /api/users", app.get("/api/users?limit=1").by(&admin), 200).await;
    let change = json!({ "role": "moderator" });
    for (id, status) in [(&*ada.user_id, 200), (&*admin.user_id, 409), ("nobody", 404)] {
        let path = format!("/api/users/{id}");
        play.out("PATCH /api/users/{id}", app.patch(&path).by(&admin).json(&change), status).await;
        if status != 409 {
            let path = format!("{path}/sessions");
            play.out("DELETE /api/users/{id}/sessions", app.delete(&path).by(&admin), status).await;
        }
    }
    play.out("GET /api/audit", app.get("/api/audit").by(&admin), 200).await;
    play.out("GET /api/audit", app.get("/api/audit?limit=1").by(&admin), 200).await;
}

#[tokio::test]
async fn a_bound_is_described() {
    let store = TestStore::memory().await;
    let app = App::with(&store, |builder| builder.rate_limit_auth(1)).await;
    let mut play = Play { document: Document::new(describe(&app.guard)), played: BTreeSet::new() };
    let body = json!({ "email": ADMIN_EMAIL, "password": "wrong" });
    for status in [401, 429] {
        let call = app.post("/api/auth").from("192.0.2.1").json(&body);
        play.out("POST /api/auth", call, status).await;
    }
    for status in [201, 429] {
        let call = app.registration(1).from("192.0.2.1");
        play.out("POST /api/register", call, status).await;
    }
}

#[tokio::test]
async fn what_is_switched_off_is_described() {
    let store = TestStore::memory().await;
    let app = App::with(&store, |builder| builder.registration(false).family_logout(false)).await;
    let document = Document::new(describe(&app.guard));
    let register = operation("POST /api/register");
    assert_eq!(document.statuses(&register), BTreeSet::from([400, 403, 413, 415, 422]));
    let mut play = Play { document, played: BTreeSet::new() };
    play.out("POST /api/register", app.registration(1), 403).await;
    let body = json!({ "refresh_token": "forged", "logout_family": true });
    play.out("POST /api/logout", app.post("/api/logout").json(&body), 403).await;
}
