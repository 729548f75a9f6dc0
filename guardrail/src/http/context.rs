//! Who calls, within one request.

use std::{any::Any, sync::Arc};

use async_trait::async_trait;
use http::{HeaderMap, request::Parts};
use tokio::sync::OnceCell;

use super::credentials::Credentials;
use crate::{
    AuthUser, Error, Guardrail, Principal, Unauthenticated,
    audit::AuditEvent,
    policy::{PolicyEngine, Subjects},
    session::Denial,
};

/// What [`AuthLayer`](crate::AuthLayer) puts into a request's extensions. The caller is recognised when the first
/// extractor asks, and remembered for the others.
#[derive(Clone)]
pub(crate) struct AuthContext(Arc<Inner>);

struct Inner {
    guard: Box<dyn AnyGuard>,
    caller: OnceCell<Caller>,
}

/// The outcome of recognising the caller; each way to fail has been logged by the time it is here.
#[derive(Debug, Clone)]
enum Caller {
    Anonymous,
    Known(Principal),
    Refused(Unauthenticated),
    Unavailable,
}

/// A [`Guardrail`] whose user type has been forgotten.
#[async_trait]
trait AnyGuard: Send + Sync {
    async fn recognise(&self, headers: &HeaderMap) -> Caller;
    fn policies(&self) -> &PolicyEngine;
    fn user_type(&self) -> &'static str;
    fn as_any(&self) -> &dyn Any;
}

#[async_trait]
impl<U: AuthUser> AnyGuard for Guardrail<U> {
    async fn recognise(&self, headers: &HeaderMap) -> Caller {
        let credentials = match Credentials::find(headers, &self.inner().config.cookie.name) {
            Ok(Some(credentials)) => credentials,
            Ok(None) => return Caller::Anonymous,
            Err(cause) => {
                AuditEvent::RequestRefused { cause }.record();
                return Caller::Refused(Unauthenticated::TokenInvalid);
            }
        };
        match self.authenticate(credentials.bearer, &credentials.fingerprints).await {
            Ok(principal) => Caller::Known(principal),
            Err(Denial::Refused { told, cause }) => {
                AuditEvent::RequestRefused { cause }.record();
                Caller::Refused(told)
            }
            Err(Denial::Failed(error)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the caller could not be recognised"
                );
                Caller::Unavailable
            }
        }
    }

    fn policies(&self) -> &PolicyEngine {
        &self.inner().policies
    }

    fn user_type(&self) -> &'static str {
        std::any::type_name::<U>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl AuthContext {
    pub(super) fn new<U: AuthUser>(guard: Guardrail<U>) -> Self {
        Self(Arc::new(Inner { guard: Box::new(guard), caller: OnceCell::new() }))
    }

    /// The context of a request, if its layer is there.
    pub(super) fn of(parts: &Parts) -> Result<Self, Error> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Error::Misconfigured(
                format!(
                    "no AuthLayer around the route {}: add `.layer(guardrail::AuthLayer::new(guard.clone()))` to \
                     the router after its routes",
                    route(parts)
                )
                .into(),
            )
        })
    }

    /// The caller; `None` if no credentials came.
    pub(super) async fn caller(&self, headers: &HeaderMap) -> Result<Option<Principal>, Error> {
        match self.0.caller.get_or_init(|| self.0.guard.recognise(headers)).await {
            Caller::Anonymous => Ok(None),
            Caller::Known(principal) => Ok(Some(principal.clone())),
            Caller::Refused(told) => Err((*told).into()),
            Caller::Unavailable => Err(Error::Unavailable),
        }
    }

    /// The caller, who must have sent credentials.
    pub(super) async fn principal(&self, headers: &HeaderMap) -> Result<Principal, Error> {
        self.caller(headers).await?.ok_or(Error::Unauthenticated(Unauthenticated::TokenMissing))
    }

    pub(super) fn decide(&self, who: &Subjects<'_>, object: &str, action: &str) -> Result<bool, Error> {
        Ok(self.0.guard.policies().decide(who, object, action)?)
    }

    pub(super) fn holds_role(&self, who: &Subjects<'_>, role: &str) -> bool {
        self.0.guard.policies().holds_role(who, role)
    }

    /// The Guardrail that the layer was given, if its users are of the type `U`.
    pub(super) fn guard<U: AuthUser>(&self) -> Result<&Guardrail<U>, Error> {
        self.0.guard.as_any().downcast_ref().ok_or_else(|| {
            Error::Misconfigured(
                format!(
                    "a handler asks for users of the type `{}`, but the AuthLayer around it has users of the type \
                     `{}`",
                    std::any::type_name::<U>(),
                    self.0.guard.user_type()
                )
                .into(),
            )
        })
    }
}

/// The route of a request, for the log.
pub(super) fn route(parts: &Parts) -> String {
    let path = parts
        .extensions
        .get::<axum::extract::MatchedPath>()
        .map_or_else(|| parts.uri.path(), |matched| matched.as_str());
    format!("{} {path:?}", parts.method)
}
