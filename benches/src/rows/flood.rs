//! A protected route while many sign in at once.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;

use super::Plan;
use crate::{
    load::{self, Connection, Outcome, Requests},
    process::Server,
    report::{Entry, Measured, Spread, count, duration},
    serve::{EMAIL, Guarding, Options, PASSWORD},
};

const LOG_INS: usize = 64;
const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 8;
/// How often each connection asks for the protected route.
const EVERY: Duration = Duration::from_millis(4);

pub(super) fn measure(plan: &Plan) -> Result<Measured> {
    let mut entries = Vec::new();
    for (every_core, name) in [(false, "server on one core"), (true, "server on all cores")] {
        entries.extend(on(plan, every_core, name)?);
    }
    Ok(Measured::of(entries))
}

fn on(plan: &Plan, every_core: bool, name: &str) -> Result<Vec<Entry>> {
    let store = plan.sqlite(if every_core { "flood-all" } else { "flood-one" });
    let server = Server::start(
        plan,
        &Options { store: Some(store), bcrypt: 12, every_core, ..Options::new(Guarding::Guardrail) },
    )?;
    let address = server.ready.address;
    let requests = Requests::from([(load::get("/api/posts/7", &server.ready.headers), 200)]);
    let (mut ratios, mut quiet, mut flooded) = (vec![], vec![], vec![]);
    let (mut signed_in, mut lasted) = (0, Duration::ZERO);
    for _ in 0..plan.rounds(ROUNDS) {
        let load = || {
            let requests = Requests::clone(&requests);
            load::pace(address, requests, CONNECTIONS, EVERY, plan.time(TIME))
        };
        let idle = plan.runtime.block_on(load())?;
        let (flood, log_ins) = plan.runtime.block_on(async {
            tokio::try_join!(load(), load::run(LOG_INS, plan.time(TIME), |until| log_in(address, until)))
        })?;
        ratios.push(p99(&flood) / p99(&idle));
        quiet.push(p99(&idle));
        flooded.push(p99(&flood));
        signed_in += log_ins.answers;
        lasted += log_ins.took;
    }
    let ratio = Spread::of(ratios);
    let time = |nanoseconds| duration(Duration::from_secs_f64(nanoseconds / 1e9));
    #[allow(clippy::cast_precision_loss)]
    let per_second = signed_in as f64 / lasted.as_secs_f64();
    let what = format!("protected route's p99 under {LOG_INS} concurrent log-ins ÷ idle p99; {name}");
    Ok(vec![
        // With every core the server's, hashing takes the client's too, and what is timed is the client as well.
        if every_core {
            Entry::beside(what, ratio.to_string())
        } else {
            Entry::with_goal(what, ratio.to_string(), "≤ 3", ratio.median <= 3.0)
        },
        Entry::beside(
            format!("that p99 idle, and under log-ins; {name}"),
            format!(
                "{}; {}; {} log-ins/s meanwhile",
                Spread::of(quiet).show(time),
                Spread::of(flooded).show(time),
                count(per_second)
            ),
        ),
    ])
}

#[allow(clippy::cast_precision_loss)]
fn p99(outcome: &Outcome) -> f64 {
    outcome.latency.value_at_quantile(0.99) as f64
}

/// Signs in again and again. Whoever finds the queue full, or too many at the same account, asks again.
async fn log_in(address: SocketAddr, until: Instant) -> Result<Histogram<u64>> {
    let mut connection = Connection::open(address).await?;
    let body = format!(r#"{{"email":"{EMAIL}","password":"{PASSWORD}"}}"#);
    let request = load::post("/api/auth", &[], &body);
    let mut latency = Histogram::new(3)?;
    while Instant::now() < until {
        let asked = Instant::now();
        let status = connection.call(&request).await?.status;
        match status {
            200 => latency.saturating_record(u64::try_from(asked.elapsed().as_nanos())?),
            429 | 503 => tokio::time::sleep(Duration::from_millis(50)).await,
            other => ensure!(false, "a log-in failed with {other}"),
        }
    }
    Ok(latency)
}
