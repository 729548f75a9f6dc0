//! From a URL to a store.

use std::{path::Path, str::FromStr as _, time::Duration};

use sqlx::{
    Connection as _, Executor as _, PgConnection, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous as Pragma},
};

use crate::{SqlStore, SqlStoreOptions, SqliteSynchronous};

/// How long a SQLite writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a statement of PostgreSQL waits for a lock. It goes on without whoever asked, so it has to end within the
/// grace of a refresh, 10 seconds: replaced later, a token could not be presented again by the client that never had its
/// answer. Before it comes the wait for a connection, 5 seconds, and where others wait for the same row it takes two locks.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '2s'";
const POSTGRES_CONNECTIONS: u32 = 10;
const SQLITE_CONNECTIONS: u32 = 4;

impl SqlStore {
    /// Connects to the database that `url` names: `postgres://user:password@host/database`, `sqlite://app.db` or
    /// `sqlite::memory:`.
    ///
    /// The schema stays as it is; [`migrate`](Self::migrate) makes the tables. A SQLite file that is missing is
    /// created, empty and for its owner alone, unless the URL has a `mode`.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::connect_with(url, &SqlStoreOptions::new()).await
    }

    /// Connects to the database that `url` names, with other settings than the defaults.
    pub async fn connect_with(url: &str, options: &SqlStoreOptions) -> Result<Self, ConnectError> {
        match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => Ok(Self::from_pool(postgres(url, options).await?)),
            Some(("sqlite", _)) => Ok(Self::from_pool(sqlite(url, options).await?)),
            _ => Err(ConnectError::UnsupportedUrl { scheme: scheme(url).to_owned() }),
        }
    }
}

async fn postgres(url: &str, options: &SqlStoreOptions) -> Result<PgPool, ConnectError> {
    let server = PgConnectOptions::from_str(url).map_err(ConnectError::InvalidPostgresUrl)?;
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections.unwrap_or(POSTGRES_CONNECTIONS))
        .acquire_timeout(options.acquire_timeout)
        .after_connect(|connection, _| {
            // A start-up option would be refused by some connection poolers.
            Box::pin(async move { connection.execute(LOCK_TIMEOUT).await.map(drop) })
        });
    match pool.connect_with(server.clone()).await {
        Ok(pool) => Ok(pool),
        Err(error) => Err(ConnectError::Postgres {
            server: format!("{}:{}", server.get_host(), server.get_port()),
            source: cause(error, &server, options.acquire_timeout).await,
        }),
    }
}

/// Why there was no connection. The pool waits for a server that refuses, as one that is starting does, and in the
/// end reports the time-out alone; one more attempt tells what it was that it waited for.
async fn cause(error: sqlx::Error, server: &PgConnectOptions, patience: Duration) -> sqlx::Error {
    if !matches!(error, sqlx::Error::PoolTimedOut) {
        return error;
    }
    match tokio::time::timeout(patience, PgConnection::connect_with(server)).await {
        Ok(Err(cause)) => cause,
        _ => error,
    }
}

async fn sqlite(url: &str, options: &SqlStoreOptions) -> Result<SqlitePool, ConnectError> {
    let file = SqliteConnectOptions::from_str(url).map_err(ConnectError::InvalidSqliteUrl)?;
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mode = query.split('&').find_map(|setting| setting.strip_prefix("mode="));
    let in_memory = path.ends_with(":memory:") || mode == Some("memory");
    let name = file.get_filename().display().to_string();

    let mut file =
        file.busy_timeout(BUSY_TIMEOUT).foreign_keys(true).synchronous(match options.sqlite_synchronous {
            SqliteSynchronous::Full => Pragma::Full,
            SqliteSynchronous::Normal => Pragma::Normal,
        });
    if mode.is_none() {
        if !in_memory {
            create_private(file.get_filename());
        }
        file = file.create_if_missing(true);
    }
    if mode != Some("ro") {
        file = file.journal_mode(SqliteJournalMode::Wal);
    }
    let connections = options.max_connections.unwrap_or(SQLITE_CONNECTIONS);
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None);
    // A database in memory is its connection: a second one could find another database, and closing it empties it.
    let pool = if in_memory { pool.max_connections(1).min_connections(1) } else { pool };
    pool.connect_with(file).await.map_err(|source| ConnectError::Sqlite { file: name, source })
}

/// Creates a missing file for its owner alone: it will hold password hashes. SQLite's further files take its mode.
/// If it fails, so does opening, which says why.
fn create_private(file: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(file));
}

/// What stands before `://`, if that can be a scheme: anything else could be a password.
fn scheme(url: &str) -> &str {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let fits = scheme.len() <= 16 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if fits { scheme } else { "" }
}

/// There is no connection to the database. No message has the URL's password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not one of a database that this crate knows.
    #[error(
        "a database URL begins with `postgres://`, `postgresql://` or `sqlite:`, this one {}",
        if scheme.is_empty() { "with nothing of the kind".to_owned() } else { format!("with `{scheme}://`") }
    )]
    UnsupportedUrl {
        /// What stands before `://`; empty if nothing does.
        scheme: String,
    },
    /// The PostgreSQL URL cannot be read.
    #[error(
        "the PostgreSQL URL cannot be read: {0}; it has the form `postgres://user:password@host:5432/database`, with \
         special characters of the password percent-encoded (`@` is `%40`, `/` is `%2F`)"
    )]
    InvalidPostgresUrl(#[source] sqlx::Error),
    /// The SQLite URL cannot be read.
    #[error(
        "the SQLite URL cannot be read: {0}; it has the form `sqlite://app.db`, `sqlite:///var/lib/app.db` or `sqlite::memory:`"
    )]
    InvalidSqliteUrl(#[source] sqlx::Error),
    /// The PostgreSQL server does not answer, or refuses.
    #[error(
        "no connection to PostgreSQL at {server}: {source}; is it running, and are user, password and database right?"
    )]
    Postgres {
        /// The server's host and port.
        server: String,
        /// The cause.
        source: sqlx::Error,
    },
    /// The SQLite file cannot be opened.
    #[error(
        "cannot open the SQLite file {file}: {source}; does its folder exist, and may this process write there?"
    )]
    Sqlite {
        /// The file's path.
        file: String,
        /// The cause.
        source: sqlx::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn message(url: &str) -> String {
        let options = SqlStoreOptions::new().with_acquire_timeout(Duration::from_millis(300));
        SqlStore::connect_with(url, &options).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn another_scheme_is_named_with_what_is_accepted() {
        let message = message("mysql://root:hunter2@localhost/app").await;
        assert!(message.contains("postgres://") && message.contains("sqlite:"), "{message}");
        assert!(message.ends_with("`mysql://`"), "{message}");
    }

    #[tokio::test]
    async fn no_message_has_the_password() {
        for url in [
            "mysql://root:hunter2@localhost/app",
            "root:hunter2@localhost/app",
            "hunter2",
            "hunter2+but/not?a#scheme://localhost",
            "postgres://root:hun/hunter2@localhost/app",
            "postgres://root:hunter2@localhost:port/app",
            "postgres://root:hunter2@127.0.0.1:1/app",
            "postgres://root:hunter2@[::1/app",
            "sqlite:/nowhere/at/all.db",
        ] {
            let message = message(url).await;
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[tokio::test]
    async fn a_refused_connection_names_server_and_cause() {
        // Nothing listens on port 1 of the loopback.
        let message = message("postgres://root:hunter2@127.0.0.1:1/app").await;
        assert!(message.contains("127.0.0.1:1") && message.contains("refused"), "{message}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_new_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new.db");
        let store = SqlStore::connect(&format!("sqlite://{}", file.display())).await.unwrap();
        store.migrate().await.unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        }
        store.close().await;
    }

    #[tokio::test]
    async fn a_missing_folder_is_named() {
        let message = message("sqlite:///nowhere/at/all.db").await;
        assert!(message.contains("/nowhere/at/all.db") && message.contains("folder"), "{message}");
    }
}
