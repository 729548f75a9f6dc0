//! Rules in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::MemoryStore;
use crate::storage::{PolicyChange, PolicyStore, StoreError, StoredRule};

/// Every rule once, in order.
pub(super) type Policies = BTreeSet<StoredRule>;

#[async_trait]
impl PolicyStore for MemoryStore {
    async fn load(&self) -> Result<Vec<StoredRule>, StoreError> {
        Ok(self.policies().iter().cloned().collect())
    }

    async fn apply(&self, change: PolicyChange) -> Result<(), StoreError> {
        let mut policies = self.policies();
        for rule in change.remove {
            policies.remove(&rule.trimmed());
        }
        policies.extend(change.add.into_iter().map(StoredRule::trimmed));
        Ok(())
    }
}
