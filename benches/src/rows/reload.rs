//! Whether anybody notices that many rules are loaded again.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Result, ensure};

use super::Plan;
use crate::{
    load::{self, Connection, Outcome, Requests},
    process::Server,
    report::{Entry, Measured, Spread, count, duration},
    serve::{Guarding, Options},
};

const RULES: usize = 100_000;
const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(4);
const CONNECTIONS: usize = 8;
/// How often each connection asks.
const EVERY: Duration = Duration::from_millis(4);
/// How long there is between two reloads.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn measure(plan: &Plan) -> Result<Measured> {
    let mut entries = Vec::new();
    for (every_core, name) in [(false, "server on one core"), (true, "server on all cores")] {
        entries.extend(on(plan, every_core, name)?);
    }
    Ok(Measured::of(entries))
}

fn on(plan: &Plan, every_core: bool, name: &str) -> Result<Vec<Entry>> {
    let store = plan.sqlite(if every_core { "reload-all" } else { "reload-one" });
    let server = Server::start(
        plan,
        &Options { rules: RULES, store: Some(store), every_core, ..Options::new(Guarding::Guardrail) },
    )?;
    // Allowed and denied in turn: an answer that flips is another status, which is an error.
    let headers = &server.ready.headers;
    let requests = Requests::from([
        (load::get("/api/posts/7", headers), 200),
        (load::get("/api/secrets/7", headers), 403),
    ]);
    let (mut more, mut quiet, mut busy, mut reloads, mut answers) = (vec![], vec![], vec![], 0, 0);
    for _ in 0..plan.rounds(ROUNDS) {
        let load = || {
            let requests = Requests::clone(&requests);
            load::pace(server.ready.address, requests, CONNECTIONS, EVERY, plan.time(TIME))
        };
        let without = plan.runtime.block_on(load())?;
        let stop = AtomicBool::new(false);
        let (with, reloaded) = plan.runtime.block_on(async {
            let loaded = async {
                let outcome = load().await;
                stop.store(true, Ordering::Relaxed);
                outcome
            };
            tokio::try_join!(loaded, reload(&server, &stop))
        })?;
        more.push(slowest(&with) - slowest(&without));
        quiet.push(slowest(&without));
        busy.push(slowest(&with));
        reloads += reloaded;
        answers += with.answers;
    }
    let time = |milliseconds: f64| {
        let sign = if milliseconds < 0.0 { "−" } else { "" };
        format!("{sign}{}", duration(Duration::from_secs_f64(milliseconds.abs() / 1e3)))
    };
    let more = Spread::of(more);
    Ok(vec![
        Entry::with_goal(
            format!(
                "slowest request while 100,000 rules are loaded again, above the slowest without; {name}"
            ),
            more.show(time),
            "≤ 5 ms",
            more.median <= 5.0,
        ),
        Entry::beside(
            format!("slowest request without reloads, and with; {name}"),
            format!("{}; {}", Spread::of(quiet).show(time), Spread::of(busy).show(time)),
        ),
        Entry::beside(
            format!("answers that flipped; {name}"),
            format!("0 of {} while {reloads} reloads ran", count(answers as f64)),
        ),
    ])
}

#[allow(clippy::cast_precision_loss)]
fn slowest(outcome: &Outcome) -> f64 {
    outcome.latency.max() as f64 / 1e6
}

/// Reloads again and again; how often.
async fn reload(server: &Server, stop: &AtomicBool) -> Result<usize> {
    let mut connection = Connection::open(server.ready.address).await?;
    let request = load::post("/reload", &[], "");
    let mut reloads = 0;
    while !stop.load(Ordering::Relaxed) {
        let answer = connection.call(&request).await?;
        ensure!(answer.status == 200, "a reload failed with {}", answer.status);
        reloads += 1;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(reloads)
}
