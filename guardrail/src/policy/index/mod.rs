//! The rules, compiled for deciding.
//!
//! | file | what it finds |
//! |-|-|
//! | `objects` | the rules whose object covers an object |
//! | `names` | the roles that somebody has, at any depth |
//! | `shared_map`, `shared_slab`, `small_map` | what both are made of: copies share what has not changed |
//!
//! A decision finds the rules that cover the object and then walks over the caller's names and roles until one of
//! them has such a rule: the number of rules that are about something else does not matter. Each rule is kept once,
//! spread over these structures, and read back from them for listing.

mod names;
mod objects;
mod shared_map;
mod shared_slab;
mod small_map;

use std::{collections::BTreeSet, ops::ControlFlow};

use smallvec::SmallVec;

pub(crate) use self::objects::Object;
use self::{
    names::{Id, Names},
    objects::{Grants, Objects},
};
use super::{
    rule::{Rule, RuleRef},
    subjects::{Subjects, is_role},
};

/// A set of rules. A copy of it costs next to nothing, and neither notices what happens to the other.
#[derive(Clone, Default)]
pub(super) struct Index {
    names: Names,
    objects: Objects,
    len: usize,
}

/// Why a caller may: a rule, and the way from the caller to the rule's subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The rule that allows it.
    pub(crate) rule: Rule,
    /// From the caller's own name or role over each assigned role to the rule's subject.
    pub(crate) path: Vec<String>,
}

/// What a caller who may not lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lack {
    /// No rule is about the object.
    Object,
    /// Rules are about the object, but for other actions: these, the first few in their order.
    Action { granted: Vec<String> },
    /// Rules grant it, but to others: these, the first few in their order.
    Subject { rules: Vec<Rule> },
}

/// How many of what is lacking are named.
const NAMED: usize = 10;

impl Index {
    /// How many rules there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a rule; whether it was not there.
    pub(super) fn insert(&mut self, rule: &Rule) -> bool {
        let (first, second) = (self.names.claim(rule.subject()), self.names.claim(second_name(rule)));
        let new = match rule {
            Rule::Permission { object, .. } => self.objects.insert(object, (first, second)),
            Rule::Role { .. } => self.names.assign(first, second),
        };
        if new {
            self.len += 1;
        } else {
            self.names.release(first);
            self.names.release(second);
        }
        new
    }

    /// Removes a rule; whether it was there.
    pub(super) fn remove(&mut self, rule: &Rule) -> bool {
        let names = self.names.id(rule.subject()).zip(self.names.id(second_name(rule)));
        let Some((first, second)) = names else { return false };
        let there = match rule {
            Rule::Permission { object, .. } => self.objects.remove(object, (first, second)),
            Rule::Role { .. } => self.names.unassign(first, second),
        };
        if there {
            self.len -= 1;
            self.names.release(first);
            self.names.release(second);
        }
        there
    }

    /// Whether the rule is one of them.
    pub(super) fn contains(&self, rule: &Rule) -> bool {
        let names = self.names.id(rule.subject()).zip(self.names.id(second_name(rule)));
        names.is_some_and(|(first, second)| match rule {
            Rule::Permission { object, .. } => self.objects.contains(object, (first, second)),
            Rule::Role { .. } => self.names.is_assigned(first, second),
        })
    }

    /// Every rule, in no particular order.
    pub(super) fn rules(&self) -> impl Iterator<Item = RuleRef<'_>> + Clone {
        let permissions = self.objects.iter().flat_map(move |(object, grants)| {
            grants.keys().map(move |(subject, action)| {
                RuleRef::permission(self.names.text(*subject), object, self.names.text(*action))
            })
        });
        let assignments = self.names.assignments();
        let roles = assignments
            .map(move |(subject, role)| RuleRef::role(self.names.text(subject), self.names.text(role)));
        permissions.chain(roles)
    }

    /// Whether a rule lets the caller do `action` on `object`.
    pub(super) fn allows(&self, who: &Subjects<'_>, object: Object<'_>, action: &str) -> bool {
        let action = self.names.id(action);
        let mut covering = SmallVec::<[&Grants; 8]>::new();
        let _: ControlFlow<()> = self.objects.covering(object, |_, grants| {
            covering.push(grants);
            ControlFlow::Continue(())
        });
        if covering.is_empty() {
            return false;
        }
        let granted = |subject| covering.iter().any(|grants| grants_to(grants, subject, action).is_some());
        self.names.find(who.names(), granted).is_some()
    }

    /// Why a caller may, if it may: the way over the fewest roles.
    pub(super) fn explain(&self, who: &Subjects<'_>, object: Object<'_>, action: &str) -> Option<Reason> {
        let action = self.names.id(action);
        let mut covering = Vec::new();
        let _: ControlFlow<()> = self.objects.covering(object, |text, grants| {
            covering.push((text, grants));
            ControlFlow::Continue(())
        });
        covering.sort_unstable_by_key(|(text, _)| *text);
        let rule = |subject| {
            covering
                .iter()
                .find_map(|(text, grants)| grants_to(grants, subject, action).map(|action| (*text, action)))
        };
        let path = self.names.find(who.names(), |subject| rule(subject).is_some())?.path();
        let subject = *path.last()?;
        let (object, action) = rule(subject)?;
        Some(Reason {
            rule: RuleRef::permission(self.names.text(subject), object, self.names.text(action)).to_rule(),
            path: path.into_iter().map(|id| self.names.text(id).to_owned()).collect(),
        })
    }

    /// What a caller who may not lacks.
    pub(super) fn lack(&self, object: Object<'_>, action: &str) -> Lack {
        let action = self.names.id(action);
        let (mut actions, mut rules) = (BTreeSet::new(), BTreeSet::new());
        let _: ControlFlow<()> = self.objects.covering(object, |text, grants| {
            for (subject, granted) in grants.keys() {
                let granted_text = self.names.text(*granted);
                if *granted == Id::EVERY || Some(*granted) == action {
                    rules.insert(RuleRef::permission(self.names.text(*subject), text, granted_text));
                }
                actions.insert(granted_text);
            }
            ControlFlow::Continue(())
        });
        if !rules.is_empty() {
            Lack::Subject { rules: rules.into_iter().take(NAMED).map(RuleRef::to_rule).collect() }
        } else if !actions.is_empty() {
            Lack::Action { granted: actions.into_iter().take(NAMED).map(str::to_owned).collect() }
        } else {
            Lack::Object
        }
    }

    /// The names that may do `action` on `object`, by themselves or by a role: users (`user:<id>`) and roles.
    pub(super) fn holders(&self, object: Object<'_>, action: &str) -> Vec<&str> {
        let action = self.names.id(action);
        let mut found = Vec::new();
        let _: ControlFlow<()> = self.objects.covering(object, |_, grants| {
            let fitting =
                grants.keys().filter(|(_, granted)| *granted == Id::EVERY || Some(*granted) == action);
            found.extend(fitting.map(|(subject, _)| *subject));
            ControlFlow::Continue(())
        });
        self.names.with_those_who_have(found).map(|id| self.names.text(id)).collect()
    }

    /// Whether the caller has `role`, as the role of the account or by rules.
    pub(super) fn holds_role(&self, who: &Subjects<'_>, role: &str) -> bool {
        if !is_role(role) {
            return false;
        }
        // The account's own role need not occur in any rule.
        who.names().any(|name| name == role)
            || self.names.id(role).is_some_and(|role| self.names.find(who.names(), |id| id == role).is_some())
    }
}

/// The name in a rule besides the subject: the action, or the role.
fn second_name(rule: &Rule) -> &str {
    match rule {
        Rule::Permission { action, .. } => action,
        Rule::Role { role, .. } => role,
    }
}

/// The action by which `grants` let `subject` do `action`.
fn grants_to(grants: &Grants, subject: Id, action: Option<Id>) -> Option<Id> {
    [action, Some(Id::EVERY)].into_iter().flatten().find(|action| grants.contains(&(subject, *action)))
}

#[cfg(test)]
mod tests;
