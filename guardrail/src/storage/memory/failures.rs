//! Failed attempts in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use quick_cache::unsync::Cache;

use super::MemoryStore;
use crate::{
    Sha256Digest,
    storage::{FailureStore, Failures, StoreError},
};

/// How many keys are counted under. Anybody can make up names to fail at; those that are met again stay.
const KEYS_MAX: usize = 100_000;

pub(super) struct Counts(Cache<[u8; 32], Failures>);

impl Default for Counts {
    fn default() -> Self {
        Self(Cache::new(KEYS_MAX))
    }
}

#[async_trait]
impl FailureStore for MemoryStore {
    async fn failures(&self, key: &Sha256Digest) -> Result<Option<Failures>, StoreError> {
        Ok(self.counts().0.get(key.as_bytes()).copied())
    }

    async fn count_failure(&self, key: &Sha256Digest, now: DateTime<Utc>) -> Result<(), StoreError> {
        let counts = &mut self.counts().0;
        let before = counts.get(key.as_bytes()).map_or(0, |failures| failures.count);
        counts.insert(*key.as_bytes(), Failures { count: before.saturating_add(1), last_at: now });
        Ok(())
    }

    async fn forget_failures(&self, key: &Sha256Digest) -> Result<(), StoreError> {
        self.counts().0.remove(key.as_bytes());
        Ok(())
    }

    async fn delete_failures(
        &self,
        before: DateTime<Utc>,
        most: u32,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let counts = &mut self.counts().0;
        let old = counts.iter().filter(|(_, failures)| failures.last_at < before && failures.count <= most);
        let old: Vec<_> = old.map(|(key, _)| *key).take(limit).collect();
        let mut deleted = 0;
        for key in old {
            deleted += u64::from(counts.remove(&key).is_some());
        }
        Ok(deleted)
    }
}
