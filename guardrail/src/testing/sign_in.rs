//! A caller with a session.

use crate::{AuthUser, Error, Guardrail, SignedIn, UserId};

/// Signs a user in without a password, as one that comes from a device of its own: for requests to the application
/// under test.
///
/// ```
/// # use axum::{Router, body::Body, routing::get};
/// # use guardrail::{AuthLayer, Guardrail, Principal, SigningKey, storage::{Bootstrap, MemoryStore}};
/// use guardrail::testing::sign_in;
/// use http::{Method, StatusCode};
/// use tower::ServiceExt as _;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let guard = Guardrail::builder()
/// #     .signing_key(SigningKey::hs256("only an example, 32 bytes or more")?)
/// #     .store(MemoryStore::new()).default_policies().build().await?;
/// # let Bootstrap::Created(admin) =
/// #     guard.bootstrap_admin("admin@example.com".parse()?, "correct horse".to_owned().into()).await?
/// # else { unreachable!() };
/// # let app = Router::new().route("/whoami", get(async |who: Principal| who.subject().to_owned()))
/// #     .layer(AuthLayer::new(guard.clone()));
/// let request = sign_in(&guard, &admin.id.into()).await?.request(Method::GET, "/whoami").body(Body::empty())?;
/// assert_eq!(app.oneshot(request).await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
///
/// # Errors
///
/// [`Error::InvalidCredentials`] if there is no such user, or it is disabled.
pub async fn sign_in<U: AuthUser>(guard: &Guardrail<U>, user: &UserId) -> Result<SignedIn, Error> {
    let (request, ()) = http::Request::new(()).into_parts();
    guard.sign_in(user, &request).await
}
