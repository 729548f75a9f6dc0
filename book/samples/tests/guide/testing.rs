//! Tests of an application that uses Guardrail.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{Method, StatusCode},
    routing::get,
};
// ANCHOR: imports
use guardrail::{
    AuthLayer, Authenticated, Bcrypt, Guardrail, NewUser, SigningKey, User, UserId,
    policy::Rule,
    require,
    storage::{MemoryStore, UserAdmin as _},
    testing::{ManualClock, principal, sign_in},
};
use tower::ServiceExt as _; // oneshot
// ANCHOR_END: imports

#[require("/api/reports", "read")]
async fn reports(user: Authenticated<User>) -> String {
    format!("for {}", user.username)
}

// ANCHOR: app
/// The application; `main` gives it `AuthLayer::new(guard.clone())`.
fn router(guard: &Guardrail, auth: AuthLayer) -> Router {
    Router::new().route("/api/reports", get(reports)).nest("/api", guard.routes()).layer(auth)
}

/// The same, as tests have it.
fn app(guard: &Guardrail) -> Router {
    router(guard, AuthLayer::new(guard.clone()).strict())
}
// ANCHOR_END: app

// ANCHOR: harness
struct Harness {
    guard: Guardrail,
    clock: ManualClock,
    store: MemoryStore,
}

impl Harness {
    async fn new() -> anyhow::Result<Self> {
        let (clock, store) = (ManualClock::new(), MemoryStore::new());
        let guard = Guardrail::builder()
            .signing_key(SigningKey::hs256("a secret of the tests, 32 bytes or more")?)
            .store(store.clone())
            .default_policies()
            .password_hasher(Bcrypt::with_insecure_cost(4)) // as fast as it gets
            .clock(clock.clone())
            .build()
            .await?;
        Ok(Self { guard, clock, store })
    }

    /// A user of this name and role.
    async fn user(&self, name: &str, role: &str) -> anyhow::Result<UserId> {
        let hash = "no password opens this".to_owned().into();
        let email = format!("{name}@example.com").parse()?;
        let user = self.store.create(NewUser::new(email, name.parse()?, role.parse()?, hash)).await?;
        let guardrail::storage::CreateUser::Created(user) = user else { anyhow::bail!("{name} is taken") };
        Ok(user.id.into())
    }
}
// ANCHOR_END: harness

#[tokio::test]
async fn a_request_of_somebody() -> anyhow::Result<()> {
    // ANCHOR: request
    let harness = Harness::new().await?;
    let ada = harness.user("ada", "user").await?;
    let app = app(&harness.guard);

    let request =
        sign_in(&harness.guard, &ada).await?.request(Method::GET, "/api/reports").body(Body::empty())?;
    let response = app.clone().oneshot(request).await?;
    assert_eq!(response.status(), StatusCode::FORBIDDEN, "no rule lets a user read reports");

    harness.guard.add_rules(vec![Rule::new("user", "/api/reports", "read")?]).await?;
    let request =
        sign_in(&harness.guard, &ada).await?.request(Method::GET, "/api/reports").body(Body::empty())?;
    assert_eq!(app.oneshot(request).await?.status(), StatusCode::OK);
    // ANCHOR_END: request
    Ok(())
}

#[tokio::test]
async fn time_goes_by() -> anyhow::Result<()> {
    // ANCHOR: clock
    let harness = Harness::new().await?;
    let admin = harness.user("grace", "admin").await?;
    let app = app(&harness.guard);
    let device = sign_in(&harness.guard, &admin).await?;
    let ask = async || {
        let request = device.request(Method::GET, "/api/reports").body(Body::empty())?;
        anyhow::Ok(app.clone().oneshot(request).await?.status())
    };

    assert_eq!(ask().await?, StatusCode::OK);
    harness.clock.advance(Duration::from_mins(31)); // an access token lasts thirty
    assert_eq!(ask().await?, StatusCode::UNAUTHORIZED);
    // ANCHOR_END: clock
    Ok(())
}

#[tokio::test]
async fn a_decision_without_a_request() -> anyhow::Result<()> {
    // ANCHOR: decision
    let harness = Harness::new().await?;
    let admin = principal(1_i64, "admin".parse()?);
    let user = principal(2_i64, "user".parse()?);
    assert!(harness.guard.is_allowed(&admin, "/api/reports", "read")?);
    assert!(!harness.guard.is_allowed(&user, "/api/reports", "read")?);
    // ANCHOR_END: decision
    Ok(())
}

// ANCHOR: inventory
#[test]
fn every_permission_is_documented() {
    const DOCUMENTED: [(&str, &str); 1] = [("/api/reports", "read")];
    let ours = guardrail::permissions().into_iter().filter(|it| it.function.contains("testing::"));
    let asked: Vec<_> = ours.flat_map(|it| it.permissions().collect::<Vec<_>>()).collect();
    assert_eq!(asked, DOCUMENTED);
}
// ANCHOR_END: inventory
