//! Settings that are right alone and wrong together.

use super::{Database, JWT_SECRET_EXAMPLE, Settings, WrongSetting};

pub(super) fn together(settings: &Settings) -> Result<(), WrongSetting> {
    let wrong = |name, problem: &str, example| Err(WrongSetting::new(name, problem, example));
    let signs = settings.command.is_none();
    let given = settings.jwt_secret.is_some() || settings.jwt_keys_file.is_some();
    if signs && !given && settings.database() == Database::Postgres {
        let problem = "is required with PostgreSQL, since every node needs the same; keep what you make";
        return wrong("JWT_SECRET", problem, JWT_SECRET_EXAMPLE);
    }
    if settings.session_absolute_ttl < settings.refresh_token_ttl {
        return wrong("SESSION_ABSOLUTE_TTL_DAYS", "must not be less than REFRESH_TOKEN_TTL_DAYS", "365");
    }
    let prefixed = ["__Host-", "__Secure-"].iter().any(|it| settings.fingerprint_cookie_name.starts_with(it));
    if prefixed && !settings.cookie_secure {
        let problem = "must not begin with `__Host-` or `__Secure-` where COOKIE_SECURE is false";
        return wrong("FINGERPRINT_COOKIE_NAME", problem, "user_fingerprint");
    }
    Ok(())
}
