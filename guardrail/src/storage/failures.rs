//! Failed attempts in a store.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::Sha256Digest;

/// Where it is counted how often in a row a password was wrong.
///
/// Nodes that share it share the counts, and a restart does not begin anew. A key is a MAC under a secret of
/// Guardrail's: it names neither an account nor a device, and there are keys of accounts that do not exist.
#[async_trait]
pub trait FailureStore: Send + Sync + 'static {
    /// What has failed under this key.
    async fn failures(&self, key: &Sha256Digest) -> Result<Option<Failures>, StoreError>;

    /// Counts one more failure, at `now`. Of callers at the same time each is counted.
    async fn count_failure(&self, key: &Sha256Digest, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Counts from zero again.
    async fn forget_failures(&self, key: &Sha256Digest) -> Result<(), StoreError>;

    /// Deletes up to `limit` counts of at most `most`, whose last failure was before `before`; how many.
    async fn delete_failures(
        &self,
        before: DateTime<Utc>,
        most: u32,
        limit: usize,
    ) -> Result<u64, StoreError>;
}

/// Failures in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// When the last one was.
    pub last_at: DateTime<Utc>,
}
