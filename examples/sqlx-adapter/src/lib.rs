//! Rules by way of `sqlx-adapter`, Casbin's own adapter for SQL databases; users and sessions by `guardrail-sqlx`.
//!
//! Both keep rules in the same `casbin_rule` table, so this is no more than a choice of who reads and writes it:
//! [`AdapterStore`] takes any Casbin [`Adapter`](https://docs.rs/casbin/2/casbin/trait.Adapter.html), of any database
//! or file. Before taking this one, know what it costs:
//!
//! - A change that holds permissions and roles together is written in several steps (see [`AdapterStore`]), and one
//!   that holds a rule which another node adds at the same moment fails, where `SqlStore` goes on.
//! - sqlx-adapter's statements are checked while it is compiled, against the database of `DATABASE_URL` if that is
//!   set, unless `SQLX_OFFLINE=true` is set too, as this workspace does in `.cargo/config.toml`.
//! - It is on sqlx 0.8: a second sqlx is compiled, and the database has a second pool of connections.

use anyhow::Context as _;
use guardrail::{Guardrail, SigningKey, storage::AdapterStore};
use guardrail_sqlx::SqlStore;
use sqlx_adapter::SqlxAdapter;

/// Connections for rules: they are read at the start and touched again only when one changes.
const RULE_CONNECTIONS: u32 = 2;

/// Guardrail on the PostgreSQL database of `url`, its rules by way of sqlx-adapter.
pub async fn build(url: &str, key: SigningKey) -> anyhow::Result<Guardrail> {
    let store = SqlStore::connect(url).await?;
    store.migrate().await?;
    // It would make the table of rules if the migration had not.
    let adapter = SqlxAdapter::new(url, RULE_CONNECTIONS).await.context("sqlx-adapter cannot connect")?;

    let guard = Guardrail::builder()
        .signing_key(key)
        .store(store)
        .policies(AdapterStore::new(adapter)) // takes the place of the store's own
        .default_policies()
        .build()
        .await?;
    Ok(guard)
}
