//! The settings: each a flag and a variable of the environment, checked before anything is started.

mod check;
mod read;
mod wrong;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use guardrail::{Bcrypt, Email, ProxyHeader, SecretString, SigningAlgorithm, SigningKey};
use guardrail_sqlx::SqliteSynchronous;
use ipnet::IpNet;
use secrecy::ExposeSecret as _;

pub use self::wrong::{Parsed, WrongSetting};

pub(crate) const DATABASE_URL_EXAMPLE: &str = "sqlite://guardrail.db";
pub(crate) const METRICS_ADDRESS_EXAMPLE: &str = "127.0.0.1:9464";
pub(crate) const JWT_SECRET_EXAMPLE: &str = "\"$(openssl rand -base64 48)\"";

/// Guardrail's example application: log-in, device-bound sessions and permissions, with every endpoint.
///
/// Each setting is a flag, a variable of the environment, or a line of the file .env in the working directory; the
/// first of these that is there counts. An empty variable counts as none.
#[derive(Parser)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of its own
#[command(name = "full-app", version, disable_help_subcommand = true)]
pub struct Settings {
    /// Where the data are: `postgres://user:password@host/database` or `sqlite://file`
    #[arg(long, env, hide_env_values = true, default_value = DATABASE_URL_EXAMPLE, value_name = "URL")]
    #[arg(value_parser = read::database_url)]
    pub(crate) database_url: SecretString,

    /// How much SQLite may lose when the power fails: full loses nothing, normal writes faster
    #[arg(long, env, default_value = "full", value_name = "full|normal", value_parser = read::synchronous)]
    pub(crate) sqlite_synchronous: SqliteSynchronous,

    /// Signs tokens; 32 bytes at least. Required with PostgreSQL; otherwise one is made and kept in a file beside
    /// the database. Better a variable than a flag, which other users of the machine see
    #[arg(long, env, hide_env_values = true, allow_hyphen_values = true, value_name = "SECRET")]
    #[arg(value_parser = read::signing_key)]
    pub(crate) jwt_secret: Option<SigningKey>,

    /// Private keys in PEM that sign tokens in place of a secret: the first signs, the others verify, and so does
    /// `JWT_SECRET` if it is there. `full-app keys` makes and changes the file
    #[arg(long, env, value_name = "FILE")]
    pub(crate) jwt_keys_file: Option<PathBuf>,

    /// How long an access token lasts: 1 minute to a day
    #[arg(
        long = "jwt-ttl-in-minutes",
        env = "JWT_TTL_IN_MINUTES",
        default_value = "30",
        value_name = "MINUTES"
    )]
    #[arg(value_parser = read::access_token_ttl)]
    pub(crate) access_token_ttl: Duration,

    /// How long a session lasts without use: 1 to 365 days
    #[arg(
        long = "refresh-token-ttl-days",
        env = "REFRESH_TOKEN_TTL_DAYS",
        default_value = "30",
        value_name = "DAYS"
    )]
    #[arg(value_parser = read::days)]
    pub(crate) refresh_token_ttl: Duration,

    /// How long a session lasts with any use: 1 to 365 days, not less than `REFRESH_TOKEN_TTL_DAYS`
    #[arg(long = "session-absolute-ttl-days", env = "SESSION_ABSOLUTE_TTL_DAYS", default_value = "90")]
    #[arg(value_name = "DAYS", value_parser = read::days)]
    pub(crate) session_absolute_ttl: Duration,

    /// For how long a session and its user are believed to be as they were read, where no other node tells of a
    /// change: 0 to 3600 seconds; 0 asks the database for every request
    #[arg(long = "session-cache-ttl-seconds", env = "SESSION_CACHE_TTL_SECONDS", default_value = "30")]
    #[arg(value_name = "SECONDS", value_parser = read::session_cache_ttl)]
    pub(crate) session_cache_ttl: Duration,

    /// Whether a refresh replaces the refresh token
    #[arg(long, env, default_value = "true", value_name = "BOOL", action = ArgAction::Set)]
    #[arg(value_parser = read::boolean)]
    pub(crate) refresh_token_rotation: bool,

    /// For how long the token before still gets the same successor: 0 to 60 seconds
    #[arg(long = "refresh-grace-seconds", env = "REFRESH_GRACE_SECONDS", default_value = "10")]
    #[arg(value_name = "SECONDS", value_parser = read::grace)]
    pub(crate) refresh_grace: Duration,

    /// Whether `logout_family` is served; otherwise it is 403
    #[arg(long, env, default_value = "true", value_name = "BOOL", action = ArgAction::Set)]
    #[arg(value_parser = read::boolean)]
    pub(crate) refresh_token_family_logout: bool,

    /// The cost of password hashes: 10 to 31; each step doubles the time of a log-in
    #[arg(long = "bcrypt-cost", env = "BCRYPT_COST", default_value = "12", value_name = "COST")]
    #[arg(value_parser = read::bcrypt)]
    pub(crate) bcrypt: Bcrypt,

    /// For tests only, in place of `BCRYPT_COST`: 4 to 9. Stolen hashes of such a cost are soon read
    #[arg(long, env, value_name = "COST", value_parser = read::insecure_bcrypt_cost)]
    pub(crate) insecure_bcrypt_cost: Option<u32>,

    /// How many characters a new password has at least: 8 to 64; 15 where it is all that is asked for
    #[arg(long, env, default_value = "8", value_name = "NUMBER", value_parser = read::password_min_chars)]
    pub(crate) password_min_chars: usize,

    /// A file of passwords that are refused, one a line, in any letter case: those that were found in breaches, say
    #[arg(long, env, value_name = "FILE")]
    pub(crate) password_blocklist_file: Option<PathBuf>,

    /// Whether anybody may register; otherwise /api/register is 403
    #[arg(long, env, default_value = "true", value_name = "BOOL", action = ArgAction::Set)]
    #[arg(value_parser = read::boolean)]
    pub(crate) allow_registration: bool,

    /// How often a minute one address may log in, register, change a password and present a forged refresh token, each
    /// by itself; 0 for any number. Failed log-ins have to wait in any case
    #[arg(
        long = "rate-limit-auth-per-minute",
        env = "RATE_LIMIT_AUTH_PER_MINUTE",
        default_value = "30",
        value_name = "NUMBER"
    )]
    #[arg(value_parser = read::rate)]
    pub(crate) rate_limit_auth: u32,

    /// How often a minute one address may ask for anything; 0 for any number
    #[arg(
        long = "rate-limit-requests-per-minute",
        env = "RATE_LIMIT_REQUESTS_PER_MINUTE",
        default_value = "6000",
        value_name = "NUMBER"
    )]
    #[arg(value_parser = read::rate)]
    pub(crate) rate_limit_requests: u32,

    /// The reverse proxies that are believed where a request comes from: networks such as 10.0.0.0/8, with commas
    #[arg(long, env, value_name = "NETWORKS", value_delimiter = ',', value_parser = read::network)]
    pub(crate) trusted_proxies: Vec<IpNet>,

    /// The header in which they say so: x-forwarded-for or forwarded
    #[arg(long, env, default_value = "x-forwarded-for", value_name = "HEADER")]
    #[arg(value_parser = read::proxy_header)]
    pub(crate) proxy_header: ProxyHeader,

    /// For how long /api/audit has what happened: 1 to 3650 days
    #[arg(long = "audit-retention-days", env = "AUDIT_RETENTION_DAYS", default_value = "90")]
    #[arg(value_name = "DAYS", value_parser = read::retention)]
    pub(crate) audit_retention: Duration,

    /// Whether sessions keep the address and the user agent of their log-in
    #[arg(long, env, default_value = "false", value_name = "BOOL", action = ArgAction::Set)]
    #[arg(value_parser = read::boolean)]
    pub(crate) record_client_ip: bool,

    /// Whether the fingerprint's cookie is for https only; false is for development
    #[arg(long, env, default_value = "true", value_name = "BOOL", action = ArgAction::Set)]
    #[arg(value_parser = read::boolean)]
    pub(crate) cookie_secure: bool,

    /// The name of the fingerprint's cookie; in production let it begin with `__Host-`
    #[arg(long, env, default_value = "user_fingerprint", value_name = "NAME", value_parser = read::cookie_name)]
    pub(crate) fingerprint_cookie_name: String,

    /// The first administrator's e-mail address
    #[arg(long, env, default_value = "admin@example.com", value_name = "EMAIL", value_parser = read::email)]
    pub(crate) admin_email: Email,

    /// The first administrator's password; without it a random one is made, shown once on a terminal, or otherwise
    /// left in a file beside the database
    #[arg(long, env, hide_env_values = true, allow_hyphen_values = true, value_name = "PASSWORD")]
    #[arg(value_parser = read::password)]
    pub(crate) admin_password: Option<SecretString>,

    /// The address to listen on; 0.0.0.0 is every IPv4 address of the machine, :: every address
    #[arg(long, env, default_value = "127.0.0.1", value_name = "IP", value_parser = read::address)]
    pub(crate) server_address: IpAddr,

    /// The port to listen on; 0 takes a free one
    #[arg(long, env, default_value = "8081", value_name = "PORT", value_parser = read::port)]
    pub(crate) server_port: u16,

    /// Where /metrics is served to everyone, on a listener of its own, for example 127.0.0.1:9464; without it, it is with
    /// everything else, for those who may read it
    #[arg(long, env, value_name = "IP:PORT", value_parser = read::socket_address)]
    pub(crate) metrics_address: Option<SocketAddr>,

    /// After how long a request is given up with 503: 1 to 600 seconds
    #[arg(long = "request-timeout-seconds", env = "REQUEST_TIMEOUT_SECONDS", default_value = "30")]
    #[arg(value_name = "SECONDS", value_parser = read::request_timeout)]
    pub(crate) request_timeout: Duration,

    /// How long open requests have to end when the server is told to stop: 0 to 600 seconds
    #[arg(long = "drain-seconds", env = "DRAIN_SECONDS", default_value = "30", value_name = "SECONDS")]
    #[arg(value_parser = read::drain)]
    pub(crate) drain: Duration,

    /// What is logged: error, warn, info, debug, trace, also by module as in `info,guardrail=debug`
    #[arg(long, env, default_value = "info", value_name = "FILTER", value_parser = read::log_filter)]
    pub(crate) rust_log: String,

    /// How log lines look: text or json
    #[arg(long, env, default_value = "text", value_name = "text|json", value_parser = read::log_format)]
    pub(crate) log_format: LogFormat,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Something else to do than to serve.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Rules to and from Casbin's CSV files, for example `policies export rules.csv`. A server that is running on the
    /// same database takes them over at once
    #[command(subcommand)]
    Policies(PoliciesCommand),
    /// The keys of `JWT_KEYS_FILE`. Servers take a change over when they start again
    #[command(subcommand)]
    Keys(KeysCommand),
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum KeysCommand {
    /// Shows the keys, the one that signs first
    List,
    /// Makes a key that verifies, and, as the first of the file, signs
    Add {
        /// What it is for: eddsa, es256 or rs256
        #[arg(long, default_value = "eddsa", value_name = "ALGORITHM", value_parser = read::algorithm)]
        algorithm: SigningAlgorithm,
    },
    /// Lets a key sign that every server knows by now; the one before verifies
    Use {
        /// Its name, as `keys list` shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Removes a key; what it has signed is refused then
    Remove {
        /// Its name, as `keys list` shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum PoliciesCommand {
    /// Writes every rule, in order
    Export {
        /// The file; without it the rules are printed
        file: Option<PathBuf>,
    },
    /// Adds the rules of a file, all or none
    Import {
        /// The file; `-` reads from standard input
        file: PathBuf,
        /// Removes every rule that is not in the file
        #[arg(long)]
        replace: bool,
        /// Also if nobody could write rules any more
        #[arg(long)]
        force: bool,
    },
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Where the data are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Database {
    Postgres,
    SqliteFile(PathBuf),
    SqliteInMemory,
}

impl Database {
    /// A URL of one like it.
    pub(crate) fn example(&self) -> &'static str {
        match self {
            Self::Postgres => "postgres://user:password@localhost:5432/guardrail",
            Self::SqliteFile(_) | Self::SqliteInMemory => DATABASE_URL_EXAMPLE,
        }
    }
}

impl Settings {
    /// The settings from a command line, whose first word is the program's name, and from the environment.
    pub fn parse<T: Into<std::ffi::OsString> + Clone>(
        arguments: impl IntoIterator<Item = T>,
    ) -> Result<Parsed, WrongSetting> {
        wrong::parse(arguments)
    }

    pub(crate) fn database(&self) -> Database {
        let url = self.database_url.expose_secret();
        let Some(rest) = url.strip_prefix("sqlite:") else { return Database::Postgres };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (file, query) = rest.split_once('?').unwrap_or((rest, ""));
        if file == ":memory:" || query.split('&').any(|setting| setting == "mode=memory") {
            Database::SqliteInMemory
        } else {
            Database::SqliteFile(file.into())
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("database", &self.database()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
