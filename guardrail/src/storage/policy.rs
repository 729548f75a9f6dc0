//! Rules in a store.

use async_trait::async_trait;
use casbin::{Adapter, DefaultModel, Model as _};
use tokio::sync::Mutex;

use super::StoreError;
use crate::policy::MODEL;

/// A rule as Casbin's tables and files hold it: `p, alice, /data, read` has the type `p` and three values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoredRule {
    /// The policy type: `p` for a permission, `g` for a role.
    pub ptype: String,
    /// The fields, in the model's order. Empty ones at the end count as absent: Casbin's tables cannot tell.
    pub values: Vec<String>,
}

impl StoredRule {
    /// The rule without empty fields at its end: two rules that differ in those only are the same rule.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        let used = self.values.iter().rposition(|value| !value.is_empty()).map_or(0, |last| last + 1);
        self.values.truncate(used);
        self
    }
}

/// Rules to add and to remove, together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// Rules that are not there yet.
    pub add: Vec<StoredRule>,
    /// Rules that are there.
    pub remove: Vec<StoredRule>,
}

/// Where the rules are kept.
#[async_trait]
pub trait PolicyStore: Send + Sync + 'static {
    /// Every rule, also malformed ones: judging them is the loader's work.
    async fn load(&self) -> Result<Vec<StoredRule>, StoreError>;

    /// Removes and adds rules, all or none. A rule to add that is there already, and a rule to remove that is not,
    /// are no error: another node was first. A rule that is in both is there afterwards.
    async fn apply(&self, change: PolicyChange) -> Result<(), StoreError>;
}

/// Any Casbin [`Adapter`] as a [`PolicyStore`].
///
/// An adapter has no operation that writes permissions and roles together: a change that holds both is written in
/// up to four steps, and undone step by step if one fails. Guardrail's own stores write it in one transaction.
///
/// The adapter must save single changes: Casbin's `FileAdapter` and `StringAdapter` say yes to them and do nothing,
/// so that with them a change is lost at the next start.
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
    async fn load(&self) -> Result<Vec<StoredRule>, StoreError> {
        const CONTEXT: &str = "loading rules from the Casbin adapter";
        let mut model =
            DefaultModel::from_str(MODEL).await.map_err(|error| StoreError::new(CONTEXT, error))?;
        self.0.lock().await.load_policy(&mut model).await.map_err(|error| StoreError::new(CONTEXT, error))?;
        let of = |ptype: &str| {
            let rules = model.get_policy(ptype, ptype);
            let ptype = ptype.to_owned();
            rules.into_iter().map(move |values| StoredRule { ptype: ptype.clone(), values })
        };
        Ok(of("p").chain(of("g")).collect())
    }

    async fn apply(&self, change: PolicyChange) -> Result<(), StoreError> {
        let mut adapter = self.0.lock().await;
        let steps = steps(change);
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
        Ok(())
    }
}

/// One call of an adapter: rules of one type, added or removed.
struct Step {
    add: bool,
    ptype: &'static str,
    rules: Vec<Vec<String>>,
}

fn steps(change: PolicyChange) -> Vec<Step> {
    let mut steps = Vec::new();
    for (add, rules) in [(false, change.remove), (true, change.add)] {
        let (grouping, permissions): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.ptype == "g");
        for (ptype, rules) in [("p", permissions), ("g", grouping)] {
            if !rules.is_empty() {
                let rules = rules.into_iter().map(|rule| rule.values).collect();
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
