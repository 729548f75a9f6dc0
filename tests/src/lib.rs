//! The harness of the tests across the crates: the real router on any of the stores, and a client for it.
//!
//! ```
//! use guardrail_tests::{App, TestStore};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let app = App::on(&TestStore::memory().await).await;
//! let ada = app.register_and_log_in(1).await;
//! app.get("/api/profile").by(&ada).send().await.expect(200);
//! # });
//! ```

// What cannot be set up fails the test that wants it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::missing_panics_doc)]

mod app;
mod client;
mod document;
mod forge;
mod gate;
mod login;
mod logs;
pub mod routes;
mod stores;
mod troubled;

pub use self::{
    app::{ADMIN_EMAIL, ADMIN_PASSWORD, App, Builder, Contents, SECRET},
    client::{Call, Reply},
    document::{Document, Operation, routes_below},
    forge::{Forgery, claims_of, segment, sign_texts},
    gate::{Gate, GatedHasher, Held},
    login::Login,
    logs::Logs,
    stores::TestStore,
    troubled::Trouble,
};
