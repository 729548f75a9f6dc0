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
use guardrail::{Guardrail, UserId};
use guardrail_tests::{App, Call, Login, TestStore};
use serde::Deserialize;
use serde_json::json;

// ANCHOR: sign_in
/// Where the provider sends the browser back to.
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
    fn take(&self, link: &str) -> Result<UserId, guardrail::Error> {
        self.0.lock().unwrap().remove(link).ok_or(guardrail::Error::NotFound)
    }

    fn put_back(&self, link: String, user: UserId) {
        self.0.lock().unwrap().insert(link, user);
    }
}

// ANCHOR: reset
#[derive(Deserialize)]
struct Reset {
    /// The random text of the link.
    link: String,
    new_password: String,
}

async fn reset(
    State((guard, links)): State<(Guardrail, Links)>,
    Json(Reset { link, new_password }): Json<Reset>,
) -> Result<StatusCode, guardrail::Error> {
    // In one step, `DELETE … RETURNING`: of two who come with it at once, one has it.
    let user = links.take(&link)?;
    let reset = guard.reset_password(&user, new_password.into()).await;
    if let Err(guardrail::Error::Invalid(_)) = reset {
        // What the policy refuses shall not cost the link.
        links.put_back(link, user);
    }
    reset?;
    Ok(StatusCode::NO_CONTENT)
}
// ANCHOR_END: reset

#[tokio::test]
async fn a_link_sets_a_new_password_once() {
    let app = App::on(&TestStore::memory().await).await;
    let ada = app.register_and_log_in(1).await;
    let links = Links::default();
    links.0.lock().unwrap().insert("random".to_owned(), ada.user_id.parse().unwrap());
    let router = Router::new().route("/reset", post(reset)).with_state((app.guard.clone(), links));
    let by_link = |password: &str| {
        let body = json!({ "link": "random", "new_password": password });
        Call::new(router.clone(), "POST", "/reset").json(&body).send()
    };
    by_link("short").await.invalid(&["new_password"]);
    let (one, other) = tokio::join!(by_link("one password"), by_link("another password"));
    let password = match [one.status, other.status] {
        [204, 404] => "one password",
        [404, 204] => "another password",
        both => panic!("{both:?}"),
    };
    app.get("/api/profile").by(&ada).send().await.problem(401, "session_ended");
    app.log_in(&App::email(1), password).await;
}
