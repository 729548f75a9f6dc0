//! What happened, as administrators read it.

use std::time::{Duration, Instant};

use guardrail_tests::{App, Login, TestStore, Trouble};
use serde_json::{Value, json};

on_every_store!(
    what_happened_is_listed_by_user_and_name_and_holds_no_secret,
    what_an_administrator_did_is_there_before_the_answer,
    pages_follow_each_other,
);

async fn events(app: &App, admin: &Login, query: &str) -> Vec<Value> {
    let reply = app.get(&format!("/api/audit?limit=500&{query}")).by(admin).send().await.expect(200);
    reply.json()["data"].as_array().unwrap().clone()
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

/// The events, once there are so many: they are written beside the requests.
async fn eventually(app: &App, admin: &Login, query: &str, count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let events = events(app, admin, query).await;
        if events.len() >= count || begun.elapsed() > Duration::from_secs(20) {
            assert_eq!(events.len(), count, "{events:#?}");
            return events;
        }
        tokio::task::yield_now().await;
    }
}

async fn what_happened_is_listed_by_user_and_name_and_holds_no_secret(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let guess = json!({ "email": App::email(1), "password": "hunter2 hunter2" });
    app.post("/api/auth").json(&guess).send().await.expect(401);
    app.get("/app/notes/a%0ab").by(&ada).send().await.expect(403);
    app.refresh(&ada).send().await.expect(200);
    app.clock.advance(Duration::from_secs(11));
    app.refresh(&ada).send().await.expect(401);

    let of_ada = eventually(&app, &admin, &format!("user={}", ada.user_id), 7).await;
    let expected = [
        "refresh_refused",
        "session_revoked",
        "refreshed",
        "permission_denied",
        "log_in_refused",
        "log_in",
        "registered",
    ];
    assert_eq!(names(&of_ada), expected);
    assert_eq!(of_ada[0]["detail"], json!({ "cause": "reuse" }));
    let of_ada = &of_ada[3..];
    assert_eq!(of_ada[0]["detail"]["object"], "/app/notes/{id}", "a value with a line break fills no object");
    assert_eq!(of_ada[1]["detail"], json!({ "cause": "the password is wrong" }));
    assert_eq!(of_ada[2]["session"], json!(ada.family_id));
    assert!(of_ada[2]["at"].as_str().unwrap().ends_with('Z'), "{}", of_ada[2]);

    let revoked = eventually(&app, &admin, "event=session_revoked", 1).await;
    assert_eq!(
        (&revoked[0]["session"], &revoked[0]["detail"]["reason"]),
        (&json!(ada.family_id), &json!("reuse"))
    );
    let text = serde_json::to_string(&events(&app, &admin, "").await).unwrap();
    for secret in ["hunter2", &App::password(1), &ada.token, &ada.refresh_token, &ada.cookie, &App::email(1)]
    {
        assert!(!text.contains(secret), "{secret}");
    }
}

async fn what_an_administrator_did_is_there_before_the_answer(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.add_rule(&admin, "user", "/api/reports", "read").await;
    let changed = events(&app, &admin, "event=policies_changed").await;
    assert_eq!(changed.len(), 1);
    assert_eq!((&changed[0]["by"], &changed[0]["detail"]["added"]), (&json!(admin.user_id), &json!(1)));

    let path = format!("/api/users/{}", ada.user_id);
    app.patch(&path).by(&admin).json(&json!({ "role": "moderator" })).send().await.expect(200);
    let changed = events(&app, &admin, &format!("event=user_changed&user={}", admin.user_id)).await;
    assert_eq!(changed.len(), 1, "found by who did it");
    assert_eq!((&changed[0]["user"], &changed[0]["by"]), (&json!(ada.user_id), &json!(admin.user_id)));
    assert_eq!(changed[0]["detail"], json!({ "role": "moderator", "is_active": null }));

    app.delete(&format!("{path}/sessions")).by(&admin).send().await.expect(200);
    let ended = events(&app, &admin, "event=sessions_ended").await;
    assert_eq!((&ended[0]["by"], &ended[0]["detail"]["count"]), (&json!(admin.user_id), &json!(1)));
}

async fn pages_follow_each_other(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    for number in 0..5 {
        app.add_rule(&admin, "user", &format!("/api/reports/{number}"), "read").await;
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/audit?event=policies_changed&limit=2{cursor}");
        let page = app.get(&path).by(&admin).send().await.expect(200).json();
        found.extend(page["data"].as_array().unwrap().iter().map(|event| event["id"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found.len(), 5);
    assert!(found.is_sorted_by(|a, b| a.as_str() > b.as_str()), "the newest first, each once");
    for query in ["user=a%20b", "event=%00", "limit=0", "cursor=nonsense"] {
        app.get(&format!("/api/audit?{query}")).by(&admin).send().await.problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn an_act_that_cannot_be_written_down_is_503_and_written_later() {
    let (store, trouble) = (TestStore::memory().await, Trouble::default());
    let app = App::in_trouble(&store, &trouble).await;
    let admin = app.log_in_as_admin().await;
    trouble.audit_away();
    let rule = json!({ "subject": "user", "object": "/api/reports", "action": "read" });
    app.post("/api/policies").by(&admin).json(&rule).send().await.problem(503, "unavailable");
    // Log-ins do not wait for it.
    app.register_and_log_in(1).await;
    app.get("/api/audit").by(&admin).send().await.problem(503, "unavailable");
    // What has to follow a change does so all the same: the sessions of who is disabled end.
    let bob = app.register_and_log_in(2).await;
    let path = format!("/api/users/{}", bob.user_id);
    let disable = app.patch(&path).by(&admin).json(&json!({ "is_active": false }));
    disable.send().await.problem(503, "unavailable");
    app.get("/app/whoami").by(&bob).send().await.problem(401, "session_ended");
    assert!(app.session(bob.family_id).await.revoked.is_some());
    trouble.ends();
    eventually(&app, &admin, "event=user_changed", 1).await;
    eventually(&app, &admin, "event=policies_changed", 1).await;
    eventually(&app, &admin, "event=registered", 2).await;
    // The change held.
    app.post("/api/policies").by(&admin).json(&rule).send().await.problem(409, "conflict");
}

#[tokio::test]
async fn what_is_left_is_written_at_the_end() {
    let store = TestStore::memory().await;
    let app = App::on(&store).await;
    app.register_and_log_in(1).await;
    app.guard.shutdown().await;
    let next = App::on(&store).await;
    let admin = next.log_in_as_admin().await;
    assert_eq!(events(&next, &admin, "event=registered").await.len(), 1);
}

#[tokio::test]
async fn old_events_are_swept() {
    let store = TestStore::memory().await;
    let app = App::with(&store, |builder| builder.audit_retention(Duration::from_hours(24))).await;
    let admin = app.log_in_as_admin().await;
    app.add_rule(&admin, "user", "/api/reports", "read").await;
    app.guard.sweep().await.unwrap();
    assert_eq!(events(&app, &admin, "event=policies_changed").await.len(), 1);
    app.clock.advance(Duration::from_hours(25));
    app.guard.sweep().await.unwrap();
    let admin = app.log_in_as_admin().await;
    assert_eq!(events(&app, &admin, "event=policies_changed").await.len(), 0);
}

#[tokio::test]
async fn a_denial_keeps_little_of_what_a_client_wrote_and_is_one_only_if_nothing_holds() {
    let app = App::on(&TestStore::memory().await).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let long = format!("/api/users/{}", "x".repeat(60_000));
    app.patch(&long).by(&ada).json(&json!({ "role": "admin" })).send().await.expect(403);
    let denied = eventually(&app, &admin, "event=permission_denied", 2).await;
    for event in denied {
        assert_eq!(event["detail"]["object"].as_str().unwrap().len(), 256);
    }
    // One of two alternatives holds: only what it then turns out to need is denied.
    app.add_rule(&admin, &ada.subject(), "/api/users/{id}", "write").await;
    app.patch("/api/users/7").by(&ada).json(&json!({ "role": "admin" })).send().await.expect(403);
    let denied = eventually(&app, &admin, "event=permission_denied", 3).await;
    assert_eq!(denied[0]["detail"]["action"], "assign");
}
