//! Settings, with their defaults.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{PasswordPolicy, Role, TrustedProxies};

/// What the services go by. Set through [`GuardrailBuilder`](crate::GuardrailBuilder), where each is described.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) sessions: SessionConfig,
    pub(crate) cookie: CookieConfig,
    pub(crate) password_policy: PasswordPolicy,
    pub(crate) registration: bool,
    pub(crate) record_client: bool,
    pub(crate) trusted_proxies: TrustedProxies,
    /// How often a minute an address may try to authenticate, and ask for anything; 0 for any number.
    pub(crate) rate_limit_auth: u32,
    pub(crate) rate_limit_requests: u32,
    pub(crate) default_role: Role,
    pub(crate) admin_role: Role,
    pub(crate) audit_retention: TimeDelta,
    pub(crate) sweep_interval: Duration,
    pub(crate) session_cache_ttl: Duration,
    pub(crate) session_cache_capacity: usize,
    pub(crate) policy_poll_interval: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct SessionConfig {
    pub(crate) access_token_ttl: TimeDelta,
    pub(crate) refresh_token_ttl: TimeDelta,
    pub(crate) absolute_ttl: TimeDelta,
    pub(crate) grace: TimeDelta,
    pub(crate) rotation: bool,
    pub(crate) family_logout: bool,
    pub(crate) limit: usize,
}

/// The attributes of the fingerprint's cookie.
#[derive(Debug, Clone)]
pub(crate) struct CookieConfig {
    pub(crate) name: String,
    pub(crate) secure: bool,
    pub(crate) same_site: SameSite,
    pub(crate) path: String,
    pub(crate) domain: Option<String>,
}

/// When a browser sends the fingerprint's cookie along with requests from other sites (RFC 6265bis §5.6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SameSite {
    /// Never: the default.
    #[default]
    Strict,
    /// When the user follows a link.
    Lax,
    /// Always, for an application whose pages are on another site; needs `Secure`, and CORS set with care.
    None,
}
