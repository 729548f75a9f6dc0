//! A server whose rules are read and written by `sqlx-adapter`; what is particular to that is in the library.
//!
//! ```sh
//! export JWT_SECRET="$(openssl rand -base64 48)" DATABASE_URL=postgres://…
//! ADMIN_EMAIL=admin@example.com ADMIN_PASSWORD='correct horse' cargo run -p example-sqlx-adapter
//! ```

use std::{env, net::SocketAddr};

use anyhow::Context as _;
use axum::Router;
use guardrail::{AuthLayer, SigningKey};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let secret =
        env::var("JWT_SECRET").context("set JWT_SECRET: `export JWT_SECRET=$(openssl rand -base64 48)`")?;
    let url =
        env::var("DATABASE_URL").context("set DATABASE_URL: `postgres://user:password@host/database`")?;

    let guard = example_sqlx_adapter::build(&url, SigningKey::hs256(secret)?).await?;
    if let (Ok(email), Ok(password)) = (env::var("ADMIN_EMAIL"), env::var("ADMIN_PASSWORD")) {
        guard.bootstrap_admin(email.parse()?, password.into()).await?;
    }

    let app = Router::new().nest("/api", guard.routes()).layer(AuthLayer::new(guard.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("Listening on http://{}", listener.local_addr()?);
    let stop = async || drop(tokio::signal::ctrl_c().await);
    // So that Guardrail knows its clients' addresses, and bounds how often each may try.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(stop()).await?;
    guard.shutdown().await;
    Ok(())
}
