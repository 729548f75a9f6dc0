//! Who calls, within one request.

use std::{
    any::Any,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::extract::{MatchedPath, OriginalUri};
use http::{HeaderMap, request::Parts};

use super::{address::client_address, credentials::Credentials, extract};
use crate::{
    AuthUser, Error, Guardrail, Principal, Unauthenticated,
    audit::{Audit, AuditEvent},
    metrics::{Authentication, Metrics},
    policy::PolicyEngine,
    session::Denial,
    throttle::Action,
};

/// What [`AuthLayer`](crate::AuthLayer) puts into a request's extensions. The caller is recognised when the first
/// extractor asks, and remembered for the others.
#[derive(Clone)]
pub(crate) struct AuthContext {
    guard: Arc<dyn AnyGuard>,
    caller: Option<Caller>,
    /// Whether what is remembered has been asked who the caller is.
    asked: bool,
    /// In strict mode: whether anything has said whom the answer is for.
    declared: Option<Arc<AtomicBool>>,
}

/// The outcome of recognising the caller.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    Anonymous,
    Known(Principal),
    Refused {
        told: Unauthenticated,
        cause: &'static str,
    },
    /// The error has been logged.
    Unavailable,
}

impl Caller {
    fn of(recognised: Result<Principal, Denial>) -> Self {
        match recognised {
            Ok(principal) => Self::Known(principal),
            Err(Denial::Refused { told, cause }) => Self::Refused { told, cause },
            Err(Denial::Failed(error)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the caller could not be recognised"
                );
                Self::Unavailable
            }
        }
    }

    /// Counts the outcome, once a request. Where the request has a span with a field `user`, that gets the caller's id.
    fn noted(self, metrics: &Metrics) -> Self {
        metrics.count(match &self {
            Self::Anonymous => Authentication::TokenMissing,
            Self::Known(principal) => {
                tracing::Span::current().record("user", principal.user_id().as_str());
                Authentication::Ok
            }
            Self::Refused { told, .. } => match told {
                Unauthenticated::TokenMissing => Authentication::TokenMissing,
                Unauthenticated::TokenInvalid => Authentication::TokenInvalid,
                Unauthenticated::TokenExpired => Authentication::TokenExpired,
                Unauthenticated::FingerprintMissing => Authentication::FingerprintMissing,
                Unauthenticated::SessionEnded => Authentication::SessionEnded,
            },
            Self::Unavailable => Authentication::Error,
        });
        self
    }

    fn told(&self) -> Result<Option<&Principal>, Error> {
        match self {
            Self::Anonymous => Ok(None),
            Self::Known(principal) => Ok(Some(principal)),
            Self::Refused { told, .. } => Err((*told).into()),
            Self::Unavailable => Err(Error::Unavailable),
        }
    }
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A [`Guardrail`] whose user type has been forgotten.
pub(crate) trait AnyGuard: Send + Sync {
    /// The caller, if no store has to be asked.
    fn recognise_at_once(&self, headers: &HeaderMap) -> Option<Caller>;
    fn recognise<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Caller>;
    fn policies(&self) -> &PolicyEngine;
    fn audit(&self) -> &Audit;
    /// Takes a request from the bucket of its address.
    fn bound(&self, parts: &Parts) -> Result<(), Error>;
    fn user_type(&self) -> &'static str;
    fn as_any(&self) -> &dyn Any;
}

impl<U: AuthUser> Guardrail<U> {
    /// The request's credentials, or who the caller is without any.
    fn credentials<'a>(&self, headers: &'a HeaderMap) -> Result<Credentials<'a>, Caller> {
        match Credentials::find(headers, &self.inner().config.cookie.name) {
            Ok(Some(credentials)) => Ok(credentials),
            Ok(None) => Err(Caller::Anonymous),
            Err(cause) => Err(Caller::Refused { told: Unauthenticated::TokenInvalid, cause }),
        }
    }
}

impl<U: AuthUser> AnyGuard for Guardrail<U> {
    fn recognise_at_once(&self, headers: &HeaderMap) -> Option<Caller> {
        let caller = match self.credentials(headers) {
            Ok(it) => Caller::of(Self::recognise_at_once(self, it.bearer, &it.fingerprints)?),
            Err(caller) => caller,
        };
        Some(caller.noted(&self.inner().metrics))
    }

    fn recognise<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Caller> {
        Box::pin(async {
            let caller = match self.credentials(headers) {
                Ok(it) => Caller::of(Self::recognise(self, it.bearer, &it.fingerprints).await),
                Err(caller) => caller,
            };
            caller.noted(&self.inner().metrics)
        })
    }

    fn policies(&self) -> &PolicyEngine {
        &self.inner().policies
    }

    fn audit(&self) -> &Audit {
        &self.inner().audit
    }

    fn bound(&self, parts: &Parts) -> Result<(), Error> {
        let address = client_address(parts, &self.inner().config.trusted_proxies);
        extract::take(self, Action::Request, address)
    }

    fn user_type(&self) -> &'static str {
        std::any::type_name::<U>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl AuthContext {
    pub(super) fn new(guard: Arc<dyn AnyGuard>) -> Self {
        Self { guard, caller: None, asked: false, declared: None }
    }

    /// Watches, in strict mode, whether the request's handler says whom the answer is for.
    pub(super) fn watch(&mut self) -> Arc<AtomicBool> {
        Arc::clone(self.declared.insert(Arc::default()))
    }

    /// Takes note that it has been said whom the answer is for.
    pub(super) fn declare(&self) {
        if let Some(declared) = &self.declared {
            declared.store(true, Ordering::Relaxed);
        }
    }

    /// What is told of the caller. Whoever learns who it is has asked whom the answer is for.
    fn caller(&self) -> Result<Option<&Principal>, Error> {
        match &self.caller {
            None => Err(Error::Unavailable),
            Some(caller) => {
                if let Caller::Known(_) = caller {
                    self.declare();
                }
                caller.told()
            }
        }
    }

    /// The caller, who has been recognised and must have sent credentials.
    pub(super) fn principal(&self) -> Result<&Principal, Error> {
        self.caller()?.ok_or(Error::Unauthenticated(Unauthenticated::TokenMissing))
    }

    /// The context of a request, if its layer is there.
    pub(super) fn of(parts: &mut Parts) -> Result<&mut Self, Error> {
        if parts.extensions.get::<Self>().is_none() {
            return Err(Error::Misconfigured(
                format!(
                    "no AuthLayer around the route {}: add `.layer(guardrail::AuthLayer::new(guard.clone()))` to \
                     the router after its routes",
                    route(parts)
                )
                .into(),
            ));
        }
        parts.extensions.get_mut::<Self>().ok_or(Error::Unavailable)
    }

    /// Where it is written down what happens.
    pub(super) fn audit(&self) -> &Audit {
        self.guard.audit()
    }

    /// The rules.
    pub(super) fn policies(&self) -> &PolicyEngine {
        self.guard.policies()
    }

    /// The Guardrail that the layer was given, if its users are of the type `U`.
    pub(super) fn guard<U: AuthUser>(&self) -> Result<&Guardrail<U>, Error> {
        self.guard.as_any().downcast_ref().ok_or_else(|| {
            Error::Misconfigured(
                format!(
                    "a handler asks for users of the type `{}`, but the AuthLayer around it has users of the type \
                     `{}`",
                    std::any::type_name::<U>(),
                    self.guard.user_type()
                )
                .into(),
            )
        })
    }
}

/// Recognises the caller of a request; whether that was done. If not, a store has to be asked.
pub(super) fn recognise_at_once(parts: &mut Parts) -> Result<bool, Error> {
    let Parts { extensions, headers, .. } = parts;
    let Some(context) = extensions.get_mut::<AuthContext>() else {
        return AuthContext::of(parts).map(|_| false);
    };
    if context.caller.is_none() && !context.asked {
        context.asked = true;
        if let Some(caller) = context.guard.recognise_at_once(headers) {
            remember(parts, caller)?;
            return Ok(true);
        }
    }
    Ok(context.caller.is_some())
}

/// Remembers who calls, for whatever asks next, and says in the log why somebody is refused.
fn remember(parts: &mut Parts, caller: Caller) -> Result<(), Error> {
    if let Caller::Refused { cause, .. } = caller {
        AuditEvent::RequestRefused { cause, route: &route(parts) }.log();
    }
    AuthContext::of(parts)?.caller = Some(caller);
    Ok(())
}

/// Recognises the caller of a request.
pub(super) async fn recognise(parts: &mut Parts) -> Result<(), Error> {
    if recognise_at_once(parts)? {
        return Ok(());
    }
    let guard = Arc::clone(&AuthContext::of(parts)?.guard);
    let caller = guard.recognise(&parts.headers).await;
    remember(parts, caller)
}

/// The caller of a request; `None` if no credentials came.
pub(super) async fn caller(parts: &mut Parts) -> Result<Option<Principal>, Error> {
    recognise(parts).await?;
    Ok(AuthContext::of(parts)?.caller()?.cloned())
}

/// The caller of a request, who must have sent credentials.
pub(super) async fn principal(parts: &mut Parts) -> Result<Principal, Error> {
    recognise(parts).await?;
    AuthContext::of(parts)?.principal().cloned()
}

/// Takes note that the route says whom its answer is for, where somebody wants to know.
pub(super) fn declare(parts: &Parts) {
    if let Some(context) = parts.extensions.get::<AuthContext>() {
        context.declare();
    }
}

/// The route of a request, for the log.
pub(super) fn route(parts: &Parts) -> String {
    let path = parts.extensions.get::<MatchedPath>().map_or_else(|| path(parts), MatchedPath::as_str);
    format!("{} {path:?}", parts.method)
}

/// The path of a request as it was sent: nested routers see the rest of it.
pub(super) fn path(parts: &Parts) -> &str {
    parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0).path()
}
