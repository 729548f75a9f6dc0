//! The rules at one moment, and what decides by them.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    error::PolicyError,
    index::Index,
    loader::{self, Loaded},
    rule::Rule,
};
use crate::storage::{Revision, StoredPolicies, StoredRule};

/// From how many rules on they are worked through on a thread where nobody waits for the next request.
pub(super) const MANY: usize = 1_000;

/// The rules at one moment. It never changes; a change makes another one.
#[derive(Clone, Default)]
pub(super) struct Snapshot {
    pub(super) index: Index,
    /// The rows of the store that are no rules.
    set_aside: Arc<BTreeSet<StoredRule>>,
    /// The store's revision that this is of; `None` if the store counts none, or has moved on since.
    pub(super) revision: Option<Revision>,
}

impl Snapshot {
    /// What a store's rows come to. Malformed ones are logged, but those that `before` knows.
    pub(super) async fn read(policies: StoredPolicies, before: &Self) -> Result<Self, PolicyError> {
        let StoredPolicies { rules, revision } = policies;
        let known = Arc::clone(&before.set_aside);
        off_thread(rules.len(), move || {
            let Loaded { index, set_aside } = loader::load(rules);
            for (row, why) in set_aside.iter().filter(|(row, _)| !known.contains(*row)) {
                loader::log(row, why);
            }
            Self { index, set_aside: Arc::new(set_aside.into_keys().collect()), revision }
        })
        .await
    }

    /// These rules with others added and removed; a rule in both is there afterwards.
    pub(super) async fn changed(
        &self,
        add: Vec<Rule>,
        remove: Vec<Rule>,
        revision: Option<Revision>,
    ) -> Result<Self, PolicyError> {
        let mut next = Self { revision, ..self.clone() };
        off_thread(add.len() + remove.len(), move || {
            for rule in &remove {
                next.index.remove(rule);
            }
            for rule in &add {
                next.index.insert(rule);
            }
            next
        })
        .await
    }

    /// Whether the store holds no row at all.
    pub(super) fn is_empty(&self) -> bool {
        self.index.len() == 0 && self.set_aside.is_empty()
    }
}

/// Does `work` on `rules` rules: at once if they are few, on a blocking thread if they are many.
pub(super) async fn off_thread<T: Send + 'static>(
    rules: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PolicyError> {
    if rules < MANY { Ok(work()) } else { Ok(tokio::task::spawn_blocking(work).await?) }
}
