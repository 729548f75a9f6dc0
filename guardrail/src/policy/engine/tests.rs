use std::sync::{
    Mutex as StdMutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use casbin::MemoryAdapter;
use tokio::{sync::Semaphore, task::JoinSet};

use super::*;
use crate::{
    policy::default_rules,
    storage::{AdapterStore, PolicyChange, Revision, StoreError, StoredPolicies, StoredRule},
};

/// Rows in memory, a store that can be told to fail or to be slow.
#[derive(Default)]
struct Rows {
    kept: StdMutex<StoredPolicies>,
    loads: AtomicUsize,
    failing: AtomicBool,
    /// Only writes fail.
    read_only: AtomicBool,
    /// A write happens, and its acknowledgement gets lost.
    forgetful: AtomicBool,
    /// One permit lets one slow call through; without a gate none is slow.
    gate: Option<Semaphore>,
    /// One permit a call that waits, or has waited, at the gate.
    arrived: Option<Semaphore>,
}

impl Rows {
    fn of(lines: &[&str]) -> Self {
        let rules = lines.iter().map(|line| row(line)).collect();
        let kept = StoredPolicies { rules, revision: Some(Revision(1)) };
        Self { kept: StdMutex::new(kept), ..Self::default() }
    }

    /// The same, but nothing says that the rules have changed.
    fn counting_nothing(self) -> Self {
        self.kept.lock().unwrap().revision = None;
        self
    }

    fn policies(&self) -> StoredPolicies {
        self.kept.lock().unwrap().clone()
    }

    /// Changes the rows, as whoever writes to the store does.
    fn write(&self, change: impl FnOnce(&mut Vec<StoredRule>)) {
        let mut kept = self.kept.lock().unwrap();
        let before = kept.rules.clone();
        change(&mut kept.rules);
        if kept.rules != before
            && let Some(Revision(revision)) = &mut kept.revision
        {
            *revision += 1;
        }
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::Relaxed)
    }

    fn with_gate(self) -> Self {
        Self { gate: Some(Semaphore::new(0)), arrived: Some(Semaphore::new(0)), ..self }
    }

    async fn pass_gate(&self) {
        if let (Some(gate), Some(arrived)) = (&self.gate, &self.arrived) {
            arrived.add_permits(1);
            gate.acquire().await.unwrap().forget();
        }
        tokio::task::yield_now().await;
    }

    async fn a_call_waits(&self) {
        self.arrived.as_ref().unwrap().acquire().await.unwrap().forget();
    }

    fn let_through(&self, calls: usize) {
        self.gate.as_ref().unwrap().add_permits(calls);
    }

    fn fail(&self) -> Result<(), StoreError> {
        if self.failing.load(Ordering::Relaxed) { Err(StoreError::new("testing", "away")) } else { Ok(()) }
    }
}

#[async_trait]
impl PolicyStore for Rows {
    async fn load(&self) -> Result<StoredPolicies, StoreError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let policies = self.policies();
        self.pass_gate().await;
        self.fail()?;
        Ok(policies)
    }

    async fn apply(&self, change: PolicyChange) -> Result<AppliedChange, StoreError> {
        self.pass_gate().await;
        self.fail()?;
        if self.read_only.load(Ordering::Relaxed) {
            return Err(StoreError::new("testing", "read-only"));
        }
        let before = self.policies();
        let added: Vec<_> = change.add.iter().filter(|row| !before.rules.contains(row)).cloned().collect();
        let goes = |row: &&StoredRule| change.remove.contains(row) && !change.add.contains(row);
        let removed: Vec<_> = before.rules.iter().filter(goes).cloned().collect();
        self.write(|rows| {
            rows.retain(|row| !removed.contains(row));
            rows.extend(added.iter().cloned());
        });
        if self.forgetful.load(Ordering::Relaxed) {
            return Err(StoreError::new("testing", "the connection was lost"));
        }
        let revisions = before.revision.zip(self.policies().revision);
        Ok(AppliedChange { added, removed, revisions })
    }

    async fn revision(&self) -> Result<Option<Revision>, StoreError> {
        self.fail()?;
        Ok(self.policies().revision)
    }
}

fn row(line: &str) -> StoredRule {
    let mut fields = line.split(", ").map(str::to_owned);
    StoredRule { ptype: fields.next().unwrap(), values: fields.collect() }
}

fn rule(subject: &str, object: &str, action: &str) -> Rule {
    Rule::new(subject, object, action).unwrap()
}

async fn engine(lines: &[&str]) -> (PolicyEngine, Arc<Rows>) {
    let store = Arc::new(Rows::of(lines));
    (PolicyEngine::load(store.clone(), None, Metrics::default()).await.unwrap(), store)
}

fn may(engine: &PolicyEngine, subject: &str, object: &str, action: &str) -> bool {
    engine.decide(&Subjects { subject, role: None }, None, Object::Named(object), action).unwrap()
}

async fn change(engine: &PolicyEngine, add: Vec<Rule>, remove: Vec<Rule>) -> Result<Changed, PolicyError> {
    let written = engine.turn().await.change(add, remove).await?;
    written.in_force?;
    Ok(written.changed)
}

async fn insert_defaults(engine: &PolicyEngine, rules: Vec<Rule>) -> bool {
    engine.turn().await.insert_defaults(rules).await.unwrap()
}

#[tokio::test]
async fn a_caller_may_what_the_user_or_the_role_may() {
    let (engine, _) =
        engine(&["p, user:1, /own, read", "p, editor, /posts/{id}, *", "g, user:2, editor"]).await;
    let decide = |subject, role, object| {
        engine.decide(&Subjects { subject, role }, None, Object::Named(object), "read").unwrap()
    };
    assert!(decide("user:1", Some("editor"), "/own"));
    assert!(decide("user:1", Some("editor"), "/posts/7"));
    assert!(!decide("user:1", Some("guest"), "/posts/7"));
    assert!(decide("user:2", Some("guest"), "/posts/7"));
    assert!(!decide("user:3", Some("user:1"), "/own"), "a role cannot look like a user");
}

#[tokio::test]
async fn an_empty_field_is_denied_whatever_the_rules_say() {
    let (engine, _) = engine(&["p, admin, *, *"]).await;
    let decide = |subject, object, action| {
        engine
            .decide(&Subjects { subject, role: Some("admin") }, None, Object::Named(object), action)
            .unwrap()
    };
    assert!(decide("user:1", "/a", "read"));
    assert!(!decide("", "/a", "read"));
    assert!(!decide("user:1", "", "read"));
    assert!(!decide("user:1", "/a", ""));
}

#[tokio::test]
async fn without_rules_everything_is_denied() {
    let (engine, _) = engine(&[]).await;
    assert_eq!(engine.len(), 0);
    for text in ["admin", "*", "user:1", "p_sub"] {
        assert!(!may(&engine, text, text, text), "{text:?}");
    }
}

#[tokio::test]
async fn odd_texts_are_decided_and_denied() {
    let (engine, _) = engine(&["p, admin, /a/{id}, read", "g, user:1, admin"]).await;
    let huge = "x".repeat(100_000);
    for odd in
        ["(", "\0", "\" || true", "r.sub", "${x}", "`", "*", "/*", "{id}", "é\u{301}", "🦀", "a\nb", &huge]
    {
        assert!(!may(&engine, odd, "/a/1", "read"), "{odd:?}");
        assert!(!may(&engine, "user:1", odd, "read"), "{odd:?}");
        assert!(!may(&engine, "user:1", "/a/1", odd), "{odd:?}");
        assert!(!engine.holds_role(&Subjects { subject: "user:1", role: Some(odd) }, "root"), "{odd:?}");
    }
    assert!(may(&engine, "user:1", "/a/\0", "read"));
}

#[tokio::test]
async fn deep_roles_count_in_either_order_of_insertion() {
    let mut chain: Vec<_> = (0..40).map(|depth| format!("g, r{depth}, r{}", depth + 1)).collect();
    for _ in 0..2 {
        chain.reverse();
        let mut lines: Vec<_> = chain.iter().map(String::as_str).collect();
        lines.extend(["p, r40, /deep, read", "g, user:1, r0"]);
        let (engine, _) = engine(&lines).await;
        assert!(may(&engine, "user:1", "/deep", "read"));
        assert!(engine.holds_role(&Subjects { subject: "user:1", role: None }, "r40"));
        assert!(!may(&engine, "r41", "/deep", "read"));
    }
}

#[tokio::test]
async fn cycles_of_roles_end() {
    let (engine, _) =
        engine(&["g, a, b", "g, b, c", "g, c, a", "g, a, a", "p, a, /x, read", "g, user:1, b"]).await;
    for subject in ["a", "b", "c", "user:1"] {
        assert!(may(&engine, subject, "/x", "read"), "{subject}");
    }
    assert!(!may(&engine, "user:2", "/x", "read"));
}

#[tokio::test]
async fn a_user_is_no_role_to_hold() {
    let (engine, _) = engine(&["g, user:1, admin"]).await;
    let who = Subjects { subject: "user:1", role: Some("editor") };
    let held = ["admin", "editor", "user:1", "root", ""].map(|role| engine.holds_role(&who, role));
    assert_eq!(held, [true, true, false, false, false]);
}

#[tokio::test]
async fn a_malformed_row_stops_no_other() {
    let (engine, _) =
        engine(&["p, admin, (, read", "p, admin, /a", "p, admin, /a, read, x", "p, admin, /b, read"]).await;
    assert!(may(&engine, "admin", "/b", "read"));
    assert!(!may(&engine, "admin", "(", "read"));
    assert!(!may(&engine, "admin", "/a", "read"));
    assert_eq!(engine.len(), 1);
}

#[tokio::test]
async fn default_rules_go_into_an_empty_rule_set_only() {
    let (empty, _) = engine(&[]).await;
    assert!(insert_defaults(&empty, default_rules()).await);
    assert!(!insert_defaults(&empty, vec![rule("admin", "/other", "read")]).await);
    assert!(may(&empty, "admin", "/api/users", "write"));
    assert!(may(&empty, "user", "/api/sessions/{id}", "delete"));
    assert!(!may(&empty, "user", "/api/users", "read"));

    let (malformed, store) = engine(&["p, admin, (, read"]).await;
    assert!(!insert_defaults(&malformed, default_rules()).await);
    assert_eq!(store.policies().rules.len(), 1);
}

#[tokio::test]
async fn a_batch_of_permissions_and_roles_is_one_change() {
    let engine =
        PolicyEngine::load(Arc::new(AdapterStore::new(MemoryAdapter::default())), None, Metrics::default())
            .await
            .unwrap();
    let add =
        vec![rule("editor", "/posts/*", "edit"), rule("user:1", "editor", ""), rule("old", "/x", "read")];
    assert_eq!(change(&engine, add, vec![]).await.unwrap(), Changed { added: 3, removed: 0 });
    assert!(may(&engine, "user:1", "/posts/1", "edit"));

    let add = vec![rule("editor", "/posts/*", "edit"), rule("user:2", "editor", "")];
    let remove = vec![rule("user:1", "editor", ""), rule("old", "/x", "read"), rule("old", "/y", "read")];
    assert_eq!(change(&engine, add, remove).await.unwrap(), Changed { added: 1, removed: 2 });
    let decisions =
        |engine: &PolicyEngine| ["user:1", "user:2"].map(|subject| may(engine, subject, "/posts/1", "edit"));
    assert_eq!(decisions(&engine), [false, true]);
    engine.reload().await.unwrap();
    assert_eq!(decisions(&engine), [false, true]);
    assert_eq!(engine.len(), 2);
}

#[tokio::test]
async fn a_failing_store_changes_nothing() {
    let (engine, store) = engine(&["p, admin, /a, read"]).await;
    store.failing.store(true, Ordering::Relaxed);
    let change = change(&engine, vec![rule("eve", "/a", "read")], vec![rule("admin", "/a", "read")]).await;
    assert!(matches!(change, Err(PolicyError::Store(_))));
    assert!(matches!(engine.reload().await, Err(PolicyError::Store(_))));
    assert!(matches!(engine.catch_up(false).await, Err(PolicyError::Store(_))));
    assert!(may(&engine, "admin", "/a", "read"));
    assert!(!may(&engine, "eve", "/a", "read"));
    assert_eq!(engine.len(), 1);
    assert!(PolicyEngine::load(store, None, Metrics::default()).await.is_err());
}

#[tokio::test]
async fn a_change_that_nobody_got_ahead_of_reads_nothing() {
    let (engine, store) = engine(&["p, admin, /a, read"]).await;
    let added = change(&engine, vec![rule("admin", "/b", "read")], vec![rule("admin", "/a", "read")]).await;
    assert_eq!(added.unwrap(), Changed { added: 1, removed: 1 });
    let nothing = change(&engine, vec![rule("admin", "/b", "read")], vec![rule("x", "/a", "read")]).await;
    assert_eq!(nothing.unwrap(), Changed::default());
    assert!(may(&engine, "admin", "/b", "read") && !may(&engine, "admin", "/a", "read"));
    assert!(!engine.catch_up(false).await.unwrap());
    assert_eq!(store.loads(), 1, "at the start");
}

#[tokio::test]
async fn a_change_takes_in_what_others_wrote() {
    for counting in [true, false] {
        let store = Rows::of(&["p, admin, /a, read"]);
        let store = Arc::new(if counting { store } else { store.counting_nothing() });
        let engine = PolicyEngine::load(store.clone(), None, Metrics::default()).await.unwrap();
        store.write(|rows| *rows = vec![row("p, admin, /b, read"), row("p, admin, /c, read")]);
        let (add, remove) = (vec![rule("admin", "/c", "read")], vec![rule("admin", "/b", "read")]);
        // The rule to add is there already; here nobody knows of it yet.
        assert_eq!(change(&engine, add, remove).await.unwrap(), Changed { added: 0, removed: 1 });
        let allowed = ["/a", "/b", "/c"].map(|object| may(&engine, "admin", object, "read"));
        assert_eq!((allowed, engine.len()), ([false, false, true], 1), "counting: {counting}");
    }
}

#[tokio::test]
async fn a_change_holds_even_if_what_others_wrote_cannot_be_read() {
    let store = Arc::new(Rows::of(&["p, admin, /a, read", "p, admin, /b, read"]).with_gate());
    store.let_through(1);
    let engine = Arc::new(PolicyEngine::load(store.clone(), None, Metrics::default()).await.unwrap());
    store.a_call_waits().await;
    store.write(|rows| rows.push(row("p, admin, /c, read")));
    let changing = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { change(&engine, vec![], vec![rule("admin", "/a", "read")]).await }
    });
    store.a_call_waits().await; // for writing
    store.let_through(1);
    store.a_call_waits().await; // for reading
    store.failing.store(true, Ordering::Relaxed);
    store.let_through(1);
    assert_eq!(changing.await.unwrap().unwrap(), Changed { added: 0, removed: 1 });
    assert!(!may(&engine, "admin", "/a", "read") && !may(&engine, "admin", "/c", "read"));

    // It is known that something is missing.
    store.failing.store(false, Ordering::Relaxed);
    store.let_through(1);
    assert!(engine.catch_up(false).await.unwrap());
    assert!(may(&engine, "admin", "/b", "read") && may(&engine, "admin", "/c", "read"));
}

#[tokio::test]
async fn a_write_whose_acknowledgement_is_lost_is_in_force_all_the_same() {
    let (engine, store) = engine(&["p, admin, /a, read"]).await;
    store.forgetful.store(true, Ordering::Relaxed);
    assert!(change(&engine, vec![], vec![rule("admin", "/a", "read")]).await.is_err());
    assert!(!may(&engine, "admin", "/a", "read"));
}

#[tokio::test]
async fn what_others_wrote_is_read_once() {
    let (engine, store) = engine(&["p, admin, /a, read"]).await;
    assert!(!engine.catch_up(false).await.unwrap());
    store.write(|rows| *rows = vec![row("p, admin, /b, read"), row("p, admin, (, read")]);
    assert!(engine.catch_up(false).await.unwrap());
    assert!(may(&engine, "admin", "/b", "read") && !may(&engine, "admin", "/a", "read"));
    assert!(!engine.catch_up(false).await.unwrap());
    assert_eq!(store.loads(), 2);
    engine.reload().await.unwrap();
    assert_eq!(store.loads(), 3);
}

#[tokio::test]
async fn a_store_that_counts_nothing_is_read_when_somebody_tells() {
    let store = Arc::new(Rows::of(&["p, admin, /a, read"]).counting_nothing());
    let engine = PolicyEngine::load(store.clone(), None, Metrics::default()).await.unwrap();
    store.write(|rows| *rows = vec![row("p, admin, /b, read")]);
    assert!(!engine.catch_up(false).await.unwrap());
    assert!(may(&engine, "admin", "/a", "read"));
    assert!(engine.catch_up(true).await.unwrap());
    assert!(may(&engine, "admin", "/b", "read") && !may(&engine, "admin", "/a", "read"));
}

#[tokio::test]
async fn what_was_read_before_a_local_change_does_not_replace_it() {
    let store = Arc::new(Rows::of(&[]).with_gate());
    store.let_through(1);
    let engine = Arc::new(PolicyEngine::load(store.clone(), None, Metrics::default()).await.unwrap());
    store.a_call_waits().await;
    let reload = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.reload().await }
    });
    store.a_call_waits().await; // it has read, and has not come back
    let changing = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { change(&engine, vec![rule("admin", "/a", "read")], vec![]).await }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    store.let_through(3);
    changing.await.unwrap().unwrap();
    reload.await.unwrap().unwrap();
    assert!(may(&engine, "admin", "/a", "read"));
}

#[tokio::test]
async fn rules_are_listed_in_pages() {
    let (engine, _) = engine(&["p, b, /x, read", "p, a, /x, read", "g, user:1, a"]).await;
    let page = engine.page(RuleFilter::default(), None, 2).await.unwrap();
    assert_eq!((page.rules[1].to_string(), page.more), ("b can read on /x".to_owned(), true));
    let next = engine.page(RuleFilter::default(), page.rules.last().cloned(), 2).await.unwrap();
    assert_eq!((next.rules.len(), next.more), (1, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
/// Casbin #1394, #1116.
async fn no_decision_flips_while_rules_are_changed_and_reloaded() {
    let (engine, _) = engine(&["p, editor, /posts/{id}, edit", "g, user:1, editor", "p, admin, (, x"]).await;
    let engine = Arc::new(engine);
    let done = Arc::new(AtomicBool::new(false));
    let mut deciders = JoinSet::new();
    for _ in 0..32 {
        let (engine, done) = (Arc::clone(&engine), Arc::clone(&done));
        deciders.spawn(async move {
            let mut decisions = 0_u32;
            while !done.load(Ordering::Relaxed) || decisions == 0 {
                let who = Subjects { subject: "user:1", role: None };
                assert!(engine.decide(&who, None, Object::Named("/posts/1"), "edit").unwrap());
                assert!(engine.holds_role(&who, "editor"));
                assert!(!engine.decide(&who, None, Object::Named("/posts/1"), "delete").unwrap());
                decisions += 1;
                tokio::task::yield_now().await;
            }
        });
    }
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let engine = Arc::clone(&engine);
        writers.spawn(async move {
            for round in 0..20 {
                let rules =
                    vec![rule(&format!("w{writer}"), &format!("/{round}"), "x"), rule("user:1", "w0", "")];
                change(&engine, rules.clone(), vec![]).await.unwrap();
                engine.reload().await.unwrap();
                change(&engine, vec![], rules).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    done.store(true, Ordering::Relaxed);
    deciders.join_all().await;
    assert_eq!(engine.len(), 2);
}

#[tokio::test]
async fn many_rules_are_worked_through_aside_with_the_same_result() {
    let lines: Vec<_> = (0..2_000).map(|n| format!("p, r{n}, /{n}, read")).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let (engine, _) = engine(&lines).await;
    assert!(may(&engine, "r1999", "/1999", "read"));
    change(&engine, vec![rule("user:1", "r7", "")], vec![rule("r8", "/8", "read")]).await.unwrap();
    assert!(may(&engine, "user:1", "/7", "read"));
    assert!(!may(&engine, "r8", "/8", "read"));
    assert_eq!(engine.len(), 2_000);
}
