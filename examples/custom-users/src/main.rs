//! Guardrail on an application's own users table.
//!
//! Members are the application's: their table ([`members`]), their columns and their type ([`member`]). Sessions and
//! rules are kept by Guardrail in the same SQLite file. [`app`] puts the two together.
//!
//! ```sh
//! JWT_SECRET="$(openssl rand -base64 48)" cargo run -p custom-users
//! ```

mod app;
mod member;
mod members;

use std::net::SocketAddr;

use anyhow::Context as _;
use guardrail::SigningKey;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let secret = std::env::var("JWT_SECRET")
        .context("set JWT_SECRET: `export JWT_SECRET=$(openssl rand -base64 48)`")?;

    let (guard, app) = app::build("sqlite://custom-users.db", SigningKey::hs256(secret)?).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!(
        "Listening on http://{}; log in as {} / {}",
        listener.local_addr()?,
        app::DEMO_LOGIN,
        app::DEMO_PASSWORD
    );
    let stop = async || drop(tokio::signal::ctrl_c().await);
    // So that Guardrail knows its clients' addresses, and bounds how often each may try.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(stop()).await?;
    guard.shutdown().await;
    Ok(())
}
