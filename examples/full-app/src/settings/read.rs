//! A setting's text to its value. The errors complete a sentence that begins with the setting's name; none repeats
//! the value, which may be a secret in the wrong place.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

use guardrail::{Bcrypt, Email, PasswordPolicy, ProxyHeader, SecretString, SigningAlgorithm, SigningKey};
use guardrail_sqlx::SqliteSynchronous;
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use super::{LogFormat, wrong::Problem};

type Read<T> = Result<T, Problem>;

fn number<T: FromStr + PartialOrd>(text: &str, range: &RangeInclusive<T>) -> Option<T> {
    text.parse().ok().filter(|number| range.contains(number))
}

fn duration(text: &str, range: &RangeInclusive<u64>, unit: u64) -> Option<Duration> {
    number(text, range).map(|number| Duration::from_secs(number * unit))
}

pub(super) fn database_url(text: &str) -> Read<SecretString> {
    let known = ["postgres:", "postgresql:", "sqlite:"].iter().any(|scheme| text.starts_with(scheme));
    let problem = "must begin with `postgres://` or `sqlite:`";
    known.then(|| text.to_owned().into()).ok_or(Problem::new(problem, super::DATABASE_URL_EXAMPLE))
}

pub(super) fn synchronous(text: &str) -> Read<SqliteSynchronous> {
    match text {
        "full" => Ok(SqliteSynchronous::Full),
        "normal" => Ok(SqliteSynchronous::Normal),
        _ => Err(Problem::new("must be `full` or `normal`", "full")),
    }
}

pub(super) fn signing_key(text: &str) -> Read<SigningKey> {
    SigningKey::hs256(text)
        .map_err(|error| Problem::new(format!("cannot serve: {error}"), super::JWT_SECRET_EXAMPLE))
}

pub(super) fn algorithm(text: &str) -> Read<SigningAlgorithm> {
    match text.to_ascii_lowercase().as_str() {
        "eddsa" => Ok(SigningAlgorithm::EdDsa),
        "es256" => Ok(SigningAlgorithm::Es256),
        "rs256" => Ok(SigningAlgorithm::Rs256),
        _ => Err(Problem::new("must be `eddsa`, `es256` or `rs256`", "eddsa")),
    }
}

pub(super) fn access_token_ttl(text: &str) -> Read<Duration> {
    duration(text, &(1..=1440), 60).ok_or(Problem::new("must be a number of minutes from 1 to 1440", "30"))
}

pub(super) fn days(text: &str) -> Read<Duration> {
    duration(text, &(1..=365), 24 * 60 * 60)
        .ok_or(Problem::new("must be a number of days from 1 to 365", "90"))
}

pub(super) fn retention(text: &str) -> Read<Duration> {
    duration(text, &(1..=3650), 24 * 60 * 60)
        .ok_or(Problem::new("must be a number of days from 1 to 3650", "90"))
}

pub(super) fn session_cache_ttl(text: &str) -> Read<Duration> {
    duration(text, &(0..=3600), 1).ok_or(Problem::new("must be a number of seconds from 0 to 3600", "30"))
}

pub(super) fn grace(text: &str) -> Read<Duration> {
    duration(text, &(0..=60), 1).ok_or(Problem::new("must be a number of seconds from 0 to 60", "10"))
}

pub(super) fn request_timeout(text: &str) -> Read<Duration> {
    duration(text, &(1..=600), 1).ok_or(Problem::new("must be a number of seconds from 1 to 600", "30"))
}

pub(super) fn drain(text: &str) -> Read<Duration> {
    duration(text, &(0..=600), 1).ok_or(Problem::new("must be a number of seconds from 0 to 600", "30"))
}

pub(super) fn boolean(text: &str) -> Read<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(Problem::new("must be true or false (or 1 or 0, yes or no)", "true")),
    }
}

pub(super) fn bcrypt(text: &str) -> Read<Bcrypt> {
    let cost = text.parse().ok().and_then(|cost| Bcrypt::with_cost(cost).ok());
    cost.ok_or(Problem::new("must be a number from 10 to 31", "12"))
}

pub(super) fn insecure_bcrypt_cost(text: &str) -> Read<u32> {
    number(text, &(4..=9)).ok_or(Problem::new("must be a number from 4 to 9, or absent outside tests", "4"))
}

/// RFC 6265 §4.1.1.
pub(super) fn cookie_name(text: &str) -> Read<String> {
    let clean = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let fits = !text.is_empty() && text.bytes().all(clean);
    let problem = "must be a cookie's name: letters, digits, `-` and `_`";
    fits.then(|| text.to_owned()).ok_or(Problem::new(problem, "__Host-user_fingerprint"))
}

pub(super) fn password_min_chars(text: &str) -> Read<usize> {
    number(text, &(8..=64)).ok_or(Problem::new("must be a number from 8 to 64", "15"))
}

pub(super) fn rate(text: &str) -> Read<u32> {
    number(text, &(0..=1_000_000)).ok_or(Problem::new("must be a number from 0 to 1000000", "30"))
}

pub(super) fn network(text: &str) -> Read<IpNet> {
    let text = text.trim();
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| Problem::new("must be addresses or networks, with commas", "10.0.0.0/8,::1"))
}

pub(super) fn proxy_header(text: &str) -> Read<ProxyHeader> {
    match text.to_ascii_lowercase().as_str() {
        "x-forwarded-for" => Ok(ProxyHeader::XForwardedFor),
        "forwarded" => Ok(ProxyHeader::Forwarded),
        _ => Err(Problem::new("must be `x-forwarded-for` or `forwarded`", "x-forwarded-for")),
    }
}

pub(super) fn email(text: &str) -> Read<Email> {
    text.parse().map_err(|_| Problem::new("must be an e-mail address", "admin@example.com"))
}

pub(super) fn password(text: &str) -> Read<SecretString> {
    PasswordPolicy::default()
        .check(text, Bcrypt::MAX_BYTES, &[])
        .map(|()| text.to_owned().into())
        .map_err(|problem| Problem::new(problem, "'four random english words'"))
}

pub(super) fn address(text: &str) -> Read<IpAddr> {
    text.parse().map_err(|_| Problem::new("must be an IP address", "127.0.0.1"))
}

pub(super) fn socket_address(text: &str) -> Read<SocketAddr> {
    text.parse().map_err(|_| Problem::new("must be an IP address and a port", super::METRICS_ADDRESS_EXAMPLE))
}

pub(super) fn port(text: &str) -> Read<u16> {
    text.parse().map_err(|_| Problem::new("must be a port, a number from 0 to 65535", "8081"))
}

pub(super) fn log_filter(text: &str) -> Read<String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Problem::new("must be levels, also by module", "info,guardrail=debug")),
    }
}

pub(super) fn log_format(text: &str) -> Read<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(Problem::new("must be `text` or `json`", "text")),
    }
}
