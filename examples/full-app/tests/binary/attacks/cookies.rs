//! Cookies that somebody else put into the browser, a cookie without a token, and headers that are neither.

use std::slice;

use serde_json::{Value, json};

use super::{PROFILE, Stage, bearer, cookie, exchange, id_of, request, sign_up, told};
use crate::server::{Answer, LogIn};

/// The one answer to a refresh of ada's, with these `Cookie` headers.
fn refresh(stage: &Stage, cookies: &[String]) -> Answer {
    let body = json!({ "refresh_token": stage.ada.refresh_token }).to_string();
    let request = request("POST /api/refresh HTTP/1.1", cookies, &body);
    exchange(&stage.server, &request).pop().unwrap()
}

/// What has ada's token and these `Cookie` headers is told.
fn profile(stage: &Stage, cookies: &[String]) -> Answer {
    let headers = [&[bearer(&stage.ada)], cookies].concat();
    stage.ask(PROFILE, &headers)
}

#[tokio::test]
async fn what_a_neighbour_tosses_in_beside_the_devices_own_cookie_changes_nothing() {
    let stage = Stage::new().await;
    let mallory = sign_up(&stage.server, "mallory").await;
    let (own, tossed) = (&stage.ada.cookie, &mallory.cookie);
    let made_up = format!("user_fingerprint={}", "A".repeat(43));
    for cookies in [
        vec![format!("cookie: {own}; {tossed}")],
        vec![format!("cookie: {tossed}; {own}")],
        vec![format!("cookie: {own}"), format!("cookie: {tossed}")],
        vec![format!("cookie: {tossed}"), format!("cookie: {own}")],
        vec![format!("cookie: {tossed}; {made_up}"), format!("cookie: user_fingerprint=; {own}")],
        vec![format!("cookie: {own}; Path=/api; Domain=example.com; Secure")],
        vec![format!("cookie: $Version=1; {own}; $Path=\"/api\"; $Domain=\"example.com\"")],
        vec![format!("cookie: ;;; {own} ;; user_fingerprint")],
        vec![format!("cookie: user_fingerprint[]={made_up}; USER_FINGERPRINT=x; x{tossed}; {own}")],
        vec![format!("cookie: {}", own.replacen('=', " = ", 1))],
        vec![format!("cookie: a={}; {own}", "b".repeat(60_000))],
    ] {
        assert_eq!(told(&profile(&stage, &cookies)), (200, ""), "{cookies:?}");
    }
    // The rotation as well: each refresh goes on with what the one before gave.
    let mut stage = stage;
    for cookies in [
        vec![format!("cookie: {tossed}; {}", stage.ada.cookie)],
        vec![format!("cookie: {}", stage.ada.cookie), format!("cookie: {made_up}; {made_up}; {tossed}")],
    ] {
        stage.ada = LogIn::of(&refresh(&stage, &cookies));
    }
    stage.ada_is_in().await;
    assert!(stage.is_in(&mallory).await);
}

#[tokio::test]
async fn a_cookie_that_is_not_exactly_the_devices_opens_nothing() {
    let stage = Stage::new().await;
    let mallory = sign_up(&stage.server, "mallory").await;
    let (name, value) = stage.ada.cookie.split_once('=').unwrap();
    let (first, rest) = value.split_at(1);
    let named = |value: String| format!("cookie: {name}={value}");
    let wrong = [
        cookie(&mallory),
        named(format!("\"{value}\"")),
        named(format!("'{value}'")),
        named(format!("={value}")),
        named(format!("{value}A")),
        named(rest.to_owned()),
        named(format!("%{:02x}{rest}", first.as_bytes()[0])),
        named(format!("{value},{}", mallory.cookie)),
        named(format!("{value}{value}")),
        named(value.chars().rev().collect()),
        named("A".repeat(43)),
        named("A".repeat(60_000)),
        named(String::new()),
    ];
    for header in wrong {
        assert_eq!(told(&profile(&stage, slice::from_ref(&header))), (401, "session_ended"), "{header}");
    }
    let missing = [
        format!("cookie: __Host-{name}={value}"),
        format!("cookie: __Secure-{name}={value}"),
        format!("cookie: {}={value}", name.to_uppercase()),
        format!("cookie: {name}[]={value}"),
        format!("cookie: x={name}={value}"),
        format!("cookie: x=1 {name}={value}"),
        format!("cookie: {name}"),
        format!("cookie2: {name}={value}"),
        format!("x-cookie: {name}={value}"),
        format!("set-cookie: {name}={value}"),
        format!("{name}: {value}"),
    ];
    for header in missing {
        assert_eq!(
            told(&profile(&stage, slice::from_ref(&header))),
            (401, "fingerprint_missing"),
            "{header}"
        );
    }
    stage.ada_is_in().await;
    // Without any it is refused as well, and refreshing goes on afterwards.
    assert_eq!(told(&refresh(&stage, &[])), (401, "fingerprint_missing"));
    assert_eq!(told(&refresh(&stage, &[cookie(&stage.ada)])), (200, ""));
}

#[tokio::test]
async fn more_cookies_than_are_compared_are_refused_and_end_nothing() {
    let stage = Stage::new().await;
    let mallory = sign_up(&stage.server, "mallory").await;
    let (own, tossed) = (&stage.ada.cookie, &mallory.cookie);
    let flood = vec![format!("cookie: {tossed}"); 4];
    let many = vec![tossed.as_str(); 1_000].join("; ");
    for cookies in [
        [&flood[..], &[format!("cookie: {own}")]].concat(),
        [&[format!("cookie: {own}")], &flood[..]].concat(),
        vec![format!("cookie: {tossed}; {tossed}; {tossed}; {tossed}; {own}")],
        vec![format!("cookie: {own}; {own}; {own}; {own}; {own}")],
        vec![format!("cookie: {own}; {many}")],
    ] {
        assert_eq!(told(&profile(&stage, &cookies)), (401, "session_ended"), "{}", cookies.len());
        assert_eq!(told(&refresh(&stage, &cookies)), (401, "session_ended"), "{}", cookies.len());
    }
    stage.ada_is_in().await;
    assert!(stage.is_in(&mallory).await);
    assert_eq!(told(&refresh(&stage, &[cookie(&stage.ada)])), (200, ""));
}

#[tokio::test]
async fn a_stolen_refresh_token_with_the_thiefs_own_cookie_ends_the_session_and_no_other() {
    let stage = Stage::new().await;
    let mallory = sign_up(&stage.server, "mallory").await;
    for (token, device) in [(&stage.ada, &stage.root), (&stage.root, &stage.ada), (&mallory, &stage.ada)] {
        let headers = [bearer(token), cookie(device)];
        assert_eq!(told(&stage.ask(PROFILE, &headers)), (401, "session_ended"));
    }
    stage.ada_is_in().await;
    assert_eq!(told(&refresh(&stage, &[cookie(&mallory)])), (401, "session_ended"));
    assert_eq!(told(&profile(&stage, &[cookie(&stage.ada)])), (401, "session_ended"));
    assert!(stage.is_in(&mallory).await && stage.is_in(&stage.root).await);
}

#[tokio::test]
async fn a_request_with_a_cookie_alone_does_nothing() {
    let stage = Stage::new().await;
    let (users, policies) = (stage.list("/api/users").await, stage.list("/api/policies").await);
    let user = format!("/api/users/{}", id_of(&stage.ada));
    let rule = json!({ "subject": "user", "object": "/api/*", "action": "*" });
    let force = json!({ "subject": "admin", "object": "/api/*", "action": "*", "force": true });
    for (method, path, body) in [
        ("GET", "/api/profile", Value::Null),
        ("GET", "/api/users", Value::Null),
        ("GET", "/api/audit", Value::Null),
        ("GET", "/api/sessions", Value::Null),
        ("POST", "/api/policies", rule.clone()),
        ("POST", "/api/policies/batch", json!([rule])),
        ("DELETE", "/api/policies", force),
        ("POST", "/api/permissions/check", rule),
        ("POST", "/api/logout/all", json!({})),
        ("DELETE", "/api/sessions/00000000-0000-0000-0000-000000000000", Value::Null),
        ("POST", "/api/password", json!({ "current_password": "x", "new_password": "correct horse 2" })),
        ("PATCH", &user, json!({ "role": "admin" })),
        ("DELETE", &format!("{user}/sessions"), Value::Null),
        ("POST", "/api/posts", json!({ "title": "t", "body": "b" })),
    ] {
        // As a form or a script on another site makes a browser send it.
        let headers = [cookie(&stage.root), "origin: https://evil.example".to_owned()];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = request(format!("{method} {path} HTTP/1.1"), &headers, &body);
        let answers = exchange(&stage.server, &request);
        assert_eq!(told(&answers[0]), (401, "token_missing"), "{method} {path}");
        assert!(answers.len() == 1 && answers[0].cookie.is_none(), "{answers:?}");
    }
    for path in ["/api/refresh", "/api/logout"] {
        let request = request(format!("POST {path} HTTP/1.1"), &[cookie(&stage.ada)], "{}");
        assert_eq!(told(&exchange(&stage.server, &request)[0]), (422, "validation_failed"), "{path}");
    }
    assert_eq!(stage.list("/api/users").await, users);
    assert_eq!(stage.list("/api/policies").await, policies);
    stage.ada_is_in().await;
}

#[tokio::test]
async fn an_authorization_counts_if_it_is_one_plain_header() {
    let stage = Stage::new().await;
    let (token, root) = (&stage.ada.token, &stage.root.token);
    let one = bearer(&stage.ada);
    let ask = |header: &str| stage.ask(PROFILE, &[header, &cookie(&stage.ada)]);
    for before in ["Authorization: Bearer", "AUTHORIZATION:bearer", "authorization:\t bEaReR"] {
        for after in ["", " \t "] {
            assert_eq!(told(&ask(&format!("{before} {token}{after}"))), (200, ""), "{before:?}");
        }
    }
    let invalid = [
        format!("{one}\r\n{one}"),
        format!("{one}\r\nauthorization: Bearer {root}"),
        format!("{one}\r\nauthorization:"),
        format!("authorization:\r\n{one}"),
        format!("{one}\r\nAuthorization: Basic YWRhOmFkYQ=="),
        "authorization:".to_owned(),
        "authorization: Bearer".to_owned(),
        "authorization: Bearer ".to_owned(),
        format!("authorization: {token}"),
        format!("authorization: Bearer  {token}"),
        format!("authorization: Bearer\t{token}"),
        format!("authorization: Basic {token}"),
        format!("{one}, Bearer {token}"),
        format!("{one} {token}"),
    ];
    for header in invalid {
        assert_eq!(told(&ask(&header)), (401, "token_invalid"), "{header}");
    }
    for name in ["_authorization", "authorization_", "proxy-authorization", "x-authorization"] {
        assert_eq!(told(&ask(&format!("{name}: Bearer {token}"))), (401, "token_missing"), "{name}");
    }
    // What is no header at all: folded ones (RFC 9112 §5.2), and names with a space or a control character.
    for line in [
        format!("authorization: Bearer\r\n {token}"),
        format!("authorization:\r\n\tBearer {token}"),
        format!("authorization : Bearer {token}"),
        format!("authorization\t: Bearer {token}"),
        format!("authorization\0: Bearer {token}"),
        format!("autho rization: Bearer {token}"),
        format!(" {one}"),
    ] {
        assert_eq!(told(&ask(&line)), (400, ""), "{line:?}");
    }
    stage.ada_is_in().await;
}

#[tokio::test]
async fn control_characters_and_bytes_that_are_no_text_are_refused() {
    let stage = Stage::new().await;
    let (authorization, device) = (bearer(&stage.ada).into_bytes(), cookie(&stage.ada).into_bytes());
    let scheme = "authorization: Bearer".len();
    for byte in (0..=255_u8).filter(|byte| !(0x20..0x7f).contains(byte) && !matches!(byte, b'\t' | b'\n')) {
        let with = |header: &[u8], place: usize| [&header[..place], &[byte], &header[place..]].concat();
        let (refused, ended) = match byte {
            ..0x80 => ((400, ""), (400, "")),
            _ => ((401, "token_invalid"), (401, "session_ended")),
        };
        for place in [scheme, scheme + 1, scheme + 20, authorization.len()] {
            let answer = stage.ask(PROFILE, &[&with(&authorization, place), &device]);
            assert_eq!(told(&answer), refused, "{byte} at {place}");
        }
        for place in [device.len() - 3, device.len()] {
            let answer = stage.ask(PROFILE, &[&authorization, &with(&device, place)]);
            assert_eq!(told(&answer), ended, "{byte} at {place}");
        }
    }
    stage.ada_is_in().await;
}
