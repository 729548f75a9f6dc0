//! `handlers.md`: what guards a handler.

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{Request, Response},
    routing::{get, post, put},
};
use guardrail::{
    AuthLayer, Authenticated, EnforceRoutes, Error, Guardrail, Permit, Principal, PublicLayer, RequireLayer,
    Requirement, SigningKey, User, UserId,
    policy::{Declaration, Rule},
    public, require,
};
use guardrail_tests::{App, Login, TestStore};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tower::service_fn;

/// A key to sign with.
pub(crate) fn key() -> SigningKey {
    SigningKey::hs256("a secret of the guide, 32 bytes or more").unwrap()
}

/// A rule that is right.
pub(crate) fn rule(subject: &str, object: &str, action: &str) -> Rule {
    Rule::new(subject, object, action).unwrap()
}

/// These routes beside Guardrail's own.
pub(crate) fn around(routes: Router, guard: &Guardrail) -> Router {
    routes.nest("/api", guard.routes()).layer(AuthLayer::new(guard.clone()))
}

/// An application of these routes.
pub(crate) async fn app(routes: Router) -> App {
    let mut app = App::on(&TestStore::memory().await).await;
    app.router = around(routes, &app.guard);
    app
}

/// The status of a `GET`.
async fn status(app: &App, by: &Login, path: &str) -> u16 {
    app.get(path).by(by).send().await.status
}

// ANCHOR: forms
mod objects {
    pub(super) const POST: &str = "/api/posts/{id}";
}
const EDIT: &str = "edit";
const MODERATOR: &str = "moderator";

/// An object and an action.
#[require("/api/posts/{id}", "edit")]
async fn by_position() {}

/// The same by name, in any order.
#[require(action = "edit", object = "/api/posts/{id}")]
async fn by_name() {}

/// The same by constants, which may stand wherever a literal does.
#[require(objects::POST, EDIT)]
async fn by_constant() {}

/// A role: the account's own, or one that rules give.
#[require(role = MODERATOR)]
async fn by_role() {}

/// One of them is enough.
#[require(any(("/api/posts/{id}", "edit"), role = "moderator"))]
async fn any_of() {}

/// Each of them is needed; `any` and `all` nest as deep as one likes.
#[require(all((objects::POST, EDIT), any(role = "author", role = MODERATOR)))]
async fn all_of() {}

/// So is each of several attributes.
#[require("/api/posts/{id}", "edit")]
#[require(role = "moderator")]
async fn stacked() {}
// ANCHOR_END: forms

#[tokio::test]
async fn each_form_asks_for_what_it_says() {
    let routes = Router::new()
        .route("/position/{id}", get(by_position))
        .route("/name/{id}", get(by_name))
        .route("/constant/{id}", get(by_constant))
        .route("/role/{id}", get(by_role))
        .route("/any/{id}", get(any_of))
        .route("/all/{id}", get(all_of))
        .route("/stacked/{id}", get(stacked));
    let app = app(routes).await;
    let (nobody, editor) = (app.register_and_log_in(1).await, app.register_and_log_in(2).await);
    let (moderator, both) = (app.register_and_log_in(3).await, app.register_and_log_in(4).await);
    let rules = vec![
        rule(&editor.subject(), "/api/posts/{id}", "edit"),
        rule(&both.subject(), "/api/posts/{id}", "edit"),
        rule(&moderator.subject(), "moderator", ""),
        rule(&both.subject(), "moderator", ""),
    ];
    app.guard.add_rules(rules).await.unwrap();
    let forms = ["position", "name", "constant", "role", "any", "all", "stacked"];
    for (who, statuses) in [
        (&nobody, [403, 403, 403, 403, 403, 403, 403]),
        (&editor, [200, 200, 200, 403, 200, 403, 403]),
        (&moderator, [403, 403, 403, 200, 200, 403, 403]),
        (&both, [200, 200, 200, 200, 200, 200, 200]),
    ] {
        for (form, expected) in forms.into_iter().zip(statuses) {
            let path = format!("/{form}/7");
            assert_eq!(status(&app, who, &path).await, expected, "{form}");
            app.get(&path).send().await.problem(401, "token_missing");
        }
    }
}

// ANCHOR: path_values
#[require("/api/posts/{id}/comments/{comment}", "read")]
async fn comment(Path((id, comment)): Path<(u64, u64)>) -> String {
    format!("comment {comment} on post {id}")
}

/// `{*path}` at the end is the rest of the path.
#[require("/files/{*path}", "read")]
async fn file(Path(path): Path<String>) -> String {
    path
}
// ANCHOR_END: path_values

/// The requirement wants `{id}`, which the route does not have.
#[require("/api/posts/{id}", "read")]
async fn misnamed() {}

#[tokio::test]
async fn values_of_the_path_fill_the_object() {
    let routes = Router::new()
        .route("/posts/{id}/comments/{comment}", get(comment))
        .route("/files/{*path}", get(file))
        .route("/misnamed/{name}", get(misnamed));
    let app = app(routes).await;
    let ada = app.register_and_log_in(1).await;
    let rules =
        vec![rule("user", "/api/posts/7/comments/{any}", "read"), rule("user", "/files/public/*", "read")];
    app.guard.add_rules(rules).await.unwrap();
    for (path, expected) in [
        ("/posts/7/comments/1", 200),
        ("/posts/%37/comments/1", 200),
        ("/posts/8/comments/1", 403),
        ("/posts/%2e%2e/comments/1", 403),
        ("/posts/7%2F7/comments/1", 403),
        ("/files/public/a/b", 200),
        ("/files/private/a", 403),
        ("/files/public/%2e%2e/private/a", 403),
        ("/files/public//a", 403),
        ("/misnamed/7", 500),
    ] {
        assert_eq!(status(&app, &ada, path).await, expected, "{path}");
    }
}

#[derive(Serialize, Deserialize)]
struct Draft {
    title: String,
}

// ANCHOR: debug_handler
#[require("/api/posts", "write")]
#[axum::debug_handler]
async fn create(Json(draft): Json<Draft>) -> Json<Draft> {
    Json(draft)
}
// ANCHOR_END: debug_handler

#[tokio::test]
async fn who_may_not_is_refused_whatever_the_body_is() {
    let app = app(Router::new().route("/api/posts", post(create))).await;
    let ada = app.register_and_log_in(1).await;
    let wrong = || app.post("/api/posts").by(&ada).json(&json!({ "name": "no title" })).send();
    wrong().await.problem(403, "permission_denied");
    app.guard.add_rules(vec![rule("user", "/api/posts", "write")]).await.unwrap();
    wrong().await.expect(422);
    app.post("/api/posts").by(&ada).json(&json!({ "title": "Hello" })).send().await.expect(200);
}

// ANCHOR: callers
/// Who it is, without a look-up: key, session and role.
async fn whoami(who: Principal) -> String {
    format!("{} {}", who.subject(), who.role())
}

/// The user as the store has it at this moment.
async fn hello(user: Authenticated<User>) -> String {
    format!("Hello {}", user.username)
}

/// Anybody. Wrong credentials are refused all the same: only none at all are nobody.
async fn greet(user: Option<Authenticated<User>>) -> String {
    user.map_or_else(|| "Hello".to_owned(), |user| format!("Hello {}", user.username))
}
// ANCHOR_END: callers

#[tokio::test]
async fn handlers_learn_as_much_as_they_ask_for() {
    let routes =
        Router::new().route("/whoami", get(whoami)).route("/hello", get(hello)).route("/greet", get(greet));
    let app = app(routes).await;
    let ada = app.register_and_log_in(1).await;
    for (path, expected) in [
        ("/whoami", format!("{} user", ada.subject())),
        ("/hello", "Hello user1".to_owned()),
        ("/greet", "Hello user1".to_owned()),
    ] {
        assert_eq!(app.get(path).by(&ada).send().await.expect(200).body, expected);
    }
    app.get("/whoami").send().await.problem(401, "token_missing");
    app.get("/hello").send().await.problem(401, "token_missing");
    assert_eq!(app.get("/greet").send().await.expect(200).body, "Hello");
    app.get("/greet").bearer("wrong").cookie(&ada.cookie).send().await.problem(401, "token_invalid");
}

// ANCHOR: require_layer
struct Reports(Vec<&'static str>);

impl Reports {
    fn list(&self) -> String {
        self.0.join(", ")
    }
}

const STAFF: Requirement = Requirement::Any(&[
    Requirement::Role("staff"),
    Requirement::Permission { object: "/files", action: "read" },
]);

fn reports(reports: Arc<Reports>) -> Router {
    // A method, by way of a closure.
    let list = async move || reports.list();
    // A service, by way of a router of its own.
    let files = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::from("a file"))));
    let files = Router::new().nest_service("/files", files).route_layer(RequireLayer::from(STAFF));
    Router::new()
        .route("/reports", get(list).layer(RequireLayer::role("auditor")))
        .route(
            "/reports/{id}",
            get(async |Path(id): Path<u64>| format!("report {id}"))
                .layer(RequireLayer::new("/reports/{id}", "read")),
        )
        .merge(files)
}
// ANCHOR_END: require_layer

#[tokio::test]
async fn layers_ask_as_the_attribute_does() {
    let app = app(reports(Arc::new(Reports(vec!["sales", "costs"])))).await;
    let ada = app.register_and_log_in(1).await;
    for path in ["/reports", "/reports/7", "/files/logo.svg"] {
        app.get(path).send().await.problem(401, "token_missing");
        app.get(path).by(&ada).send().await.problem(403, "permission_denied");
    }
    let rules = vec![
        rule(&ada.subject(), "auditor", ""),
        rule(&ada.subject(), "staff", ""),
        rule("auditor", "/reports/7", "read"),
    ];
    app.guard.add_rules(rules).await.unwrap();
    for (path, expected) in
        [("/reports", "sales, costs"), ("/reports/7", "report 7"), ("/files/logo.svg", "a file")]
    {
        assert_eq!(app.get(path).by(&ada).send().await.expect(200).body, expected);
    }
    app.get("/reports/8").by(&ada).send().await.problem(403, "permission_denied");
}

// ANCHOR: enforce
fn posts() -> Router {
    Router::new()
        .route("/posts", get(async || "posts").post(async || "created"))
        .route("/posts/{id}", get(async || "post").put(async || "changed").delete(async || "removed"))
        .route("/posts/export", get(async || "every post"))
        .route_layer(EnforceRoutes::new()) // for the routes above it
}
// ANCHOR_END: enforce

// ANCHOR: actions
fn things() -> Router {
    let actions = EnforceRoutes::new().with_actions(|method| match method.as_str() {
        "GET" | "HEAD" => Some("view"),
        "POST" => Some("create"),
        _ => None, // denied, whatever the rules say
    });
    Router::new().route("/things", get(async || "things").post(async || "created")).route_layer(actions)
}
// ANCHOR_END: actions

#[tokio::test]
async fn a_group_of_routes_is_closed_but_for_its_rules() {
    let app = app(Router::new().nest("/api", posts()).nest("/api", things())).await;
    let ada = app.register_and_log_in(1).await;
    let rules = vec![
        rule("user", "/api/posts/{number}", "read"),
        rule("user", "/api/posts/{number}", "write"),
        rule("user", "/api/posts/7", "delete"),
        rule("user", "/api/things", "view"),
    ];
    app.guard.add_rules(rules).await.unwrap();
    for (method, path, expected) in [
        ("GET", "/api/posts/7", 200),
        ("HEAD", "/api/posts/7", 200),
        ("PUT", "/api/posts/7", 200),
        // A rule for one value says nothing of the template.
        ("DELETE", "/api/posts/7", 403),
        ("GET", "/api/posts", 403),
        ("GET", "/api/posts/export", 403),
        ("GET", "/api/things", 200),
        ("POST", "/api/things", 403),
    ] {
        assert_eq!(app.call(method, path).send().await.status, 401, "{method} {path}");
        assert_eq!(app.call(method, path).by(&ada).send().await.status, expected, "{method} {path}");
    }
}

// ANCHOR: strict
#[public]
async fn version() -> &'static str {
    "1.0"
}

fn router(guard: &Guardrail) -> Router {
    let layer = AuthLayer::new(guard.clone());
    Router::new()
        .route("/version", get(version))
        .route("/logo", get(async || "a picture").layer(PublicLayer::new()))
        .route("/forgotten", get(async || "for whom?"))
        .layer(if cfg!(test) { layer.strict() } else { layer })
}
// ANCHOR_END: strict

#[tokio::test]
async fn strict_mode_finds_what_was_forgotten() {
    let mut app = app(Router::new()).await;
    app.router = router(&app.guard);
    for (path, expected) in [("/version", 200), ("/logo", 200), ("/forgotten", 500)] {
        assert_eq!(app.get(path).send().await.status, expected, "{path}");
    }
}

#[tokio::test]
async fn refusals_are_problems() {
    let app = app(Router::new().route("/posts/{id}", get(by_position))).await;
    let (ada, bob) = (app.register_and_log_in(1).await, app.register_and_log_in(2).await);
    let call = || app.get("/posts/7");

    let reply = call().send().await;
    assert_eq!(reply.header("www-authenticate"), "Bearer");
    assert_eq!(
        reply.problem(401, "token_missing"),
        json!({
            "type": "about:blank", "title": "Unauthorized", "status": 401,
            "detail": "send an access token: Authorization: Bearer …", "code": "token_missing", "success": false,
        })
    );
    assert_eq!(
        call().by(&ada).send().await.problem(403, "permission_denied"),
        json!({
            "type": "about:blank", "title": "Forbidden", "status": 403,
            "detail": "you have no permission for this", "code": "permission_denied", "success": false,
        })
    );
    for (call, code) in [
        (call().bearer("wrong"), "token_invalid"),
        (call().bearer(&ada.token), "fingerprint_missing"),
        (call().bearer(&ada.token).cookie(&bob.cookie), "session_ended"),
    ] {
        let reply = call.send().await;
        reply.problem(401, code);
        assert_eq!(reply.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    }
    app.clock.advance(Duration::from_mins(30));
    call().by(&ada).send().await.problem(401, "token_expired");
}

// ANCHOR: ownership
#[derive(Clone)]
struct Shared {
    guard: Guardrail,
    /// Who wrote which post.
    authors: Arc<HashMap<u64, UserId>>,
}

guardrail::asks!("/api/posts/{id}", "edit");

/// The rules let every user try; whose a post is, the post knows.
#[require("/api/posts/{id}", "write")]
async fn edit(
    State(shared): State<Shared>,
    who: Principal,
    Path(id): Path<u64>,
) -> Result<&'static str, Error> {
    let author = shared.authors.get(&id).ok_or(Error::NotFound)?;
    if author != who.user_id() {
        shared.guard.demand(&who, &format!("/api/posts/{id}"), "edit")?;
    }
    Ok("changed")
}
// ANCHOR_END: ownership

// ANCHOR: assembled
fn application(guard: &Guardrail, shared: Shared) -> Router {
    Router::new()
        .route("/version", get(version))
        .route("/api/posts/{id}", put(edit))
        .with_state(shared)
        .nest("/api", guard.routes())
        .layer(AuthLayer::new(guard.clone())) // last: a layer is around what stands above it
}
// ANCHOR_END: assembled

#[tokio::test]
async fn an_author_may_change_its_post_and_whoever_a_rule_names() {
    let mut app = app(Router::new()).await;
    let (ada, bob) = (app.register_and_log_in(1).await, app.register_and_log_in(2).await);
    let authors = Arc::new(HashMap::from([(1, ada.user_id.parse::<UserId>().unwrap())]));
    app.router = application(&app.guard, Shared { guard: app.guard.clone(), authors });
    let edit = async |by: &Login, path: &str| app.call("PUT", path).by(by).send().await.status;

    assert_eq!(edit(&ada, "/api/posts/1").await, 403, "no rule lets anybody try");
    app.guard.add_rules(vec![rule("user", "/api/posts/{id}", "write")]).await.unwrap();
    assert_eq!(edit(&ada, "/api/posts/1").await, 200);
    assert_eq!(edit(&ada, "/api/posts/2").await, 404);
    assert_eq!(edit(&bob, "/api/posts/1").await, 403);
    app.guard.add_rules(vec![rule(&bob.subject(), "/api/posts/1", "edit")]).await.unwrap();
    assert_eq!(edit(&bob, "/api/posts/1").await, 200);
    app.get("/version").send().await.expect(200);
}

// ANCHOR: permit
/// May remove posts for good.
struct Purge;

impl Declaration for Purge {
    const REQUIREMENT: Requirement = Requirement::Permission { object: "/api/posts", action: "purge" };
    const FUNCTION: &'static str = concat!(module_path!(), "::Purge");
    const FILE: &'static str = file!();
    const LINE: u32 = line!();
}

/// Nothing can call this for a caller who was not asked.
fn purge(_: &Permit<Purge>) -> &'static str {
    "purged"
}

async fn purge_posts(permit: Permit<Purge>) -> &'static str {
    purge(&permit)
}
// ANCHOR_END: permit

#[tokio::test]
async fn a_permit_is_made_by_the_check_alone() {
    let app = app(Router::new().route("/purge", post(purge_posts))).await;
    let ada = app.register_and_log_in(1).await;
    app.post("/purge").send().await.problem(401, "token_missing");
    app.post("/purge").by(&ada).send().await.problem(403, "permission_denied");
    app.guard.add_rules(vec![rule("user", "/api/posts", "purge")]).await.unwrap();
    app.post("/purge").by(&ada).send().await.expect(200);
}
