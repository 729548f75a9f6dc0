//! Casbin's enforcer over a fixed set of rules.
//!
//! It evaluates [`MODEL`] with two functions of ours in place of Casbin's:
//!
//! - `keyMatch3` is [`pattern::matches`]; see there.
//! - `g` looks the rule's subject up among the caller's names and all roles that they have, found once a decision by
//!   [`RoleGraph`]. Casbin's role manager gives up at ten levels, and whether a deep role counts there depends on
//!   the order in which the roles were assigned. Its limit can only be lifted by handing it a lock of a crate that
//!   it does not re-export.

use std::{collections::HashSet, sync::Arc};

use casbin::{
    CoreApi as _, DefaultModel, Enforcer, NullAdapter, function_map::OperatorFunction, rhai::Dynamic,
};

use super::{
    MODEL,
    error::PolicyError,
    pattern,
    roles::RoleGraph,
    rule::Rule,
    subjects::{Subjects, is_role},
};

/// Decides by Casbin.
pub(super) struct CasbinEnforcer {
    enforcer: Enforcer,
    roles: RoleGraph,
}

/// The names of a caller, as a value that Casbin's evaluator passes around.
#[derive(Clone)]
struct Held(Arc<HashSet<String>>);

impl CasbinEnforcer {
    /// An enforcer without rules, which denies everything.
    pub(super) async fn new() -> Result<Self, PolicyError> {
        let model = DefaultModel::from_str(MODEL).await?;
        let mut enforcer = Enforcer::new_raw(model, NullAdapter).await?;
        enforcer.add_function("keyMatch3", OperatorFunction::Arg2(key_match));
        enforcer.add_function("g", OperatorFunction::Arg2(holds));
        Ok(Self { enforcer, roles: RoleGraph::default() })
    }

    /// The same with these rules instead. Many of them take a while.
    pub(super) fn with_rules<'r>(mut self, rules: impl IntoIterator<Item = &'r Rule> + Clone) -> Self {
        self.roles = RoleGraph::of(rules.clone());
        let model = self.enforcer.get_mut_model();
        model.clear_policy();
        for rule in rules {
            if let Rule::Permission { .. } = rule {
                model.add_policy("p", "p", rule.to_stored().values);
            }
        }
        self
    }

    /// Whether a rule lets the caller do `action` on `object`.
    pub(super) fn allows(&self, who: &Subjects<'_>, object: &str, action: &str) -> Result<bool, PolicyError> {
        let held = self.roles.held_by(who.names()).into_iter().map(str::to_owned).collect();
        let request = vec![Dynamic::from(Held(Arc::new(held))), object.into(), action.into()];
        Ok(self.enforcer.enforce(request)?)
    }

    /// Whether the caller has `role`, as the role of the account or by rules.
    pub(super) fn holds_role(&self, who: &Subjects<'_>, role: &str) -> bool {
        is_role(role) && self.roles.held_by(who.names()).contains(role)
    }
}

fn key_match(object: Dynamic, pattern: Dynamic) -> Dynamic {
    match (object.into_immutable_string(), pattern.into_immutable_string()) {
        (Ok(object), Ok(pattern)) => pattern::matches(&object, &pattern),
        _ => false,
    }
    .into()
}

fn holds(held: Dynamic, subject: Dynamic) -> Dynamic {
    match (held.try_cast::<Held>(), subject.into_immutable_string()) {
        (Some(held), Ok(subject)) => held.0.contains(subject.as_str()),
        _ => false,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn enforcer(rules: &BTreeSet<Rule>) -> CasbinEnforcer {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(CasbinEnforcer::new()).unwrap().with_rules(rules)
    }

    /// A permission past all checks, as if a laxer loader had let it in.
    fn unchecked(subject: &str, object: &str) -> Rule {
        Rule::Permission { subject: subject.into(), object: object.into(), action: "read".into() }
    }

    #[test]
    fn the_matcher_calls_our_pattern_function() {
        let rules = ["/a|b", "/a.c", "(", "*"].map(|object| unchecked(&format!("{object}-reader"), object));
        let enforcer = enforcer(&rules.into());
        let may = |reader: &str, object| {
            let subject = format!("{reader}-reader");
            enforcer.allows(&Subjects { subject: &subject, role: None }, object, "read").unwrap()
        };
        assert!(may("/a|b", "/a|b") && !may("/a|b", "/a") && !may("/a|b", "b"));
        assert!(may("/a.c", "/a.c") && !may("/a.c", "/abc"));
        assert!(may("(", "("));
        assert!(may("*", "anything"));
    }

    #[test]
    fn new_rules_take_the_place_of_the_old() {
        let rules = |line: (&str, &str)| BTreeSet::from([Rule::new(line.0, line.1, "read").unwrap()]);
        let enforcer = enforcer(&rules(("a", "/x"))).with_rules(&rules(("b", "/x")));
        let may = |subject| enforcer.allows(&Subjects { subject, role: None }, "/x", "read").unwrap();
        assert!(!may("a") && may("b"));
    }

    /// Straight from the definition, with no regard to speed.
    fn by_definition(rules: &[Rule], who: &Subjects<'_>, object: &str, action: &str) -> bool {
        let mut held: Vec<&str> = [Some(who.subject), who.role].into_iter().flatten().collect();
        for _ in rules {
            let more = rules.iter().filter(|rule| rule.action().is_empty() && held.contains(&rule.subject()));
            held.extend(more.map(Rule::object).collect::<Vec<_>>());
        }
        held.sort_unstable();
        held.dedup();
        rules.iter().filter(|rule| !rule.action().is_empty()).any(|rule| {
            held.contains(&rule.subject())
                && pattern::matches(object, rule.object())
                && (rule.action() == "*" || rule.action() == action)
        })
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let subject = select(&["user:1", "user:2", "a", "b", "c", "d"][..]);
        let object = select(&["/x", "/x/{id}", "/x/*", "/{id}/y", "*", "/x/y"][..]);
        let action = select(&["read", "write", "*"][..]);
        let role = select(&["a", "b", "c", "d"][..]);
        prop_oneof![
            (subject.clone(), object, action).prop_map(|(s, o, a)| Rule::new(s, o, a).unwrap()),
            (subject, role).prop_map(|(s, r)| Rule::new(s, r, "").unwrap()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn it_decides_as_the_model_defines(rules in vec(any_rule(), 0..6)) {
            let enforcer = enforcer(&rules.iter().cloned().collect());
            for (subject, role) in [("user:1", None), ("user:1", Some("b")), ("user:2", Some("c")), ("a", None)] {
                let who = Subjects { subject, role };
                for object in ["/x", "/x/y", "/x/z", "/z/y", "/x/y/z", "/"] {
                    for action in ["read", "write", "*"] {
                        let allowed = enforcer.allows(&who, object, action).unwrap();
                        prop_assert_eq!(allowed, by_definition(&rules, &who, object, action), "{:?} {}", who, object);
                    }
                }
            }
        }
    }
}
