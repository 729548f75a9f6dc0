//! Decides by the rules and changes them.
//!
//! A decision reads an immutable [`Snapshot`] and waits for nobody. A change or a reload builds the next snapshot
//! aside and swaps it in, one at a time, so that a snapshot read from the store before a local change can never
//! replace that change.

use std::{collections::BTreeSet, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tracing::Instrument as _;

use super::{
    change::{Changed, Plan},
    error::PolicyError,
    loader::{self, Loaded},
    rule::Rule,
    snapshot::{Snapshot, off_thread},
    subjects::Subjects,
};
use crate::storage::PolicyStore;

/// The rules in force.
pub(crate) struct PolicyEngine {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn PolicyStore>,
    current: ArcSwap<Snapshot>,
    /// Held from reading the rules that a new snapshot is made of until that snapshot is in force.
    turn: Mutex<()>,
}

impl PolicyEngine {
    /// An engine with the rules that `store` holds now.
    pub(crate) async fn load(store: Arc<dyn PolicyStore>) -> Result<Self, PolicyError> {
        let snapshot = Snapshot::read(store.load().await?).await?;
        let shared = Shared { store, current: ArcSwap::from_pointee(snapshot), turn: Mutex::new(()) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Whether the caller may do `action` on `object`: whether either of its subjects may. An empty subject, object
    /// or action may nothing.
    pub(crate) fn decide(&self, who: &Subjects<'_>, object: &str, action: &str) -> Result<bool, PolicyError> {
        if who.subject.is_empty() || object.is_empty() || action.is_empty() {
            return Ok(false);
        }
        self.shared.current.load().enforcer.allows(who, object, action)
    }

    /// Whether the caller has `role`, as the role of the account or through rules, at any depth. Nobody has a role
    /// that looks like a user.
    pub(crate) fn holds_role(&self, who: &Subjects<'_>, role: &str) -> bool {
        self.shared.current.load().enforcer.holds_role(who, role)
    }

    /// Adds and removes rules, all or none: they are in the store and in force when it returns, or neither if it
    /// fails. What is there already, or is not there, is passed over; a rule both to add and to remove is there
    /// afterwards.
    ///
    /// Whoever stops waiting does not stop the change.
    pub(crate) async fn change(&self, add: Vec<Rule>, remove: Vec<Rule>) -> Result<Changed, PolicyError> {
        let shared = Arc::clone(&self.shared);
        finish(async move {
            let _turn = shared.turn.lock().await;
            shared.change(add, remove).await
        })
        .await
    }

    /// Adds `rules` if there are none yet, malformed ones counted, and says whether it did.
    pub(crate) async fn insert_defaults(&self, rules: Vec<Rule>) -> Result<bool, PolicyError> {
        let shared = Arc::clone(&self.shared);
        finish(async move {
            let _turn = shared.turn.lock().await;
            if !shared.current.load().is_empty() {
                return Ok(false);
            }
            Ok(shared.change(rules, Vec::new()).await?.added > 0)
        })
        .await
    }

    /// Reads the store again. If it fails, the rules stay as they are.
    pub(crate) async fn reload(&self) -> Result<(), PolicyError> {
        let _turn = self.shared.turn.lock().await;
        let snapshot = Snapshot::read(self.shared.store.load().await?).await?;
        self.shared.current.store(Arc::new(snapshot));
        Ok(())
    }

    /// The rules in force, in their order; [`page`](super::page) lists them.
    pub(crate) fn rules(&self) -> Arc<BTreeSet<Rule>> {
        Arc::clone(&self.shared.current.load().rules)
    }

    /// Whether the store holds no rule at all, not even a malformed one.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.shared.current.load().is_empty()
    }
}

impl Shared {
    /// The next snapshot is ready before the store is written, so that nothing can fail between the two. It is made
    /// from what the store holds now: another node may have changed that since.
    async fn change(&self, add: Vec<Rule>, remove: Vec<Rule>) -> Result<Changed, PolicyError> {
        let rows = self.store.load().await?;
        let size = rows.len() + add.len() + remove.len();
        let (plan, rules, set_aside) = off_thread(size, move || {
            let Loaded { rules, set_aside } = loader::load(rows);
            let plan = Plan::new(&rules, add, remove);
            let rules = plan.applied_to(&rules);
            (plan, rules, set_aside.len())
        })
        .await?;
        let changed = plan.size();
        if changed == Changed::default() && rules == *self.current.load().rules {
            return Ok(changed);
        }
        let next = Snapshot::new(rules, set_aside).await?;
        if changed != Changed::default()
            && let Err(error) = self.store.apply(plan.to_stored()).await
        {
            // Usually nothing was written. But an acknowledgement can get lost on its way: the store says what holds.
            if let Ok(rows) = self.store.load().await {
                self.current.store(Arc::new(Snapshot::read(rows).await?));
            }
            return Err(error.into());
        }
        self.current.store(Arc::new(next));
        Ok(changed)
    }
}

/// Runs `work` to its end also if the caller goes away: between the store's write and the swap, store and engine
/// disagree.
async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, PolicyError>> + Send + 'static,
) -> Result<T, PolicyError> {
    tokio::spawn(work.in_current_span()).await?
}

#[cfg(test)]
mod tests;
