//! The cases of a [`PolicyStore`](crate::storage::PolicyStore).

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use super::{SharedPolicies, fixture::race};
use crate::storage::{PolicyChange, PolicyStore as _, StoredRule};

fn rule(ptype: &str, values: &[&str]) -> StoredRule {
    StoredRule { ptype: ptype.to_owned(), values: values.iter().map(|&value| value.to_owned()).collect() }
}

/// The permission number `number` of many.
fn numbered(number: usize) -> StoredRule {
    rule("p", &[&format!("role{}", number % 100), &format!("/api/things/{number}"), "read"])
}

fn adding(add: impl IntoIterator<Item = StoredRule>) -> PolicyChange {
    PolicyChange { add: add.into_iter().collect(), remove: Vec::new() }
}

fn removing(remove: impl IntoIterator<Item = StoredRule>) -> PolicyChange {
    PolicyChange { add: Vec::new(), remove: remove.into_iter().collect() }
}

fn sorted(mut rules: Vec<StoredRule>) -> Vec<StoredRule> {
    rules.sort();
    rules
}

/// Every rule of the store; a rule that is there twice fails the case.
async fn loaded(store: &impl SharedPolicies) -> BTreeSet<StoredRule> {
    let rules = store.load().await.unwrap().rules;
    let count = rules.len();
    let rules = BTreeSet::from_iter(rules);
    assert_eq!(rules.len(), count, "every rule is there once");
    rules
}

/// No store comes with rules of its own.
pub async fn a_new_store_has_no_rules(store: impl SharedPolicies) {
    assert!(loaded(&store).await.is_empty());
    store.apply(PolicyChange::default()).await.unwrap();
    assert!(loaded(&store).await.is_empty());
}

/// Permissions and roles are written together and load as they are.
pub async fn permissions_and_roles_load_as_written(store: impl SharedPolicies) {
    let first = [rule("p", &["admin", "/api/admin/*", "*"]), rule("g", &["user:1", "admin"])];
    store.apply(adding(first.clone())).await.unwrap();
    assert_eq!(loaded(&store).await, BTreeSet::from(first.clone()));
    let second = rule("p", &["member", "/api/posts/{id}", "read"]);
    store.apply(adding([second.clone()])).await.unwrap();
    assert_eq!(loaded(&store).await, first.into_iter().chain([second]).collect());
}

/// One field to six, and types of custom models.
pub async fn rules_of_any_length_load_as_written(store: impl SharedPolicies) {
    let values = ["a", "b", "c", "d", "e", "f"];
    let mut rules: Vec<_> = (1..=6).map(|length| rule("p", &values[..length])).collect();
    rules.push(rule("p2", &values[..3]));
    rules.push(rule("g2", &values[..2]));
    store.apply(adding(rules.clone())).await.unwrap();
    assert_eq!(loaded(&store).await, rules.into_iter().collect());
}

/// Quotes, commas, spaces, any script, and empty fields before others are text like any other.
pub async fn any_text_loads_as_written(store: impl SharedPolicies) {
    let texts =
        ["", " ", "o'brien", "\"q\"", "a,b", "'); DROP TABLE casbin_rule; --", "\\", "%_", "$1 ?1 :a"];
    let scripts = ["é", "e\u{301}", "ラジオ", "\u{1f512}", "İ", "# not a comment", "a\tb", "ROLE", "role"];
    let long = "x".repeat(500);
    let texts = texts.into_iter().chain(scripts).chain([long.as_str()]);
    let rules: Vec<_> = texts
        .flat_map(|text| [rule("p", &[text, "/x", "read"]), rule("p", &["role", text, "read"])])
        .chain([rule("g", &["", "admin"])])
        .collect();
    store.apply(adding(rules.clone())).await.unwrap();
    assert_eq!(loaded(&store).await, rules.iter().cloned().collect());
    store.apply(removing(rules)).await.unwrap();
    assert!(loaded(&store).await.is_empty());
}

/// Empty fields at the end are absent fields, when writing as when removing.
pub async fn empty_fields_at_the_end_do_not_count(store: impl SharedPolicies) {
    let trimmed = rule("g", &["user:1", "admin"]);
    store.apply(adding([rule("g", &["user:1", "admin", "", ""]), trimmed.clone()])).await.unwrap();
    assert_eq!(loaded(&store).await, BTreeSet::from([trimmed]));
    store.apply(removing([rule("g", &["user:1", "admin", ""])])).await.unwrap();
    assert!(loaded(&store).await.is_empty());
}

/// A rule that is there, or twice in a change, is no error and there once.
pub async fn a_rule_is_kept_once(store: impl SharedPolicies) {
    let (a, b) = (numbered(1), numbered(2));
    store.apply(adding([a.clone(), a.clone()])).await.unwrap();
    store.apply(adding([a.clone(), b.clone(), b.clone()])).await.unwrap();
    assert_eq!(loaded(&store).await, BTreeSet::from([a, b]));
}

/// A rule that is removed is gone, and no other.
pub async fn a_rule_is_removed(store: impl SharedPolicies) {
    store.apply(adding((0..3).map(numbered))).await.unwrap();
    store.apply(removing([numbered(1)])).await.unwrap();
    assert_eq!(loaded(&store).await, BTreeSet::from([numbered(0), numbered(2)]));
}

/// A rule that is not there can be removed all the same, beside one that is.
pub async fn removing_a_missing_rule_is_no_error(store: impl SharedPolicies) {
    store.apply(adding([numbered(0)])).await.unwrap();
    store.apply(removing([numbered(1), numbered(0), numbered(0)])).await.unwrap();
    assert!(loaded(&store).await.is_empty());
}

/// Removal comes first: a rule in both lists stays, or comes.
pub async fn a_rule_removed_and_added_is_there(store: impl SharedPolicies) {
    store.apply(adding([numbered(0)])).await.unwrap();
    let both = vec![numbered(0), numbered(1)];
    store.apply(PolicyChange { add: both.clone(), remove: both.clone() }).await.unwrap();
    assert_eq!(loaded(&store).await, both.into_iter().collect());
}

/// Two rules that differ in one field, in its letter case even, are two rules.
pub async fn rules_differ_in_every_field(store: impl SharedPolicies) {
    let rules = [
        rule("p", &["a", "b", "c"]),
        rule("g", &["a", "b", "c"]),
        rule("p", &["A", "b", "c"]),
        rule("p", &["a", "B", "c"]),
        rule("p", &["a", "b", "C"]),
        rule("p", &["a", "b"]),
        rule("p", &["a", "b", "c", "d"]),
        rule("p", &["a", "", "b", "c"]),
        rule("p", &["a", "b", "c "]),
    ];
    store.apply(adding(rules.clone())).await.unwrap();
    assert_eq!(loaded(&store).await, BTreeSet::from(rules.clone()));
    for rule in rules {
        store.apply(removing([rule.clone()])).await.unwrap();
        assert!(!loaded(&store).await.contains(&rule));
        store.apply(adding([rule])).await.unwrap();
    }
}

/// What a change came to is told: the rules that were not there, and those that were, each once.
pub async fn a_change_tells_what_it_came_to(store: impl SharedPolicies) {
    let told = store.apply(adding([numbered(1), numbered(0), numbered(1)])).await.unwrap();
    assert_eq!(sorted(told.added), [numbered(0), numbered(1)]);
    assert!(told.removed.is_empty());
    let change = PolicyChange {
        add: vec![numbered(1), numbered(2)],
        remove: vec![numbered(0), numbered(0), numbered(1), numbered(2), numbered(3)],
    };
    let told = store.apply(change).await.unwrap();
    assert_eq!((told.added, told.removed), (vec![numbered(2)], vec![numbered(0)]));
    let told = store.apply(removing([rule("p", &["role1", "/api/things/1", "read", ""])])).await.unwrap();
    assert_eq!((told.added, told.removed), (vec![], vec![numbered(1)]));
}

/// A change moves the revision, and it tells from where to where; what changes nothing leaves it. Rules are loaded
/// with the revision that they are of.
pub async fn the_revision_moves_with_the_rules(store: impl SharedPolicies) {
    let Some(mut revision) = store.revision().await.unwrap() else {
        assert_eq!(store.load().await.unwrap().revision, None);
        assert_eq!(store.apply(adding([numbered(0)])).await.unwrap().revisions, None);
        return;
    };
    for (change, moves) in [
        (adding([numbered(0), numbered(1)]), true),
        (adding([numbered(0)]), false),
        (removing([numbered(2)]), false),
        (PolicyChange { add: vec![numbered(0)], remove: vec![numbered(0)] }, false),
        (PolicyChange::default(), false),
        (removing([numbered(0)]), true),
        (adding([numbered(0)]), true),
    ] {
        let (before, after) = store.apply(change.clone()).await.unwrap().revisions.unwrap();
        assert_eq!((before, before != after), (revision, moves), "{change:?}");
        assert_eq!(store.revision().await.unwrap(), Some(after));
        assert_eq!(store.load().await.unwrap().revision, Some(after));
        revision = after;
    }
}

/// Of changes at the same time, each begins at the revision that another ended with.
pub async fn concurrent_changes_follow_each_other_in_revisions(store: impl SharedPolicies) {
    let store = Arc::new(store);
    if store.revision().await.unwrap().is_none() {
        return;
    }
    let steps = race(&store, 20, |store, task| async move {
        store.apply(adding([numbered(task)])).await.unwrap().revisions.unwrap()
    })
    .await;
    let (before, after): (HashSet<_>, HashSet<_>) = steps.into_iter().unzip();
    assert_eq!((before.len(), after.len(), before.intersection(&after).count()), (20, 20, 19));
}

/// All or nothing: where a store cannot keep one of the rules it changes nothing, and says so.
pub async fn an_impossible_rule_takes_the_whole_change_with_it(store: impl SharedPolicies) {
    store.apply(adding([numbered(0)])).await.unwrap();
    let seven = rule("p", &["1", "2", "3", "4", "5", "6", "7"]);
    for odd in
        [seven, rule("p", &["a\0b", "/x", "read"]), rule("p", &[&"long".repeat(1_000_000), "/x", "read"])]
    {
        let before = loaded(&store).await;
        let after = BTreeSet::from([odd.clone(), numbered(1), numbered(2)]);
        let change =
            PolicyChange { add: after.iter().cloned().collect(), remove: before.iter().cloned().collect() };
        let expected = if store.apply(change).await.is_ok() { after } else { before };
        assert!(loaded(&store).await == expected, "all of the change, or none of it");
    }
}

/// Ten thousand rules are one change.
pub async fn many_rules_in_one_change(store: impl SharedPolicies) {
    let rules: Vec<_> = (0..10_000).map(numbered).chain([rule("g", &["user:1", "role1"])]).collect();
    store.apply(adding(rules.clone())).await.unwrap();
    assert!(loaded(&store).await == rules.into_iter().collect());
}

/// Ten thousand rules are removed as one change, and nothing beside them.
pub async fn many_rules_are_removed_in_one_change(store: impl SharedPolicies) {
    store.apply(adding((0..10_002).map(numbered))).await.unwrap();
    let change = PolicyChange { add: vec![numbered(20_000)], remove: (1..10_001).map(numbered).collect() };
    store.apply(change).await.unwrap();
    assert_eq!(loaded(&store).await, BTreeSet::from([numbered(0), numbered(10_001), numbered(20_000)]));
}

/// Thirty callers that add one rule leave it there once.
pub async fn one_rule_added_by_many_is_there_once(store: impl SharedPolicies) {
    let store = Arc::new(store);
    race(&store, 30, |store, _| async move { store.apply(adding([numbered(0)])).await.unwrap() }).await;
    assert_eq!(loaded(&*store).await, BTreeSet::from([numbered(0)]));
}

/// Changes at the same time, with rules in any order and some in common, all apply.
pub async fn concurrent_changes_all_apply(store: impl SharedPolicies) {
    let store = Arc::new(store);
    store.apply(adding((1_000..1_100).map(numbered))).await.unwrap();
    race(&store, 16, |store, task| async move {
        let (mut add, mut remove): (Vec<_>, Vec<_>) =
            ((task * 10..task * 10 + 50).map(numbered).collect(), (1_000..1_100).map(numbered).collect());
        if task % 2 == 0 {
            add.reverse();
            remove.reverse();
        }
        store.apply(PolicyChange { add, remove }).await.unwrap();
    })
    .await;
    assert_eq!(loaded(&*store).await, (0..200).map(numbered).collect());
}

/// Two changes that undo each other end in the outcome of the one that came last, never in a mixture.
pub async fn opposite_concurrent_changes_end_in_one_of_them(store: impl SharedPolicies) {
    let store = Arc::new(store);
    let sides = [(0..20).map(numbered).collect::<Vec<_>>(), (20..40).map(numbered).collect()];
    for _ in 0..10 {
        race(&store, 8, |store, task| {
            let (add, remove) = (sides[task % 2].clone(), sides[1 - task % 2].clone());
            async move { store.apply(PolicyChange { add, remove }).await.unwrap() }
        })
        .await;
        let rules = loaded(&*store).await;
        assert!(sides.iter().any(|side| rules == side.iter().cloned().collect()), "{} rules", rules.len());
    }
}

/// A reader beside a writer sees a change as a whole or not at all.
pub async fn no_reader_sees_half_a_change(store: impl SharedPolicies) {
    let store = Arc::new(store);
    let side = |odd: usize| (0..1_000).map(move |number| numbered(number * 2 + odd));
    store.apply(adding(side(0))).await.unwrap();
    race(&store, 4, |store, task| async move {
        for round in 0..10 {
            if task == 0 {
                let (add, remove) = (side((round + 1) % 2).collect(), side(round % 2).collect());
                store.apply(PolicyChange { add, remove }).await.unwrap();
            } else {
                let rules = loaded(&*store).await;
                assert!([0, 1].into_iter().any(|odd| rules == side(odd).collect()), "{} rules", rules.len());
            }
        }
    })
    .await;
}
