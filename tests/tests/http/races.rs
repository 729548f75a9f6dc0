//! What many do at once, on every store.
//!
//! `GUARDRAIL_RACE_ROUNDS` repeats each race so often, in place of the few rounds of an ordinary run.

use guardrail_tests::{App, Call, Login, Reply, TestStore};
use serde_json::json;
use tokio::task::JoinSet;

on_every_store!(
    refreshes_that_race_a_reuse_leave_no_live_token,
    refreshes_that_race_a_change_of_password_leave_none_of_before,
    refreshes_that_race_their_users_disabling_leave_no_live_token,
    requests_that_race_a_change_of_role_leave_nothing_of_the_old_one,
    decisions_that_race_a_change_of_rules_follow_the_last_one,
    a_log_in_that_races_its_users_disabling_leaves_no_live_token,
    a_log_in_that_races_a_change_of_password_leaves_no_session_of_the_old_one,
    a_log_in_that_races_a_reset_of_the_password_leaves_no_session,
    one_of_racing_registrations_of_a_name_wins,
    racing_log_ins_stay_within_the_session_limit,
    two_racing_bootstraps_make_one_administrator,
);

/// How often a race is run.
pub(crate) fn rounds(few: usize) -> std::ops::Range<usize> {
    let rounds = std::env::var("GUARDRAIL_RACE_ROUNDS").map_or(few, |rounds| rounds.parse().unwrap());
    0..rounds
}

/// Sends all at once.
pub(crate) async fn race(calls: impl IntoIterator<Item = Call>) -> Vec<Reply> {
    let racers: JoinSet<Reply> = calls.into_iter().map(Call::send).collect();
    racers.join_all().await
}

pub(crate) async fn is_dead(app: &App, login: &Login) {
    app.get("/api/profile").by(login).send().await.problem(401, "session_ended");
    app.refresh(login).send().await.problem(401, "session_ended");
}

/// What refreshes of a log-in's current token gave, beside another call, whose answer must have this status.
async fn refreshes_beside(app: &App, login: &Login, other: Call, status: u16) -> Vec<Login> {
    let mut calls: Vec<Call> = (0..10).map(|_| app.refresh(login)).collect();
    calls.insert(5, other);
    let mut refreshed = Vec::new();
    let mut others = 0;
    for reply in race(calls).await {
        match reply.status {
            200 if reply.json().get("refresh_token").is_some() && reply.json().get("family_id").is_none() => {
                refreshed.push(login.after(&reply));
            }
            code => {
                others += usize::from(code == status);
                assert!(code == status || code == 401, "{reply:#?}");
            }
        }
    }
    assert!(others > 0, "the other call was not answered {status}");
    refreshed
}

async fn refreshes_that_race_a_reuse_leave_no_live_token(store: TestStore) {
    let app = App::on(&store).await;
    app.registration(1).send().await.expect(201);
    for _ in rounds(10) {
        let first = app.log_in(&App::email(1), &App::password(1)).await;
        let second = first.after(&app.refresh(&first).send().await.expect(200));
        let third = second.after(&app.refresh(&second).send().await.expect(200));
        for refreshed in refreshes_beside(&app, &third, app.refresh(&first), 401).await {
            is_dead(&app, &refreshed).await;
        }
        is_dead(&app, &third).await;
        assert!(app.session(first.family_id).await.revoked.is_some());
    }
}

async fn refreshes_that_race_a_change_of_password_leave_none_of_before(store: TestStore) {
    let app = App::on(&store).await;
    let mut ada = app.register_and_log_in(1).await;
    let mut password = App::password(1);
    for round in rounds(8) {
        let next = format!("password number {round}");
        let body = json!({ "current_password": password, "new_password": next });
        let change = app.post("/api/password").by(&ada).json(&body);
        for refreshed in refreshes_beside(&app, &ada, change, 200).await {
            is_dead(&app, &refreshed).await;
        }
        let live = app.contents().await.sessions;
        assert_eq!(live.len(), 1, "{live:#?}");
        ada = app.log_in(&App::email(1), &next).await;
        password = next;
        app.guard.end_sessions_of(&ada.user_id.parse().unwrap()).await.unwrap();
        ada = app.log_in(&App::email(1), &password).await;
    }
}

async fn refreshes_that_race_their_users_disabling_leave_no_live_token(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let path = format!("/api/users/{}", ada.user_id);
    let set_active = |active: bool| app.patch(&path).by(&admin).json(&json!({ "is_active": active }));
    for _ in rounds(10) {
        let ada = app.log_in(&App::email(1), &App::password(1)).await;
        let refreshed = refreshes_beside(&app, &ada, set_active(false), 200).await;
        // Nor does any come back to life.
        set_active(true).send().await.expect(200);
        for login in refreshed.iter().chain([&ada]) {
            is_dead(&app, login).await;
        }
    }
}

async fn requests_that_race_a_change_of_role_leave_nothing_of_the_old_one(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let path = format!("/api/users/{}", ada.user_id);
    let set_role = |role: &str| app.patch(&path).by(&admin).json(&json!({ "role": role }));
    for _ in rounds(10) {
        for (role, status) in [("admin", 200), ("user", 403)] {
            let mut calls: Vec<Call> = (0..8).map(|_| app.get("/api/users").by(&ada)).collect();
            calls.insert(4, set_role(role));
            race(calls).await;
            app.get("/api/users").by(&ada).send().await.expect(status);
        }
    }
}

async fn decisions_that_race_a_change_of_rules_follow_the_last_one(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let rule = json!({ "subject": "user", "object": "/api/users", "action": "read" });
    for _ in rounds(10) {
        for (method, status) in [("POST", 200), ("DELETE", 403)] {
            let mut calls: Vec<Call> = (0..8).map(|_| app.get("/api/users").by(&ada)).collect();
            calls.insert(4, app.call(method, "/api/policies").by(&admin).json(&rule));
            race(calls).await;
            app.get("/api/users").by(&ada).send().await.expect(status);
        }
    }
}

async fn a_log_in_that_races_its_users_disabling_leaves_no_live_token(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let path = format!("/api/users/{}", ada.user_id);
    let set_active = |active: bool| app.patch(&path).by(&admin).json(&json!({ "is_active": active }));
    let body = json!({ "email": App::email(1), "password": App::password(1) });
    for round in rounds(10) {
        // Each from elsewhere: those that are refused count as guesses.
        let address = |n: usize| format!("203.{}.{}.{n}", round / 250, round % 250);
        let mut calls: Vec<Call> =
            (0..4).map(|n| app.post("/api/auth").json(&body).from(&address(n))).collect();
        calls.insert(round % 5, set_active(false));
        for reply in race(calls).await {
            match reply.status {
                200 if reply.json().get("token").is_some() => is_dead(&app, &Login::from_reply(&reply)).await,
                200 => assert_eq!(reply.json()["data"]["is_active"], false),
                _ => drop(reply.problem(401, "invalid_credentials")),
            }
        }
        // Nor does any come back to life.
        set_active(true).send().await.expect(200);
        let user_id = ada.user_id.parse().unwrap();
        let live = app.contents().await.sessions;
        assert!(live.iter().all(|session| session.user_id != user_id), "{live:#?}");
    }
}

async fn a_log_in_that_races_a_change_of_password_leaves_no_session_of_the_old_one(store: TestStore) {
    let app = App::on(&store).await;
    let mut ada = app.register_and_log_in(1).await;
    let mut password = App::password(1);
    for round in rounds(8) {
        let next = format!("password number {round}");
        let change = json!({ "current_password": password, "new_password": next });
        let log_in = json!({ "email": App::email(1), "password": password });
        let mut calls: Vec<Call> = (0..4).map(|_| app.post("/api/auth").json(&log_in)).collect();
        calls.push(app.post("/api/password").by(&ada).json(&change));
        race(calls).await;
        // Only the session that the change began is live.
        let live = app.contents().await.sessions;
        assert_eq!(live.len(), 1, "{live:#?}");
        app.post("/api/auth").json(&log_in).send().await.problem(401, "invalid_credentials");
        ada = app.log_in(&App::email(1), &next).await;
        password = next;
        app.guard.end_sessions_of(&ada.user_id.parse().unwrap()).await.unwrap();
        ada = app.log_in(&App::email(1), &password).await;
    }
}

async fn a_log_in_that_races_a_reset_of_the_password_leaves_no_session(store: TestStore) {
    let app = App::on(&store).await;
    let user: guardrail::UserId = app.register_and_log_in(1).await.user_id.parse().unwrap();
    let mut password = App::password(1);
    for round in rounds(8) {
        let next = format!("password number {round}");
        let log_in = json!({ "email": App::email(1), "password": password });
        let calls: Vec<Call> = (0..4).map(|_| app.post("/api/auth").json(&log_in)).collect();
        let guard = app.guard.clone();
        let new = next.clone();
        let user = user.clone();
        let reset = tokio::spawn(async move { guard.reset_password(&user, new.into()).await });
        race(calls).await;
        reset.await.unwrap().unwrap();
        let live = app.contents().await.sessions;
        assert!(live.is_empty(), "{live:#?}");
        app.log_in(&App::email(1), &next).await;
        password = next;
    }
}

async fn one_of_racing_registrations_of_a_name_wins(store: TestStore) {
    let app = App::on(&store).await;
    let register = |email: String, username: String| {
        let body = json!({ "email": email, "username": username, "password": "long enough" });
        app.post("/api/register").json(&body)
    };
    let one_username = (0..10).map(|n| register(format!("n{n}@example.com"), "Ada".to_owned()));
    let one_email = (0..10).map(|n| register("ada@example.com".to_owned(), format!("name{n}")));
    for calls in [one_username.collect::<Vec<_>>(), one_email.collect()] {
        let replies = race(calls).await;
        let (created, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 201);
        assert_eq!(created.len(), 1);
        for reply in refused {
            reply.problem(409, "conflict");
        }
    }
    assert_eq!(app.contents().await.users.len(), 2);
}

async fn racing_log_ins_stay_within_the_session_limit(store: TestStore) {
    let app = App::with(&store, |builder| builder.session_limit(3.try_into().unwrap())).await;
    app.registration(1).send().await.expect(201);
    let body = json!({ "email": App::email(1), "password": App::password(1) });
    for reply in race((0..12).map(|_| app.post("/api/auth").json(&body))).await {
        reply.expect(200);
    }
    assert_eq!(app.contents().await.sessions.len(), 3);
}

async fn two_racing_bootstraps_make_one_administrator(store: TestStore) {
    let nodes = [App::on(&store).await, App::on(&store).await];
    let bootstrap = |app: &App| {
        let guard = app.guard.clone();
        async move {
            guard.bootstrap_admin("admin@example.com".parse().unwrap(), "long enough".to_owned().into()).await
        }
    };
    let racers: JoinSet<_> = nodes.iter().cycle().take(8).map(bootstrap).collect();
    let outcomes = racers.join_all().await;
    let created = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(guardrail::storage::Bootstrap::Created(_))))
        .count();
    assert_eq!(created, 1, "{outcomes:#?}");
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(nodes[0].contents().await.users.len(), 1);
}
