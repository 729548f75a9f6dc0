//! A service that is called only by requests that may: what [`RequireLayer`](crate::RequireLayer) and
//! [`EnforceRoutes`](crate::EnforceRoutes) have in common.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::response::{IntoResponse as _, Response};
use http::{Request, request::Parts};
use pin_project_lite::pin_project;
use tower::Service;

use crate::Error;

/// What a request must meet.
pub trait Condition: Clone + Send + Sync + 'static {
    /// Whether it does; `None` if a store has to be asked who the caller is.
    fn met_at_once(&self, parts: &mut Parts) -> Option<Result<(), Error>>;

    /// Whether it does.
    fn met(&self, parts: &mut Parts) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A service behind a condition.
#[derive(Clone)]
pub struct Guarded<S, C> {
    inner: S,
    condition: C,
}

impl<S, C> Guarded<S, C> {
    pub(super) fn new(inner: S, condition: C) -> Self {
        Self { inner, condition }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Guarded<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, C, B> Service<Request<B>> for Guarded<S, C>
where
    S: Service<Request<B>, Response = Response> + Clone,
    C: Condition,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = GuardedFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let state = match self.condition.met_at_once(&mut parts) {
            Some(Ok(())) => State::Allowed { response: self.inner.call(Request::from_parts(parts, body)) },
            Some(Err(error)) => State::Refused { response: Some(error.into_response()) },
            None => {
                // The service that was polled ready is the one to call; its clone takes its place here.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                let condition = self.condition.clone();
                let asking = Box::pin(async move {
                    condition.met(&mut parts).await.map(|()| Request::from_parts(parts, body))
                });
                State::Asking { asking, inner }
            }
        };
        GuardedFuture { state }
    }
}

type Asking<B> = Pin<Box<dyn Future<Output = Result<Request<B>, Error>> + Send>>;

pin_project! {
    /// The answer of a [`Guarded`] service.
    pub struct GuardedFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Allowed { #[pin] response: S::Future },
        Refused { response: Option<Response> },
        /// Boxed, since it is rare: nothing is remembered of the caller.
        Asking { asking: Asking<B>, inner: S },
    }
}

impl<S, B> Future for GuardedFuture<S, B>
where
    S: Service<Request<B>, Response = Response>,
{
    type Output = Result<Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Allowed { response } => return response.poll(cx),
                StateProjection::Refused { response } => match response.take() {
                    Some(response) => return Poll::Ready(Ok(response)),
                    None => return Poll::Pending,
                },
                StateProjection::Asking { asking, inner } => match ready!(asking.as_mut().poll(cx)) {
                    Ok(request) => State::Allowed { response: inner.call(request) },
                    Err(error) => State::Refused { response: Some(error.into_response()) },
                },
            };
            state.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for GuardedFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedFuture").finish_non_exhaustive()
    }
}
