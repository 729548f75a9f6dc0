//! Who may do what, from the outside.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::body::{Body, Bytes};
use futures::stream;
use guardrail_tests::{App, Login, TestStore};
use serde_json::json;

async fn app() -> App {
    App::on(&TestStore::memory().await).await
}

/// A body, and whether anybody has asked for any of it.
fn watched_body() -> (Body, Arc<AtomicBool>) {
    let polled = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&polled);
    let chunks = stream::once(async move {
        flag.store(true, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from_static(b"{ malformed"))
    });
    (Body::from_stream(chunks), polled)
}

#[tokio::test]
async fn who_may_not_is_refused_before_the_body_is_read() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    for path in ["/app/notes", "/api/policies", "/api/policies/batch", "/api/permissions/check"] {
        let (body, polled) = watched_body();
        let anonymous = app.post(path).text("application/json", body).send().await;
        anonymous.problem(401, "token_missing");
        assert!(!polled.load(Ordering::SeqCst), "{path}");

        let (body, polled) = watched_body();
        let forbidden = app.post(path).by(&ada).text("application/json", body).send().await;
        forbidden.problem(403, "permission_denied");
        assert!(!polled.load(Ordering::SeqCst), "{path}");
    }
    // The same body is read once the caller may.
    let admin = app.log_in_as_admin().await;
    let (body, polled) = watched_body();
    app.post("/api/policies")
        .by(&admin)
        .text("application/json", body)
        .send()
        .await
        .problem(400, "malformed");
    assert!(polled.load(Ordering::SeqCst));
}

#[tokio::test]
async fn removing_the_profiles_rule_refuses_the_next_request() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.get("/api/profile").by(&ada).send().await.expect(200);
    app.remove_rule(&admin, "user", "/api/profile", "read").await;
    app.get("/api/profile").by(&ada).send().await.problem(403, "permission_denied");
    app.add_rule(&admin, "user", "/api/profile", "read").await;
    app.get("/api/profile").by(&ada).send().await.expect(200);
}

#[tokio::test]
async fn every_endpoint_for_callers_is_guarded_by_its_rule() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.remove_rule(&admin, "admin", "/api/*", "*").await;
    for (object, action) in [
        ("/api/sessions", "read"),
        ("/api/sessions/{id}", "delete"),
        ("/api/password", "write"),
        ("/api/logout/all", "write"),
    ] {
        let rule = guardrail::policy::Rule::new("user", object, action).unwrap();
        app.guard.remove_rules(vec![rule]).await.unwrap();
    }
    for caller in [&admin, &ada] {
        for (method, path) in [
            ("GET", "/api/sessions"),
            ("DELETE", "/api/sessions/00000000-0000-0000-0000-000000000000"),
            ("POST", "/api/password"),
            ("POST", "/api/logout/all"),
            ("GET", "/api/policies"),
            ("POST", "/api/policies"),
            ("DELETE", "/api/policies"),
            ("POST", "/api/policies/batch"),
            ("POST", "/api/permissions/check"),
            ("GET", "/api/permissions"),
            ("GET", "/api/audit"),
            ("GET", "/api/users"),
            ("PATCH", "/api/users/1"),
            ("DELETE", "/api/users/1/sessions"),
        ] {
            app.call(method, path).send().await.problem(401, "token_missing");
            app.call(method, path).by(caller).send().await.problem(403, "permission_denied");
        }
    }
}

#[tokio::test]
async fn a_change_of_role_takes_effect_on_the_next_request_of_the_same_token() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let set_role = |role: &str| {
        let path = format!("/api/users/{}", ada.user_id);
        app.patch(&path).by(&admin).json(&json!({ "role": role })).send()
    };
    app.get("/api/users").by(&ada).send().await.problem(403, "permission_denied");
    set_role("admin").await.expect(200);
    app.get("/api/users").by(&ada).send().await.expect(200);
    let reply = app.get("/app/whoami").by(&ada).send().await.expect(200);
    assert_eq!(reply.body, format!("{} admin", ada.subject()));
    set_role("user").await.expect(200);
    app.get("/api/users").by(&ada).send().await.problem(403, "permission_denied");
}

#[tokio::test]
async fn giving_a_role_needs_a_permission_of_its_own() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let (ada, bob) = (app.register_and_log_in(1).await, app.register_and_log_in(2).await);
    let path = format!("/api/users/{}", bob.user_id);
    let changing = |change: serde_json::Value| app.patch(&path).by(&ada).json(&change).send();
    app.add_rule(&admin, &ada.subject(), "/api/users/{id}", "write").await;
    changing(json!({ "role": "admin" })).await.problem(403, "permission_denied");
    changing(json!({ "role": "admin", "is_active": true })).await.problem(403, "permission_denied");
    changing(json!({ "is_active": true })).await.expect(200);
    app.add_rule(&admin, &ada.subject(), "/api/users/{id}", "assign").await;
    changing(json!({ "role": "moderator" })).await.expect(200);
    app.remove_rule(&admin, &ada.subject(), "/api/users/{id}", "write").await;
    changing(json!({ "is_active": false })).await.problem(403, "permission_denied");
    changing(json!({ "role": "user" })).await.expect(200);
}

#[tokio::test]
async fn layers_refuse_before_the_body_is_read_too() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    for path in ["/app/closure/7", "/auto/posts"] {
        for caller in [None, Some(&ada)] {
            let (body, polled) = watched_body();
            let call = app.call(if path.starts_with("/app") { "GET" } else { "POST" }, path);
            let call = caller.map_or_else(|| app.post(path), |ada| call.by(ada));
            let reply = call.text("application/json", body).send().await;
            assert!([401, 403, 405].contains(&reply.status), "{path} {reply:?}");
            assert!(!polled.load(Ordering::SeqCst), "{path}");
        }
    }
}

#[tokio::test]
async fn a_disabled_user_is_refused_on_the_next_request() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let path = format!("/api/users/{}", ada.user_id);
    app.patch(&path).by(&admin).json(&json!({ "is_active": false })).send().await.expect(200);
    app.get("/api/profile").by(&ada).send().await.problem(401, "session_ended");
}

#[tokio::test]
async fn an_administrator_does_not_change_its_own_role_or_activity() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let path = format!("/api/users/{}", admin.user_id);
    for change in [json!({ "role": "user" }), json!({ "is_active": false })] {
        app.patch(&path).by(&admin).json(&change).send().await.problem(409, "conflict");
    }
    app.get("/api/users").by(&admin).send().await.expect(200);
}

/// What the caller gets for each path.
async fn statuses<const N: usize>(app: &App, caller: &Login, paths: [&str; N]) -> [u16; N] {
    let mut statuses = [0; N];
    for (status, path) in statuses.iter_mut().zip(paths) {
        *status = app.get(path).by(caller).send().await.status;
    }
    statuses
}

#[tokio::test]
async fn a_path_value_fills_the_object_and_stays_one_segment() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.add_rule(&admin, &ada.subject(), "/app/notes/7", "read").await;
    assert_eq!(
        statuses(&app, &ada, ["/app/notes/7", "/app/notes/8", "/app/notes/%37"]).await,
        [200, 403, 200]
    );

    app.add_rule(&admin, &ada.subject(), "/app/notes/{id}", "read").await;
    app.add_rule(&admin, &ada.subject(), "/app/closure/{id}", "read").await;
    for value in ["..", "%2e%2e", ".%2E", ".", "%2e", "a%2Fb", "..%2f7", "a%5Cb", "a%00b", "a%0Ab", "%ff"] {
        for base in ["/app/notes", "/app/closure"] {
            let path = format!("{base}/{value}");
            app.get(&path).by(&ada).send().await.problem(403, "permission_denied");
        }
    }
    // Signs that mean something in a rule are literal in a value.
    for (value, text) in [("*", "*"), ("%7Bx%7D", "{x}"), ("{x}", "{x}"), ("a%7Cb", "a|b"), ("%252e", "%2e")]
    {
        assert_eq!(app.get(&format!("/app/notes/{value}")).by(&ada).send().await.expect(200).body, text);
    }
}

#[tokio::test]
async fn a_star_or_a_brace_in_a_value_matches_no_other_rule() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.add_rule(&admin, &ada.subject(), "/app/notes/7", "read").await;
    let paths =
        ["/app/notes/*", "/app/notes/%2a", "/app/notes/%7Bid%7D", "/app/notes/.*", "/app/notes/7%7C8"];
    assert_eq!(statuses(&app, &ada, paths).await, [403; 5]);
}

#[tokio::test]
async fn a_wildcard_stays_its_segments() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.add_rule(&admin, &ada.subject(), "/app/files/public/*", "read").await;
    let paths = [
        "/app/files/public/a",
        "/app/files/public/a/b",
        "/app/files/private/a",
        "/app/files/public/../private/a",
        "/app/files/public/%2e%2e/private/a",
        "/app/files/public//a",
        "/app/files/public/..%2fprivate",
    ];
    // A slash that was encoded is decoded before the segments are looked at.
    assert_eq!(statuses(&app, &ada, paths).await, [200, 200, 403, 403, 403, 403, 403]);
}

#[tokio::test]
async fn a_constant_object_is_asked_for() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.get("/app/reports").by(&ada).send().await.problem(403, "permission_denied");
    app.add_rule(&admin, "user", guardrail_tests::routes::REPORTS, "read").await;
    app.get("/app/reports").by(&ada).send().await.expect(200);
}

#[tokio::test]
async fn combinations_mean_what_they_say() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let [none, permitted, moderator, both] = [
        app.register_and_log_in(1).await,
        app.register_and_log_in(2).await,
        app.register_and_log_in(3).await,
        app.register_and_log_in(4).await,
    ];
    for caller in [&permitted, &both] {
        for object in ["/app/any/{id}", "/app/all/{id}", "/app/stacked"] {
            app.add_rule(&admin, &caller.subject(), object, "read").await;
        }
    }
    for caller in [&moderator, &both] {
        app.add_rule(&admin, &caller.subject(), "moderator", "").await;
    }
    let paths = ["/app/any/1", "/app/all/1", "/app/role", "/app/stacked", "/app/closure"];
    assert_eq!(statuses(&app, &none, paths).await, [403, 403, 403, 403, 403]);
    assert_eq!(statuses(&app, &permitted, paths).await, [200, 403, 403, 403, 403]);
    assert_eq!(statuses(&app, &moderator, paths).await, [200, 403, 200, 403, 200]);
    assert_eq!(statuses(&app, &both, paths).await, [200, 200, 200, 200, 200]);
    for path in paths {
        app.get(path).send().await.problem(401, "token_missing");
    }
}

#[tokio::test]
async fn a_role_is_inherited() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.add_rule(&admin, &ada.subject(), "lead", "").await;
    app.get("/app/role").by(&ada).send().await.problem(403, "permission_denied");
    app.add_rule(&admin, "lead", "moderator", "").await;
    app.get("/app/role").by(&ada).send().await.expect(200);
    // A circle of roles is no trouble.
    app.add_rule(&admin, "moderator", "lead", "").await;
    app.get("/app/role").by(&ada).send().await.expect(200);
}

#[tokio::test]
async fn the_claimed_role_decides_nothing() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let token = guardrail_tests::Forgery::of(&ada.token).claim("role", "admin").sign();
    let forged = Login { token, ..ada };
    // The signature is right, as if the role had been taken away since.
    app.get("/api/profile").by(&forged).send().await.expect(200);
    app.get("/api/users").by(&forged).send().await.problem(403, "permission_denied");
}

#[tokio::test]
async fn a_refusal_is_in_the_log_with_what_was_asked_for() {
    let logs = guardrail_tests::Logs::capture();
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    logs.take();
    let reply = app.get("/app/notes/a%1bb").by(&ada).send().await;
    reply.problem(403, "permission_denied");
    app.get("/app/notes/7").by(&ada).send().await.problem(403, "permission_denied");
    let log = logs.take();
    assert!(log.contains("permission_denied") && log.contains("/app/notes/7"), "{log}");
    assert!(log.contains(&ada.subject()), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}
