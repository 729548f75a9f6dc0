//! What many do at once, on every store.

use std::collections::HashSet;

use guardrail_tests::{App, Call, Login, Reply, TestStore};
use serde_json::json;
use tokio::task::JoinSet;

on_every_store!(
    racing_refreshes_of_one_token_advance_one_generation,
    a_log_out_that_races_refreshes_leaves_no_live_token,
    a_log_in_that_races_its_users_disabling_leaves_no_live_token,
    a_log_in_that_races_a_change_of_password_leaves_no_session_of_the_old_one,
    one_of_racing_registrations_of_a_name_wins,
    racing_log_ins_stay_within_the_session_limit,
    two_racing_bootstraps_make_one_administrator,
);

/// Sends all at once.
async fn race(calls: impl IntoIterator<Item = Call>) -> Vec<Reply> {
    let racers: JoinSet<Reply> = calls.into_iter().map(Call::send).collect();
    racers.join_all().await
}

async fn is_dead(app: &App, login: &Login) {
    app.get("/api/profile").by(login).send().await.problem(401, "session_ended");
    app.refresh(login).send().await.problem(401, "session_ended");
}

async fn racing_refreshes_of_one_token_advance_one_generation(store: TestStore) {
    let app = App::on(&store).await;
    let mut ada = app.register_and_log_in(1).await;
    let mut history = vec![ada.clone()];
    for round in 1..=20 {
        let replies = race((0..100).map(|_| app.refresh(&ada))).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 100, "{replies:#?}");
        let successors: HashSet<_> = replies.iter().map(|reply| ada.after(reply).refresh_token).collect();
        assert_eq!(successors.len(), 1, "round {round}");
        let access_tokens: HashSet<_> = replies.iter().map(|reply| ada.after(reply).token).collect();
        assert_eq!(access_tokens.len(), 100, "round {round}");
        assert!(replies.iter().all(|reply| reply.fingerprint() == ada.cookie));
        assert_eq!(app.session(ada.family_id).await.generation, round);
        ada = ada.after(&replies[0]);
        history.push(ada.clone());
    }
    app.get("/api/profile").by(&ada).send().await.expect(200);

    // Well within grace, and a reuse nevertheless.
    let grandparent = &history[history.len() - 3];
    app.refresh(grandparent).send().await.problem(401, "session_ended");
    for login in &history {
        is_dead(&app, login).await;
    }
    assert_eq!(app.session(ada.family_id).await.generation, 20);
}

async fn a_log_out_that_races_refreshes_leaves_no_live_token(store: TestStore) {
    let app = App::on(&store).await;
    let mut ada = app.register_and_log_in(1).await;
    for round in 0..10 {
        let refreshes = (0..20).map(|_| app.refresh(&ada));
        let mut calls: Vec<Call> = refreshes.collect();
        calls.insert(round * 2, app.log_out(&ada.refresh_token));
        for reply in race(calls).await {
            match reply.status {
                200 if reply.json().get("token").is_some() => is_dead(&app, &ada.after(&reply)).await,
                200 => assert_eq!(reply.json(), json!({ "message": "Logged out successfully" })),
                _ => drop(reply.problem(401, "session_ended")),
            }
        }
        assert!(app.session(ada.family_id).await.revoked.is_some());
        ada = app.log_in(&App::email(1), &App::password(1)).await;
    }
}

async fn a_log_in_that_races_its_users_disabling_leaves_no_live_token(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let path = format!("/api/users/{}", ada.user_id);
    let set_active = |active: bool| app.patch(&path).by(&admin).json(&json!({ "is_active": active }));
    let body = json!({ "email": App::email(1), "password": App::password(1) });
    for round in 0..10 {
        // Each from elsewhere: those that are refused count as guesses.
        let address = |n: usize| format!("203.0.113.{}", round * 4 + n);
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
    for round in 0..8 {
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
