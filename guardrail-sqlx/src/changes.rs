//! What other nodes change, by PostgreSQL's `LISTEN` and `NOTIFY`.
//!
//! Triggers notify, so that changes are told whoever makes them. SQLite tells nothing: it is one process's.

use std::{convert::Infallible, fmt, time::Duration};

use async_trait::async_trait;
use guardrail::storage::{Change, ChangeFeed, ChangeListener, StoreError};
use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
    query, query_scalar,
};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};
use uuid::Uuid;

use crate::{SqlStore, db::Db, error::failed};

/// How often a node proves that it still hears, by a notification to itself: a connection can be dead without either
/// side's knowing.
const PROOF_INTERVAL: Duration = Duration::from_secs(5);
/// How long such a notification may take.
const PROOF_PATIENCE: Duration = Duration::from_secs(5);

/// The channel of the schema that the tables are in; the triggers compute the same.
const CHANNEL: &str =
    "SELECT 'guardrail_' || relnamespace FROM pg_class WHERE oid = to_regclass('guardrail_sessions')";
const NOTIFY: &str = "SELECT pg_notify($1, $2)";

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Message {
    Change(Change),
    /// One to oneself.
    Proof(Uuid),
}

impl Message {
    /// `None` for what this version does not know.
    fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(' ').unwrap_or((text, ""));
        Some(match kind {
            "policies" => Self::Change(Change::Policies),
            "everything" => Self::Change(Change::Everything),
            "session" => Self::Change(Change::Session(id.parse::<Uuid>().ok()?.into())),
            "user" => Self::Change(Change::User(id.parse().ok()?)),
            "proof" => Self::Proof(id.parse().ok()?),
            _ => return None,
        })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(Change::Policies) => f.write_str("policies"),
            Self::Change(Change::Session(id)) => write!(f, "session {id}"),
            Self::Change(Change::User(id)) => write!(f, "user {id}"),
            // A newer version's change may be of any kind.
            Self::Change(_) => f.write_str("everything"),
            Self::Proof(id) => write!(f, "proof {id}"),
        }
    }
}

#[async_trait]
impl ChangeFeed for SqlStore {
    async fn follow(&self, listener: &dyn ChangeListener) -> StoreError {
        match &self.db {
            Db::Postgres(pool) => match follow(pool, listener).await {
                Err(error) => error,
                Ok(never) => match never {},
            },
            Db::Sqlite(_) => {
                listener.listening();
                std::future::pending().await
            }
        }
    }

    async fn announce(&self, change: Change) -> Result<(), StoreError> {
        const CONTEXT: &str = "telling other nodes of a change";
        match &self.db {
            Db::Postgres(pool) => {
                let channel = channel(pool).await.map_err(failed(CONTEXT))?;
                notify(pool, &channel, &Message::Change(change)).await.map_err(failed(CONTEXT))
            }
            Db::Sqlite(_) => Ok(()),
        }
    }
}

async fn channel(pool: &PgPool) -> Result<String, sqlx::Error> {
    query_scalar(CHANNEL).fetch_one(pool).await
}

async fn notify(pool: &PgPool, channel: &str, message: &Message) -> Result<(), sqlx::Error> {
    query(NOTIFY).bind(channel).bind(message.to_string()).execute(pool).await.map(drop)
}

async fn follow(pool: &PgPool, listener: &dyn ChangeListener) -> Result<Infallible, StoreError> {
    let failed = failed("listening for changes");
    let channel = channel(pool).await.map_err(&failed)?;
    // A connection of its own, so that none is missing where requests wait for one.
    let own = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(pool.options().get_acquire_timeout())
        .connect_lazy_with((*pool.connect_options()).clone());
    let mut notifications = PgListener::connect_with(&own).await.map_err(&failed)?;
    // A connection that is lost is not replaced behind our back: what was missed has to be asked for.
    notifications.eager_reconnect(false);
    notifications.listen(&channel).await.map_err(&failed)?;
    listener.listening();

    // Receiving has a task of its own, since a cancelled `try_recv` can lose the news that the connection is gone.
    let (sender, mut messages) = mpsc::channel(64);
    let mut receiving = JoinSet::new();
    receiving.spawn(async move {
        loop {
            let received = notifications.try_recv().await.transpose();
            let ended = !matches!(received, Some(Ok(_)));
            if sender.send(received).await.is_err() || ended {
                return;
            }
        }
    });

    let mut proof = None;
    let mut deadline = Instant::now() + PROOF_INTERVAL;
    loop {
        tokio::select! {
            message = messages.recv() => {
                let Some(Some(message)) = message else { return Err(failed(lost("the connection was closed"))) };
                match Message::parse(message.map_err(&failed)?.payload()) {
                    Some(Message::Change(change)) => listener.changed(change),
                    Some(Message::Proof(id)) if proof == Some(id) => {
                        proof = None;
                        deadline = Instant::now() + PROOF_INTERVAL;
                    }
                    Some(Message::Proof(_)) | None => {}
                }
            }
            () = tokio::time::sleep_until(deadline) => {
                if proof.is_some() {
                    return Err(failed(lost("a notification to itself did not arrive")));
                }
                let id = Uuid::now_v7();
                notify(pool, &channel, &Message::Proof(id)).await.map_err(&failed)?;
                proof = Some(id);
                deadline = Instant::now() + PROOF_PATIENCE;
            }
        }
    }
}

fn lost(why: &'static str) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::ConnectionAborted, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back() {
        for message in [
            Message::Change(Change::Policies),
            Message::Change(Change::Everything),
            Message::Change(Change::Session(Uuid::nil().into())),
            Message::Change(Change::User("a-user@example.com".parse().unwrap())),
            Message::Proof(Uuid::nil()),
        ] {
            assert_eq!(Message::parse(&message.to_string()), Some(message));
        }
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        for text in ["", "session", "session x", "user ", "user a b", "proof", "news", "policies2"] {
            assert_eq!(Message::parse(text), None, "{text:?}");
        }
    }
}
