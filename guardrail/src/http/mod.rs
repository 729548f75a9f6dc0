//! Guardrail on HTTP: the layer, the extractors, the endpoints, and what errors look like.

mod address;
mod context;
mod cookie;
mod credentials;
mod enforce;
mod extract;
mod guarded;
mod layer;
#[cfg(feature = "openapi")]
pub mod openapi;
mod problem;
mod public;
mod rate_limit_layer;
mod require_layer;
mod requirement;
mod router;
mod routes;
mod signed_in;

pub use self::{
    enforce::{EnforceRoutes, EnforceService},
    extract::{Authenticated, Permit},
    guarded::{Guarded, GuardedFuture},
    layer::{AuthFuture, AuthLayer, AuthService},
    public::{Public, PublicLayer, PublicService},
    rate_limit_layer::{Bound, RateLimitLayer},
    require_layer::{RequireLayer, RequireService},
    router::{method_not_allowed, not_found},
    signed_in::SignedIn,
};
