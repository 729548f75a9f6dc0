//! Guardrail on HTTP: the layer, the extractors, the endpoints, and what errors look like.

mod at_once;
mod context;
mod cookie;
mod credentials;
mod extract;
mod guarded;
mod layer;
mod problem;
mod require_layer;
mod requirement;
mod router;
mod routes;

pub use self::{
    extract::{Authenticated, Permit},
    layer::{AuthLayer, AuthService},
    require_layer::{RequireLayer, RequireService},
    requirement::{Declaration, Requirement},
    router::{method_not_allowed, not_found},
};
