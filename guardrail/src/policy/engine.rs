//! Decides by the rules and changes them.
//!
//! A decision reads an immutable [`Snapshot`] and waits for nobody. Whoever changes or reloads the rules takes a
//! [`Turn`]: one does at a time, so that a snapshot read from the store before a local change can never replace that
//! change. A change is written to the store first; the index follows, and takes the revision that the store then has.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    runtime::Handle,
    sync::{Mutex, MutexGuard},
};

use super::{
    custom::CustomRules,
    error::PolicyError,
    index::{Lack, Object, Reason},
    listing::{RuleFilter, RulePage, page},
    model::PolicyModel,
    requirement::{Declared, permissions},
    review::{Finding, review, slip},
    rule::{Rule, RuleRef},
    snapshot::{MANY, Snapshot, off_thread},
    subjects::Subjects,
};
use crate::{
    metrics::{Decision, Metrics, Reload},
    storage::{AppliedChange, PolicyChange, PolicyStore, StoredRule},
};

/// The rules in force.
pub(crate) struct PolicyEngine {
    store: Arc<dyn PolicyStore>,
    /// The application's own model, if it has one.
    model: Option<PolicyModel>,
    current: ArcSwap<Snapshot>,
    turn: Mutex<()>,
    metrics: Metrics,
}

/// How many rules a change added and removed; those that were there already, or were not there, do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// Rules that were not there before.
    pub(crate) added: usize,
    /// Rules that are there no longer.
    pub(crate) removed: usize,
}

/// A change that a store has written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) changed: Changed,
    /// The first of the rules that it added and removed, each with `+` or `-` before it.
    pub(crate) lines: Vec<String>,
    /// Whether decisions here go by it already.
    pub(crate) in_force: Result<(), PolicyError>,
}

/// How many rules of a change are looked at for slips.
const LOOKED_AT: usize = 20;
/// How many rules of a change are named, and how much of each, in characters.
const LINES: usize = 20;
const LINE_MAX_CHARS: usize = 256;

fn lines(applied: &AppliedChange) -> Vec<String> {
    let line = |sign, rule: &StoredRule| -> String {
        let text = format!("{sign} {}, {}", rule.ptype, rule.values.join(", "));
        text.chars().take(LINE_MAX_CHARS).collect()
    };
    let added = applied.added.iter().map(|rule| line('+', rule));
    added.chain(applied.removed.iter().map(|rule| line('-', rule))).take(LINES).collect()
}

impl Changed {
    fn by(applied: &AppliedChange) -> Self {
        Self { added: applied.added.len(), removed: applied.removed.len() }
    }
}

impl PolicyEngine {
    /// An engine with the rules that `store` holds now.
    pub(crate) async fn load(
        store: Arc<dyn PolicyStore>,
        model: Option<PolicyModel>,
        metrics: Metrics,
    ) -> Result<Self, PolicyError> {
        let snapshot = Snapshot::read(store.load().await?, model.as_ref(), None).await?;
        metrics.policy_rules(snapshot.len());
        Ok(Self { store, model, current: ArcSwap::from_pointee(snapshot), turn: Mutex::new(()), metrics })
    }

    /// Whether the caller may do `action` on `object`: whether either of its subjects may. An empty subject, object
    /// or action may nothing. `domain` is for a model that has one.
    pub(crate) fn decide(
        &self,
        who: &Subjects<'_>,
        domain: Option<&str>,
        object: Object<'_>,
        action: &str,
    ) -> Result<bool, PolicyError> {
        let empty = who.subject.is_empty() || object.as_str().is_empty() || action.is_empty();
        let decision =
            if empty { Ok(false) } else { self.current.load().allows(who, domain, object, action) };
        self.metrics.count(match &decision {
            Ok(true) => Decision::Allowed,
            Ok(false) => Decision::Denied,
            Err(_) => Decision::Error,
        });
        decision
    }

    /// Why the caller may, or what it lacks; `None` under the application's own model, which does not tell.
    pub(crate) fn explain(
        &self,
        who: &Subjects<'_>,
        object: Object<'_>,
        action: &str,
    ) -> Option<Result<Reason, Lack>> {
        let snapshot = self.current();
        let index = snapshot.index().ok()?;
        let empty = who.subject.is_empty() || object.as_str().is_empty() || action.is_empty();
        let reason = if empty { None } else { index.explain(who, object, action) };
        Some(reason.ok_or_else(|| index.lack(object, action)))
    }

    /// Whether the caller has `role`, as the role of the account or through rules, at any depth. Nobody has a role
    /// that looks like a user.
    pub(crate) fn holds_role(&self, who: &Subjects<'_>, role: &str) -> bool {
        let holds = self.current.load().holds_role(who, role);
        self.metrics.count(if holds { Decision::Allowed } else { Decision::Denied });
        holds
    }

    /// A page of the rules in force.
    pub(crate) async fn page(
        &self,
        filter: RuleFilter,
        after: Option<Rule>,
        limit: usize,
    ) -> Result<RulePage, PolicyError> {
        let snapshot = self.current();
        snapshot.index()?;
        off_thread(snapshot.len(), move || page(snapshot.rules(), &filter, after.as_ref(), limit)).await
    }

    /// Logs what looks like an oversight when these permissions and the rules in force are laid side by side.
    pub(crate) fn review(&self, declared: Vec<Declared>) {
        let snapshot = self.current();
        let many = snapshot.len() >= MANY;
        let work = move || {
            if snapshot.index().is_ok() {
                review(&declared, &permissions(), &snapshot.rules()).iter().for_each(Finding::log);
            }
        };
        if many {
            // Nobody waits for it.
            tokio::task::spawn_blocking(work);
        } else {
            work();
        }
    }

    /// The rules in force.
    pub(crate) fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// How many rules there are.
    pub(crate) fn len(&self) -> usize {
        self.current.load().len()
    }

    /// Waits for the turn to change the rules.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        Turn { engine: self, _turn: self.turn.lock().await }
    }

    /// Reads the store again. If it fails, the rules stay as they are.
    pub(crate) async fn reload(&self) -> Result<(), PolicyError> {
        self.turn().await.reload().await
    }

    /// Reads the store again if its revision is not the one that is in force; whether it did. A store that counts
    /// none is read if somebody has `told` of a change.
    pub(crate) async fn catch_up(&self, told: bool) -> Result<bool, PolicyError> {
        // At first without waiting for a turn: mostly nothing has changed.
        if !self.is_behind(told).await? {
            return Ok(false);
        }
        let turn = self.turn().await;
        if !self.is_behind(told).await? {
            return Ok(false);
        }
        turn.reload().await?;
        Ok(true)
    }

    async fn is_behind(&self, told: bool) -> Result<bool, PolicyError> {
        let revision = self.store.revision().await?;
        Ok(revision != self.current.load().revision || (told && revision.is_none()))
    }

    fn put_in_force(&self, next: Snapshot) {
        self.metrics.policy_rules(next.len());
        let before = self.current.swap(Arc::new(next));
        // Whoever lets go of many rules last has some work with it: that shall be no request.
        if before.len() >= MANY && Handle::try_current().is_ok() {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                tokio::task::spawn_blocking(move || drop(before));
            });
        }
    }
}

/// The right to change the rules: nobody else does meanwhile.
///
/// A change must be run to its end: between the store's write and the swap, store and engine disagree.
pub(crate) struct Turn<'a> {
    engine: &'a PolicyEngine,
    _turn: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// Adds and removes rules, all or none: they are in the store and in force when it returns, or neither if it
    /// fails. What is there already, or is not there, is passed over; a rule both to add and to remove is there
    /// afterwards.
    pub(crate) async fn change(&self, add: Vec<Rule>, remove: Vec<Rule>) -> Result<Written, PolicyError> {
        self.current().index()?;
        let (change, add, remove) = off_thread(add.len() + remove.len(), move || {
            let stored = |rules: &[Rule]| rules.iter().map(Rule::to_stored).collect();
            (PolicyChange { add: stored(&add), remove: stored(&remove) }, add, remove)
        })
        .await?;
        let applied = self.apply(change).await?;
        let (changed, lines) = (Changed::by(&applied), lines(&applied));
        let added: Vec<_> =
            applied.added.iter().take(LOOKED_AT).filter_map(|row| Rule::from_stored(row).ok()).collect();
        let in_force = self.follow(applied, add, remove).await;
        if !added.is_empty() {
            let all = permissions();
            added.iter().filter_map(|rule| slip(&all, &all, RuleRef::from(rule))).for_each(|it| it.log());
        }
        Ok(Written { changed, lines, in_force })
    }

    /// The same for rules of any form, which the application's own model asks for.
    pub(crate) async fn change_rows(&self, change: PolicyChange) -> Result<Written, PolicyError> {
        // What does not fit is found before it is written.
        if let (Some(rows), Some(model)) = (self.current().changed_rows(&change), &self.engine.model) {
            CustomRules::new(model, rows).await?;
        } else {
            for row in &change.add {
                Rule::from_stored(row).map_err(|error| PolicyError::Model(error.to_string()))?;
            }
        }
        let applied = self.apply(change).await?;
        let in_force = self.reload().await;
        Ok(Written { changed: Changed::by(&applied), lines: lines(&applied), in_force })
    }

    async fn apply(&self, change: PolicyChange) -> Result<AppliedChange, PolicyError> {
        match self.engine.store.apply(change).await {
            Ok(applied) => Ok(applied),
            Err(error) => {
                // Usually nothing was written. But an acknowledgement can get lost: the store says what holds.
                if let Err(error) = self.reload().await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the rules could not be read after a change that failed"
                    );
                }
                Err(error.into())
            }
        }
    }

    /// Brings the index to what the store holds after a change.
    async fn follow(
        &self,
        applied: AppliedChange,
        add: Vec<Rule>,
        remove: Vec<Rule>,
    ) -> Result<(), PolicyError> {
        let current = self.current();
        if let Some((before, after)) = applied.revisions
            && current.revision == Some(before)
        {
            if before != after {
                let (add, remove) = off_thread(applied.added.len() + applied.removed.len(), move || {
                    let rule = |row: StoredRule| Rule::from_stored(&row).ok();
                    (
                        applied.added.into_iter().filter_map(rule).collect(),
                        applied.removed.into_iter().filter_map(rule).collect(),
                    )
                })
                .await?;
                self.engine.put_in_force(current.changed(add, remove, Some(after)).await?);
            }
            return Ok(());
        }
        // Somebody else has changed the rules as well. What was asked for holds at once, even if reading fails.
        self.engine.put_in_force(current.changed(add, remove, None).await?);
        if let Err(error) = self.reload().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the rules of other nodes could not be read after a change; it is tried again"
            );
        }
        Ok(())
    }

    /// Takes in what others have changed.
    pub(crate) async fn catch_up(&self) -> Result<(), PolicyError> {
        if self.engine.is_behind(false).await? { self.reload().await } else { Ok(()) }
    }

    /// The rules in force.
    pub(crate) fn current(&self) -> Arc<Snapshot> {
        self.engine.current()
    }

    /// The rules as they would be after a change.
    pub(crate) async fn preview(&self, add: &[Rule], remove: &[Rule]) -> Result<Snapshot, PolicyError> {
        self.current().changed(add.to_vec(), remove.to_vec(), None).await
    }

    /// Adds `rules` if there are none yet, malformed ones counted, and says whether it did.
    pub(crate) async fn insert_defaults(&self, rules: Vec<Rule>) -> Result<bool, PolicyError> {
        if rules.is_empty() || !self.current().is_empty() {
            return Ok(false);
        }
        let add = rules.iter().map(Rule::to_stored).collect();
        let written = self.change_rows(PolicyChange { add, remove: Vec::new() }).await?;
        written.in_force?;
        Ok(written.changed.added > 0)
    }

    async fn reload(&self) -> Result<(), PolicyError> {
        let next = self.read().await;
        self.engine.metrics.count(if next.is_ok() { Reload::Ok } else { Reload::Error });
        self.engine.put_in_force(next?);
        Ok(())
    }

    async fn read(&self) -> Result<Snapshot, PolicyError> {
        let (store, model) = (Arc::clone(&self.engine.store), self.engine.model.clone());
        let before = self.current();
        let many = before.len() >= MANY;
        let read = async move { Snapshot::read(store.load().await?, model.as_ref(), Some(&before)).await };
        if many {
            // All of it on another thread, the reading too. An allocator may collect what a hundred thousand rows
            // leave behind at once, and lets that wait on the thread that asked for them: it is to serve requests.
            let runtime = Handle::current();
            tokio::task::spawn_blocking(move || runtime.block_on(read)).await?
        } else {
            read.await
        }
    }
}

#[cfg(test)]
mod tests;
