//! Which passwords may be set, and what hashes them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use guardrail::{Argon2, Bcrypt, PasswordHash, PasswordHasher, PasswordHasherError, PasswordPolicy};
use guardrail_tests::{App, TestStore};
use serde_json::json;

/// What registering with this password comes to.
async fn registering(app: &App, password: &str) -> u16 {
    let account = json!({ "email": "countess@example.com", "username": "lovelace", "password": password });
    let reply = app.post("/api/register").json(&account).send().await;
    if reply.status == 422 {
        reply.invalid(&["password"]);
    }
    reply.status
}

/// What changing to this password comes to.
async fn changing(app: &App, password: &str) -> u16 {
    let ada = app.log_in(&App::email(1), &App::password(1)).await;
    let change = json!({ "current_password": App::password(1), "new_password": password });
    let reply = app.post("/api/password").by(&ada).json(&change).send().await;
    if reply.status == 422 {
        reply.invalid(&["new_password"]);
    }
    reply.status
}

async fn setting(app: &App, password: &str) -> [u16; 2] {
    [registering(app, password).await, changing(app, password).await]
}

async fn app(policy: PasswordPolicy) -> App {
    let app = App::with(&TestStore::memory().await, |builder| builder.password_policy(policy)).await;
    app.registration(1).send().await.expect(201);
    app
}

#[tokio::test]
async fn what_is_tried_first_and_what_is_ones_own_is_refused() {
    let app = app(PasswordPolicy::default().with_blocked(["correct horse"]).with_words(["guardrail"])).await;
    for password in ["password123", "Correct Horse", "Guardrail1"] {
        assert_eq!(setting(&app, password).await, [422, 422], "{password}");
    }
    // Each account's own names are another's free choice.
    assert_eq!(registering(&app, "lovelace1").await, 422);
    assert_eq!(registering(&app, "countess@example.com").await, 422);
    assert_eq!(changing(&app, "user1@example.com").await, 422);
    assert_eq!(setting(&app, "nothing of the kind").await, [201, 200]);
}

#[tokio::test]
async fn a_stricter_policy_reaches_every_place_where_a_password_is_set() {
    let app = app(PasswordPolicy::with_min_chars(15).unwrap()).await;
    assert_eq!(setting(&app, "fourteen chars").await, [422, 422]);
    let email = "root@example.com".parse().unwrap();
    let admin = app.guard.bootstrap_admin(email, "fourteen chars".to_owned().into()).await;
    assert!(matches!(admin, Err(guardrail::Error::Invalid(_))));
    assert_eq!(setting(&app, "fifteen of chars").await, [201, 200]);
}

#[tokio::test]
async fn a_password_is_taken_as_it_came() {
    let app = app(PasswordPolicy::default()).await;
    let password = " Ünïcode ist länger ";
    assert_eq!(setting(&app, password).await, [201, 200]);
    for other in
        [password.trim(), &password.to_lowercase(), &password.to_uppercase(), " U\u{308}nïcode ist länger "]
    {
        let body = json!({ "email": App::email(1), "password": other });
        app.post("/api/auth").json(&body).send().await.problem(401, "invalid_credentials");
    }
    app.log_in(&App::email(1), password).await;
}

#[tokio::test]
async fn argon2_takes_over_from_bcrypt_at_log_in() {
    let store = TestStore::memory().await;
    let cheap = || Argon2::with_insecure_params(64, 1, 1).unwrap();
    let before = App::on(&store).await;
    before.register_and_log_in(1).await;
    before.registration(2).send().await.expect(201);
    let after = App::with(&store, |builder| builder.password_hasher(cheap())).await;
    after.log_in(&App::email(1), &App::password(1)).await;
    after.log_in(&App::email(1), &App::password(1)).await;
    // The hash is renewed, which bcrypt can no longer read; one that nobody has used stays.
    let bcrypt = App::with(&store, |builder| builder.password_hasher(Bcrypt::with_insecure_cost(4))).await;
    let body = json!({ "email": App::email(1), "password": App::password(1) });
    bcrypt.post("/api/auth").json(&body).send().await.problem(401, "invalid_credentials");
    bcrypt.log_in(&App::email(2), &App::password(2)).await;
    // Longer than bcrypt reads.
    let long = "a password of more than seventy-two bytes, ".repeat(4);
    let body = json!({ "email": "long@example.com", "username": "long", "password": long });
    after.post("/api/register").json(&body).send().await.expect(201);
    after.log_in("long@example.com", &long).await;
    let body = json!({ "email": "long@example.com", "password": &long[..100] });
    after.post("/api/auth").json(&body).send().await.problem(401, "invalid_credentials");
}

/// Bcrypt that counts comparisons.
#[derive(Clone)]
struct Counting {
    bcrypt: Bcrypt,
    comparisons: Arc<AtomicUsize>,
}

impl PasswordHasher for Counting {
    fn hash(&self, password: &str) -> Result<PasswordHash, PasswordHasherError> {
        self.bcrypt.hash(password)
    }

    fn verify(&self, password: &str, hash: &str) -> Result<bool, PasswordHasherError> {
        self.comparisons.fetch_add(1, Ordering::SeqCst);
        self.bcrypt.verify(password, hash)
    }

    fn is_outdated(&self, hash: &str) -> bool {
        self.bcrypt.is_outdated(hash)
    }

    fn max_bytes(&self) -> usize {
        self.bcrypt.max_bytes()
    }
}

#[tokio::test]
async fn every_way_to_fail_costs_one_comparison() {
    let hasher = Counting { bcrypt: Bcrypt::with_insecure_cost(4), comparisons: Arc::default() };
    let store = TestStore::memory().await;
    let app = App::with(&store, |builder| builder.password_hasher(hasher.clone())).await;
    let admin = app.log_in_as_admin().await;
    app.registration(1).send().await.expect(201);
    let disabled = app.register_and_log_in(2).await;
    let path = format!("/api/users/{}", disabled.user_id);
    app.patch(&path).by(&admin).json(&json!({ "is_active": false })).send().await.expect(200);

    let (long, name) = ("x".repeat(10_000), "x".repeat(1_000));
    for (email, password) in [
        (App::email(1), "not the password"),
        (App::email(1), &long),
        (App::email(1), "with a \0 in it"),
        (App::email(1), ""),
        (App::email(2), &App::password(2)),
        ("nobody@example.com".to_owned(), "not the password"),
        (name, "not the password"),
        ("a\u{7}b".to_owned(), "not the password"),
        (String::new(), "not the password"),
    ] {
        let before = hasher.comparisons.load(Ordering::SeqCst);
        let body = json!({ "email": email, "password": password });
        app.post("/api/auth").json(&body).send().await.problem(401, "invalid_credentials");
        assert_eq!(hasher.comparisons.load(Ordering::SeqCst) - before, 1, "{body}");
    }
}
