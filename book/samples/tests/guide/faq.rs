//! Of the questions: users whom the application has recognised by itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, request::Parts},
    routing::{get, post},
};
use guardrail::{
    AuthLayer, Bcrypt, Email, Error, Guardrail, UserId, public,
    storage::{Bootstrap, MemoryStore, UserStore as _},
};
use guardrail_tests::{ADMIN_EMAIL, ADMIN_PASSWORD, App, Call, Login, TestStore};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::handlers::key;

// ANCHOR: sign_in
/// Where the provider sends the browser back to.
#[public]
async fn callback(
    State(guard): State<Guardrail>,
    request: Parts,
) -> Result<guardrail::SignedIn, guardrail::Error> {
    let user = whom_the_provider_names(&request)?;
    guard.sign_in(&user, &request).await
}
// ANCHOR_END: sign_in

fn whom_the_provider_names(request: &Parts) -> Result<UserId, guardrail::Error> {
    // The provider's answer is verified here; a test has no provider.
    request.uri.query().and_then(|user| user.parse().ok()).ok_or(guardrail::Error::NotFound)
}

#[tokio::test]
async fn who_is_known_by_a_provider_is_signed_in() {
    let app = App::on(&TestStore::memory().await).await;
    let ada = app.register_and_log_in(1).await;
    let callback = Router::new().route("/callback", get(callback)).with_state(app.guard.clone());
    let path = format!("/callback?{}", ada.user_id);
    let answer = Call::new(callback, "GET", &path).send().await.expect(200);
    let there = Login::from_reply(&answer);
    app.get("/api/profile").by(&there).send().await.expect(200);
}

/// What was sent by e-mail, and to whom. An application has a table, with digests of the texts and when they end.
#[derive(Clone, Default)]
struct Links(Arc<Mutex<HashMap<String, UserId>>>);

impl Links {
    fn send(&self, _to: &Email, user: UserId) {
        self.put_back("random".to_owned(), user);
    }

    fn take(&self, link: &str) -> Result<UserId, Error> {
        self.0.lock().unwrap().remove(link).ok_or(Error::NotFound)
    }

    fn put_back(&self, link: String, user: UserId) {
        self.0.lock().unwrap().insert(link, user);
    }
}

// ANCHOR: reset
#[derive(Clone)]
struct Accounts {
    guard: Guardrail,
    /// A clone of the store that the builder has, or your own `UserStore`.
    users: MemoryStore,
    /// Of your own: `send` notes whose a random text is, and sends it; `take` removes it, `put_back` undoes that.
    links: Links,
}

#[derive(Deserialize)]
struct Forgot {
    email: String,
}

#[public]
async fn forgot(
    State(accounts): State<Accounts>,
    Json(Forgot { email }): Json<Forgot>,
) -> Result<StatusCode, Error> {
    if let Ok(email) = email.parse::<Email>()
        && let Some(user) = accounts.users.find_for_login(email.as_str()).await?
    {
        accounts.links.send(&email, user.id.into());
    }
    // Also if there is no such account.
    Ok(StatusCode::ACCEPTED)
}

#[derive(Deserialize)]
struct Reset {
    link: String,
    new_password: String,
}

#[public]
async fn reset(
    State(accounts): State<Accounts>,
    Json(Reset { link, new_password }): Json<Reset>,
) -> Result<StatusCode, Error> {
    // In one step, `DELETE … RETURNING`: of two who come with it at once, one has it.
    let user = accounts.links.take(&link)?;
    let reset = accounts.guard.reset_password(&user, new_password.into()).await;
    if let Err(Error::Invalid(_)) = reset {
        // What the policy refuses shall not cost the link.
        accounts.links.put_back(link, user);
    }
    reset?;
    Ok(StatusCode::NO_CONTENT)
}
// ANCHOR_END: reset

#[tokio::test]
async fn a_link_sets_a_new_password_once() {
    let users = MemoryStore::new();
    let guard = Guardrail::builder()
        .signing_key(key())
        .store(users.clone())
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .build()
        .await
        .unwrap();
    let made =
        guard.bootstrap_admin(ADMIN_EMAIL.parse().unwrap(), ADMIN_PASSWORD.to_owned().into()).await.unwrap();
    assert!(matches!(made, Bootstrap::Created(_)));
    let links = Links::default();
    let accounts = Accounts { guard: guard.clone(), users, links: links.clone() };
    let router =
        Router::new().route("/forgot", post(forgot)).route("/reset", post(reset)).with_state(accounts);
    let router = router.nest("/api", guard.routes()).layer(AuthLayer::new(guard).strict());
    let send = |path: &str, body: Value| Call::new(router.clone(), "POST", path).json(&body).send();
    let forgot = |email: &str| send("/forgot", json!({ "email": email }));
    let by_link = |password: &str| send("/reset", json!({ "link": "random", "new_password": password }));
    let log_in = |password: &str| send("/api/auth", json!({ "email": ADMIN_EMAIL, "password": password }));

    for nobody in ["nobody@example.com", "no address"] {
        forgot(nobody).await.expect(202);
        assert!(links.0.lock().unwrap().is_empty());
    }
    forgot(&format!(" {} ", ADMIN_EMAIL.to_uppercase())).await.expect(202);
    by_link("short").await.invalid(&["new_password"]);
    let (one, other) = tokio::join!(by_link("one password"), by_link("another password"));
    let password = match [one.status, other.status] {
        [204, 404] => "one password",
        [404, 204] => "another password",
        both => panic!("{both:?}"),
    };
    log_in(ADMIN_PASSWORD).await.problem(401, "invalid_credentials");
    log_in(password).await.expect(200);
}
