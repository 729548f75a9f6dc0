//! The life of a refresh token, on every store.

use std::time::Duration;

use guardrail_tests::{App, Login, TestStore};
use serde_json::json;

on_every_store!(
    the_parent_in_grace_gets_the_same_successor_again,
    the_parent_after_grace_is_a_reuse_and_ends_the_session,
    another_devices_cookie_is_theft_and_ends_the_session,
    no_cookie_is_refused_and_ends_nothing,
    a_forged_token_is_refused_and_ends_nothing,
    a_token_of_another_family_ends_nothing_of_this_one,
    without_rotation_the_token_stays,
    without_rotation_theft_ends_the_session,
    use_carries_a_session_on,
    a_session_without_use_expires,
    no_use_carries_a_session_beyond_its_absolute_lifetime,
    an_access_token_does_not_outlive_its_session,
    a_disabled_users_refresh_ends_the_session,
);

const DAY: Duration = Duration::from_hours(24);

async fn is_live(app: &App, login: &Login) {
    app.get("/api/profile").by(login).send().await.expect(200);
    assert!(app.session(login.family_id).await.revoked.is_none());
}

async fn is_dead(app: &App, login: &Login) {
    app.get("/api/profile").by(login).send().await.problem(401, "session_ended");
    app.refresh(login).send().await.problem(401, "session_ended");
    assert!(app.session(login.family_id).await.revoked.is_some());
}

async fn the_parent_in_grace_gets_the_same_successor_again(store: TestStore) {
    let app = App::on(&store).await;
    let parent = app.register_and_log_in(1).await;
    let child = parent.after(&app.refresh(&parent).send().await.expect(200));
    app.clock.advance(Duration::from_secs(9));
    let again = parent.after(&app.refresh(&parent).send().await.expect(200));
    assert_eq!(again.refresh_token, child.refresh_token);
    assert_ne!(again.token, child.token);
    assert_eq!(app.session(parent.family_id).await.generation, 1);
    is_live(&app, &again).await;
}

async fn the_parent_after_grace_is_a_reuse_and_ends_the_session(store: TestStore) {
    let app = App::on(&store).await;
    let parent = app.register_and_log_in(1).await;
    let child = parent.after(&app.refresh(&parent).send().await.expect(200));
    app.clock.advance(Duration::from_secs(9));
    // A repetition does not extend grace.
    app.refresh(&parent).send().await.expect(200);
    app.clock.advance(Duration::from_secs(1));
    is_live(&app, &child).await;
    let refused = app.refresh(&parent).send().await;
    refused.problem(401, "session_ended");
    assert!(!refused.body.contains("reuse"), "{refused:?}");
    is_dead(&app, &child).await;
    is_dead(&app, &parent).await;
}

async fn another_devices_cookie_is_theft_and_ends_the_session(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let thief = app.register_and_log_in(2).await;
    let stolen = Login { cookie: thief.cookie.clone(), ..ada.clone() };
    app.refresh(&stolen).send().await.problem(401, "session_ended");
    is_dead(&app, &ada).await;
    is_live(&app, &thief).await;
}

async fn no_cookie_is_refused_and_ends_nothing(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let body = json!({ "refresh_token": ada.refresh_token });
    app.post("/api/refresh").json(&body).send().await.problem(401, "fingerprint_missing");
    is_live(&app, &ada).await;
    app.refresh(&ada).send().await.expect(200);
}

async fn a_forged_token_is_refused_and_ends_nothing(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let token = &ada.refresh_token;
    for index in (0..token.len()).step_by(7) {
        let other = if token.as_bytes()[index] == b'A' { "B" } else { "A" };
        let forged = format!("{}{other}{}", &token[..index], &token[index + 1..]);
        app.refresh_with(&ada, &forged).send().await.problem(401, "token_invalid");
        app.log_out(&forged).send().await.problem(401, "token_invalid");
    }
    for forged in
        ["", " ", "AAAA", &format!("{token} "), &format!("{token}="), &token[1..], &token.repeat(200)]
    {
        app.refresh_with(&ada, forged).send().await.problem(401, "token_invalid");
        app.log_out(forged).send().await.problem(401, "token_invalid");
    }
    assert_eq!(app.session(ada.family_id).await.generation, 0);
    is_live(&app, &ada).await;
}

async fn a_token_of_another_family_ends_nothing_of_this_one(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let other = app.log_in(&App::email(1), &App::password(1)).await;
    // The other family's token with this family's cookie: the other family is the stolen one.
    app.refresh_with(&ada, &other.refresh_token).send().await.problem(401, "session_ended");
    is_dead(&app, &other).await;
    is_live(&app, &ada).await;
}

async fn without_rotation_the_token_stays(store: TestStore) {
    let app = App::with(&store, |builder| builder.refresh_rotation(false)).await;
    let ada = app.register_and_log_in(1).await;
    for _ in 0..3 {
        app.clock.advance(DAY);
        let reply = app.refresh(&ada).send().await.expect(200);
        let body = reply.json();
        let members: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["exp", "iat", "token"]);
        assert!(reply.header("set-cookie").ends_with("Max-Age=2592000"), "{reply:?}");
        is_live(&app, &ada.after(&reply)).await;
    }
    app.log_out(&ada.refresh_token).send().await.expect(200);
    app.refresh(&ada).send().await.problem(401, "session_ended");
}

async fn without_rotation_theft_ends_the_session(store: TestStore) {
    let app = App::with(&store, |builder| builder.refresh_rotation(false)).await;
    let ada = app.register_and_log_in(1).await;
    let thief = app.register_and_log_in(2).await;
    let stolen = Login { cookie: thief.cookie.clone(), ..ada.clone() };
    app.refresh(&stolen).send().await.problem(401, "session_ended");
    is_dead(&app, &ada).await;
}

async fn use_carries_a_session_on(store: TestStore) {
    let app = App::on(&store).await;
    let mut ada = app.register_and_log_in(1).await;
    for _ in 0..2 {
        app.clock.advance(29 * DAY);
        let reply = app.refresh(&ada).send().await.expect(200);
        assert!(reply.header("set-cookie").ends_with("Max-Age=2592000"), "{reply:?}");
        ada = ada.after(&reply);
    }
    is_live(&app, &ada).await;
}

async fn a_session_without_use_expires(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    app.clock.advance(30 * DAY);
    app.refresh(&ada).send().await.problem(401, "session_ended");
    app.get("/api/profile").by(&ada).send().await.problem(401, "token_expired");
    assert_eq!(app.contents().await.sessions, []);
}

async fn no_use_carries_a_session_beyond_its_absolute_lifetime(store: TestStore) {
    let app = App::on(&store).await;
    let mut ada = app.register_and_log_in(1).await;
    for max_age in [30, 30, 3] {
        app.clock.advance(29 * DAY);
        let reply = app.refresh(&ada).send().await.expect(200);
        let expected = format!("Max-Age={}", max_age * DAY.as_secs());
        assert!(reply.header("set-cookie").ends_with(&expected), "{reply:?}");
        ada = ada.after(&reply);
    }
    app.clock.advance(3 * DAY);
    app.refresh(&ada).send().await.problem(401, "session_ended");
}

async fn an_access_token_does_not_outlive_its_session(store: TestStore) {
    let app = App::on(&store).await;
    let mut ada = app.register_and_log_in(1).await;
    for advance in [29 * DAY, 29 * DAY, 29 * DAY, 2 * DAY + Duration::from_mins(24 * 60 - 1)] {
        app.clock.advance(advance);
        ada = ada.after(&app.refresh(&ada).send().await.expect(200));
    }
    let claims = guardrail_tests::claims_of(&ada.token);
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((59..=61).contains(&lifetime), "{claims}");
}

async fn a_disabled_users_refresh_ends_the_session(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let path = format!("/api/users/{}", ada.user_id);
    app.patch(&path).by(&admin).json(&json!({ "is_active": false })).send().await.expect(200);
    is_dead(&app, &ada).await;
    app.patch(&path).by(&admin).json(&json!({ "is_active": true })).send().await.expect(200);
    is_dead(&app, &ada).await;
}
