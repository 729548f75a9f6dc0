//! Casbin's adapters as stores of rules.

use std::collections::BTreeSet;

use async_trait::async_trait;
use casbin::{Adapter, DefaultModel, Model as _};
use tokio::sync::Mutex;

use super::{AppliedChange, PolicyChange, PolicyStore, Revision, StoreError, StoredPolicies, StoredRule};
use crate::policy::MODEL;

/// Any Casbin [`Adapter`] as a [`PolicyStore`].
///
/// An adapter has no operation that writes permissions and roles together: a change that holds both is written in
/// up to four steps, and undone step by step if one fails. Guardrail's own stores write it in one transaction. Nor
/// does an adapter say that somebody else changed its rules: call
/// [`reload_policies`](crate::Guardrail::reload_policies) then. Each change reads all rules before and after it.
///
/// The adapter must save single changes: Casbin's `FileAdapter` and `StringAdapter` say yes to them and do nothing,
/// so that with them a change is lost.
///
/// ```
/// use casbin::MemoryAdapter;
/// use guardrail::storage::AdapterStore;
///
/// let policies = AdapterStore::new(MemoryAdapter::default());
/// ```
#[derive(Debug)]
pub struct AdapterStore<A>(Mutex<A>);

impl<A: Adapter + 'static> AdapterStore<A> {
    /// Keeps rules with `adapter`.
    pub fn new(adapter: A) -> Self {
        Self(Mutex::new(adapter))
    }
}

#[async_trait]
impl<A: Adapter + 'static> PolicyStore for AdapterStore<A> {
    async fn load(&self) -> Result<StoredPolicies, StoreError> {
        let rules = load(&mut *self.0.lock().await).await?;
        Ok(StoredPolicies { rules, revision: None })
    }

    async fn apply(&self, change: PolicyChange) -> Result<AppliedChange, StoreError> {
        let mut adapter = self.0.lock().await;
        // Adapters take it as an error to be given what is there, or to be asked for what is not.
        let applied = due(change, load(&mut *adapter).await?);
        let steps = steps(&applied);
        for (done, step) in steps.iter().enumerate() {
            let Err(error) = step.run(&mut *adapter).await else { continue };
            for step in steps.iter().take(done).rev() {
                if let Err(error) = step.inverse().run(&mut *adapter).await {
                    tracing::error!(%error, "a half-written policy change could not be undone; \
                        check the rules in the Casbin adapter's store");
                }
            }
            return Err(StoreError::new("writing rules with the Casbin adapter", error));
        }
        Ok(applied)
    }

    async fn revision(&self) -> Result<Option<Revision>, StoreError> {
        Ok(None)
    }
}

async fn load(adapter: &mut impl Adapter) -> Result<Vec<StoredRule>, StoreError> {
    const CONTEXT: &str = "loading rules from the Casbin adapter";
    let mut model = DefaultModel::from_str(MODEL).await.map_err(|error| StoreError::new(CONTEXT, error))?;
    adapter.load_policy(&mut model).await.map_err(|error| StoreError::new(CONTEXT, error))?;
    let of = |ptype: &str| {
        let rules = model.get_policy(ptype, ptype);
        let ptype = ptype.to_owned();
        rules.into_iter().map(move |values| StoredRule { ptype: ptype.clone(), values }.trimmed())
    };
    Ok(of("p").chain(of("g")).collect())
}

/// What of a change is still to be done, given the rules that are there.
fn due(change: PolicyChange, rules: Vec<StoredRule>) -> AppliedChange {
    let rules: BTreeSet<_> = rules.into_iter().collect();
    let each_once =
        |rules: Vec<StoredRule>| rules.into_iter().map(StoredRule::trimmed).collect::<BTreeSet<_>>();
    let (add, remove) = (each_once(change.add), each_once(change.remove));
    let removed = remove.into_iter().filter(|rule| rules.contains(rule) && !add.contains(rule)).collect();
    let added = add.into_iter().filter(|rule| !rules.contains(rule)).collect();
    AppliedChange { added, removed, revisions: None }
}

/// One call of an adapter: rules of one type, added or removed.
struct Step {
    add: bool,
    ptype: &'static str,
    rules: Vec<Vec<String>>,
}

fn steps(change: &AppliedChange) -> Vec<Step> {
    let mut steps = Vec::new();
    for (add, rules) in [(false, &change.removed), (true, &change.added)] {
        for ptype in ["p", "g"] {
            let of_type = rules.iter().filter(|rule| (rule.ptype == "g") == (ptype == "g"));
            let rules: Vec<_> = of_type.map(|rule| rule.values.clone()).collect();
            if !rules.is_empty() {
                steps.push(Step { add, ptype, rules });
            }
        }
    }
    steps
}

impl Step {
    async fn run(&self, adapter: &mut impl Adapter) -> casbin::Result<bool> {
        let rules = self.rules.clone();
        if self.add {
            adapter.add_policies(self.ptype, self.ptype, rules).await
        } else {
            adapter.remove_policies(self.ptype, self.ptype, rules).await
        }
    }

    fn inverse(&self) -> Self {
        Self { add: !self.add, ptype: self.ptype, rules: self.rules.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(lines: &[&str]) -> Vec<StoredRule> {
        let rule = |line: &&str| {
            let mut fields = line.split(", ").map(str::to_owned);
            StoredRule { ptype: fields.next().unwrap(), values: fields.collect() }
        };
        lines.iter().map(rule).collect()
    }

    #[test]
    fn what_changes_nothing_is_left_out() {
        let there = rules(&["p, a, /a, x", "p, a, /b, x"]);
        let change = PolicyChange {
            add: rules(&["p, a, /a, x", "p, a, /c, x", "p, a, /c, x, ", "g, u, a"]),
            remove: rules(&["p, a, /b, x", "p, a, /b, x", "p, a, /d, x", "g, u, a"]),
        };
        let applied = due(change, there);
        assert_eq!(applied.added, rules(&["g, u, a", "p, a, /c, x"]));
        assert_eq!(applied.removed, rules(&["p, a, /b, x"]));
        let kinds: Vec<_> = steps(&applied).iter().map(|step| (step.add, step.ptype)).collect();
        assert_eq!(kinds, [(false, "p"), (true, "p"), (true, "g")]);
    }

    #[test]
    fn a_rule_to_add_and_to_remove_stays() {
        let both = PolicyChange { add: rules(&["p, a, /a, x"]), remove: rules(&["p, a, /a, x"]) };
        assert_eq!(due(both, rules(&["p, a, /a, x"])), AppliedChange::default());
    }
}
