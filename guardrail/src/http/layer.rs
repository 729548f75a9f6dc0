//! The layer that lets handlers know who is calling.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::response::{IntoResponse as _, Response};
use http::Request;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{
    context::{AnyGuard, AuthContext, route},
    enforce::is_preflight,
};
use crate::{AuthUser, Error, Guardrail};

/// Makes the caller of every request known to the extractors, to `#[require]` and to
/// [`RequireLayer`](crate::RequireLayer).
///
/// It never rejects a request by itself, and it asks no store: whoever wants to know the caller has it recognised,
/// once a request. Put it on the outermost router, after the routes: a layer is around what is above it only.
///
/// ```
/// # use axum::{Router, routing::get};
/// # use guardrail::{AuthLayer, Guardrail, Principal};
/// # fn example(guard: Guardrail) -> Router {
/// Router::new()
///     .route("/me", get(async |who: Principal| who.subject().to_owned()))
///     .layer(AuthLayer::new(guard))
/// # }
/// ```
#[derive(Clone)]
pub struct AuthLayer {
    guard: Arc<dyn AnyGuard>,
    strict: bool,
}

impl AuthLayer {
    /// A layer for this Guardrail.
    pub fn new<U: AuthUser>(guard: Guardrail<U>) -> Self {
        Self { guard: Arc::new(guard), strict: false }
    }

    /// Finds routes that are open by oversight: meant for tests.
    ///
    /// A request whose handler neither asked for a permission (`#[require]`, [`RequireLayer`](crate::RequireLayer),
    /// [`EnforceRoutes`](crate::EnforceRoutes)), nor learned who the caller is, nor said
    /// [`#[public]`](crate::public) (or [`PublicLayer`](crate::PublicLayer)), and that was answered with 2xx or 3xx,
    /// is answered with 500, and the log names the route. What the handler did has happened by then: this protects
    /// nothing, it tells.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use guardrail::{AuthLayer, Guardrail, public};
    /// #[public]
    /// async fn version() -> &'static str {
    ///     "1.0"
    /// }
    ///
    /// # fn example(guard: Guardrail) -> Router {
    /// let app = Router::new().route("/version", get(version));
    /// let layer = AuthLayer::new(guard);
    /// app.layer(if cfg!(test) { layer.strict() } else { layer })
    /// # }
    /// ```
    #[must_use]
    pub fn strict(self) -> Self {
        Self { strict: true, ..self }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthService { inner, guard: Arc::clone(&self.guard), strict: self.strict }
    }
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer").finish_non_exhaustive()
    }
}

/// The service that [`AuthLayer`] puts around another.
#[derive(Clone)]
pub struct AuthService<S> {
    inner: S,
    guard: Arc<dyn AnyGuard>,
    strict: bool,
}

impl<S: fmt::Debug> fmt::Debug for AuthService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, B> Service<Request<B>> for AuthService<S>
where
    S: Service<Request<B>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = AuthFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mut context = AuthContext::new(Arc::clone(&self.guard));
        let mut watch = None;
        if self.strict {
            let (parts, body) = request.into_parts();
            if !is_preflight(&parts) {
                watch = Some(Watch { declared: context.watch(), route: route(&parts) });
            }
            request = Request::from_parts(parts, body);
        }
        request.extensions_mut().insert(context);
        AuthFuture { response: self.inner.call(request), watch }
    }
}

/// What strict mode knows of a request.
struct Watch {
    declared: Arc<AtomicBool>,
    route: String,
}

impl Watch {
    fn check(&self, response: Response) -> Response {
        let succeeded = response.status().is_success() || response.status().is_redirection();
        if !succeeded || self.declared.load(Ordering::Relaxed) {
            return response;
        }
        let text = format!(
            "the route {} answered {}, and nothing says for whom: put `#[require(…)]` above its handler, or \
             `#[public]` if everybody may have the answer (strict mode; what the handler did has happened)",
            self.route,
            response.status()
        );
        Error::Misconfigured(text.into()).into_response()
    }
}

pin_project! {
    /// The answer of an [`AuthService`].
    pub struct AuthFuture<F> {
        #[pin]
        response: F,
        watch: Option<Watch>,
    }
}

impl<F, E> Future for AuthFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(cx));
        Poll::Ready(response.map(|response| match this.watch {
            Some(watch) => watch.check(response),
            None => response,
        }))
    }
}

impl<F> fmt::Debug for AuthFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthFuture").finish_non_exhaustive()
    }
}
