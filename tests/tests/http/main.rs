//! The HTTP contract, played through the real router: a module a topic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

/// Runs each case, a function of a [`TestStore`](guardrail_tests::TestStore), on every store.
macro_rules! on_every_store {
    ($($case:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(guardrail_tests::TestStore::memory().await).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(guardrail_tests::TestStore::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs PostgreSQL: run `cargo xtask test`"]
            async fn $case() {
                super::$case(guardrail_tests::TestStore::postgres().await).await;
            })*
        }
    };
}

mod audit;
mod auth;
mod bad_input;
mod contract;
mod enforce;
mod forged_tokens;
mod interleaved;
mod keys;
mod malformed_rows;
mod model;
mod openapi;
mod others_got_wrong;
mod outage;
mod own_model;
mod passwords;
mod permissions;
mod policies;
mod races;
mod refresh;
mod secrets;
mod sessions;
mod throttle;
