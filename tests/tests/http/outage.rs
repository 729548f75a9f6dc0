//! A store that is away or does not answer: what is remembered is served for its time, nothing new is allowed, and it is
//! over when the store is back.

use std::time::Duration;

use guardrail_tests::{App, Login, Logs, Reply, TestStore, Trouble};
use serde_json::json;

async fn app() -> (App, Trouble, Login, Login) {
    let trouble = Trouble::default();
    let app = App::in_trouble(&TestStore::memory().await, &trouble).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    (app, trouble, admin, ada)
}

fn log_in(app: &App) -> guardrail_tests::Call {
    app.post("/api/auth").json(&json!({ "email": App::email(1), "password": App::password(1) }))
}

#[track_caller]
fn unavailable(reply: &Reply) {
    let told = reply.problem(503, "unavailable").to_string();
    assert!(!told.contains("cut the store off"), "{told}");
    assert_eq!(reply.header("retry-after"), "5");
}

#[tokio::test]
async fn what_is_remembered_is_served_for_its_time_and_nothing_new_is_let_in() {
    let (app, trouble, admin, ada) = app().await;
    // Both are remembered; a third session is not.
    app.get("/app/whoami").by(&ada).send().await.expect(200);
    app.get("/api/policies").by(&admin).send().await.expect(200);
    let other = app.log_in(&App::email(1), &App::password(1)).await;

    trouble.away();
    let asked = trouble.calls();
    app.get("/app/whoami").by(&ada).send().await.expect(200);
    assert_eq!(trouble.calls(), asked, "no store is asked");
    // Who may not, still may not; who is not known is not let in.
    app.get("/api/users").by(&ada).send().await.problem(403, "permission_denied");
    app.get("/app/whoami").send().await.problem(401, "token_missing");
    unavailable(&app.get("/app/whoami").by(&other).send().await);
    // What reads or changes the store says so.
    unavailable(&app.get("/api/profile").by(&ada).send().await);
    unavailable(&log_in(&app).send().await);
    unavailable(&app.refresh(&ada).send().await);
    unavailable(&app.log_out(&ada.refresh_token).send().await);
    unavailable(&app.get("/api/sessions").by(&ada).send().await);
    let change = json!({ "current_password": App::password(1), "new_password": "the password after" });
    unavailable(&app.post("/api/password").by(&ada).json(&change).send().await);
    let ready = app.get("/api/health/ready").send().await;
    assert_eq!((ready.status, app.get("/api/health").send().await.status), (503, 200));

    app.clock.advance(Duration::from_secs(29));
    app.get("/api/policies").by(&admin).send().await.expect(200);
    app.clock.advance(Duration::from_secs(1));
    unavailable(&app.get("/api/policies").by(&admin).send().await);
    unavailable(&app.get("/app/whoami").by(&ada).send().await);

    trouble.ends();
    for login in [&ada, &other] {
        app.get("/app/whoami").by(login).send().await.expect(200);
    }
    app.get("/api/policies").by(&admin).send().await.expect(200);
    app.refresh(&ada).send().await.expect(200);
}

#[tokio::test]
async fn an_end_whose_fate_is_unknown_is_asked_about_again() {
    let (app, trouble, admin, ada) = app().await;
    app.get("/app/whoami").by(&ada).send().await.expect(200);
    trouble.away();
    // It may have happened, and the acknowledgement got lost.
    unavailable(&app.post("/api/logout/all").by(&ada).send().await);
    unavailable(&app.get("/app/whoami").by(&ada).send().await);
    trouble.ends();
    app.get("/app/whoami").by(&ada).send().await.expect(200);
    app.get("/api/policies").by(&admin).send().await.expect(200);
}

#[tokio::test]
async fn a_store_that_does_not_answer_lets_nobody_in_and_holds_nobody_else_up() {
    let (app, trouble, admin, ada) = app().await;
    app.get("/app/whoami").by(&admin).send().await.expect(200);
    let other = app.log_in(&App::email(1), &App::password(1)).await;

    trouble.hangs();
    let patience = Duration::from_millis(200);
    for call in [app.get("/app/whoami").by(&other), app.get("/app/whoami").by(&ada), log_in(&app)] {
        assert!(tokio::time::timeout(patience, call.send()).await.is_err(), "it waits, and is let go");
    }
    app.get("/app/whoami").by(&admin).send().await.expect(200);
    app.get("/api/users").by(&admin).bearer("x").send().await.problem(401, "token_invalid");

    trouble.ends();
    for login in [&ada, &other] {
        app.get("/app/whoami").by(login).send().await.expect(200);
    }
    log_in(&app).send().await.expect(200);
}

/// What the log says of the events, by name.
fn events(log: &str) -> Vec<String> {
    let names = log.lines().filter(|line| line.contains("guardrail::audit")).filter_map(|line| {
        let (_, rest) = line.split_once("event=\"")?;
        rest.split('"').next().map(str::to_owned)
    });
    names.collect()
}

#[tokio::test]
async fn what_happens_is_in_the_log_and_no_secret_is() {
    let logs = Logs::capture();
    let app = App::on(&TestStore::memory().await).await;
    let admin = app.log_in_as_admin().await;
    app.registration(1).send().await.expect(201);
    logs.take();
    let mut secrets = vec![App::password(1), "hunter2 hunter2".to_owned()];

    let ada = app.log_in(&App::email(1), &App::password(1)).await;
    assert_eq!(events(&logs.take()), ["log_in"]);
    let body = json!({ "email": App::email(1), "password": "hunter2 hunter2" });
    app.post("/api/auth").json(&body).send().await.expect(401);
    let log = logs.take();
    assert_eq!(events(&log), ["log_in_refused"]);
    assert!(log.contains("the password is wrong") && log.contains(&ada.user_id));

    let renewed = ada.after(&app.refresh(&ada).send().await.expect(200));
    assert_eq!(events(&logs.take()), ["refreshed"]);
    app.refresh(&ada).send().await.expect(200);
    assert_eq!(events(&logs.take()), ["refresh_repeated"]);
    app.clock.advance(Duration::from_secs(11));
    app.refresh(&ada).send().await.expect(401);
    let log = logs.take();
    assert_eq!(events(&log), ["session_revoked", "refresh_refused"]);
    assert!(
        log.contains("ERROR") && log.contains("reason=reuse") && log.contains(&ada.family_id.to_string())
    );

    let stolen = app.log_in(&App::email(1), &App::password(1)).await;
    logs.take();
    app.post("/api/refresh")
        .cookie(&ada.cookie)
        .json(&json!({ "refresh_token": stolen.refresh_token }))
        .send()
        .await
        .expect(401);
    let log = logs.take();
    assert_eq!(events(&log), ["session_revoked", "refresh_refused"]);
    assert!(log.contains("reason=theft"), "{log}");

    let ada = app.log_in(&App::email(1), &App::password(1)).await;
    logs.take();
    let change = json!({ "current_password": App::password(1), "new_password": "the password after" });
    let reply = app.post("/api/password").by(&ada).json(&change).send().await.expect(200);
    assert_eq!(events(&logs.take()), ["sessions_revoked", "password_changed"]);
    let changed = Login::from_reply(&reply);
    app.log_out(&changed.refresh_token).send().await.expect(200);
    let log = logs.take();
    assert!(events(&log) == ["session_revoked"] && log.contains("reason=logout"), "{log}");

    app.add_rule(&admin, "user", "/api/reports", "read").await;
    assert_eq!(events(&logs.take()), ["policies_changed"]);
    let user = format!("/api/users/{}", ada.user_id);
    app.patch(&user).by(&admin).json(&json!({ "is_active": false })).send().await.expect(200);
    let log = logs.take();
    assert!(events(&log).contains(&"user_changed".to_owned()) && log.contains(&admin.user_id), "{log}");

    let all = [&ada, &renewed, &stolen, &changed, &admin];
    secrets.extend(
        all.iter().flat_map(|login| [&login.token, &login.refresh_token, &login.cookie].map(String::clone)),
    );
    // Everything above once more, in one piece.
    let log = logs.take();
    for secret in secrets {
        assert!(!log.contains(&secret));
    }
}

#[tokio::test]
async fn no_credential_is_read_from_a_url() {
    let (app, _, _, ada) = app().await;
    let query = format!(
        "access_token={0}&token={0}&refresh_token={1}&user_fingerprint={2}",
        ada.token, ada.refresh_token, ada.cookie
    );
    app.get(&format!("/api/profile?{query}")).cookie(&ada.cookie).send().await.problem(401, "token_missing");
    let path = format!("/api/profile?{query}");
    app.get(&path).bearer(&ada.token).send().await.problem(401, "fingerprint_missing");
    for path in ["/api/refresh", "/api/logout"] {
        app.post(&format!("{path}?{query}")).cookie(&ada.cookie).json(&json!({})).send().await.expect(422);
    }
    app.get("/api/profile").by(&ada).send().await.expect(200);
}

#[tokio::test]
async fn a_cookie_alone_changes_nothing() {
    let (app, _, admin, _) = app().await;
    let before = app.contents().await;
    let rule = json!({ "subject": "user", "object": "/api/*", "action": "*" });
    for (method, path) in [
        ("POST", "/api/policies"),
        ("DELETE", "/api/policies"),
        ("POST", "/api/policies/batch"),
        ("POST", "/api/logout/all"),
        ("POST", "/api/password"),
        ("POST", "/api/logout"),
        ("POST", "/api/refresh"),
        ("DELETE", "/api/sessions/00000000-0000-0000-0000-000000000000"),
        ("PATCH", "/api/users/1"),
        ("DELETE", "/api/users/1/sessions"),
    ] {
        let status = app.call(method, path).cookie(&admin.cookie).json(&rule).send().await.status;
        assert!(status == 401 || status == 422, "{method} {path}: {status}");
        // As a form on another site would send it.
        let form = app.call(method, path).cookie(&admin.cookie);
        let status = form.text("application/x-www-form-urlencoded", "subject=user").send().await.status;
        assert!(status == 401 || status == 415, "{method} {path}: {status}");
    }
    assert_eq!(app.contents().await, before);
}
