//! Who asks too often, and who guesses passwords.

use std::time::Duration;

use guardrail::{ProxyHeader, RateLimitLayer, TrustedProxies};
use guardrail_tests::{App, Call, Login, Logs, Reply, TestStore, Trouble};
use serde_json::json;

on_every_store!(
    guessing_is_slowed_and_the_owners_device_is_not,
    guessing_from_everywhere_does_not_lock_the_owners_device_out,
    an_account_that_is_not_there_is_answered_like_one_that_is,
    a_stolen_device_is_no_known_one,
);

fn log_in(app: &App, email: &str, password: &str) -> Call {
    app.post("/api/auth").json(&json!({ "email": email, "password": password }))
}

fn guess(app: &App, user: usize) -> Call {
    log_in(app, &App::email(user), "not the password")
}

fn right(app: &App, user: usize) -> Call {
    log_in(app, &App::email(user), &App::password(user))
}

fn too_many(reply: &Reply) -> Duration {
    reply.problem(429, "too_many_requests");
    Duration::from_secs(reply.header("retry-after").parse().unwrap())
}

async fn guessing_is_slowed_and_the_owners_device_is_not(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    for _ in 0..5 {
        guess(&app, 1).from("203.0.113.9").send().await.problem(401, "invalid_credentials");
    }
    // Even the right password is not looked at.
    assert_eq!(too_many(&right(&app, 1).from("203.0.113.9").send().await).as_secs(), 1);
    // The owner is let in: from elsewhere, and from there with the cookie of a device that is known.
    right(&app, 1).from("203.0.113.8").send().await.expect(200);
    right(&app, 1).from("203.0.113.9").cookie(&ada.cookie).send().await.expect(200);
    // A restart forgets nothing that a store keeps.
    let again = App::on(&store).await;
    too_many(&right(&again, 1).from("203.0.113.9").send().await);

    app.clock.advance(Duration::from_secs(1));
    guess(&app, 1).from("203.0.113.9").send().await.problem(401, "invalid_credentials");
    assert_eq!(too_many(&guess(&app, 1).from("203.0.113.9").send().await).as_secs(), 2);
    app.clock.advance(Duration::from_secs(2));
    right(&app, 1).from("203.0.113.9").send().await.expect(200);
    guess(&app, 1).from("203.0.113.9").send().await.problem(401, "invalid_credentials");
}

async fn guessing_from_everywhere_does_not_lock_the_owners_device_out(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let address = |number: usize| format!("203.0.{}.{}", number / 250, number % 250);
    for number in 0..50 {
        guess(&app, 1).from(&address(number)).send().await.problem(401, "invalid_credentials");
    }
    too_many(&guess(&app, 1).from("198.51.100.1").send().await);
    for number in 50..100 {
        app.clock.advance(Duration::from_mins(15));
        guess(&app, 1).from(&address(number)).send().await.problem(401, "invalid_credentials");
    }
    // A hundred in a row: a day, for everybody but who is known.
    app.clock.advance(Duration::from_mins(15));
    assert!(too_many(&right(&app, 1).from("198.51.100.1").send().await) > Duration::from_hours(23));
    let known = right(&app, 1).from("198.51.100.1").cookie(&ada.cookie).send().await.expect(200);
    // A change of password by the owner ends it, and so does whoever is sure that it is the owner.
    let ada = Login::from_reply(&known);
    let change = json!({ "current_password": App::password(1), "new_password": "the password after" });
    app.post("/api/password").by(&ada).json(&change).send().await.expect(200);
    log_in(&app, &App::email(1), "the password after").from("198.51.100.1").send().await.expect(200);
    for number in 0..50 {
        guess(&app, 1).from(&address(number)).send().await.problem(401, "invalid_credentials");
    }
    too_many(&guess(&app, 1).from("198.51.100.2").send().await);
    app.guard.forgive_failures(" User1@Example.COM ").await.unwrap();
    guess(&app, 1).from("198.51.100.2").send().await.problem(401, "invalid_credentials");
}

async fn an_account_that_is_not_there_is_answered_like_one_that_is(store: TestStore) {
    let app = App::on(&store).await;
    app.register_and_log_in(1).await;
    let node = App::on(&store).await;
    for round in 0..9 {
        // On this node and on another.
        for app in [&app, &node] {
            let there = guess(app, 1).from("203.0.113.9").send().await;
            let nobody = log_in(app, "nobody@example.com", "not the password").from("203.0.113.9");
            let nobody = nobody.send().await;
            assert_eq!((there.status, &there.body), (nobody.status, &nobody.body), "round {round}");
            assert_eq!(there.headers, nobody.headers);
        }
    }
    too_many(&guess(&app, 1).from("203.0.113.9").send().await);
}

async fn a_stolen_device_is_no_known_one(store: TestStore) {
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    // A thief presents the refresh token with another cookie: the session ends as stolen.
    let other = app.register_and_log_in(2).await;
    app.refresh_with(&other, &ada.refresh_token).send().await.problem(401, "session_ended");
    for _ in 0..5 {
        guess(&app, 1).from("203.0.113.9").send().await.expect(401);
    }
    too_many(&right(&app, 1).from("203.0.113.9").cookie(&ada.cookie).send().await);
    // Nor is one that an administrator ended, or the device of somebody else.
    let ended = app.log_in(&App::email(2), &App::password(2)).await;
    app.guard.end_sessions_of(&ended.user_id.parse().unwrap()).await.unwrap();
    for _ in 0..5 {
        guess(&app, 2).from("203.0.113.9").send().await.expect(401);
    }
    too_many(&right(&app, 2).from("203.0.113.9").cookie(&ended.cookie).send().await);
    too_many(&right(&app, 1).from("203.0.113.9").cookie(&other.cookie).send().await);
}

async fn bounded(per_minute: u32) -> App {
    let store = TestStore::memory().await;
    App::with(&store, |builder| builder.rate_limit_auth(per_minute)).await
}

#[tokio::test]
async fn an_address_is_bounded_for_each_endpoint_by_itself() {
    let app = bounded(3).await;
    let ada = app.register_and_log_in(1).await;
    let nonsense = || json!({ "refresh_token": "nonsense", "email": "x", "password": "x" });
    let paths = [("/api/auth", 401), ("/api/register", 422), ("/api/refresh", 401), ("/api/password", 422)];
    for (path, status) in paths {
        let call = |address| app.post(path).by(&ada).json(&nonsense()).from(address).send();
        for _ in 0..3 {
            call("2001:db8::1").await.expect(status);
        }
        // The whole /64 is one customer's.
        assert_eq!(too_many(&call("2001:db8::2").await).as_secs(), 20, "{path}");
        call("2001:db8:0:1::1").await.expect(status);
        call("203.0.113.9").await.expect(status);
    }
    // Other endpoints are not concerned.
    app.get("/api/profile").by(&ada).from("2001:db8::1").send().await.expect(200);
    app.clock.advance(Duration::from_secs(20));
    app.post("/api/auth").json(&nonsense()).from("2001:db8::1").send().await.expect(401);
}

#[tokio::test]
async fn the_body_of_who_asks_too_often_is_not_read() {
    let app = bounded(1).await;
    guess(&app, 1).from("203.0.113.9").send().await.expect(401);
    let malformed = app.post("/api/auth").text("application/json", "{").from("203.0.113.9");
    too_many(&malformed.send().await);
}

#[tokio::test]
async fn proxies_are_believed_only_if_they_are_trusted() {
    let store = TestStore::memory().await;
    let trusted = TrustedProxies::new(["10.0.0.0/8".parse().unwrap()], ProxyHeader::XForwardedFor);
    let app = App::with(&store, |builder| {
        builder.rate_limit_auth(1).record_client(true).trusted_proxies(trusted.clone())
    })
    .await;
    app.registration(1).send().await.expect(201);
    let through = |proxy: &str, told: &str| {
        right(&app, 1).from(proxy).header("x-forwarded-for", told).header("forwarded", "for=9.9.9.9").send()
    };
    let reply = through("10.0.0.1", "6.6.6.6, 203.0.113.9").await.expect(200);
    too_many(&through("10.0.0.1", "7.7.7.7, 203.0.113.9").await);
    through("10.0.0.1", "203.0.113.8").await.expect(200);
    // Whoever is no proxy is itself, whatever it writes.
    through("203.0.113.7", "1.1.1.1").await.expect(200);
    too_many(&through("203.0.113.7", "2.2.2.2").await);
    // What is recorded is the client, too.
    let sessions = app.get("/api/sessions").by(&Login::from_reply(&reply)).send().await.expect(200).json();
    let mut addresses: Vec<_> = sessions["data"].as_array().unwrap().iter().map(|s| &s["address"]).collect();
    addresses.sort_by_key(ToString::to_string);
    assert_eq!(addresses, ["203.0.113.7", "203.0.113.8", "203.0.113.9"]);
}

#[tokio::test]
async fn without_an_address_nothing_is_bounded_and_the_log_says_so_once() {
    let logs = Logs::capture();
    let app = bounded(1).await;
    for user in ["a@example.com", "b@example.com", "c@example.com"] {
        log_in(&app, user, "not the password").send().await.expect(401);
    }
    assert_eq!(logs.take().matches("into_make_service_with_connect_info").count(), 1);
}

#[tokio::test]
async fn one_session_and_one_account_are_bounded_from_any_address() {
    let app = bounded(2).await;
    let mut ada = app.register_and_log_in(1).await;
    for number in 0..3 {
        let address = format!("203.0.113.{number}");
        let reply = app.refresh(&ada).from(&address).send().await;
        if number < 2 {
            ada = ada.after(&reply.expect(200));
        } else {
            too_many(&reply);
        }
        let reply = app.registration(7).from(&address).send().await;
        match number {
            0 => drop(reply.expect(201)),
            1 => drop(reply.problem(409, "conflict")),
            _ => drop(too_many(&reply)),
        }
    }
}

#[tokio::test]
async fn the_current_password_is_not_guessed_by_who_is_signed_in() {
    let app = App::on(&TestStore::memory().await).await;
    let ada = app.register_and_log_in(1).await;
    let change = |current: &str| {
        let body = json!({ "current_password": current, "new_password": "the password after" });
        app.post("/api/password").by(&ada).json(&body).send()
    };
    for _ in 0..5 {
        change("not the password").await.invalid(&["current_password"]);
    }
    too_many(&change(&App::password(1)).await);
    app.clock.advance(Duration::from_secs(1));
    change(&App::password(1)).await.expect(200);
}

#[tokio::test]
async fn any_request_is_bounded_where_the_layer_is() {
    let store = TestStore::memory().await;
    let app = App::with(&store, |builder| builder.rate_limit_requests(2)).await;
    let router = app.router.clone().layer(RateLimitLayer::new(app.guard.clone()));
    let call = |address: &str| Call::new(router.clone(), "GET", "/api/health").from(address).send();
    call("203.0.113.9").await.expect(200);
    call("203.0.113.9").await.expect(200);
    assert_eq!(too_many(&call("203.0.113.9").await).as_secs(), 30);
    call("203.0.113.8").await.expect(200);
}

#[tokio::test]
async fn a_count_that_cannot_be_read_or_written_lets_nobody_in() {
    let (store, trouble) = (TestStore::memory().await, Trouble::default());
    let app = App::in_trouble(&store, &trouble).await;
    app.register_and_log_in(1).await;
    trouble.counts_away();
    right(&app, 1).send().await.problem(503, "unavailable");
    guess(&app, 1).send().await.problem(503, "unavailable");
    trouble.ends();
    right(&app, 1).send().await.expect(200);
}

#[tokio::test]
async fn guesses_at_the_same_time_do_not_get_around_the_count() {
    let app = App::on(&TestStore::memory().await).await;
    app.registration(1).send().await.expect(201);
    let calls: Vec<_> = (0..200)
        .map(|number| tokio::spawn(guess(&app, 1).from(&format!("203.0.113.{number}")).send()))
        .collect();
    let mut looked_at = 0;
    for call in calls {
        match call.await.unwrap().status {
            401 => looked_at += 1,
            429 | 503 => {}
            other => panic!("{other}"),
        }
    }
    assert!(looked_at <= 100, "{looked_at} guesses were compared");
}
