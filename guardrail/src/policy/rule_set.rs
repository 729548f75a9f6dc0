//! Rules by themselves.

use super::{
    index::{Index, Object},
    rule::{Rule, RuleRef},
    snapshot::Snapshot,
    subjects::Subjects,
};

/// A set of rules that decides as Guardrail does, without a store: to test the rules of an application, or to ask
/// what a change would come to.
///
/// A copy costs next to nothing, and neither notices what happens to the other. A decision looks at the rules that
/// cover the object and at the roles of the subject, however many other rules there are.
///
/// ```
/// use guardrail::policy::{Rule, RuleSet};
///
/// let rules = RuleSet::from_iter([
///     Rule::new("editor", "/api/posts/{id}", "edit")?,
///     Rule::new("user:42", "editor", "")?,
/// ]);
/// assert!(rules.allows("user:42", None, "/api/posts/7", "edit"));
/// assert!(!rules.allows("user:42", None, "/api/posts/7", "delete"));
/// // An account's own role counts as well.
/// assert!(rules.allows("user:1", Some("editor"), "/api/posts/7", "edit"));
/// # Ok::<_, guardrail::policy::InvalidRule>(())
/// ```
#[derive(Clone, Default)]
pub struct RuleSet(Index);

impl RuleSet {
    /// An empty set, which allows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Adds a rule; whether it was not there.
    pub fn insert(&mut self, rule: &Rule) -> bool {
        self.0.insert(rule)
    }

    /// Removes a rule; whether it was there.
    pub fn remove(&mut self, rule: &Rule) -> bool {
        self.0.remove(rule)
    }

    /// Whether the rule is one of them.
    pub fn contains(&self, rule: &Rule) -> bool {
        self.0.contains(rule)
    }

    /// The rules, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = Rule> {
        self.0.rules().map(RuleRef::to_rule)
    }

    /// Whether `subject` may do `action` on `object`: `user:<id>`, whose account may have a role, or a role by itself.
    /// An empty subject, object or action may nothing.
    pub fn allows(&self, subject: &str, role: Option<&str>, object: &str, action: &str) -> bool {
        let named = !(subject.is_empty() || object.is_empty() || action.is_empty());
        named && self.0.allows(&Subjects { subject, role }, Object::Named(object), action)
    }

    /// Whether `subject` has `wanted`, as the role of the account or by rules, at any depth.
    pub fn holds_role(&self, subject: &str, role: Option<&str>, wanted: &str) -> bool {
        self.0.holds_role(&Subjects { subject, role }, wanted)
    }
}

impl From<&Snapshot> for RuleSet {
    fn from(snapshot: &Snapshot) -> Self {
        Self(snapshot.index().cloned().unwrap_or_default())
    }
}

impl FromIterator<Rule> for RuleSet {
    fn from_iter<T: IntoIterator<Item = Rule>>(rules: T) -> Self {
        let mut set = Self::new();
        set.extend(rules);
        set
    }
}

impl Extend<Rule> for RuleSet {
    fn extend<T: IntoIterator<Item = Rule>>(&mut self, rules: T) {
        for rule in rules {
            self.0.insert(&rule);
        }
    }
}

impl std::fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleSet").field("len", &self.len()).finish_non_exhaustive()
    }
}
