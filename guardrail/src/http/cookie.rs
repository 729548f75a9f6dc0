//! The fingerprint's cookie on its way to the device (RFC 6265).

use chrono::TimeDelta;
use cookie::{Cookie, time};
use http::{HeaderValue, header::InvalidHeaderValue};

use crate::{
    config::{CookieConfig, SameSite},
    fingerprint::Fingerprint,
};

/// `Set-Cookie` that gives the device its fingerprint for as long as the session may last.
pub(super) fn set(
    config: &CookieConfig,
    fingerprint: &Fingerprint,
    lifetime: TimeDelta,
) -> Result<HeaderValue, InvalidHeaderValue> {
    header(config, fingerprint.cookie_value(), lifetime)
}

/// `Set-Cookie` that takes the fingerprint from the device.
pub(super) fn clear(config: &CookieConfig) -> Result<HeaderValue, InvalidHeaderValue> {
    header(config, "", TimeDelta::zero())
}

fn header(
    config: &CookieConfig,
    value: &str,
    lifetime: TimeDelta,
) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut cookie = Cookie::build((config.name.as_str(), value))
        .http_only(true)
        .secure(config.secure)
        .same_site(match config.same_site {
            SameSite::Strict => cookie::SameSite::Strict,
            SameSite::Lax => cookie::SameSite::Lax,
            SameSite::None => cookie::SameSite::None,
        })
        .path(config.path.as_str())
        .max_age(time::Duration::seconds(whole_seconds(lifetime)));
    if let Some(domain) = &config.domain {
        cookie = cookie.domain(domain.as_str());
    }
    let mut value = HeaderValue::from_str(&cookie.build().to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The seconds of a lifetime, a begun one counted whole: the moments that the answer took are not the cookie's loss,
/// and a cookie that outlives its session by less than a second opens nothing.
fn whole_seconds(lifetime: TimeDelta) -> i64 {
    let begun = i64::from(lifetime.subsec_nanos() > 0);
    lifetime.num_seconds().saturating_add(begun).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_begun_second_counts_whole() {
        assert_eq!(whole_seconds(TimeDelta::days(30) - TimeDelta::milliseconds(7)), 2_592_000);
        assert_eq!(whole_seconds(TimeDelta::days(30)), 2_592_000);
        assert_eq!(whole_seconds(TimeDelta::milliseconds(-1)), 0);
        assert_eq!(whole_seconds(TimeDelta::seconds(-5)), 0);
    }
}
