//! What changes between a look and what follows from it; on every store.
//!
//! The races of [`races`](crate::races) meet these windows by chance. Here the look is held up in them: a password's
//! comparison, after which there is a session, and the read of a session, which is remembered.

use guardrail_tests::{App, GatedHasher, TestStore, Trouble};
use serde_json::json;

on_every_store!(
    a_user_disabled_during_its_log_in_gets_no_session,
    a_password_changed_during_a_log_in_with_the_old_one_leaves_no_session_of_it,
    a_role_changed_during_a_log_in_holds_for_the_session,
    a_session_revoked_while_it_is_read_is_not_remembered_as_live,
    a_user_disabled_while_the_session_is_read_is_not_remembered_as_active,
    a_refresh_whose_client_hung_up_is_no_reuse_later,
);

async fn app(store: &TestStore) -> (App, GatedHasher) {
    let hasher = GatedHasher::new();
    let app = App::with(store, |builder| {
        // One is held up, and others hash meanwhile.
        builder.password_hasher(hasher.clone()).hashing_threads(4.try_into().unwrap())
    });
    (app.await, hasher)
}

async fn a_user_disabled_during_its_log_in_gets_no_session(store: TestStore) {
    let (app, hasher) = app(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let body = json!({ "email": App::email(1), "password": App::password(1) });

    let mut gate = hasher.close();
    let begun = tokio::spawn(app.post("/api/auth").json(&body).send());
    gate.reached().await;
    let path = format!("/api/users/{}", ada.user_id);
    app.patch(&path).by(&admin).json(&json!({ "is_active": false })).send().await.expect(200);
    gate.open();

    begun.await.unwrap().problem(401, "invalid_credentials");
    // Nor is a session left that would come back to life with the user.
    app.patch(&path).by(&admin).json(&json!({ "is_active": true })).send().await.expect(200);
    assert_eq!(app.contents().await.sessions.len(), 1, "the administrator's alone");
}

async fn a_password_changed_during_a_log_in_with_the_old_one_leaves_no_session_of_it(store: TestStore) {
    let (app, hasher) = app(&store).await;
    let ada = app.register_and_log_in(1).await;
    let body = json!({ "email": App::email(1), "password": App::password(1) });
    let change = json!({ "current_password": App::password(1), "new_password": "the password after" });

    let mut gate = hasher.close();
    let begun = tokio::spawn(app.post("/api/auth").json(&body).send());
    gate.reached().await;
    let changed = app.post("/api/password").by(&ada).json(&change).send().await.expect(200);
    gate.open();

    begun.await.unwrap().problem(401, "invalid_credentials");
    let live = app.contents().await.sessions;
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].id.to_string(), changed.json()["family_id"]);
}

async fn a_role_changed_during_a_log_in_holds_for_the_session(store: TestStore) {
    let (app, hasher) = app(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let path = format!("/api/users/{}", ada.user_id);
    let set_role = |role: &str| app.patch(&path).by(&admin).json(&json!({ "role": role })).send();
    set_role("admin").await.expect(200);
    let body = json!({ "email": App::email(1), "password": App::password(1) });

    let mut gate = hasher.close();
    let begun = tokio::spawn(app.post("/api/auth").json(&body).send());
    gate.reached().await;
    set_role("user").await.expect(200);
    gate.open();

    let login = guardrail_tests::Login::from_reply(&begun.await.unwrap().expect(200));
    app.get("/api/users").by(&login).send().await.problem(403, "permission_denied");
}

async fn a_session_revoked_while_it_is_read_is_not_remembered_as_live(store: TestStore) {
    let trouble = Trouble::default();
    let app = App::in_trouble(&store, &trouble).await;
    let ada = app.register_and_log_in(1).await;

    let mut read = trouble.hold_read();
    let begun = tokio::spawn(app.get("/api/profile").by(&ada).send());
    read.reached().await;
    app.guard.end_sessions_of(&ada.user_id.parse().unwrap()).await.unwrap();
    read.open();

    // This one was on its way when the session ended; the next was not.
    let _ = begun.await.unwrap();
    app.get("/api/profile").by(&ada).send().await.problem(401, "session_ended");
}

async fn a_user_disabled_while_the_session_is_read_is_not_remembered_as_active(store: TestStore) {
    let trouble = Trouble::default();
    let app = App::in_trouble(&store, &trouble).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    // Known, so that it is not the administrator's that is held.
    app.get("/api/users").by(&admin).send().await.expect(200);

    let mut read = trouble.hold_read();
    let begun = tokio::spawn(app.get("/api/profile").by(&ada).send());
    read.reached().await;
    let path = format!("/api/users/{}", ada.user_id);
    app.patch(&path).by(&admin).json(&json!({ "is_active": false })).send().await.expect(200);
    read.open();

    begun.await.unwrap().problem(401, "session_ended");
    app.get("/api/profile").by(&ada).send().await.problem(401, "session_ended");
}

async fn a_refresh_whose_client_hung_up_is_no_reuse_later(store: TestStore) {
    let trouble = Trouble::default();
    let app = App::in_trouble(&store, &trouble).await;
    let ada = app.register_and_log_in(1).await;

    let mut read = trouble.hold_read();
    let begun = tokio::spawn(app.refresh(&ada).send());
    read.reached().await;
    begun.abort();
    assert!(begun.await.unwrap_err().is_cancelled());
    // Meanwhile its client tries again, and goes on.
    let next = ada.after(&app.refresh(&ada).send().await.expect(200));
    let newest = next.after(&app.refresh(&next).send().await.expect(200));
    read.open();
    // Waits for what goes on by itself.
    app.guard.shutdown().await;

    app.get("/api/profile").by(&newest).send().await.expect(200);
    app.refresh(&newest).send().await.expect(200);
}
