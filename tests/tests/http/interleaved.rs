//! Log-ins whose account changes after the password was compared and before there is a session; on every store.
//!
//! The races of [`races`](crate::races) meet this window by chance; here the password's comparison is held up in it.

use guardrail_tests::{App, GatedHasher, TestStore};
use serde_json::json;

on_every_store!(
    a_user_disabled_during_its_log_in_gets_no_session,
    a_password_changed_during_a_log_in_with_the_old_one_leaves_no_session_of_it,
    a_role_changed_during_a_log_in_holds_for_the_session,
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
