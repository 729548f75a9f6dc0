//! Who asks too often: bounds by address and by account, and the wait that failed log-ins earn.

mod address;
mod attempts;
mod rate;

pub use self::address::{ProxyHeader, TrustedProxies};
pub(crate) use self::{
    address::Network,
    attempts::{Attempted, Attempts},
    rate::{Action, RateLimits, Whose},
};
