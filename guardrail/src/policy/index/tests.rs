//! Casbin is the judge: the same rules, changed in the same way, have to lead to the same decisions.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use casbin::{
    CoreApi as _, DefaultModel, DefaultRoleManager, Enforcer, MgmtApi as _, NullAdapter,
    function_map::{OperatorFunction, dynamic_to_str},
    rhai::Dynamic,
};
use futures::executor::block_on;
use parking_lot::RwLock;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index as AnyOf, select},
    test_runner::TestRunner,
};

use super::*;
use crate::policy::{MODEL, pattern};

impl Index {
    fn of<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> Self {
        let mut index = Self::default();
        for rule in rules {
            index.insert(rule);
        }
        index
    }
}

/// Casbin's enforcer with its own matcher and role manager. Its pattern function is replaced by ours, and its limit
/// on the depth of roles is lifted.
struct Reference(Enforcer);

impl Reference {
    fn new() -> Self {
        block_on(async {
            let model = DefaultModel::from_str(MODEL).await.unwrap();
            let mut enforcer = Enforcer::new(model, NullAdapter).await.unwrap();
            let roles = DefaultRoleManager::new(usize::MAX);
            enforcer.set_role_manager(Arc::new(RwLock::new(roles))).unwrap();
            enforcer.add_function("keyMatch3", OperatorFunction::Arg2(key_match));
            Self(enforcer)
        })
    }

    fn of(rules: &[Rule]) -> Self {
        let mut reference = Self::new();
        for rule in rules {
            reference.insert(rule);
        }
        reference
    }

    fn insert(&mut self, rule: &Rule) -> bool {
        let values = rule.to_stored().values;
        block_on(async {
            match rule {
                Rule::Permission { .. } => self.0.add_policy(values).await,
                Rule::Role { .. } => self.0.add_grouping_policy(values).await,
            }
        })
        .unwrap()
    }

    fn remove(&mut self, rule: &Rule) -> bool {
        let values = rule.to_stored().values;
        let removed = block_on(async {
            match rule {
                Rule::Permission { .. } => self.0.remove_policy(values).await,
                Rule::Role { .. } => self.0.remove_grouping_policy(values).await,
            }
        });
        // Casbin keeps no link from a role to itself, and does not find it when the rule goes.
        if rule.subject() == rule.object() { true } else { removed.unwrap() }
    }

    /// What either of the caller's names may, it may.
    fn allows(&self, who: &Subjects<'_>, object: &str, action: &str) -> bool {
        who.names().any(|name| self.0.enforce((name, object, action)).unwrap())
    }
}

#[allow(clippy::needless_pass_by_value)] // the signature is Casbin's
fn key_match(object: Dynamic, pattern: Dynamic) -> Dynamic {
    pattern::matches(&dynamic_to_str(&object), &dynamic_to_str(&pattern)).into()
}

fn rule(subject: &str, object: &str, action: &str) -> Rule {
    Rule::new(subject, object, action).unwrap()
}

fn rules(lines: &[(&str, &str, &str)]) -> Vec<Rule> {
    lines.iter().map(|(subject, object, action)| rule(subject, object, action)).collect()
}

const WHO: [(&str, Option<&str>); 7] = [
    ("user:1", None),
    ("user:1", Some("b")),
    ("user:2", Some("c")),
    ("user:3", Some("user:1")),
    ("a", None),
    ("", Some("a")),
    ("user:é\n", Some("nobody")),
];

const ASKED: [&str; 13] =
    ["/x", "/x/", "/x/y", "/x/z", "/z/y", "/x/y/z", "/", "", "*", "/{id}", "/é/日本", "x", "/x/(|.*\0"];

fn any_rule() -> impl Strategy<Value = Rule> {
    let subject = select(&["user:1", "user:2", "a", "b", "c", "d", "e"][..]);
    let object = select(
        &[
            "/x",
            "/x/{id}",
            "/x/{name}",
            "/x/*",
            "/{id}/y",
            "/{id}/*",
            "*",
            "/*",
            "/x/y",
            "x",
            "/é/{x}",
            "/x/",
        ][..],
    );
    let action = select(&["read", "write", "*", "läsa"][..]);
    let role = select(&["a", "b", "c", "d", "e"][..]);
    prop_oneof![
        (subject.clone(), object, action).prop_map(|(s, o, a)| rule(s, o, a)),
        (subject, role).prop_map(|(s, r)| rule(s, r, "")),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Insert(Rule),
    /// One that is there.
    Remove(AnyOf),
    /// One that mostly is not.
    RemoveAny(Rule),
    /// Everything is compiled anew.
    Reload,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any_rule().prop_map(Step::Insert),
        3 => any::<AnyOf>().prop_map(Step::Remove),
        1 => any_rule().prop_map(Step::RemoveAny),
        1 => Just(Step::Reload),
    ]
}

/// An index and its judge, with the rules that both were given.
struct Pair {
    index: Index,
    reference: Reference,
    rules: BTreeSet<Rule>,
}

impl Pair {
    fn new() -> Self {
        Self { index: Index::default(), reference: Reference::new(), rules: BTreeSet::new() }
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Insert(rule) => {
                let new = self.rules.insert(rule.clone());
                prop_assert_eq!(self.index.insert(&rule), new);
                prop_assert_eq!(self.reference.insert(&rule), new);
            }
            Step::Remove(any) if !self.rules.is_empty() => {
                let rule = any.get(&self.rules.iter().collect::<Vec<_>>()).to_owned().clone();
                return self.take(Step::RemoveAny(rule));
            }
            Step::Remove(_) => {}
            Step::RemoveAny(rule) => {
                let there = self.rules.remove(&rule);
                prop_assert_eq!(self.index.remove(&rule), there);
                if there {
                    self.reference.remove(&rule);
                }
            }
            Step::Reload => {
                self.index = Index::of(&self.rules);
                self.reference = Reference::of(&self.rules.iter().cloned().collect::<Vec<_>>());
            }
        }
        Ok(())
    }

    /// Compares every decision; how many there were.
    fn compare(&self) -> Result<usize, TestCaseError> {
        let mut compared = 0;
        for (subject, role) in WHO {
            let who = Subjects { subject, role };
            for object in ASKED {
                for action in ["read", "write", "*", ""] {
                    let allowed = self.index.allows(&who, Object::Named(object), action);
                    let expected = self.reference.allows(&who, object, action);
                    prop_assert_eq!(
                        allowed,
                        expected,
                        "{:?} {:?} {:?} {:?}",
                        who,
                        object,
                        action,
                        self.rules
                    );
                    let reason = self.index.explain(&who, Object::Named(object), action);
                    prop_assert_eq!(reason.is_some(), allowed);
                    if let Some(reason) = reason {
                        self.holds(&who, object, action, &reason)?;
                    }
                    compared += 1;
                }
            }
        }
        Ok(compared)
    }

    /// Whether a reason is one: its rule is there and matches, and each step of its path is an assigned role.
    fn holds(
        &self,
        who: &Subjects<'_>,
        object: &str,
        action: &str,
        reason: &Reason,
    ) -> Result<(), TestCaseError> {
        let Reason { rule: found, path } = reason;
        prop_assert!(self.rules.contains(found) && pattern::matches(object, found.object()));
        prop_assert!(found.action() == action || found.action() == "*");
        prop_assert!(who.names().any(|name| Some(name) == path.first().map(String::as_str)));
        prop_assert_eq!(path.last().map(String::as_str), Some(found.subject()));
        for step in path.windows(2) {
            prop_assert!(self.rules.contains(&rule(&step[0], &step[1], "")));
        }
        Ok(())
    }
}

/// At least this many decisions are compared.
const COMPARISONS: usize = 200_000;

/// `GUARDRAIL_COMPARISONS=10000000 cargo test --release -p guardrail casbin_decides_the_same` compares more.
#[test]
fn casbin_decides_the_same() {
    let wanted = std::env::var("GUARDRAIL_COMPARISONS").ok().and_then(|number| number.parse().ok());
    let wanted = wanted.unwrap_or(COMPARISONS);
    let compared = AtomicUsize::new(0);
    // Each case compares a few rule sets that follow each other.
    while compared.load(Ordering::Relaxed) < wanted {
        let config = ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() };
        TestRunner::new(config)
            .run(&vec(vec(any_step(), 1..12), 1..5), |rounds| {
                let mut pair = Pair::new();
                for steps in rounds {
                    for step in steps {
                        pair.take(step)?;
                    }
                    let listed: BTreeSet<Rule> = pair.index.rules().map(RuleRef::to_rule).collect();
                    prop_assert_eq!((&listed, pair.index.len()), (&pair.rules, pair.rules.len()));
                    compared.fetch_add(pair.compare()?, Ordering::Relaxed);
                }
                Ok(())
            })
            .unwrap();
    }
}

/// The rule sets that Casbin publishes as its examples of role-based access control.
#[test]
fn casbins_examples_of_roles() {
    let rbac = rules(&[
        ("alice", "data1", "read"),
        ("bob", "data2", "write"),
        ("data2_admin", "data2", "read"),
        ("data2_admin", "data2", "write"),
        ("alice", "data2_admin", ""),
    ]);
    let hierarchy = rules(&[
        ("alice", "data1", "read"),
        ("bob", "data2", "write"),
        ("data1_admin", "data1", "read"),
        ("data1_admin", "data1", "write"),
        ("data2_admin", "data2", "read"),
        ("data2_admin", "data2", "write"),
        ("alice", "admin", ""),
        ("admin", "data1_admin", ""),
        ("admin", "data2_admin", ""),
    ]);
    let allowed = |rules: &[Rule]| {
        let (index, reference) = (Index::of(rules), Reference::of(rules));
        let mut allowed = Vec::new();
        for subject in ["alice", "bob", "data1_admin", "data2_admin", "admin", "carol"] {
            for object in ["data1", "data2"] {
                for action in ["read", "write"] {
                    let who = Subjects { subject, role: None };
                    let decision = index.allows(&who, Object::Named(object), action);
                    assert_eq!(decision, reference.allows(&who, object, action));
                    if decision {
                        allowed.push(format!("{subject} {object} {action}"));
                    }
                }
            }
        }
        allowed
    };
    assert_eq!(
        allowed(&rbac),
        [
            "alice data1 read",
            "alice data2 read",
            "alice data2 write",
            "bob data2 write",
            "data2_admin data2 read",
            "data2_admin data2 write"
        ]
    );
    assert_eq!(allowed(&hierarchy).len(), 13);
    assert_eq!(allowed(&hierarchy).iter().filter(|line| line.starts_with("alice ")).count(), 4);
}

/// The cases that Casbin publishes for `keyMatch3`, but those whose pattern we refuse.
#[test]
fn casbins_examples_of_patterns() {
    for (object, pattern, covered) in [
        ("/foo", "/foo", true),
        ("/foo", "/foo/*", false),
        ("/foo/bar", "/foo", false),
        ("/foo/bar", "/foo/*", true),
        ("/foobar", "/foo", false),
        ("/foobar", "/foo/*", false),
        ("/", "/{resource}", false),
        ("/resource1", "/{resource}", true),
        ("/myid", "/{id}/using/{resId}", false),
        ("/myid/using/myresid", "/{id}/using/{resId}", true),
        ("/proxy/myid", "/proxy/{id}/*", false),
        ("/proxy/myid/", "/proxy/{id}/*", true),
        ("/proxy/myid/res", "/proxy/{id}/*", true),
        ("/proxy/myid/res/res2", "/proxy/{id}/*", true),
        ("/proxy/myid/res/res2/res3", "/proxy/{id}/*", true),
        ("/proxy/", "/proxy/{id}/*", false),
        ("/alice_data/resource1", "/alice_data/*", true),
        ("/bob_data/resource1", "/alice_data/*", false),
    ] {
        let index = Index::of(&[rule("alice", pattern, "GET")]);
        let who = Subjects { subject: "alice", role: None };
        assert_eq!(index.allows(&who, Object::Named(object), "GET"), covered, "{object} {pattern}");
        assert_eq!(casbin::function_map::key_match3(object, pattern), covered, "{object} {pattern}");
    }
}

#[test]
fn a_reason_is_the_rule_and_the_shortest_way_to_it() {
    let index = Index::of(&rules(&[
        ("admin", "/api/*", "*"),
        ("editor", "/api/posts/{id}", "edit"),
        ("user:1", "editor", ""),
        ("editor", "staff", ""),
        ("staff", "admin", ""),
    ]));
    let why = |role, object, action| {
        let who = Subjects { subject: "user:1", role };
        let Reason { rule, path } = index.explain(&who, Object::Named(object), action)?;
        Some((rule.to_string(), path.join(" → ")))
    };
    let edit = ("editor can edit on /api/posts/{id}".to_owned(), "user:1 → editor".to_owned());
    assert_eq!(why(None, "/api/posts/7", "edit"), Some(edit));
    let by_admin = |path: &str| Some(("admin can * on /api/*".to_owned(), path.to_owned()));
    assert_eq!(why(None, "/api/posts/7", "delete"), by_admin("user:1 → editor → staff → admin"));
    assert_eq!(why(Some("admin"), "/api/posts/7", "delete"), by_admin("admin"));
    assert_eq!(why(None, "/other", "read"), None);
}

#[test]
fn a_copy_decides_as_before() {
    let mut index = Index::of(&rules(&[("a", "/x/*", "read"), ("user:1", "a", "")]));
    let copy = index.clone();
    index.remove(&rule("user:1", "a", ""));
    index.insert(&rule("b", "/x/{id}", "read"));
    let who = Subjects { subject: "user:1", role: None };
    assert!(copy.allows(&who, Object::Named("/x/1"), "read") && copy.holds_role(&who, "a"));
    assert!(!index.allows(&who, Object::Named("/x/1"), "read") && !index.holds_role(&who, "a"));
    assert_eq!((index.len(), copy.len()), (2, 2));
}

#[test]
fn what_is_lacking_is_told() {
    let index = Index::of(&rules(&[
        ("editor", "/api/posts/{id}", "edit"),
        ("admin", "/api/*", "*"),
        ("editor", "/api/posts", "read"),
        ("editor", "/other/{x}", "read"),
    ]));
    let lack = |object, action| index.lack(Object::Named(object), action);
    let Lack::Subject { rules } = lack("/api/posts/7", "edit") else { panic!("rules grant it") };
    let texts: Vec<_> = rules.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["admin can * on /api/*", "editor can edit on /api/posts/{id}"]);
    assert_eq!(lack("/other/1", "edit"), Lack::Action { granted: vec!["read".into()] });
    assert_eq!(lack("/other/1/2", "read"), Lack::Object);
    assert_eq!(lack("", ""), Lack::Object);
}
