//! An application on a store: the whole router, as a user of the library puts it together.

use axum::Router;
use guardrail::{
    AuthLayer, Bcrypt, Guardrail, GuardrailBuilder, SessionId, SigningKey, User, Users,
    storage::{SessionRecord, StoreParts, StoredRule},
    testing::ManualClock,
};
use serde_json::json;
use uuid::Uuid;

use crate::{Call, Login, TestStore, Trouble, routes};

/// The secret that access tokens are signed with in these tests.
pub const SECRET: &str = "a secret of the tests, 32 bytes or more";
/// What the first administrator signs in with.
pub const ADMIN_EMAIL: &str = "admin@example.com";
/// The first administrator's password.
pub const ADMIN_PASSWORD: &str = "the administrator's password";

/// The builder as far as the harness fills it.
pub type Builder = GuardrailBuilder<SigningKey, Users<User>>;

/// The application, its clock and its store.
pub struct App {
    /// The handle.
    pub guard: Guardrail,
    /// The time that everything goes by; it stands still until it is moved.
    pub clock: ManualClock,
    /// Everything behind the network.
    pub router: Router,
    store: TestStore,
}

impl App {
    /// The application with the harness's settings.
    pub async fn on(store: &TestStore) -> Self {
        Self::with(store, |builder| builder).await
    }

    /// The application with settings of the test's own.
    pub async fn with(store: &TestStore, settings: impl FnOnce(Builder) -> Builder) -> Self {
        Self::with_key(store, SigningKey::hs256(SECRET).unwrap(), settings).await
    }

    /// The application with another signing key.
    pub async fn with_key(
        store: &TestStore,
        key: SigningKey,
        settings: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        Self::assemble(store, store.parts(), key, settings).await
    }

    /// The application with a store that is in trouble when the test says so.
    pub async fn in_trouble(store: &TestStore, trouble: &Trouble) -> Self {
        let key = SigningKey::hs256(SECRET).unwrap();
        Self::assemble(store, trouble.around(store.parts()), key, |builder| builder).await
    }

    async fn assemble(
        store: &TestStore,
        parts: StoreParts<User>,
        key: SigningKey,
        settings: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let clock = ManualClock::new();
        let builder = Guardrail::builder()
            .signing_key(key)
            .store(parts)
            .default_policies()
            .password_hasher(Bcrypt::with_insecure_cost(4))
            // Most tests ask for more than anybody may; those of the bounds set some.
            .rate_limit_auth(0)
            .clock(clock.clone());
        let guard = settings(builder).build().await.unwrap();
        let router = routes::router()
            .merge(guard.well_known())
            .nest("/api", guard.routes())
            .fallback(guardrail::not_found)
            .method_not_allowed_fallback(guardrail::method_not_allowed)
            // A route that says nothing of whom it is for fails the test that calls it.
            .layer(AuthLayer::new(guard.clone()).strict());
        Self { guard, clock, router, store: store.clone() }
    }

    /// A call of any method.
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.router.clone(), method, path)
    }

    /// A `GET`.
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// A `POST`.
    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// A `PATCH`.
    pub fn patch(&self, path: &str) -> Call {
        self.call("PATCH", path)
    }

    /// A `DELETE`.
    pub fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }

    /// The refresh of a log-in's current token, with its cookie.
    pub fn refresh(&self, login: &Login) -> Call {
        self.refresh_with(login, &login.refresh_token)
    }

    /// The refresh of another token with a log-in's cookie.
    pub fn refresh_with(&self, login: &Login, token: &str) -> Call {
        self.post("/api/refresh").cookie(&login.cookie).json(&json!({ "refresh_token": token }))
    }

    /// The log-out of a refresh token.
    pub fn log_out(&self, token: &str) -> Call {
        self.post("/api/logout").json(&json!({ "refresh_token": token }))
    }

    /// A log-in that succeeds.
    pub async fn log_in(&self, email: &str, password: &str) -> Login {
        let body = json!({ "email": email, "password": password });
        let reply = self.post("/api/auth").json(&body).send().await.expect(200);
        Login::from_reply(&reply)
    }

    /// Makes the first administrator where there is none yet, and signs it in.
    pub async fn log_in_as_admin(&self) -> Login {
        let email = ADMIN_EMAIL.parse().unwrap();
        self.guard.bootstrap_admin(email, ADMIN_PASSWORD.to_owned().into()).await.unwrap();
        self.log_in(ADMIN_EMAIL, ADMIN_PASSWORD).await
    }

    /// The registration of the user of this number.
    pub fn registration(&self, number: usize) -> Call {
        self.post("/api/register").json(&json!({
            "email": Self::email(number),
            "password": Self::password(number),
            "username": format!("user{number}"),
        }))
    }

    /// Registers the user of this number and signs it in.
    pub async fn register_and_log_in(&self, number: usize) -> Login {
        self.registration(number).send().await.expect(201);
        self.log_in(&Self::email(number), &Self::password(number)).await
    }

    /// What the user of this number signs in with.
    pub fn email(number: usize) -> String {
        format!("user{number}@example.com")
    }

    /// The password of the user of this number.
    pub fn password(number: usize) -> String {
        format!("the password of {number}")
    }

    /// Adds a rule as the administrator does.
    pub async fn add_rule(&self, admin: &Login, subject: &str, object: &str, action: &str) {
        let rule = json!({ "subject": subject, "object": object, "action": action });
        self.post("/api/policies").by(admin).json(&rule).send().await.expect(201);
    }

    /// Removes a rule as the administrator does, whatever comes of it.
    pub async fn remove_rule(&self, admin: &Login, subject: &str, object: &str, action: &str) {
        let rule = json!({ "subject": subject, "object": object, "action": action, "force": true });
        self.delete("/api/policies").by(admin).json(&rule).send().await.expect(200);
    }

    /// The session's row as stored.
    pub async fn session(&self, family: Uuid) -> SessionRecord {
        self.store.parts().sessions.find(SessionId::from(family)).await.unwrap().unwrap()
    }

    /// Everything stored.
    pub async fn contents(&self) -> Contents {
        let StoreParts { user_admin, sessions, policies, .. } = self.store.parts();
        let users = user_admin.unwrap().list(None, 1000).await.unwrap();
        let mut live = Vec::new();
        for user in &users {
            let mut of_user =
                sessions.list(&user.id.into(), guardrail::Clock::now(&self.clock)).await.unwrap();
            of_user.sort_by_key(|session| session.id);
            live.extend(of_user);
        }
        let mut rules = policies.load().await.unwrap().rules;
        rules.sort();
        Contents { users, sessions: live, rules }
    }
}

/// What a store holds.
#[derive(Debug, PartialEq)]
pub struct Contents {
    /// Every user.
    pub users: Vec<User>,
    /// Every live session.
    pub sessions: Vec<SessionRecord>,
    /// Every row of rules.
    pub rules: Vec<StoredRule>,
}
