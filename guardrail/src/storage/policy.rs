//! Rules in a store.

use async_trait::async_trait;

use super::StoreError;

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

/// How often the rules of a store have changed, whoever changed them: two revisions that are equal are of the same
/// rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision(pub i64);

/// The rules of a store at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredPolicies {
    /// Every rule, also malformed ones: judging them is the loader's work.
    pub rules: Vec<StoredRule>,
    /// The revision that they are of; `None` from a store that counts none.
    pub revision: Option<Revision>,
}

/// Rules to add and to remove, together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// Rules that are to be there.
    pub add: Vec<StoredRule>,
    /// Rules that are to be gone. One that is to be added as well is there afterwards.
    pub remove: Vec<StoredRule>,
}

/// What a change came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppliedChange {
    /// Those of the rules to add that were not there, each once.
    pub added: Vec<StoredRule>,
    /// Those of the rules to remove that were there and are no longer, each once.
    pub removed: Vec<StoredRule>,
    /// The revision right before and right after the change; `None` from a store that counts none.
    pub revisions: Option<(Revision, Revision)>,
}

/// Where the rules are kept.
#[async_trait]
pub trait PolicyStore: Send + Sync + 'static {
    /// Every rule, and the revision that they are of, as of one moment.
    async fn load(&self) -> Result<StoredPolicies, StoreError>;

    /// Removes and adds rules, all or none, and tells what that changed. A rule to add that is there already, and a
    /// rule to remove that is not, are no error: another node was first.
    async fn apply(&self, change: PolicyChange) -> Result<AppliedChange, StoreError>;

    /// The revision at present, which every change by anybody moves; `None` from a store that counts none, whose
    /// rules are then read again only when they are changed through Guardrail.
    async fn revision(&self) -> Result<Option<Revision>, StoreError>;
}
