//! What a change comes to, given the rules that are there.

use std::collections::BTreeSet;

use super::rule::Rule;
use crate::storage::PolicyChange;

/// How many rules a change added and removed; those that were there already, or were not there, do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// Rules that were not there before.
    pub(crate) added: usize,
    /// Rules that are there no longer.
    pub(crate) removed: usize,
}

/// The rules that a change really adds and removes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    add: BTreeSet<Rule>,
    remove: BTreeSet<Rule>,
}

impl Plan {
    /// Leaves out what is there already or is not there. A rule both to add and to remove is there afterwards.
    pub(super) fn new(rules: &BTreeSet<Rule>, add: Vec<Rule>, remove: Vec<Rule>) -> Self {
        let mut add: BTreeSet<_> = add.into_iter().collect();
        let remove = remove.into_iter().filter(|rule| rules.contains(rule) && !add.contains(rule)).collect();
        add.retain(|rule| !rules.contains(rule));
        Self { add, remove }
    }

    /// How many rules it touches.
    pub(super) fn size(&self) -> Changed {
        Changed { added: self.add.len(), removed: self.remove.len() }
    }

    /// What the store is to do.
    pub(super) fn to_stored(&self) -> PolicyChange {
        let rows = |rules: &BTreeSet<Rule>| rules.iter().map(Rule::to_stored).collect();
        PolicyChange { add: rows(&self.add), remove: rows(&self.remove) }
    }

    /// The rules as they are after it.
    pub(super) fn applied_to(&self, rules: &BTreeSet<Rule>) -> BTreeSet<Rule> {
        let kept = rules.iter().filter(|rule| !self.remove.contains(rule));
        kept.chain(&self.add).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(object: &str) -> Rule {
        Rule::new("admin", object, "read").unwrap()
    }

    fn plan(there: &[&str], add: &[&str], remove: &[&str]) -> (Vec<String>, Changed) {
        let rules = |objects: &[&str]| objects.iter().map(|object| rule(object)).collect::<Vec<_>>();
        let there = rules(there).into_iter().collect();
        let plan = Plan::new(&there, rules(add), rules(remove));
        let after = plan.applied_to(&there).iter().map(|rule| rule.object().to_owned()).collect();
        let stored = plan.to_stored();
        let changed = plan.size();
        assert_eq!((stored.add.len(), stored.remove.len()), (changed.added, changed.removed));
        (after, changed)
    }

    #[test]
    fn what_changes_nothing_is_left_out() {
        let (after, changed) = plan(&["/a", "/b"], &["/a", "/c", "/c"], &["/b", "/b", "/d"]);
        assert_eq!(after, ["/a", "/c"]);
        assert_eq!(changed, Changed { added: 1, removed: 1 });
    }

    #[test]
    fn a_rule_to_add_and_to_remove_is_there_afterwards() {
        assert_eq!(plan(&["/a"], &["/a"], &["/a"]), (vec!["/a".into()], Changed::default()));
        let (after, changed) = plan(&[], &["/a"], &["/a"]);
        assert_eq!((after.len(), changed), (1, Changed { added: 1, removed: 0 }));
    }
}
