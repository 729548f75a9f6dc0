//! The names in rules, as numbers, and who has which role.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use smallvec::SmallVec;

use super::{shared_map::SharedMap, shared_slab::SharedSlab, small_map::SmallSet};

/// A name that occurs in rules: of a user, a role or an action. Once no rule has the name, another one may get the
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Id(u32);

impl Id {
    /// The action `*`, which is every action.
    pub(super) const EVERY: Self = Self(0);
}

/// Each name once, and the roles of those that have any.
#[derive(Clone)]
pub(super) struct Names {
    ids: SharedMap<Arc<str>, Id>,
    entries: SharedSlab<Entry>,
}

#[derive(Clone)]
struct Entry {
    text: Arc<str>,
    /// In how many places of rules the name stands; with none left it is forgotten.
    uses: u32,
    /// The roles that were assigned to it.
    roles: SmallSet<Id, 4>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self { ids: SharedMap::default(), entries: SharedSlab::default() };
        // The first number, and never given back.
        names.claim("*");
        names
    }
}

impl Names {
    pub(super) fn id(&self, name: &str) -> Option<Id> {
        self.ids.get(name).copied()
    }

    pub(super) fn text(&self, id: Id) -> &str {
        self.entries.get(id.0).map_or("", |entry| &entry.text)
    }

    /// The name's number, for one more rule that has it.
    pub(super) fn claim(&mut self, name: &str) -> Id {
        if let Some(id) = self.id(name) {
            if let Some(entry) = self.entries.get_mut(id.0) {
                entry.uses = entry.uses.saturating_add(1);
            }
            return id;
        }
        let text = Arc::<str>::from(name);
        let entry = Entry { text: Arc::clone(&text), uses: 1, roles: SmallSet::default() };
        let id = Id(self.entries.insert(entry));
        self.ids.insert(text, id);
        id
    }

    /// One rule less has the name.
    pub(super) fn release(&mut self, id: Id) {
        let Some(entry) = self.entries.get_mut(id.0) else { return };
        entry.uses = entry.uses.saturating_sub(1);
        if entry.uses == 0
            && let Some(entry) = self.entries.remove(id.0)
        {
            self.ids.remove(&*entry.text);
        }
    }

    /// Gives a role; whether `subject` did not have it directly.
    pub(super) fn assign(&mut self, subject: Id, role: Id) -> bool {
        self.entries.get_mut(subject.0).is_some_and(|entry| entry.roles.insert(role, ()))
    }

    /// Takes a role; whether `subject` had it directly.
    pub(super) fn unassign(&mut self, subject: Id, role: Id) -> bool {
        self.entries.get_mut(subject.0).is_some_and(|entry| entry.roles.remove(&role))
    }

    /// Whether `subject` was assigned `role` itself.
    pub(super) fn is_assigned(&self, subject: Id, role: Id) -> bool {
        self.entries.get(subject.0).is_some_and(|entry| entry.roles.contains(&role))
    }

    /// Everybody who was assigned a role, with the role.
    pub(super) fn assignments(&self) -> impl Iterator<Item = (Id, Id)> + Clone {
        self.entries
            .iter()
            .flat_map(|(subject, entry)| entry.roles.keys().map(move |role| (Id(subject), *role)))
    }

    /// These names, and everybody who has one of them as a role, at any depth; each once.
    pub(super) fn with_those_who_have(&self, names: Vec<Id>) -> impl Iterator<Item = Id> {
        let mut had_by: HashMap<Id, Vec<Id>> = HashMap::new();
        for (subject, role) in self.assignments() {
            had_by.entry(role).or_default().push(subject);
        }
        let mut found: HashSet<Id> = HashSet::new();
        let mut unvisited = names;
        while let Some(id) = unvisited.pop() {
            if found.insert(id) {
                unvisited.extend(had_by.get(&id).into_iter().flatten());
            }
        }
        found.into_iter()
    }

    /// The first of `names`, and of the roles that they have at any depth, that `wanted` says yes to, with the way
    /// to it: from one of `names` over each role to the found one. Nearer ones come first. Cycles are no error: the
    /// roles on one have each other.
    pub(super) fn find<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        mut wanted: impl FnMut(Id) -> bool,
    ) -> Option<Found> {
        let mut found = Found::default();
        for id in names.filter_map(|name| self.id(name)) {
            found.visit(id, None);
        }
        while let Some(&(id, _)) = found.visited.get(found.at) {
            if wanted(id) {
                return Some(found);
            }
            if let Some(entry) = self.entries.get(id.0) {
                for role in entry.roles.keys() {
                    found.visit(*role, Some(found.at));
                }
            }
            found.at += 1;
        }
        None
    }
}

/// How many visited names are looked through one by one.
const FEW: usize = 32;

/// A walk over names and their roles.
#[derive(Default)]
pub(super) struct Found {
    /// In the order in which they were met, each with the place of the one that has it.
    visited: SmallVec<[(Id, Option<usize>); 8]>,
    /// The same as a set, once they are many.
    many: HashSet<Id>,
    /// Where the walk is.
    at: usize,
}

impl Found {
    fn visit(&mut self, id: Id, from: Option<usize>) {
        let new = if self.visited.len() < FEW {
            self.visited.iter().all(|(seen, _)| *seen != id)
        } else {
            if self.many.is_empty() {
                self.many.extend(self.visited.iter().map(|(seen, _)| *seen));
            }
            self.many.insert(id)
        };
        if new {
            self.visited.push((id, from));
        }
    }

    /// The way to what was found, that included.
    pub(super) fn path(&self) -> Vec<Id> {
        let mut path = Vec::new();
        let mut place = Some(self.at);
        while let Some((id, from)) = place.and_then(|place| self.visited.get(place)) {
            path.push(*id);
            place = *from;
        }
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(assignments: &[(&str, &str)]) -> Names {
        let mut names = Names::default();
        for (subject, role) in assignments {
            let (subject, role) = (names.claim(subject), names.claim(role));
            names.assign(subject, role);
        }
        names
    }

    fn held(names: &Names, name: &str) -> Vec<String> {
        let mut held = Vec::new();
        names.find(std::iter::once(name), |id| {
            held.push(names.text(id).to_owned());
            false
        });
        held
    }

    fn path(names: &Names, from: &[&str], to: &str) -> Option<Vec<String>> {
        let found = names.find(from.iter().copied(), |id| names.text(id) == to)?;
        Some(found.path().into_iter().map(|id| names.text(id).to_owned()).collect())
    }

    #[test]
    fn roles_inherit_to_any_depth() {
        let chain: Vec<_> = (0..=10_000).map(|depth| format!("r{depth}")).collect();
        let pairs: Vec<_> = chain.windows(2).map(|pair| (&*pair[0], &*pair[1])).collect();
        for names in [names(&pairs), names(&pairs.iter().rev().copied().collect::<Vec<_>>())] {
            assert_eq!(held(&names, "r0").len(), 10_001);
            assert_eq!(held(&names, "r10000"), ["r10000"]);
            assert_eq!(path(&names, &["r9997"], "r10000").unwrap(), ["r9997", "r9998", "r9999", "r10000"]);
        }
    }

    #[test]
    fn cycles_end() {
        let names = names(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "d")]);
        assert_eq!(held(&names, "b"), ["b", "c", "a", "d"]);
        assert_eq!(held(&names, "d"), ["d"]);
        assert_eq!(held(&names, "nobody"), [""; 0]);
    }

    #[test]
    fn the_shortest_way_is_told() {
        let names = names(&[("u", "a"), ("a", "b"), ("b", "c"), ("u", "c"), ("v", "b")]);
        assert_eq!(path(&names, &["u"], "c").unwrap(), ["u", "c"]);
        assert_eq!(path(&names, &["v"], "c").unwrap(), ["v", "b", "c"]);
        assert_eq!(path(&names, &["v", "c"], "c").unwrap(), ["c"]);
        assert_eq!(path(&names, &["c"], "u"), None);
    }

    #[test]
    fn hundreds_of_roles_are_each_visited_once() {
        let roles: Vec<_> = (0..300).map(|number| format!("r{number}")).collect();
        let all: Vec<_> = roles.iter().flat_map(|role| [("u", role.as_str()), (role, "u")]).collect();
        let mut held = held(&names(&all), "u");
        held.sort();
        held.dedup();
        assert_eq!(held.len(), 301);
    }

    #[test]
    fn a_name_is_forgotten_with_its_last_rule() {
        let mut names = names(&[("a", "b"), ("a", "c")]);
        let [a, b, c] = ["a", "b", "c"].map(|name| names.id(name).unwrap());
        assert!(names.unassign(a, b) && !names.unassign(a, b));
        names.release(b);
        names.release(a);
        assert_eq!((names.id("b"), names.id("a")), (None, Some(a)));
        names.unassign(a, c);
        names.release(a);
        names.release(c);
        assert_eq!((names.id("a"), names.ids.len(), names.entries.iter().count()), (None, 1, 1));
    }
}
