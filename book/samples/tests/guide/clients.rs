//! Clients: pages of another origin, what each refusal means, and a service with a token of its own.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{
        HeaderValue, Method, Request,
        header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
    },
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::get,
};
use guardrail::{
    AuthLayer, BuildError, Error, Guardrail, RateLimitLayer, SameSite, Sha256Digest, SigningKey,
    Unauthenticated, storage::MemoryStore,
};
use guardrail_tests::{App, Call, TestStore};
use serde_json::json;
use tower_http::cors::CorsLayer;

// === Pages of another origin

// ANCHOR: cors
/// The API, for pages that come from another origin of the same site.
fn app(guard: &Guardrail) -> Router {
    let cors = CorsLayer::new()
        .allow_origin([HeaderValue::from_static("https://app.example.com")])
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([RETRY_AFTER])
        .max_age(Duration::from_mins(10));
    Router::new()
        .nest("/api", guard.routes())
        .layer(AuthLayer::new(guard.clone()))
        .layer(RateLimitLayer::new(guard.clone()))
        // Outermost: without these headers the page learns of no answer at all, nor of a 429.
        .layer(cors)
}
// ANCHOR_END: cors

/// The origin that the page comes from.
const PAGE: &str = "https://app.example.com";

fn preflight(router: &Router, origin: &str) -> Call {
    Call::new(router.clone(), "OPTIONS", "/api/auth")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
}

#[tokio::test]
async fn a_preflight_is_answered_for_the_listed_origin_alone() {
    let router = app(&App::on(&TestStore::memory().await).await.guard);
    let reply = preflight(&router, PAGE).send().await.expect(200);
    assert_eq!(reply.header("access-control-allow-origin"), PAGE);
    assert_eq!(reply.header("access-control-allow-credentials"), "true");
    assert_eq!(reply.header("access-control-allow-methods"), "GET,POST,PUT,PATCH,DELETE");
    assert_eq!(reply.header("access-control-allow-headers"), "authorization,content-type");
    assert_eq!(reply.header("access-control-max-age"), "600");
    for other in
        ["https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"]
    {
        let reply = preflight(&router, other).send().await;
        assert!(!reply.headers.contains_key("access-control-allow-origin"), "{other}");
    }
}

#[tokio::test]
async fn the_page_learns_of_every_answer_and_when_to_come_again() {
    let app = App::with(&TestStore::memory().await, |builder| builder.rate_limit_requests(1)).await;
    let router = self::app(&app.guard);
    let body = json!({ "email": "nobody@example.com", "password": "not the password" });
    let log_in = || Call::new(router.clone(), "POST", "/api/auth").json(&body).from("203.0.113.9");
    for (status, tells) in [(401, false), (429, true)] {
        let reply = log_in().header("origin", PAGE).send().await.expect(status);
        assert_eq!(reply.header("access-control-allow-origin"), PAGE);
        assert_eq!(reply.header("access-control-allow-credentials"), "true");
        assert_eq!(reply.header("access-control-expose-headers"), "retry-after");
        assert_eq!(reply.header("vary"), "origin");
        assert_eq!(reply.headers.contains_key("retry-after"), tells);
    }
    // A preflight is no request that counts.
    preflight(&router, PAGE).from("203.0.113.9").send().await.expect(200);
}

// === The cookie

// ANCHOR: another_site
/// For pages of another site. The cookie then comes along with requests of any site's.
async fn for_another_site(key: SigningKey, store: MemoryStore) -> Result<Guardrail, BuildError> {
    Guardrail::builder()
        .signing_key(key)
        .store(store)
        .default_policies()
        .cookie_name("__Host-user_fingerprint")
        .cookie_same_site(SameSite::None)
        .build()
        .await
}
// ANCHOR_END: another_site

#[tokio::test]
async fn the_cookie_is_for_script_of_no_site_and_for_requests_of_its_own() {
    let key = SigningKey::hs256("a secret of the guide's tests, 32 bytes or more").unwrap();
    let own = App::on(&TestStore::memory().await).await.guard;
    let anothers = for_another_site(key, MemoryStore::new()).await.unwrap();
    let ada = json!({ "email": "ada@example.com", "password": "battery staple", "username": "ada" });
    for (guard, name, same_site) in [
        (own, "user_fingerprint=", "; SameSite=Strict"),
        (anothers, "__Host-user_fingerprint=", "; SameSite=None"),
    ] {
        let router = app(&guard);
        let post = |path: &str| Call::new(router.clone(), "POST", path).json(&ada);
        post("/api/register").send().await.expect(201);
        let reply = post("/api/auth").send().await.expect(200);
        let cookie = reply.header("set-cookie");
        assert!(cookie.starts_with(name), "{cookie}");
        for attribute in ["; HttpOnly", "; Secure", "; Path=/", "; Max-Age=2592000", same_site] {
            assert!(cookie.contains(attribute), "{attribute}: {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}

#[tokio::test]
async fn a_log_in_in_the_same_browser_ends_the_session_before() {
    let app = App::on(&TestStore::memory().await).await;
    let ada = app.register_and_log_in(1).await;
    app.registration(2).send().await.expect(201);
    let body = json!({ "email": App::email(2), "password": App::password(2) });
    let reply = app.post("/api/auth").cookie(&ada.cookie).json(&body).send().await.expect(200);
    app.get("/api/profile").by(&ada).send().await.problem(401, "session_ended");
    // With what the browser has then: the old token, and the new cookie.
    let now = reply.fingerprint();
    app.get("/api/profile").bearer(&ada.token).cookie(&now).send().await.problem(401, "session_ended");
}

// === What refusals mean

#[tokio::test]
async fn each_refusal_has_the_code_of_the_table() {
    let app = App::on(&TestStore::memory().await).await;
    let ada = app.register_and_log_in(1).await;
    let profile = || app.get("/api/profile");
    let refresh = |token: &str| app.post("/api/refresh").json(&json!({ "refresh_token": token }));

    profile().send().await.problem(401, "token_missing");
    profile().cookie(&ada.cookie).send().await.problem(401, "token_missing");
    profile().bearer("nonsense").cookie(&ada.cookie).send().await.problem(401, "token_invalid");
    refresh("nonsense").cookie(&ada.cookie).send().await.problem(401, "token_invalid");
    profile().bearer(&ada.token).send().await.problem(401, "fingerprint_missing");
    refresh(&ada.refresh_token).send().await.problem(401, "fingerprint_missing");
    let wrong = json!({ "email": App::email(1), "password": "not the password" });
    app.post("/api/auth").json(&wrong).send().await.problem(401, "invalid_credentials");
    let wrong = json!({ "current_password": "not the password", "new_password": "battery staple" });
    app.post("/api/password").by(&ada).json(&wrong).send().await.invalid(&["current_password"]);
    app.get("/api/users").by(&ada).send().await.problem(403, "permission_denied");
    // None of it has ended anything.
    profile().by(&ada).send().await.expect(200);

    app.clock.advance(Duration::from_mins(30));
    profile().by(&ada).send().await.problem(401, "token_expired");
    // The token is looked at first.
    profile().bearer(&ada.token).send().await.problem(401, "token_expired");
    let ada = ada.after(&app.refresh(&ada).send().await.expect(200));
    profile().by(&ada).send().await.expect(200);

    app.log_out(&ada.refresh_token).send().await.expect(200);
    profile().by(&ada).send().await.problem(401, "session_ended");
    app.refresh(&ada).send().await.problem(401, "session_ended");
}

#[tokio::test]
async fn a_lost_answer_is_given_again_within_grace_and_then_ends_the_session() {
    let app = App::on(&TestStore::memory().await).await;
    let ada = app.register_and_log_in(1).await;
    let lost = app.refresh(&ada).send().await.expect(200);
    assert_eq!(lost.fingerprint(), ada.cookie, "the cookie stays");
    app.clock.advance(Duration::from_secs(9));
    let again = app.refresh(&ada).send().await.expect(200);
    assert_eq!(lost.json()["refresh_token"], again.json()["refresh_token"]);
    // Access tokens do not replace each other: each is good until it expires.
    let renewed = [ada.after(&lost), ada.after(&again)];
    for login in [&ada, &renewed[0], &renewed[1]] {
        app.get("/api/profile").by(login).send().await.expect(200);
    }
    app.clock.advance(Duration::from_secs(1));
    app.refresh(&ada).send().await.problem(401, "session_ended");
    for login in [&ada, &renewed[0], &renewed[1]] {
        app.get("/api/profile").by(login).send().await.problem(401, "session_ended");
    }
}

#[tokio::test]
async fn whoever_has_a_refresh_token_can_end_its_session_without_the_cookie() {
    let app = App::on(&TestStore::memory().await).await;
    let ada = app.register_and_log_in(1).await;
    app.log_out(&ada.refresh_token).send().await.expect(200);
    app.get("/api/profile").by(&ada).send().await.problem(401, "session_ended");

    // One that is older than the last but one says so, and ends it too.
    let bob = app.register_and_log_in(2).await;
    let next = bob.after(&app.refresh(&bob).send().await.expect(200));
    let last = next.after(&app.refresh(&next).send().await.expect(200));
    app.log_out(&bob.refresh_token).send().await.problem(401, "session_ended");
    app.get("/api/profile").by(&last).send().await.problem(401, "session_ended");
}

// === Services

// ANCHOR: own_token
/// Routes for one service, which sends a token of its own. The server keeps the token's digest.
fn exports(digest: Sha256Digest) -> Router {
    Router::new().route("/exports", get(async || "…")).route_layer(from_fn_with_state(digest, exporter_only))
}

async fn exporter_only(
    State(digest): State<Sha256Digest>,
    request: Request<Body>,
    next: Next,
) -> Result<Response, Error> {
    let header = request.headers().get(AUTHORIZATION).ok_or(Unauthenticated::TokenMissing)?;
    let token = header.as_bytes().strip_prefix(b"Bearer ").unwrap_or_default();
    // Digests are compared in constant time.
    if Sha256Digest::of(token) != digest {
        return Err(Unauthenticated::TokenInvalid.into());
    }
    Ok(next.run(request).await)
}
// ANCHOR_END: own_token

#[tokio::test]
async fn a_service_is_let_in_by_its_own_token() {
    let router = exports(Sha256Digest::of(b"32 random bytes, in base64url"));
    let call = || Call::new(router.clone(), "GET", "/exports");
    call().send().await.problem(401, "token_missing");
    for wrong in ["", "32 random bytes, in base64ur", "32 random bytes, in base64url "] {
        call().bearer(wrong).send().await.problem(401, "token_invalid");
    }
    let basic = call().header("authorization", "Basic 32 random bytes, in base64url");
    basic.send().await.problem(401, "token_invalid");
    assert_eq!(call().bearer("32 random bytes, in base64url").send().await.expect(200).body, "…");
}
