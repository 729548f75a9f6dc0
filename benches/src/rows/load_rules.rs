//! Loading many rules, and adding them in one batch.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use guardrail::{
    Guardrail, SigningKey, User,
    storage::{MemoryStore, Store},
};
use guardrail_bench::rule_set::RuleSet;

use super::Plan;
use crate::{
    report::{Entry, Measured, Spread, duration},
    serve::{Synchronous, open},
};

const RULES: usize = 100_000;
const ROUNDS: usize = 5;

pub(super) fn measure(plan: &Plan) -> Result<Measured> {
    let mut entries = entries(plan, "in memory", |_| Ok(MemoryStore::new()))?;
    let sqlite = |round| {
        let url = plan.sqlite(&format!("load-{round}"));
        plan.runtime.block_on(open(&url, Synchronous::Full))
    };
    entries.extend(self::entries(plan, "a SQLite file", sqlite)?);
    if plan.postgres.is_some() {
        let postgres = |round| {
            let url = plan.postgres(&format!("load_{round}"))?.unwrap_or_default();
            plan.runtime.block_on(open(&url, Synchronous::Full))
        };
        entries.extend(self::entries(plan, "PostgreSQL", postgres)?);
    }
    Ok(Measured::of(entries))
}

fn entries<S: Store<User = User>>(
    plan: &Plan,
    name: &str,
    store: impl Fn(usize) -> Result<S>,
) -> Result<Vec<Entry>> {
    let (mut added, mut loaded) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds(ROUNDS) {
        let store = store(round)?;
        let (add, load) = plan.runtime.block_on(times(store))?;
        added.push(add.as_secs_f64());
        loaded.push(load.as_secs_f64());
    }
    let time = |seconds| duration(Duration::from_secs_f64(seconds));
    let (added, loaded) = (Spread::of(added), Spread::of(loaded));
    Ok(vec![
        Entry::with_goal(
            format!("loading 100,000 rules, {name}"),
            loaded.show(time),
            "≤ 1 s",
            loaded.median <= 1.0,
        ),
        Entry::beside(format!("a batch of 100,000 rules, {name}"), added.show(time)),
    ])
}

/// How long one batch of rules takes to add, and then to load again.
async fn times(store: impl Store<User = User>) -> Result<(Duration, Duration)> {
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of the benchmark, 32 bytes or more")?)
        .store(store)
        .policy_poll_interval(Duration::from_mins(1))
        .build()
        .await?;
    let rules = RuleSet::of(RULES).rules()?;
    let start = Instant::now();
    let added = guard.add_rules(rules).await?;
    let add = start.elapsed();
    ensure!(added == RULES, "{added} rules were added");
    let start = Instant::now();
    guard.reload_policies().await?;
    let load = start.elapsed();
    guard.shutdown().await;
    Ok((add, load))
}
