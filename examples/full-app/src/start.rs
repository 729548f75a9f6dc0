//! From settings to a served router.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use guardrail::{Bcrypt, Guardrail, PasswordPolicy, SigningKey, TrustedProxies};
use guardrail_sqlx::{Db, SqlStore, SqlStoreOptions};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use crate::{
    admin, app,
    metrics::{self, Scrape},
    posts, secret,
    serve::{serve, serve_beside},
    settings::{Database, METRICS_ADDRESS_EXAMPLE, Settings, WrongSetting},
};

/// Runs the application until it is told to stop.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    let passwords = password_policy(&settings)?;
    admin::check_password(&settings, &passwords)?;
    let listener = listen(&settings).await?;
    let for_metrics = match settings.metrics_address {
        Some(address) => Some(listen_for_metrics(address).await?),
        None => None,
    };
    let store = open(&settings).await?;
    let database = database(&settings, &store);
    let keys = secret::signing_keys(&settings, &database)?;
    // Before Guardrail, which counts with what is there when it is made.
    let counts = metrics::install().context("nothing can be counted")?;
    let guard = build(&settings, store.clone(), keys, passwords).await?;
    admin::bootstrap(&guard, &settings, &database).await;

    tokio::spawn(metrics::upkeep(counts.clone()));
    let scrape = Scrape::new(counts, Some(store.db().clone()));
    let scrape = match for_metrics {
        Some(listener) => {
            serve_metrics(listener, scrape, settings.request_timeout)?;
            None
        }
        None => Some(scrape),
    };
    let app = app::router(&guard, settings.request_timeout, scrape);
    let outcome = serve(listener, app, settings.request_timeout, settings.drain).await;

    guard.shutdown().await;
    store.close().await;
    tracing::info!("stopped");
    outcome.context("the server failed")
}

/// The listener comes first: with its port taken, the program ends before it has changed anything.
async fn listen(settings: &Settings) -> Result<TcpListener, WrongSetting> {
    let address = SocketAddr::new(settings.server_address, settings.server_port);
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let problem = format!("is taken: another program listens on {address}; 0 takes a free one");
            WrongSetting::new("SERVER_PORT", problem, "8082")
        }
        io::ErrorKind::PermissionDenied => {
            let problem = format!("may not be listened on ({address}): {error}");
            WrongSetting::new("SERVER_PORT", problem, "8081")
        }
        _ => {
            let problem = format!("cannot be listened on ({address}): {error}");
            WrongSetting::new("SERVER_ADDRESS", problem, "127.0.0.1")
        }
    })
}

/// The listener of `METRICS_ADDRESS`.
async fn listen_for_metrics(address: SocketAddr) -> Result<TcpListener, WrongSetting> {
    TcpListener::bind(address).await.map_err(|error| {
        let problem = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("is taken: something listens on {address} already; port 0 takes a free one")
            }
            _ => format!("cannot be listened on ({address}): {error}"),
        };
        WrongSetting::new("METRICS_ADDRESS", problem, METRICS_ADDRESS_EXAMPLE)
    })
}

/// Serves what is counted to everyone, beside the application.
fn serve_metrics(listener: TcpListener, scrape: Scrape, patience: Duration) -> io::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!("metrics are served to everyone on http://{address}/metrics");
    tokio::spawn(async move {
        if let Err(error) = serve_beside(listener, metrics::open(scrape), patience).await {
            tracing::error!(error = &error as &dyn std::error::Error, "metrics are served no more");
        }
    });
    Ok(())
}

pub(crate) async fn open(settings: &Settings) -> anyhow::Result<SqlStore> {
    let options = SqlStoreOptions::new().with_sqlite_synchronous(settings.sqlite_synchronous);
    let store = SqlStore::connect_with(settings.database_url.expose_secret(), &options).await;
    let store = store.map_err(|error| {
        let example = settings.database().example();
        WrongSetting::new("DATABASE_URL", format!("does not serve: {error}"), example)
    })?;
    store.migrate().await.context("the tables cannot be made or updated")?;
    Ok(store)
}

/// Where the data are, with the file as the store names it: a URL may write it with percent signs.
fn database(settings: &Settings, store: &SqlStore) -> Database {
    match (settings.database(), store.db()) {
        (Database::SqliteFile(_), Db::Sqlite(pool)) => {
            let file = pool.connect_options().get_filename().to_owned();
            Database::SqliteFile(std::path::absolute(&file).unwrap_or(file))
        }
        (database, _) => database,
    }
}

fn password_policy(settings: &Settings) -> anyhow::Result<PasswordPolicy> {
    let policy = PasswordPolicy::with_min_chars(settings.password_min_chars)?;
    let Some(path) = &settings.password_blocklist_file else { return Ok(policy) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        let problem = format!("cannot be read ({}): {error}", path.display());
        WrongSetting::new("PASSWORD_BLOCKLIST_FILE", problem, "common-passwords.txt")
    })?;
    Ok(policy.with_blocked(text.lines()))
}

async fn build(
    settings: &Settings,
    store: SqlStore,
    (key, previous): (SigningKey, Vec<SigningKey>),
    passwords: PasswordPolicy,
) -> anyhow::Result<Guardrail> {
    let hasher = match settings.insecure_bcrypt_cost {
        Some(cost) => {
            tracing::warn!(
                "INSECURE_BCRYPT_COST is set: stolen password hashes of such a cost are soon read; unset it outside of \
                 tests"
            );
            Bcrypt::with_insecure_cost(cost)
        }
        None => settings.bcrypt.clone(),
    };
    let mut builder = Guardrail::builder()
        .signing_key(key)
        .store(store)
        .default_policies()
        .initial_policies(posts::rules()?)
        .initial_policies(metrics::rules()?)
        .access_token_ttl(settings.access_token_ttl)
        .refresh_token_ttl(settings.refresh_token_ttl)
        .session_absolute_ttl(settings.session_absolute_ttl)
        .session_cache_ttl(settings.session_cache_ttl)
        .refresh_grace(settings.refresh_grace)
        .refresh_rotation(settings.refresh_token_rotation)
        .family_logout(settings.refresh_token_family_logout)
        .password_hasher(hasher)
        .password_policy(passwords)
        .registration(settings.allow_registration)
        .rate_limit_auth(settings.rate_limit_auth)
        .rate_limit_requests(settings.rate_limit_requests)
        .trusted_proxies(TrustedProxies::new(settings.trusted_proxies.iter().copied(), settings.proxy_header))
        .audit_retention(settings.audit_retention)
        .record_client(settings.record_client_ip)
        .cookie_name(settings.fingerprint_cookie_name.as_str());
    for key in previous {
        builder = builder.previous_signing_key(key);
    }
    if !settings.cookie_secure {
        builder = builder.with_insecure_cookies();
    }
    builder.build().await.context("Guardrail cannot be set up")
}
