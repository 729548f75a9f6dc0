//! Which roles a subject has, its roles' roles included.

use std::collections::{HashMap, HashSet};

use super::rule::Rule;

/// The roles that were assigned, as a graph from each subject to what it has directly.
#[derive(Default)]
pub(super) struct RoleGraph {
    assigned: HashMap<String, Vec<String>>,
}

impl RoleGraph {
    /// The graph of the rules that assign roles.
    pub(super) fn of<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> Self {
        let mut graph = Self::default();
        for rule in rules {
            if let Rule::Role { subject, role } = rule {
                graph.assigned.entry(subject.clone()).or_default().push(role.clone());
            }
        }
        graph
    }

    /// The names themselves and every role that they have, at any depth. Cycles are no error: the roles on one
    /// have each other.
    pub(super) fn held_by<'a>(&'a self, names: impl Iterator<Item = &'a str>) -> HashSet<&'a str> {
        let mut held: HashSet<&str> = names.collect();
        let mut unvisited: Vec<&str> = held.iter().copied().collect();
        while let Some(name) = unvisited.pop() {
            for role in self.assigned.get(name).into_iter().flatten() {
                if held.insert(role) {
                    unvisited.push(role);
                }
            }
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(rules: &[(&str, &str)], name: &str) -> Vec<String> {
        let rules: Vec<_> = rules.iter().map(|(who, role)| Rule::new(who, role, "").unwrap()).collect();
        let graph = RoleGraph::of(&rules);
        let mut held: Vec<_> = graph.held_by(std::iter::once(name)).into_iter().map(str::to_owned).collect();
        held.sort();
        held
    }

    #[test]
    fn roles_inherit_to_any_depth() {
        let names: Vec<_> = (0..10_001).map(|depth| format!("r{depth}")).collect();
        let mut chain: Vec<_> = names.windows(2).map(|pair| (&*pair[0], &*pair[1])).collect();
        assert_eq!(held(&chain, "r0").len(), 10_001);
        chain.reverse();
        assert_eq!(held(&chain, "r0").len(), 10_001);
        assert_eq!(held(&chain, "r10000"), ["r10000"]);
    }

    #[test]
    fn cycles_end() {
        let cycle = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "d")];
        assert_eq!(held(&cycle, "b"), ["a", "b", "c", "d"]);
        assert_eq!(held(&cycle, "d"), ["d"]);
    }

    #[test]
    fn a_name_without_roles_has_itself_only() {
        assert_eq!(held(&[("a", "b")], "user:1"), ["user:1"]);
    }
}
