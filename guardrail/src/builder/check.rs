//! Settings that cannot be as they are.

use std::time::Duration;

use chrono::TimeDelta;

use super::BuildError;
use crate::{SameSite, config::Config};

/// Whether Guardrail can go by these settings.
pub(super) fn settings(config: &Config) -> Result<(), BuildError> {
    let setting = |setting, problem: &str| Err(BuildError::Setting { setting, problem: problem.to_owned() });
    let Config { sessions, cookie, .. } = config;
    let second = TimeDelta::seconds(1);
    if sessions.access_token_ttl < second {
        return setting("access_token_ttl", "must be at least a second");
    }
    if sessions.refresh_token_ttl < sessions.access_token_ttl {
        return setting("refresh_token_ttl", "must not be shorter than access_token_ttl");
    }
    if sessions.absolute_ttl < sessions.refresh_token_ttl {
        return setting("session_absolute_ttl", "must not be shorter than refresh_token_ttl");
    }
    if sessions.absolute_ttl > TimeDelta::days(3650) {
        return setting("session_absolute_ttl", "must be at most 3650 days");
    }
    if sessions.grace > TimeDelta::seconds(60) {
        return setting("refresh_grace", "must be 0 to 60 seconds");
    }
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if cookie.name.is_empty() || !cookie.name.bytes().all(is_token) {
        return setting("cookie_name", "must be a cookie name (RFC 6265 §4.1.1): letters, digits, `-`, `_`");
    }
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && b != b';' && b != b',');
    if !cookie.path.starts_with('/') || !plain(&cookie.path) {
        return setting("cookie_path", "must begin with `/` and hold no `;` and `,`");
    }
    if cookie.domain.as_deref().is_some_and(|domain| domain.is_empty() || !plain(domain)) {
        return setting("cookie_domain", "must be a domain such as example.com");
    }
    // With its value and attributes it stays below the 4096 bytes that browsers keep (RFC 6265 §6.1).
    let parts = [Some(cookie.name.as_str()), Some(cookie.path.as_str()), cookie.domain.as_deref()];
    if parts.into_iter().flatten().map(str::len).sum::<usize>() > 2048 {
        return setting(
            "cookie_name",
            "is too long together with the path and the domain: 2048 bytes at most",
        );
    }
    let host = cookie.name.starts_with("__Host-");
    if host && (!cookie.secure || cookie.path != "/" || cookie.domain.is_some()) {
        return setting(
            "cookie_name",
            "begins with `__Host-`, so the cookie must be Secure, with the path `/` and no domain",
        );
    }
    if cookie.name.starts_with("__Secure-") && !cookie.secure {
        return setting("cookie_name", "begins with `__Secure-`, so the cookie must be Secure");
    }
    if cookie.same_site == SameSite::None && !cookie.secure {
        return setting("cookie_same_site", "`None` needs a Secure cookie");
    }
    if config.policy_poll_interval < Duration::from_millis(100) {
        return setting("policy_poll_interval", "must be at least 100 ms");
    }
    if config.sweep_interval < Duration::from_secs(1) {
        return setting("sweep_interval", "must be at least a second");
    }
    Ok(())
}
