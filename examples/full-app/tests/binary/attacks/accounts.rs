//! Which accounts there are, what a body can set that it should not, and sessions that an attacker chose.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    PASSWORD, PROFILE, Stage, bearer, cookie, exchange, id_of, registration, request, sign_up, told,
};
use crate::{
    ADMIN_EMAIL,
    server::{LogIn, Server},
};

/// An answer as somebody who compares sees it: whole but for the moment and the request's name.
type Seen = (u16, Vec<(String, String)>, String);

async fn seen(server: &Server, path: &str, body: &Value) -> Seen {
    let response = reqwest::Client::new().post(server.url(path)).json(body).send().await.unwrap();
    let status = response.status().as_u16();
    let told =
        response.headers().iter().filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
    let headers = told.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (status, headers, response.text().await.unwrap())
}

/// All of them are seen alike, as a problem of this status and code.
async fn are_alike(stage: &Stage, path: &str, status: u16, code: &str, bodies: &[Value]) {
    let first = seen(&stage.server, path, &bodies[0]).await;
    assert!(first.0 == status && first.2.contains(&format!("\"code\":\"{code}\"")), "{first:?}");
    assert!(first.1.iter().all(|(name, _)| name != "set-cookie"), "{first:?}");
    for body in &bodies[1..] {
        assert_eq!(seen(&stage.server, path, body).await, first, "{path} {body}");
    }
}

/// A user whom the administrator has disabled since it logged in.
async fn disabled(stage: &Stage, name: &str) -> LogIn {
    let user = sign_up(&stage.server, name).await;
    let (path, change) = (format!("/api/users/{}", id_of(&user)), json!({ "is_active": false }));
    assert_eq!(stage.send("PATCH", &path, Some(&stage.root), Some(change)).await.status, 200);
    user
}

#[tokio::test]
async fn a_log_in_says_not_whether_there_is_such_an_account() {
    let stage = Stage::new().await;
    disabled(&stage, "eve").await;
    let log_in = |email: &str, password: &str| json!({ "email": email, "password": password });
    let bodies = [
        log_in("ada@example.com", "not the password"),
        log_in("nobody@example.com", "not the password"),
        log_in("eve@example.com", PASSWORD),
        log_in("eve@example.com", "not the password"),
        log_in(ADMIN_EMAIL, PASSWORD),
        log_in(" ADA@Example.com ", "not the password"),
        log_in("ada@example.com", ""),
        log_in("ada@example.com", &"x".repeat(10_000)),
        log_in("ada@example.com\0", PASSWORD),
        log_in("ada", PASSWORD),
        log_in("", ""),
        log_in(&"x".repeat(10_000), PASSWORD),
        log_in("' OR '1'='1", "' OR '1'='1"),
    ];
    are_alike(&stage, "/api/auth", 401, "invalid_credentials", &bodies).await;
    stage.ada_is_in().await;
}

#[tokio::test]
async fn a_refresh_and_a_log_out_say_not_whose_a_token_was() {
    let stage = Stage::new().await;
    let token = |text: &str| json!({ "refresh_token": text });
    let ended = sign_up(&stage.server, "bob").await;
    let body = Some(token(&ended.refresh_token));
    assert_eq!(stage.send("POST", "/api/logout", None, body).await.status, 200);
    let others = [ended.refresh_token, disabled(&stage, "eve").await.refresh_token].map(|text| token(&text));

    let real = &stage.ada.refresh_token;
    let altered = |from: usize| format!("{}{}", &real[..from], "A".repeat(real.len() - from));
    let forged = ["", "nonsense", &"A".repeat(real.len()), &altered(50), &altered(90), &stage.ada.token];
    for path in ["/api/refresh", "/api/logout"] {
        are_alike(&stage, path, 401, "token_invalid", &forged.map(token)).await;
    }
    stage.ada_is_in().await;

    are_alike(&stage, "/api/refresh", 401, "session_ended", &others).await;
    let first = seen(&stage.server, "/api/logout", &others[0]).await;
    assert_eq!(first.0, 200, "{first:?}");
    for body in [&others[1], &token(real)] {
        assert_eq!(seen(&stage.server, "/api/logout", body).await, first);
    }
}

/// How long is shown, and not asserted: a machine that is busy with other tests has its moments.
#[tokio::test]
async fn the_time_that_a_log_in_takes_is_shown_for_somebody_and_for_nobody() {
    const NAMES: usize = 50;
    // No more than are free for one name.
    const ROUNDS: usize = 4;
    let stage = Stage::with(&[("INSECURE_BCRYPT_COST", "6")]).await;
    for n in 0..NAMES {
        let body = Some(registration(&format!("somebody{n}")));
        assert_eq!(stage.send("POST", "/api/register", None, body).await.status, 201);
    }
    let mut times = [Vec::new(), Vec::new()];
    for n in 0..NAMES * ROUNDS {
        for (times, name) in times.iter_mut().zip(["somebody", "nobody"]) {
            let email = format!("{name}{}@example.com", n % NAMES);
            let body = json!({ "email": email, "password": "not the password" });
            let begun = Instant::now();
            let answer = stage.send("POST", "/api/auth", None, Some(body)).await;
            times.push(begun.elapsed());
            assert_eq!(told(&answer), (401, "invalid_credentials"));
        }
    }
    for (times, who) in times.iter_mut().zip(["somebody", "nobody"]) {
        times.sort();
        let [low, median, high] = [1, 2, 3].map(|quarter| times[times.len() * quarter / 4]);
        println!("{who}: median {median:?}, between quartiles {:?}", high.abs_diff(low));
    }
    let [somebody, nobody] = &times;
    let longer_than = |is_less: fn(&Duration, &Duration) -> bool| -> usize {
        somebody.iter().map(|one| nobody.partition_point(|other| is_less(other, one))).sum()
    };
    // Mann and Whitney's: how often somebody takes longer, a tie counted half. One half says nothing.
    let doubled = longer_than(Duration::lt) + longer_than(Duration::le);
    let [doubled, pairs] =
        [doubled, somebody.len() * nobody.len()].map(|count| f64::from(u32::try_from(count).unwrap()));
    println!("somebody takes longer than nobody in {:.3} of pairs", doubled / 2.0 / pairs);
}

/// Users without the moment of their last change.
fn but_for_the_time(mut users: Vec<Value>) -> Vec<Value> {
    for user in &mut users {
        user["updated_at"] = Value::Null;
    }
    users
}

#[tokio::test]
async fn a_registration_sets_nothing_but_its_own_fields() {
    let stage = Stage::new().await;
    let before = stage.list("/api/users").await;
    let more = json!({
        "id": id_of(&stage.root), "role": "admin", "Role": "admin", "roles": ["admin"], "role\0": "admin",
        "is_active": false, "is_admin": true, "admin": true, "user": { "role": "admin" }, "username_key": "x",
        "password_hash": "$2b$04$x", "created_at": "2000-01-01T00:00:00Z", "__proto__": { "role": "admin" },
    });
    let mut body = registration("mallory");
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = stage.send("POST", "/api/register?role=admin&is_admin=true", None, Some(body)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let users = stage.list("/api/users").await;
    let added: Vec<_> = users.iter().filter(|user| !before.contains(user)).collect();
    assert_eq!((users.len(), &added[..]), (before.len() + 1, &[&answer.body["data"]][..]));
    assert_eq!((&added[0]["role"], &added[0]["is_active"]), (&json!("user"), &json!(true)));
    assert!(added[0]["id"] != more["id"] && added[0]["created_at"] != more["created_at"], "{added:?}");
    let mallory = stage.server.log_in("mallory@example.com", PASSWORD).await;
    let refused = stage.send("GET", "/api/users", Some(&mallory), None).await;
    assert_eq!(told(&refused), (403, "permission_denied"));

    let twice = r#"{"email":"eve@example.com","username":"eve","username":"ada","password":"correct horse"}"#;
    let answers = exchange(&stage.server, &request("POST /api/register HTTP/1.1", &[] as &[&str], twice));
    assert_eq!(told(&answers[0]), (422, "validation_failed"));
    assert_eq!(stage.list("/api/users").await, users);
}

#[tokio::test]
async fn no_other_body_changes_whom_it_is_about() {
    let stage = Stage::new().await;
    let users = but_for_the_time(stage.list("/api/users").await);
    let (root, path) = (id_of(&stage.root), format!("/api/users/{}", id_of(&stage.ada)));
    let with = |body: Value| {
        let mut more = json!({
            "id": root, "user_id": root, "sub": root, "email": "evil@example.com", "username": "evil",
            "password_hash": "$2b$04$x", "created_at": "2000-01-01T00:00:00Z", "family_id": root,
        });
        more.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        Some(more)
    };
    let answer = stage.send("PATCH", &path, Some(&stage.root), with(json!({}))).await;
    assert_eq!(told(&answer), (422, "validation_failed"));
    let answer = stage.send("PATCH", &path, Some(&stage.root), with(json!({ "is_active": true }))).await;
    assert_eq!((answer.status, &answer.body["data"]["email"]), (200, &json!("ada@example.com")));
    for change in [json!({ "role": "admin" }), json!({ "is_active": true }), json!({})] {
        let answer = stage.send("PATCH", &path, Some(&stage.ada), with(change)).await;
        assert_eq!(told(&answer), (403, "permission_denied"));
    }

    let refresh = with(json!({ "refresh_token": stage.ada.refresh_token, "role": "admin" }));
    let ada = LogIn::of(&stage.send("POST", "/api/refresh", Some(&stage.ada), refresh).await);
    assert_eq!(id_of(&ada), id_of(&stage.ada));
    let change = json!({ "current_password": PASSWORD, "new_password": "battery staple", "role": "admin" });
    let ada = LogIn::of(&stage.send("POST", "/api/password", Some(&ada), with(change)).await);
    assert_eq!(id_of(&ada), id_of(&stage.ada));
    assert_eq!(told(&stage.send("GET", "/api/users", Some(&ada), None).await), (403, "permission_denied"));
    assert_eq!(but_for_the_time(stage.list("/api/users").await), users);
    assert!(stage.is_in(&ada).await && stage.is_in(&stage.root).await);
    stage.server.log_in("ada@example.com", "battery staple").await;
}

#[tokio::test]
async fn a_log_in_with_a_planted_cookie_gets_another_and_leaves_the_planters_session_dead() {
    let stage = Stage::new().await;
    let mallory = sign_up(&stage.server, "mallory").await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD }).to_string();
    let made_up = format!("user_fingerprint={}", "A".repeat(43));
    for planted in [
        &mallory.cookie,
        &made_up,
        &format!("{made_up}; {}", mallory.cookie),
        &"user_fingerprint=".to_owned(),
    ] {
        let headers = [format!("cookie: {planted}")];
        let answers = exchange(&stage.server, &request("POST /api/auth HTTP/1.1", &headers, &body));
        let ada = LogIn::of(&answers[0]);
        assert!(!planted.contains(&ada.cookie), "{planted}");
        assert!(stage.is_in(&ada).await);
        let fixed = LogIn { cookie: planted.clone(), ..ada.clone() };
        let answer = stage.send("GET", "/api/profile", Some(&fixed), None).await;
        assert_eq!(told(&answer), (401, "session_ended"), "{planted}");
        let both = [bearer(&ada), format!("cookie: {planted}; {}", ada.cookie)];
        assert_eq!(told(&stage.ask(PROFILE, &both)), (200, ""));
    }
    // The device is ada's now: what mallory had on it is over.
    let answer = stage.send("GET", "/api/profile", Some(&mallory), None).await;
    assert_eq!(told(&answer), (401, "session_ended"));
    let body = Some(json!({ "refresh_token": mallory.refresh_token }));
    let answer = stage.send("POST", "/api/refresh", Some(&mallory), body).await;
    assert_eq!(told(&answer), (401, "session_ended"));
    // Ada's other device is not concerned, nor does a change of password take over what was planted.
    stage.ada_is_in().await;
    let change = json!({ "current_password": PASSWORD, "new_password": "battery staple" }).to_string();
    let headers = [bearer(&stage.ada), format!("cookie: {made_up}; {}", stage.ada.cookie)];
    let answers = exchange(&stage.server, &request("POST /api/password HTTP/1.1", &headers, &change));
    let changed = LogIn::of(&answers[0]);
    assert!(changed.cookie != made_up && changed.cookie != stage.ada.cookie);
    assert!(stage.is_in(&changed).await && !stage.is_in(&stage.ada).await);
    let with_old = [bearer(&changed), cookie(&stage.ada)];
    assert_eq!(told(&stage.ask(PROFILE, &with_old)), (401, "session_ended"));
}
