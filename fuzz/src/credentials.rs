//! Tokens, cookies and the headers that they come in.

use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode},
};
use guardrail_tests::{SECRET, sign_texts};
use serde_json::{Value, json};

use crate::app::{Spoilt, get, with_fixture};

/// Any bytes as `Authorization`, beside the right cookie.
pub fn authorization(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    with_fixture(|fixture| {
        let cookie = format!("user_fingerprint={}", fixture.user.cookie);
        let request = get("/api/profile").header("authorization", value).header("cookie", cookie);
        let answer = fixture.send(request.body(Body::empty()).unwrap());
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.body);
        Spoilt::No
    });
}

/// Any bytes as `Cookie`, beside the right token. `$` stands for the right fingerprint.
pub fn cookie(data: &[u8]) {
    with_fixture(|fixture| {
        let fingerprint = fixture.user.cookie.as_bytes();
        let text: Vec<u8> = data
            .split_inclusive(|byte| *byte == b'$')
            .flat_map(|part| match part {
                [before @ .., b'$'] => [before, fingerprint],
                part => [part, b""],
            })
            .flatten()
            .copied()
            .collect();
        let Ok(value) = HeaderValue::from_bytes(&text) else { return Spoilt::No };
        let bearer = format!("Bearer {}", fixture.user.token);
        let request = get("/api/profile").header("authorization", bearer).header("cookie", value);
        let answer = fixture.send(request.body(Body::empty()).unwrap());
        let has_it = text.windows(fingerprint.len()).any(|part| part == fingerprint);
        assert!(answer.status == StatusCode::UNAUTHORIZED || has_it, "{}", answer.body);
        Spoilt::No
    });
}

/// A header and claims, parted by a line break, signed with the right key. What stands in `$…$` is replaced by what a
/// real token has there.
pub fn access_token(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Some((header, claims)) = text.split_once('\n') else { return };
    with_fixture(|fixture| {
        let real = guardrail_tests::Forgery::of(&fixture.user.token);
        let fill = |text: &str, part: &Value| {
            part.as_object().unwrap().iter().fold(text.to_owned(), |text, (name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text.replace(&format!("${name}$"), &value)
            })
        };
        let (header, claims) = (fill(header, &real.header), fill(claims, &real.claims));
        let token = sign_texts(&header, &claims, SECRET.as_bytes());
        let cookie = format!("user_fingerprint={}", fixture.user.cookie);
        let request = get("/api/profile").header("authorization", format!("Bearer {token}"));
        let answer = fixture.send(request.header("cookie", cookie).body(Body::empty()).unwrap());
        if answer.status == StatusCode::OK {
            // Whatever it looks like, it says what the real one says.
            let header: Value = serde_json::from_str(&header).unwrap();
            assert_eq!(header, real.header);
            let claims: Value = serde_json::from_str(&claims).unwrap();
            for member in ["iss", "aud", "sub", "sid", "fgp"] {
                assert_eq!(claims[member], real.claims[member]);
            }
            assert!(claims["exp"].as_i64() > real.claims["iat"].as_i64());
        } else {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.body);
        }
        Spoilt::No
    });
}

/// Any text as a refresh token, or the right one with bytes of it replaced: pairs of a place and a byte.
pub fn refresh_token(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    with_fixture(|fixture| {
        let right = fixture.user.refresh_token.clone();
        let mut text = if kind % 2 == 0 { rest.to_vec() } else { right.clone().into_bytes() };
        if kind % 2 == 1 {
            for pair in rest.chunks_exact(2) {
                let place = usize::from(pair[0]) % text.len();
                text[place] = pair[1];
            }
        }
        let text = String::from_utf8_lossy(&text);
        if text == right {
            return Spoilt::No;
        }
        let cookie = format!("user_fingerprint={}", fixture.user.cookie);
        let request = Request::post("/api/refresh").header("content-type", "application/json");
        let body = json!({ "refresh_token": text }).to_string();
        let answer = fixture.send(request.header("cookie", cookie).body(Body::from(body)).unwrap());
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::UNPROCESSABLE_ENTITY].contains(&answer.status);
        assert!(refused, "{}: {}", answer.status, answer.body);
        assert!(fixture.is_served(&fixture.user), "a forged token ended a session");
        Spoilt::No
    });
}

/// Any bytes as what a proxy says of its client.
pub fn proxy_header(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    with_fixture(|fixture| {
        fixture.send(get("/api/health").header("forwarded", value).body(Body::empty()).unwrap());
        Spoilt::No
    });
}
