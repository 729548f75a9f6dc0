//! Refreshes, whole requests: each client goes on with the token that it got.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use serde::Deserialize;

use super::Plan;
use crate::{
    load::{self, Connection},
    process::Server,
    report::{Entry, Measured, Spread, count},
    serve::{EMAIL, Guarding, Options, PASSWORD, Synchronous},
};

const CLIENTS: usize = 16;
const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(4);

pub(super) fn measure(plan: &Plan) -> Result<Measured> {
    let mut entries = Vec::new();
    if let Some(url) = plan.postgres("refresh")? {
        entries.push(on(plan, "PostgreSQL", url, Synchronous::Full, 1_200.0)?);
    }
    let file = |name: &str| plan.sqlite(name);
    entries.push(on(plan, "a SQLite file, NORMAL", file("normal"), Synchronous::Normal, 1_200.0)?);
    entries.push(on(plan, "a SQLite file, FULL", file("full"), Synchronous::Full, 600.0)?);
    Ok(Measured::of(entries))
}

fn on(plan: &Plan, name: &str, store: String, synchronous: Synchronous, goal: f64) -> Result<Entry> {
    let server = Server::start(
        plan,
        &Options { store: Some(store), synchronous, ..Options::new(Guarding::Guardrail) },
    )?;
    let address = server.ready.address;
    let mut rates = Vec::new();
    let mut busy = Vec::new();
    for _ in 0..plan.rounds(ROUNDS) {
        let before = server.computed();
        let load = load::run(CLIENTS, plan.time(TIME), |until| client(address, until));
        let outcome = plan.runtime.block_on(load)?;
        rates.push(outcome.per_second());
        busy.push((server.computed() - before).as_secs_f64() / outcome.took.as_secs_f64());
    }
    let (rate, busy) = (Spread::of(rates), Spread::of(busy));
    Ok(Entry::with_goal(
        format!("refreshes/s, server on one core, {name}"),
        format!("{}; server's core {:.0} % busy", rate.show(count), busy.median * 100.0),
        format!("≥ {}", count(goal)),
        rate.median >= goal,
    ))
}

#[derive(Deserialize)]
struct Tokens<'a> {
    refresh_token: &'a str,
}

/// Signs in, and refreshes until the time is over.
async fn client(address: SocketAddr, until: Instant) -> Result<Histogram<u64>> {
    let mut connection = Connection::open(address).await?;
    let body = format!(r#"{{"email":"{EMAIL}","password":"{PASSWORD}"}}"#);
    let answer = connection.call(&load::post("/api/auth", &[], &body)).await?;
    ensure!(answer.status == 200, "a log-in failed with {}", answer.status);
    let cookie = answer.header("set-cookie").context("no cookie")?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let mut token = serde_json::from_slice::<Tokens<'_>>(answer.body)?.refresh_token.to_owned();
    let mut latency = Histogram::new(3)?;
    while Instant::now() < until {
        let asked = Instant::now();
        let body = format!(r#"{{"refresh_token":"{token}"}}"#);
        let answer = connection.call(&load::post("/api/refresh", &[("cookie", &cookie)], &body)).await?;
        ensure!(answer.status == 200, "a refresh failed with {}", answer.status);
        token = serde_json::from_slice::<Tokens<'_>>(answer.body)?.refresh_token.to_owned();
        latency.saturating_record(u64::try_from(asked.elapsed().as_nanos())?);
    }
    Ok(latency)
}
