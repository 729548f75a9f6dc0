//! Rules in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::MemoryStore;
use crate::storage::{
    AppliedChange, Change, PolicyChange, PolicyStore, Revision, StoreError, StoredPolicies, StoredRule,
};

/// Every rule once, in order, and how often they have changed.
#[derive(Default)]
pub(super) struct Policies {
    rules: BTreeSet<StoredRule>,
    revision: i64,
}

#[async_trait]
impl PolicyStore for MemoryStore {
    async fn load(&self) -> Result<StoredPolicies, StoreError> {
        let policies = self.policies();
        let rules = policies.rules.iter().cloned().collect();
        Ok(StoredPolicies { rules, revision: Some(Revision(policies.revision)) })
    }

    async fn apply(&self, change: PolicyChange) -> Result<AppliedChange, StoreError> {
        let add: BTreeSet<_> = change.add.into_iter().map(StoredRule::trimmed).collect();
        let mut policies = self.policies();
        let before = Revision(policies.revision);
        let removed: Vec<_> = change
            .remove
            .into_iter()
            .map(StoredRule::trimmed)
            .filter(|rule| !add.contains(rule) && policies.rules.remove(rule))
            .collect();
        let added: Vec<_> = add.into_iter().filter(|rule| policies.rules.insert(rule.clone())).collect();
        if !added.is_empty() || !removed.is_empty() {
            policies.revision += 1;
            self.changes().tell(Change::Policies);
        }
        let revisions = Some((before, Revision(policies.revision)));
        drop(policies);
        Ok(AppliedChange { added, removed, revisions })
    }

    async fn revision(&self) -> Result<Option<Revision>, StoreError> {
        Ok(Some(Revision(self.policies().revision)))
    }
}
