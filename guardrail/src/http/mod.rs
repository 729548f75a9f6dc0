//! Guardrail on HTTP: the layer, the extractors, the endpoints, and what errors look like.

mod context;
mod cookie;
mod credentials;
mod enforce;
mod extract;
mod guarded;
mod layer;
mod problem;
mod public;
mod require_layer;
mod requirement;
mod router;
mod routes;

pub use self::{
    enforce::{EnforceRoutes, EnforceService},
    extract::{Authenticated, Permit},
    guarded::{Guarded, GuardedFuture},
    layer::{AuthFuture, AuthLayer, AuthService},
    public::{Public, PublicLayer, PublicService},
    require_layer::{RequireLayer, RequireService},
    router::{method_not_allowed, not_found},
};
