//! One decision with nothing cached, by the number of rules.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use casbin::{CachedEnforcer, CoreApi, Enforcer};
use guardrail::{Guardrail, Principal, SigningKey, storage::MemoryStore, testing::principal};
use guardrail_bench::rule_set::RuleSet;

use super::Plan;
use crate::report::{Entry, Line, Measured, Spread, duration};

const SIZES: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];
const ROUNDS: usize = 7;
/// How many different questions there are, so that a processor's caches do not answer them.
const QUESTIONS: usize = 100_000;
/// How long a slow engine is asked in a round.
const PATIENCE: Duration = Duration::from_millis(300);

/// Who asks for what, and whether it is allowed.
struct Question<C> {
    who: C,
    object: String,
}

pub(super) fn measure(plan: &Plan) -> Result<Measured> {
    let mut lines: Vec<Line> = [
        "Guardrail, allowed",
        "Guardrail, denied",
        "Casbin's Enforcer, allowed",
        "Casbin's Enforcer, denied",
        "Casbin's CachedEnforcer, asked before",
    ]
    .map(|name| Line { name, points: Vec::new() })
    .into();
    let mut entries = Vec::new();
    for size in SIZES {
        let rules = RuleSet::of(size);
        let guard = plan.runtime.block_on(guard(rules))?;
        let ours: Vec<Spread> = [true, false]
            .map(|allowed| {
                let questions = questions(rules, allowed, |role| Ok(principal(1_i64, role.parse()?)))?;
                time_guardrail(plan, &guard, &questions, allowed)
            })
            .into_iter()
            .collect::<Result<_>>()?;
        let enforcer: Enforcer = plan.runtime.block_on(rules.enforcer())?;
        let theirs: Vec<Spread> = [true, false]
            .map(|allowed| {
                let questions = questions(rules, allowed, Ok)?;
                time_casbin(plan, &enforcer, &questions, allowed)
            })
            .into_iter()
            .collect::<Result<_>>()?;
        drop(enforcer);
        let cached: CachedEnforcer = plan.runtime.block_on(rules.enforcer())?;
        let one = questions(rules, true, Ok)?.swap_remove(0);
        cached.enforce((&one.who, &one.object, "read"))?;
        let cached = time_casbin(plan, &cached, &[one], true)?;

        let all = [ours[0], ours[1], theirs[0], theirs[1], cached];
        #[allow(clippy::cast_precision_loss)]
        for (line, spread) in lines.iter_mut().zip(all) {
            line.points.push((rules.count() as f64, spread.median));
            if size == 100_000 {
                let what = format!("one decision at 100,000 rules: {}", line.name);
                let reached = spread.show(nanoseconds);
                entries.push(match line.name {
                    "Guardrail, allowed" | "Guardrail, denied" => {
                        Entry::with_goal(what, reached, "≤ 1 µs", spread.median <= 1_000.0)
                    }
                    _ => Entry::beside(what, reached),
                });
            }
        }
    }
    Ok(Measured { entries, lines, bars: Vec::new() })
}

fn nanoseconds(number: f64) -> String {
    duration(Duration::from_secs_f64(number / 1e9))
}

async fn guard(rules: RuleSet) -> Result<Guardrail> {
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of the benchmark, 32 bytes or more")?)
        .store(MemoryStore::new())
        .build()
        .await?;
    guard.force_replace_rules(rules.rules()?).await?;
    Ok(guard)
}

/// Questions in no order: each of a rule's own role, or else of the next one, which no rule allows that object.
fn questions<C: Clone>(
    rules: RuleSet,
    allowed: bool,
    who: impl Fn(String) -> Result<C>,
) -> Result<Vec<Question<C>>> {
    let roles: Vec<C> = (0..rules.roles()).map(|index| who(rules.role(index))).collect::<Result<_>>()?;
    let stranger = who("stranger".to_owned())?;
    // A linear congruential sequence (Knuth's constants): the same in every run, far apart in memory.
    let mut state = 1_u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % below
    };
    Ok((0..QUESTIONS)
        .map(|_| {
            let index = next(rules.count());
            let own = index % rules.roles();
            let who = match (allowed, rules.roles()) {
                (true, _) => &roles[own],
                (false, 1) => &stranger,
                (false, count) => &roles[(own + 1) % count],
            };
            Question { who: who.clone(), object: rules.object(index) }
        })
        .collect())
}

fn time_guardrail(
    plan: &Plan,
    guard: &Guardrail,
    questions: &[Question<Principal>],
    allowed: bool,
) -> Result<Spread> {
    let round = || -> Result<f64> {
        let start = Instant::now();
        for question in questions {
            let answer = guard.is_allowed(black_box(&question.who), black_box(&question.object), "read")?;
            ensure!(answer == allowed, "a wrong answer for {}", question.object);
        }
        Ok(per_question(start, questions.len()))
    };
    spread(plan, round)
}

fn time_casbin(
    plan: &Plan,
    enforcer: &impl CoreApi,
    questions: &[Question<String>],
    allowed: bool,
) -> Result<Spread> {
    let round = || -> Result<f64> {
        let start = Instant::now();
        let mut asked = 0;
        for question in questions.iter().cycle() {
            let answer = enforcer.enforce((&question.who, &question.object, "read"))?;
            ensure!(answer == allowed, "a wrong answer for {}", question.object);
            asked += 1;
            if start.elapsed() > plan.time(PATIENCE) {
                break;
            }
        }
        Ok(per_question(start, asked))
    };
    spread(plan, round)
}

fn spread(plan: &Plan, mut round: impl FnMut() -> Result<f64>) -> Result<Spread> {
    round()?;
    let rounds: Vec<f64> = (0..plan.rounds(ROUNDS)).map(|_| round()).collect::<Result<_>>()?;
    Ok(Spread::of(rounds))
}

#[allow(clippy::cast_precision_loss)]
fn per_question(start: Instant, asked: usize) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / asked as f64
}
