//! The rules at one moment, and what decides by them.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    casbin_enforcer::CasbinEnforcer,
    error::PolicyError,
    loader::{self, Loaded},
    rule::Rule,
};
use crate::storage::StoredRule;

/// From how many rules on they are worked through on a thread where nobody waits for the next request.
const MANY: usize = 1_000;

/// The rules at one moment. It never changes; a change makes another one.
pub(super) struct Snapshot {
    pub(super) rules: Arc<BTreeSet<Rule>>,
    /// How many rows of the store are no rules.
    pub(super) set_aside: usize,
    pub(super) enforcer: CasbinEnforcer,
}

impl Snapshot {
    /// What a store's rows come to. Malformed ones are logged.
    pub(super) async fn read(rows: Vec<StoredRule>) -> Result<Self, PolicyError> {
        let Loaded { rules, set_aside } = off_thread(rows.len(), move || loader::load(rows)).await?;
        for row in &set_aside {
            row.log();
        }
        Self::new(rules, set_aside.len()).await
    }

    /// A snapshot of these rules.
    pub(super) async fn new(rules: BTreeSet<Rule>, set_aside: usize) -> Result<Self, PolicyError> {
        let enforcer = CasbinEnforcer::new().await?;
        off_thread(rules.len(), move || {
            let enforcer = enforcer.with_rules(&rules);
            Self { rules: Arc::new(rules), set_aside, enforcer }
        })
        .await
    }

    /// Whether the store holds no row at all.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.set_aside == 0
    }
}

/// Does `work` on `rules` rules: at once if they are few, on a blocking thread if they are many.
pub(super) async fn off_thread<T: Send + 'static>(
    rules: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PolicyError> {
    if rules < MANY { Ok(work()) } else { Ok(tokio::task::spawn_blocking(work).await?) }
}
