//! Routes that are closed by themselves, and those that are found open.

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
    routing::get,
};
use guardrail::{AuthLayer, EnforceRoutes, Principal, PublicLayer, RequireLayer, public, require};
use guardrail_tests::{App, Call, Login, Logs, TestStore};
use tower::{ServiceExt as _, service_fn};

async fn app() -> (App, Login, Login) {
    let app = App::on(&TestStore::memory().await).await;
    let (admin, ada) = (app.log_in_as_admin().await, app.register_and_log_in(1).await);
    (app, admin, ada)
}

#[tokio::test]
async fn a_route_without_a_rule_is_closed() {
    let (app, admin, ada) = app().await;
    for path in ["/auto/posts", "/auto/posts/7", "/auto/posts/export", "/auto/files/a/b"] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            app.call(method, path).send().await.problem(401, "token_missing");
            for caller in [&admin, &ada] {
                app.call(method, path).by(caller).send().await.problem(403, "permission_denied");
            }
        }
    }
}

#[tokio::test]
async fn the_method_is_the_action_and_the_template_the_object() {
    let (app, admin, ada) = app().await;
    app.add_rule(&admin, "user", "/auto/posts/{number}", "write").await;
    for (method, status) in [
        ("GET", 403),
        ("HEAD", 403),
        ("POST", 200),
        ("PUT", 200),
        ("PATCH", 200),
        ("DELETE", 403),
        ("OPTIONS", 403),
        ("TRACE", 403),
    ] {
        assert_eq!(app.call(method, "/auto/posts/7").by(&ada).send().await.status, status, "{method}");
    }
    let reply = app.call("PUT", "/auto/posts/7").by(&ada).send().await;
    assert_eq!(reply.body, "PUT /auto/posts/{id}", "the object is the whole template");
    app.add_rule(&admin, "user", "/auto/posts/{number}", "read").await;
    app.add_rule(&admin, "user", "/auto/posts/{number}", "delete").await;
    for method in ["GET", "HEAD", "DELETE"] {
        app.call(method, "/auto/posts/7").by(&ada).send().await.expect(200);
    }
    // A method that has no action stays closed, whatever the rules.
    app.add_rule(&admin, "user", "*", "*").await;
    app.call("TRACE", "/auto/posts/7").by(&ada).send().await.problem(403, "permission_denied");
    app.call("OPTIONS", "/auto/posts/7").by(&ada).send().await.problem(403, "permission_denied");
}

#[tokio::test]
async fn a_rule_for_a_placeholder_says_nothing_of_its_siblings() {
    let (app, admin, ada) = app().await;
    app.add_rule(&admin, "user", "/auto/posts/{id}", "read").await;
    app.get("/auto/posts/7").by(&ada).send().await.expect(200);
    app.get("/auto/posts/export").by(&ada).send().await.problem(403, "permission_denied");
    app.add_rule(&admin, "user", "/auto/posts/export", "read").await;
    app.get("/auto/posts/export").by(&ada).send().await.expect(200);
    app.add_rule(&admin, "user", "/auto/files/{path}", "read").await;
    app.get("/auto/files/a").by(&ada).send().await.problem(403, "permission_denied");
    app.add_rule(&admin, "user", "/auto/files/*", "read").await;
    app.get("/auto/files/a/b").by(&ada).send().await.expect(200);
}

/// What is done to a path chooses a route or none, and never another rule than that route's.
#[tokio::test]
async fn no_spelling_of_a_path_opens_another_route() {
    let (app, admin, ada) = app().await;
    app.add_rule(&admin, "user", "/auto/posts/{id}", "read").await;
    for path in [
        "/auto/posts/%65xport",
        "/auto/posts/export/",
        "/auto/posts//export",
        "/auto//posts/export",
        "/auto/posts/./export",
        "/auto/posts/7/../export",
        "/auto/posts/%2e%2e/posts/export",
        "/auto/posts/export;x=1",
        "/auto/posts/EXPORT",
        "/AUTO/posts/export",
        "/auto/posts/%2fexport",
        "/auto/posts/{id}",
        "/auto/posts/*",
        "/auto/files/../posts/7",
    ] {
        let reply = app.get(path).by(&ada).send().await;
        // Where axum finds the placeholder's route, that is the rule's own.
        let own = reply.status == 200 && reply.body == "GET /auto/posts/{id}";
        assert!(own || matches!(reply.status, 403 | 404), "{path} {reply:?}");
    }
    app.get("/auto/posts/export").by(&ada).send().await.problem(403, "permission_denied");
}

#[tokio::test]
async fn where_no_route_matched_it_is_closed_and_the_log_says_so() {
    let (app, admin, ada) = app().await;
    app.add_rule(&admin, "user", "*", "*").await;
    for path in ["/auto/tail/x", "/auto/nothing/here"] {
        let logs = Logs::capture();
        app.get(path).send().await.problem(401, "token_missing");
        app.get(path).by(&ada).send().await.problem(403, "permission_denied");
        let log = logs.take();
        assert!(log.contains("ERROR") && log.contains(path) && log.contains("route_layer"), "{log}");
    }
}

#[tokio::test]
async fn a_preflight_passes_and_nothing_that_only_looks_like_one() {
    let (app, ..) = app().await;
    let options = |app: &App| app.call("OPTIONS", "/auto/posts");
    let origin = |call: Call| call.header("origin", "https://example.com");
    let asks = |call: Call| call.header("access-control-request-method", "PUT");
    asks(origin(options(&app))).send().await.expect(200);
    for call in
        [options(&app), origin(options(&app)), asks(options(&app)), asks(origin(app.get("/auto/posts")))]
    {
        call.send().await.problem(401, "token_missing");
    }
}

#[tokio::test]
async fn the_actions_can_be_others() {
    let (app, admin, ada) = app().await;
    let actions = EnforceRoutes::new().with_actions(|method| (method == "GET").then_some("look"));
    let router = Router::new()
        .route("/things", get(async || "things").post(async || "things"))
        .route_layer(actions)
        .layer(AuthLayer::new(app.guard.clone()));
    app.add_rule(&admin, "user", "/things", "look").await;
    app.add_rule(&admin, "user", "/things", "write").await;
    Call::new(router.clone(), "GET", "/things").by(&ada).send().await.expect(200);
    Call::new(router, "POST", "/things").by(&ada).send().await.problem(403, "permission_denied");
}

#[public]
async fn declared_public() -> &'static str {
    "public"
}

#[require("/strict/guarded", "read")]
async fn guarded() -> &'static str {
    "guarded"
}

/// Routes of every kind, in strict mode.
fn strict(app: &App) -> Router {
    let service = || {
        service_fn(async |_: Request<Body>| Ok::<_, std::convert::Infallible>(Response::new(Body::empty())))
    };
    Router::new()
        .route("/strict/open", get(async || "open"))
        .route("/strict/open/{id}", get(async || "open").post(async || axum::response::Redirect::to("/")))
        .route("/strict/failing", get(async || axum::http::StatusCode::NOT_FOUND))
        .route("/strict/public", get(declared_public))
        .route("/strict/layer", get(async || "public").layer(PublicLayer::new()))
        .route("/strict/guarded", get(guarded))
        .route(
            "/strict/required",
            get(async || "guarded").layer(RequireLayer::new("/strict/guarded", "read")),
        )
        .route("/strict/who", get(async |_: Principal| "who"))
        .route("/strict/maybe", get(async |_: Option<Principal>| "maybe"))
        .nest_service("/strict/service", service())
        .nest_service("/strict/assets", PublicLayer::new().layer(service()))
        .layer(AuthLayer::new(app.guard.clone()).strict())
}

use tower::Layer as _;

#[tokio::test]
async fn strict_mode_names_the_routes_that_say_nothing() {
    let (app, admin, ada) = app().await;
    app.add_rule(&admin, "user", "/strict/guarded", "read").await;
    let router = strict(&app);
    let call = |method: &str, path: &str| Call::new(router.clone(), method, path);
    for (method, path, route) in [
        ("GET", "/strict/open", "/strict/open"),
        ("GET", "/strict/open/7", "/strict/open/{id}"),
        ("HEAD", "/strict/open", "/strict/open"),
        ("POST", "/strict/open/7", "/strict/open/{id}"),
        ("GET", "/strict/service/x", "/strict/service/x"),
        ("GET", "/strict/maybe", "/strict/maybe"),
    ] {
        let logs = Logs::capture();
        let reply = call(method, path).send().await;
        assert_eq!(reply.status, 500, "{method} {path}");
        let log = logs.take();
        assert!(
            log.contains(&format!("{method} \\\"{route}\\\""))
                || log.contains(&format!("{method} \"{route}\"")),
            "{log}"
        );
        assert!(log.contains("#[public]") && log.contains("#[require"), "{log}");
    }
    for path in ["/strict/public", "/strict/layer", "/strict/assets/logo.svg"] {
        call("GET", path).send().await.expect(200);
    }
    for path in ["/strict/guarded", "/strict/required", "/strict/who", "/strict/maybe"] {
        call("GET", path).by(&ada).send().await.expect(200);
    }
    // An error gives nothing away.
    call("GET", "/strict/failing").send().await.expect(404);
    call("GET", "/strict/nowhere").send().await.expect(404);
    call("GET", "/strict/guarded").send().await.problem(401, "token_missing");
}

#[tokio::test]
async fn without_strict_mode_they_are_served() {
    let (app, ..) = app().await;
    let router = Router::new().route("/open", get(async || "open")).layer(AuthLayer::new(app.guard.clone()));
    let request = Request::builder().uri("/open").body(Body::empty()).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_nobody_may_and_a_mistyped_action_are_in_the_log_at_the_start() {
    let store = TestStore::memory().await;
    store
        .write_rows(&[&["p", "user", "/app/notes/{id}", "raed"], &["p", "user", "/app/reports", "read"]])
        .await;
    let logs = Logs::capture();
    App::on(&store).await;
    let log = logs.take();
    assert!(
        log.contains("no rule grants `read` on /app/notes/{id}, which guardrail_tests::routes::read_note"),
        "{log}"
    );
    assert!(log.contains("user can raed on /app/notes/{id}"), "{log}");
    assert!(log.contains("no rule grants `read` on /api/profile"), "of the endpoints as well: {log}");
    assert!(!log.contains("on /app/reports,"), "{log}");
}
