//! The smallest whole program: log-in, sessions and permissions on a SQLite file.
//!
//! ```sh
//! export JWT_SECRET="$(openssl rand -base64 48)"
//! ADMIN_EMAIL=admin@example.com ADMIN_PASSWORD='correct horse' cargo run -p quickstart
//! ```

use std::{env, net::SocketAddr};

use anyhow::Context as _;
use axum::{Router, routing::get};
use guardrail::{AuthLayer, Authenticated, Guardrail, SigningKey, User, require};
use guardrail_sqlx::SqlStore;

#[require("/api/hello", "read")]
async fn hello(user: Authenticated<User>) -> String {
    format!("Hello {}, you are {}\n", user.username, user.role)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let secret =
        env::var("JWT_SECRET").context("set JWT_SECRET: `export JWT_SECRET=$(openssl rand -base64 48)`")?;

    let store = SqlStore::connect("sqlite://quickstart.db").await?;
    store.migrate().await?;
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256(secret)?)
        .store(store)
        .default_policies() // admin: everything below /api; user: the own account
        .build()
        .await?;

    if guard.needs_admin().await? {
        match (env::var("ADMIN_EMAIL"), env::var("ADMIN_PASSWORD")) {
            (Ok(email), Ok(password)) => {
                guard.bootstrap_admin(email.parse()?, password.into()).await?;
            }
            _ => eprintln!(
                "There is no administrator yet: set ADMIN_EMAIL and ADMIN_PASSWORD, and start again."
            ),
        }
    }

    let app = Router::new()
        .route("/api/hello", get(hello))
        .nest("/api", guard.routes())
        .layer(AuthLayer::new(guard.clone()));
    let listener =
        tokio::net::TcpListener::bind("127.0.0.1:3000").await.context("cannot listen on 127.0.0.1:3000")?;
    println!("Listening on http://{}", listener.local_addr()?);
    let stop = async || drop(tokio::signal::ctrl_c().await);
    // So that Guardrail knows its clients' addresses, and bounds how often each may try.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(stop()).await?;
    guard.shutdown().await;
    Ok(())
}
