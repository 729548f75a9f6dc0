//! The automatic mode: every route of a group asks for a permission.

use axum::extract::MatchedPath;
use http::{
    Method,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
    request::Parts,
};
use tower::Layer;

use super::{
    context::{AuthContext, declare, path, recognise, recognise_at_once},
    guarded::{Condition, Guarded},
};
use crate::{Domain, Error, Forbidden, audit::AuditEvent, policy::Object};

/// Lets a request through to a route of the group only if a rule allows its caller the action of the method on the
/// route's own template, so that a route without a rule is closed.
///
/// Give it to [`Router::route_layer`](axum::Router::route_layer) of the group, inside the
/// [`AuthLayer`](crate::AuthLayer):
///
/// ```
/// # use axum::{Router, routing::{get, put}};
/// # use guardrail::{AuthLayer, EnforceRoutes, Guardrail};
/// # fn example(guard: Guardrail) -> Router {
/// let posts = Router::new()
///     .route("/posts", get(async || "…").post(async || "…"))
///     .route("/posts/{id}", put(async || "…"))
///     .route_layer(EnforceRoutes::new());
///
/// Router::new().nest("/api", posts).layer(AuthLayer::new(guard))
/// # }
/// ```
///
/// Here `PUT /api/posts/7` needs a rule such as `editor, /api/posts/{id}, write`. The object that is asked for is
/// `/api/posts/{id}` as it is written in the router, and not the path of the request: nothing that can be done to a
/// path chooses another rule than the route that runs. A `{…}` of a rule therefore covers a `{…}` of a template, and
/// nothing else: the rule says nothing of a route `/api/posts/export`.
///
/// | method | action |
/// |-|-|
/// | `GET`, `HEAD` | `read` |
/// | `POST`, `PUT`, `PATCH` | `write` |
/// | `DELETE` | `delete` |
/// | any other | denied |
///
/// A CORS preflight passes: it comes without credentials, and browsers send nothing else with it. Where no route
/// matched (a fallback, what is behind a `nest_service`, a layer around the whole router), there is no template, and
/// the request is denied with a line in the log.
#[derive(Debug, Clone, Copy)]
pub struct EnforceRoutes {
    action: fn(&Method) -> Option<&'static str>,
}

impl EnforceRoutes {
    /// With the actions of the table.
    pub const fn new() -> Self {
        Self { action: default_action }
    }

    /// With other actions. A method without one is denied.
    ///
    /// ```
    /// use guardrail::EnforceRoutes;
    ///
    /// let layer = EnforceRoutes::new().with_actions(|method| match method.as_str() {
    ///     "GET" => Some("view"),
    ///     "POST" => Some("create"),
    ///     _ => None,
    /// });
    /// ```
    #[must_use]
    pub const fn with_actions(self, action: fn(&Method) -> Option<&'static str>) -> Self {
        Self { action }
    }
}

impl Default for EnforceRoutes {
    fn default() -> Self {
        Self::new()
    }
}

fn default_action(method: &Method) -> Option<&'static str> {
    match *method {
        Method::GET | Method::HEAD => Some("read"),
        Method::POST | Method::PUT | Method::PATCH => Some("write"),
        Method::DELETE => Some("delete"),
        _ => None,
    }
}

impl<S> Layer<S> for EnforceRoutes {
    type Service = EnforceService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded::new(inner, *self)
    }
}

/// The service that [`EnforceRoutes`] puts around another.
pub type EnforceService<S> = Guarded<S, EnforceRoutes>;

impl Condition for EnforceRoutes {
    fn met_at_once(&self, parts: &mut Parts) -> Option<Result<(), Error>> {
        if is_preflight(parts) {
            declare(parts);
            return Some(Ok(()));
        }
        match recognise_at_once(parts) {
            Ok(true) => Some(self.decide(parts)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    async fn met(&self, parts: &mut Parts) -> Result<(), Error> {
        recognise(parts).await?;
        self.decide(parts)
    }
}

impl EnforceRoutes {
    /// Decides on a caller who has been recognised.
    fn decide(self, parts: &Parts) -> Result<(), Error> {
        let Some(context) = parts.extensions.get::<AuthContext>() else { return Err(Error::Unavailable) };
        let principal = context.principal()?;
        let denied = |object: &str, action: &str| {
            context.audit().record(&AuditEvent::denied(principal, object, action));
            Err(Forbidden::PermissionDenied.into())
        };
        let Some(template) = parts.extensions.get::<MatchedPath>() else {
            tracing::error!(
                method = %parts.method,
                path = ?path(parts),
                "EnforceRoutes is around something that is no route of a router, and denies it: put it on the group \
                 of routes with `.route_layer(…)`"
            );
            return denied(path(parts), parts.method.as_str());
        };
        let template = template.as_str();
        let Some(action) = (self.action)(&parts.method) else {
            return denied(template, parts.method.as_str());
        };
        let domain = parts.extensions.get::<Domain>().map(Domain::as_str);
        let object = Object::Template(template);
        if context.policies().decide(&principal.subjects(), domain, object, action)? {
            Ok(())
        } else {
            denied(template, action)
        }
    }
}

/// Whether it is the question that a browser asks before a request to another origin (Fetch §3.3.2).
pub(super) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
