//! Databases on a PostgreSQL server.

use anyhow::Result;
use sqlx::{Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};

/// Makes an empty database on the server `url` names, and returns its URL.
pub async fn create_database(url: &str, name: &str) -> Result<String> {
    let options: PgConnectOptions = url.parse()?;
    let name = format!("bench_{name}_{}", std::process::id());
    let mut connection = PgConnection::connect_with(&options).await?;
    let create = format!("CREATE DATABASE {name}");
    connection.execute(sqlx::AssertSqlSafe(create)).await?;
    connection.close().await?;
    let (server, _) = url.rsplit_once('/').unwrap_or((url, ""));
    Ok(format!("{server}/{name}"))
}
