//! How sessions end and replace each other, on every store.

use std::time::Duration;

use guardrail_tests::{App, Login, TestStore};
use serde_json::json;

on_every_store!(
    log_out_ends_the_session_and_its_access_tokens,
    the_parent_logs_out_too,
    logging_out_again_or_after_expiry_succeeds,
    an_older_token_is_a_reuse_and_ends_the_session,
    a_family_log_out_that_is_switched_off_changes_nothing,
    a_family_log_out_ends_the_session_by_flag_or_query,
    logging_out_everywhere_ends_every_session_of_the_caller_alone,
    a_user_sees_and_ends_its_own_sessions_alone,
    a_log_in_with_a_live_cookie_ends_the_session_it_replaces,
    a_log_in_that_fails_replaces_nothing,
    the_oldest_session_gives_way_at_the_limit,
    a_change_of_password_ends_older_sessions_and_begins_one,
    a_reset_of_the_password_ends_every_session_and_lets_the_owner_in,
    an_administrator_ends_a_users_sessions,
    everything_can_be_revoked,
    a_user_who_proved_itself_elsewhere_is_signed_in_as_by_a_password,
);

const DAY: Duration = Duration::from_hours(24);

async fn is_live(app: &App, login: &Login) {
    app.get("/api/profile").by(login).send().await.expect(200);
}

async fn is_dead(app: &App, login: &Login) {
    app.get("/api/profile").by(login).send().await.problem(401, "session_ended");
    app.refresh(login).send().await.problem(401, "session_ended");
}

/// The same user on one more device.
async fn another_device(app: &App) -> Login {
    app.clock.advance(Duration::from_secs(1));
    app.log_in(&App::email(1), &App::password(1)).await
}

async fn log_out_ends_the_session_and_its_access_tokens(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let other = another_device(&app).await;
    let reply = app.log_out(&ada.refresh_token).send().await.expect(200);
    assert_eq!(reply.fingerprint(), "");
    is_dead(&app, &ada).await;
    is_live(&app, &other).await;
}

async fn the_parent_logs_out_too(store: TestStore) {
    let app = App::on(&store).await;
    let parent = app.register_and_log_in(1).await;
    let child = parent.after(&app.refresh(&parent).send().await.expect(200));
    // Long after grace: a client whose last answer got lost may still leave.
    app.clock.advance(Duration::from_mins(1));
    app.log_out(&parent.refresh_token).send().await.expect(200);
    is_dead(&app, &child).await;
}

async fn logging_out_again_or_after_expiry_succeeds(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let other = another_device(&app).await;
    for _ in 0..2 {
        app.log_out(&ada.refresh_token).send().await.expect(200);
    }
    app.clock.advance(31 * DAY);
    app.log_out(&other.refresh_token).send().await.expect(200);
    app.guard.sweep().await.unwrap();
    app.clock.advance(31 * DAY);
    app.guard.sweep().await.unwrap();
    app.log_out(&other.refresh_token).send().await.expect(200);
}

async fn an_older_token_is_a_reuse_and_ends_the_session(store: TestStore) {
    let app = App::on(&store).await;
    let first = app.register_and_log_in(1).await;
    let second = first.after(&app.refresh(&first).send().await.expect(200));
    let third = second.after(&app.refresh(&second).send().await.expect(200));
    app.log_out(&first.refresh_token).send().await.problem(401, "session_ended");
    is_dead(&app, &third).await;
}

async fn a_family_log_out_that_is_switched_off_changes_nothing(store: TestStore) {
    let app = App::with(&store, |builder| builder.family_logout(false)).await;
    let ada = app.register_and_log_in(1).await;
    let plain = json!({ "refresh_token": ada.refresh_token });
    let flagged = json!({ "refresh_token": ada.refresh_token, "logout_family": true });
    for call in [app.post("/api/logout").json(&flagged), app.post("/api/logout?family=true").json(&plain)] {
        let reply = call.send().await;
        reply.problem(403, "family_logout_disabled");
        assert!(!reply.headers.contains_key("set-cookie"));
        is_live(&app, &ada).await;
    }
    app.post("/api/logout?family=false").json(&plain).send().await.expect(200);
    is_dead(&app, &ada).await;
}

async fn a_family_log_out_ends_the_session_by_flag_or_query(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let body = json!({ "refresh_token": ada.refresh_token, "logout_family": true });
    app.post("/api/logout").json(&body).send().await.expect(200);
    is_dead(&app, &ada).await;

    let ada = another_device(&app).await;
    let body = json!({ "refresh_token": ada.refresh_token });
    app.post("/api/logout?family=true").json(&body).send().await.expect(200);
    is_dead(&app, &ada).await;
}

async fn logging_out_everywhere_ends_every_session_of_the_caller_alone(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let other = another_device(&app).await;
    let grace = app.register_and_log_in(2).await;
    app.post("/api/logout/all").by(&ada).send().await.expect(200);
    is_dead(&app, &ada).await;
    is_dead(&app, &other).await;
    is_live(&app, &grace).await;
}

async fn a_user_sees_and_ends_its_own_sessions_alone(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let other = another_device(&app).await;
    let grace = app.register_and_log_in(2).await;

    let list = app.get("/api/sessions").by(&ada).send().await.expect(200).json();
    let mut seen: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    seen.sort_unstable();
    let mut own = [ada.family_id.to_string(), other.family_id.to_string()];
    own.sort();
    assert_eq!(seen, own);

    let end = |id: String| app.delete(&format!("/api/sessions/{id}")).by(&ada).send();
    end(grace.family_id.to_string()).await.problem(404, "not_found");
    is_live(&app, &grace).await;
    end("00000000-0000-0000-0000-000000000000".to_owned()).await.problem(404, "not_found");
    end("no-uuid".to_owned()).await.problem(404, "not_found");
    end(other.family_id.to_string()).await.expect(200);
    is_dead(&app, &other).await;
    end(other.family_id.to_string()).await.problem(404, "not_found");
    is_live(&app, &ada).await;
}

async fn a_log_in_with_a_live_cookie_ends_the_session_it_replaces(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let grace = app.register_and_log_in(2).await;
    let body = json!({ "email": App::email(1), "password": App::password(1) });
    let reply = app.post("/api/auth").cookie(&ada.cookie).json(&body).send().await.expect(200);
    let new = Login::from_reply(&reply);
    assert_ne!(new.cookie, ada.cookie);
    assert_ne!(new.family_id, ada.family_id);
    is_dead(&app, &ada).await;
    is_live(&app, &new).await;
    is_live(&app, &grace).await;
}

async fn a_log_in_that_fails_replaces_nothing(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let body = json!({ "email": App::email(1), "password": "another password" });
    let reply = app.post("/api/auth").cookie(&ada.cookie).json(&body).send().await;
    reply.problem(401, "invalid_credentials");
    assert!(!reply.headers.contains_key("set-cookie"));
    is_live(&app, &ada).await;
}

async fn the_oldest_session_gives_way_at_the_limit(store: TestStore) {
    let app = App::with(&store, |builder| builder.session_limit(2.try_into().unwrap())).await;
    let first = app.register_and_log_in(1).await;
    let second = another_device(&app).await;
    let grace = app.register_and_log_in(2).await;
    let third = another_device(&app).await;
    is_dead(&app, &first).await;
    is_live(&app, &second).await;
    is_live(&app, &third).await;
    is_live(&app, &grace).await;
}

async fn a_change_of_password_ends_older_sessions_and_begins_one(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let other = another_device(&app).await;
    let change = |current: &str, new: &str| {
        app.post("/api/password").by(&ada).json(&json!({ "current_password": current, "new_password": new }))
    };
    change("another password", "a new password").send().await.invalid(&["current_password"]);
    change(&App::password(1), "short").send().await.invalid(&["new_password"]);
    is_live(&app, &ada).await;
    is_live(&app, &other).await;

    let reply = change(&App::password(1), "a new password").send().await.expect(200);
    let new = Login::from_reply(&reply);
    is_dead(&app, &ada).await;
    is_dead(&app, &other).await;
    is_live(&app, &new).await;
    let old = json!({ "email": App::email(1), "password": App::password(1) });
    app.post("/api/auth").json(&old).send().await.problem(401, "invalid_credentials");
    app.log_in(&App::email(1), "a new password").await;
}

async fn a_reset_of_the_password_ends_every_session_and_lets_the_owner_in(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let other = another_device(&app).await;
    let id = ada.user_id.parse().unwrap();
    let reset = |password: &str| app.guard.reset_password(&id, password.to_owned().into());

    // What cannot be a password changes nothing; one's own address cannot.
    for unfit in ["short", &App::email(1)] {
        let refused = reset(unfit).await.unwrap_err();
        let guardrail::Error::Invalid(fields) = refused else { panic!("{refused:?}") };
        assert!(fields.iter().all(|(field, _)| field == "new_password"), "{fields}");
    }
    is_live(&app, &ada).await;

    // Others have guessed until the owner has to wait, the right password or not.
    let log_in = |password: &str| {
        let body = json!({ "email": App::email(1), "password": password });
        app.post("/api/auth").json(&body).from("192.0.2.1")
    };
    while log_in("a wrong password").send().await.status == 401 {}
    for network in 2..60 {
        let body = json!({ "email": App::email(1), "password": "a wrong password" });
        app.post("/api/auth").json(&body).from(&format!("192.0.{network}.1")).send().await;
    }
    let owner = |password: &str| {
        let body = json!({ "email": App::email(1), "password": password });
        app.post("/api/auth").json(&body).from("198.51.100.1")
    };
    owner(&App::password(1)).send().await.problem(429, "too_many_requests");

    reset("a new password").await.unwrap();
    is_dead(&app, &ada).await;
    is_dead(&app, &other).await;
    owner(&App::password(1)).send().await.problem(401, "invalid_credentials");
    let new = Login::from_reply(&owner("a new password").send().await.expect(200));
    is_live(&app, &new).await;
    // A network that guessed goes on waiting, but not a user who is signed in by other means.
    log_in("a new password").send().await.problem(429, "too_many_requests");
    let (request, ()) = axum::http::Request::builder().body(()).unwrap().into_parts();
    assert!(app.guard.sign_in(&id, &request).await.is_ok());
    is_live(&app, &admin).await;

    let path = format!("/api/audit?event=password_reset&user={id}");
    let events = app.get(&path).by(&admin).send().await.expect(200).json();
    assert_eq!(events["data"].as_array().unwrap().len(), 1, "{events}");
    let nobody = guardrail::UserId::from(uuid::Uuid::nil());
    let refused = app.guard.reset_password(&nobody, "a new password".to_owned().into()).await;
    assert!(matches!(refused, Err(guardrail::Error::NotFound)), "{refused:?}");
}

async fn an_administrator_ends_a_users_sessions(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let other = another_device(&app).await;
    let path = format!("/api/users/{}/sessions", ada.user_id);
    app.delete(&path).by(&ada).send().await.problem(403, "permission_denied");
    let reply = app.delete(&path).by(&admin).send().await.expect(200);
    assert_eq!(reply.json(), json!({ "success": true, "data": { "ended": 2 } }));
    is_dead(&app, &ada).await;
    is_dead(&app, &other).await;
    is_live(&app, &admin).await;
}

async fn everything_can_be_revoked(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let grace = app.register_and_log_in(2).await;
    assert_eq!(app.guard.revoke_all().await.unwrap(), 2);
    is_dead(&app, &ada).await;
    is_dead(&app, &grace).await;
}

async fn a_user_who_proved_itself_elsewhere_is_signed_in_as_by_a_password(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let cookie = format!("user_fingerprint={}", ada.cookie);
    let (request, ()) =
        axum::http::Request::builder().header("cookie", cookie).body(()).unwrap().into_parts();
    let id = ada.user_id.parse().unwrap();

    let signed_in = app.guard.sign_in(&id, &request).await.unwrap();
    let (token, refresh_token) = (signed_in.token().to_owned(), signed_in.refresh_token());
    let fingerprint = signed_in.cookie().strip_prefix("user_fingerprint=").unwrap().to_owned();
    let next = Login { token, refresh_token, cookie: fingerprint, ..ada.clone() };
    app.get("/api/profile").by(&next).send().await.expect(200);
    app.refresh(&next).send().await.expect(200);
    // It is the device's one session.
    app.get("/api/profile").by(&ada).send().await.problem(401, "session_ended");
    let answer = axum::response::IntoResponse::into_response(signed_in);
    assert_eq!(answer.headers().get("cache-control").unwrap(), "no-store");

    let path = format!("/api/users/{id}");
    app.patch(&path).by(&admin).json(&json!({ "is_active": false })).send().await.expect(200);
    let refused = app.guard.sign_in(&id, &request).await.unwrap_err();
    assert!(matches!(refused, guardrail::Error::InvalidCredentials), "{refused:?}");
    let nobody = guardrail::UserId::from(uuid::Uuid::nil());
    assert!(app.guard.sign_in(&nobody, &request).await.is_err());
}
