//! Who is recognised, who is not, and what the client and the log each learn of it.

use std::time::Duration;

use axum::Router;
use guardrail_tests::{App, Logs, Reply, TestStore, routes};

async fn app() -> App {
    App::on(&TestStore::memory().await).await
}

/// Checks that the client is told the code and the log alone the cause.
#[track_caller]
fn refused(reply: &Reply, logs: &Logs, code: &str, cause: &str) {
    reply.problem(401, code);
    let log = logs.take();
    assert!(log.contains("request_refused") && log.contains(cause), "{cause:?} is not in the log: {log}");
    assert!(!reply.body.contains(cause), "{reply:#?}");
}

#[tokio::test]
async fn without_credentials_the_challenge_names_no_error() {
    let app = app().await;
    let reply = app.get("/api/profile").send().await;
    reply.problem(401, "token_missing");
    assert_eq!(reply.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn a_cookie_alone_is_no_credential() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    app.get("/api/profile").cookie(&ada.cookie).send().await.problem(401, "token_missing");
    let reply = app.get("/app/maybe").cookie(&ada.cookie).send().await.expect(200);
    assert_eq!(reply.body, "nobody");
}

#[tokio::test]
async fn a_token_without_its_cookie_is_refused() {
    let logs = Logs::capture();
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    logs.take();
    let reply = app.get("/api/profile").bearer(&ada.token).send().await;
    refused(&reply, &logs, "fingerprint_missing", "the cookie is missing");
    assert_eq!(reply.header("www-authenticate"), "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn another_devices_cookie_is_refused() {
    let logs = Logs::capture();
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let other = app.log_in(&App::email(1), &App::password(1)).await;
    logs.take();
    let reply = app.get("/api/profile").bearer(&ada.token).cookie(&other.cookie).send().await;
    refused(&reply, &logs, "session_ended", "the cookie is of another device");
}

#[tokio::test]
async fn a_cookie_that_is_no_fingerprint_is_a_wrong_one() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let padded = format!("{}=", ada.cookie);
    for cookie in ["", "no base64url!", &padded, &ada.cookie[1..], &"A".repeat(100_000)] {
        let reply = app.get("/api/profile").bearer(&ada.token).cookie(cookie).send().await;
        reply.problem(401, "session_ended");
    }
}

#[tokio::test]
async fn any_of_four_cookies_may_match_and_five_are_refused() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let with = |count: usize| {
        let tossed = vec!["user_fingerprint=tossed"; count - 1].join("; ");
        let cookies = format!("{tossed}; user_fingerprint={}", ada.cookie);
        app.get("/api/profile").bearer(&ada.token).header("cookie", &cookies).send()
    };
    with(2).await.expect(200);
    with(4).await.expect(200);
    with(5).await.problem(401, "session_ended");
    // Spread over several headers they count the same.
    let mut call = app.get("/api/profile").by(&ada);
    for _ in 0..4 {
        call = call.cookie("tossed");
    }
    call.send().await.problem(401, "session_ended");
}

#[tokio::test]
async fn a_logged_out_token_is_refused() {
    let logs = Logs::capture();
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    app.log_out(&ada.refresh_token).send().await.expect(200);
    logs.take();
    let reply = app.get("/api/profile").by(&ada).send().await;
    refused(&reply, &logs, "session_ended", "the session is revoked");
}

#[tokio::test]
async fn an_expired_token_is_refused_to_the_second() {
    let logs = Logs::capture();
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    app.clock.advance(Duration::from_secs(30 * 60 - 1));
    app.get("/api/profile").by(&ada).send().await.expect(200);
    app.clock.advance(Duration::from_secs(1));
    logs.take();
    let reply = app.get("/api/profile").by(&ada).send().await;
    reply.problem(401, "token_expired");
    assert!(logs.take().contains("the token has expired"));
}

#[tokio::test]
async fn an_authorization_that_is_no_single_bearer_token_is_wrong_and_not_missing() {
    let logs = Logs::capture();
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let call = || app.get("/api/profile").cookie(&ada.cookie);
    let bearer = format!("Bearer {}", ada.token);
    logs.take();
    let twice = call().header("authorization", &bearer).header("authorization", &bearer).send().await;
    refused(&twice, &logs, "token_invalid", "more than one Authorization header");
    let basic = call().header("authorization", "Basic YWRhOnNlY3JldA==").send().await;
    refused(&basic, &logs, "token_invalid", "not of the scheme Bearer");
    let scheme_alone = call().header("authorization", "Bearer").send().await;
    refused(&scheme_alone, &logs, "token_invalid", "has no token");
    let huge = call().header("authorization", &format!("Bearer {}", "a".repeat(100 * 1024))).send().await;
    refused(&huge, &logs, "token_invalid", "too long");
    call().header("authorization", &format!("bearer {}", ada.token)).send().await.expect(200);
}

#[tokio::test]
async fn a_missing_caller_is_none_and_a_wrong_one_is_refused() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    for path in ["/app/maybe", "/app/maybe-user"] {
        assert_eq!(app.get(path).send().await.expect(200).body, "nobody");
        app.get(path).by(&ada).bearer("more").send().await.problem(401, "token_invalid");
        app.get(path).bearer("wrong").cookie(&ada.cookie).send().await.problem(401, "token_invalid");
        app.get(path).bearer(&ada.token).send().await.problem(401, "fingerprint_missing");
    }
    assert_eq!(app.get("/app/maybe").by(&ada).send().await.expect(200).body, ada.subject());
    assert_eq!(app.get("/app/maybe-user").by(&ada).send().await.expect(200).body, "user1");
}

#[tokio::test]
async fn a_caller_is_known_by_subject_and_present_role() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let reply = app.get("/app/whoami").by(&ada).send().await.expect(200);
    assert_eq!(reply.body, format!("{} user", ada.subject()));
    assert_eq!(app.get("/app/me").by(&ada).send().await.expect(200).body, "user1");
    app.get("/app/whoami").send().await.problem(401, "token_missing");
    app.get("/app/me").send().await.problem(401, "token_missing");
}

#[tokio::test]
async fn without_the_layer_the_log_names_the_missing_line() {
    let logs = Logs::capture();
    let mut app = app().await;
    app.router = routes::router().nest("/api", app.guard.routes());
    for (path, route) in [
        ("/api/profile", "/api/profile"),
        ("/app/reports", "/app/reports"),
        ("/app/maybe", "/app/maybe"),
        ("/app/me", "/app/me"),
        ("/app/closure/7", "/app/closure/{id}"),
    ] {
        logs.take();
        let reply = app.get(path).send().await;
        let told = reply.problem(500, "internal_error").to_string();
        assert!(!told.contains("AuthLayer"), "{told}");
        let log = logs.take();
        assert!(log.contains(".layer(guardrail::AuthLayer::new(guard.clone()))"), "{log}");
        assert!(log.contains(route), "{log}");
    }
}

#[tokio::test]
async fn another_user_type_than_the_layers_is_named_in_the_log() {
    let logs = Logs::capture();
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    logs.take();
    let reply = app.get("/app/stranger").by(&ada).send().await;
    let told = reply.problem(500, "internal_error").to_string();
    assert!(!told.contains("Stranger"), "{told}");
    let log = logs.take();
    assert!(log.contains("guardrail_tests::routes::Stranger"), "{log}");
    assert!(log.contains("guardrail::user::User"), "{log}");
}

#[tokio::test]
async fn a_path_parameter_that_the_route_lacks_is_named_in_the_log() {
    let logs = Logs::capture();
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    logs.take();
    app.get("/app/misnamed/7").by(&ada).send().await.problem(500, "internal_error");
    let log = logs.take();
    assert!(log.contains("/app/misnamed/{name}") && log.contains("`id`"), "{log}");
}

#[tokio::test]
async fn the_layer_itself_refuses_nobody() {
    let mut app = app().await;
    let open = Router::new().route("/open", axum::routing::get(async || "open"));
    let router = open.layer(guardrail::AuthLayer::new(app.guard.clone()));
    app.router = router;
    let reply = app.get("/open").bearer("wrong").bearer("twice").send().await.expect(200);
    assert_eq!(reply.body, "open");
}

#[tokio::test]
async fn log_in_answers_alike_whatever_is_wrong() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.register_and_log_in(2).await;
    let disable = serde_json::json!({ "is_active": false });
    app.patch(&format!("/api/users/{}", ada.user_id)).by(&admin).json(&disable).send().await.expect(200);
    let mut answers = Vec::new();
    for (email, password) in [
        ("nobody@example.com".to_owned(), "a wrong password".to_owned()),
        (App::email(2), "a wrong password".to_owned()),
        (App::email(1), App::password(1)),
        ("no address".to_owned(), "a wrong password".to_owned()),
    ] {
        let body = serde_json::json!({ "email": email, "password": password });
        let reply = app.post("/api/auth").json(&body).send().await;
        reply.problem(401, "invalid_credentials");
        assert!(!reply.headers.contains_key("set-cookie"));
        answers.push(reply.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
}
