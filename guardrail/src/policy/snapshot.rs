//! The rules at one moment, and what decides by them.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    custom::CustomRules,
    error::PolicyError,
    index::{Index, Object},
    loader::{self, Loaded},
    model::PolicyModel,
    rule::{Rule, RuleRef},
    subjects::Subjects,
};
use crate::storage::{PolicyChange, Revision, StoredPolicies, StoredRule};

/// From how many rules on they are worked through on a thread where nobody waits for the next request.
pub(super) const MANY: usize = 1_000;

/// The rules at one moment. It never changes; a change makes another one.
#[derive(Clone)]
pub(crate) struct Snapshot {
    rules: Rules,
    /// The rows of the store that are no rules.
    set_aside: Arc<BTreeSet<StoredRule>>,
    /// The store's revision that this is of; `None` if the store counts none, or has moved on since.
    pub(super) revision: Option<Revision>,
}

/// What decides.
#[derive(Clone)]
enum Rules {
    /// Guardrail's own model.
    Standard(Index),
    /// The application's.
    Custom(Arc<CustomRules>),
}

impl Snapshot {
    /// What a store's rows come to under Guardrail's own model, or the application's. Of malformed ones those are
    /// logged that `before` does not know.
    pub(super) async fn read(
        policies: StoredPolicies,
        model: Option<&PolicyModel>,
        before: Option<&Self>,
    ) -> Result<Self, PolicyError> {
        let StoredPolicies { rules, revision } = policies;
        if let Some(model) = model {
            let rules = Rules::Custom(Arc::new(CustomRules::new(model, rules).await?));
            return Ok(Self { rules, set_aside: Arc::default(), revision });
        }
        let known = before.map(|before| Arc::clone(&before.set_aside)).unwrap_or_default();
        off_thread(rules.len(), move || {
            let Loaded { index, set_aside } = loader::load(rules);
            for (row, why) in set_aside.iter().filter(|(row, _)| !known.contains(*row)) {
                loader::log(row, why);
            }
            let set_aside = Arc::new(set_aside.into_keys().collect());
            Self { rules: Rules::Standard(index), set_aside, revision }
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
        let mut index = self.index()?.clone();
        let set_aside = Arc::clone(&self.set_aside);
        off_thread(add.len() + remove.len(), move || {
            for rule in &remove {
                index.remove(rule);
            }
            for rule in &add {
                index.insert(rule);
            }
            Self { rules: Rules::Standard(index), set_aside, revision }
        })
        .await
    }

    /// The rows of the application's own model as they are after a change; `None` under Guardrail's model.
    pub(super) fn changed_rows(&self, change: &PolicyChange) -> Option<Vec<StoredRule>> {
        let Rules::Custom(rules) = &self.rules else { return None };
        let remove: BTreeSet<_> = change.remove.iter().cloned().map(StoredRule::trimmed).collect();
        let kept = rules.rows().iter().filter(|row| !remove.contains(*row)).cloned();
        Some(kept.chain(change.add.iter().cloned()).collect())
    }

    /// The rules, which the application's own model does not have in this form.
    pub(super) fn index(&self) -> Result<&Index, PolicyError> {
        match &self.rules {
            Rules::Standard(index) => Ok(index),
            Rules::Custom(_) => Err(PolicyError::OwnModel),
        }
    }

    /// The rules one by one; none under the application's own model.
    pub(super) fn rules(&self) -> impl Iterator<Item = RuleRef<'_>> + Clone {
        self.index().into_iter().flat_map(Index::rules)
    }

    /// Whether these rules let the caller do `action` on `object`, in `domain` where the model has one.
    pub(crate) fn allows(
        &self,
        who: &Subjects<'_>,
        domain: Option<&str>,
        object: Object<'_>,
        action: &str,
    ) -> Result<bool, PolicyError> {
        match &self.rules {
            Rules::Standard(index) => Ok(index.allows(who, object, action)),
            Rules::Custom(rules) => rules.allows(who.both(), domain, object.as_str(), action),
        }
    }

    pub(super) fn holds_role(&self, who: &Subjects<'_>, role: &str) -> bool {
        match &self.rules {
            Rules::Standard(index) => index.holds_role(who, role),
            Rules::Custom(rules) => rules.holds_role(who.both(), role),
        }
    }

    /// The users (`user:<id>`) and roles that may do `action` on `object`, by themselves or by a role; `None` under
    /// the application's own model, where that cannot be told.
    pub(crate) fn holders(&self, object: Object<'_>, action: &str) -> Option<Vec<&str>> {
        Some(self.index().ok()?.holders(object, action))
    }

    /// How many rules there are.
    pub(super) fn len(&self) -> usize {
        match &self.rules {
            Rules::Standard(index) => index.len(),
            Rules::Custom(rules) => rules.rows().len(),
        }
    }

    /// Whether the store holds no row at all.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0 && self.set_aside.is_empty()
    }
}

/// Does `work` on `rules` rules: at once if they are few, on a blocking thread if they are many.
pub(super) async fn off_thread<T: Send + 'static>(
    rules: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PolicyError> {
    if rules < MANY { Ok(work()) } else { Ok(tokio::task::spawn_blocking(work).await?) }
}
