//! The same route, guarded in different ways, by the same load.

use std::time::Duration;

use anyhow::Result;

use super::Plan;
use crate::{
    load,
    process::Server,
    report::{Bar, Entry, Measured, Spread, count},
    serve::{Guarding, Options},
};

const CONNECTIONS: usize = 32;
const ROUNDS: usize = 9;
const TIME: Duration = Duration::from_secs(2);

/// A server, how often it answered in each round, and how busy it was.
struct Contender {
    name: &'static str,
    server: Server,
    request: Vec<u8>,
    per_second: Vec<f64>,
    busy: Vec<f64>,
}

impl Contender {
    fn start(plan: &Plan, name: &'static str, options: &Options) -> Result<Self> {
        let server = Server::start(plan, options)?;
        let request = load::get("/api/posts/7", &server.ready.headers);
        Ok(Self { name, server, request, per_second: Vec::new(), busy: Vec::new() })
    }

    fn round(&mut self, time: Duration) -> Result<()> {
        let before = self.server.computed();
        let (answers, took) = load::saturate(self.server.ready.address, &self.request, CONNECTIONS, time)?;
        let computed = self.server.computed() - before;
        self.per_second.push(answers as f64 / took.as_secs_f64());
        self.busy.push(computed.as_secs_f64() / took.as_secs_f64());
        Ok(())
    }

    /// As a share of another's, round by round.
    fn share_of(&self, other: &Self) -> Spread {
        Spread::of(self.per_second.iter().zip(&other.per_second).map(|(own, other)| own / other))
    }
}

pub(super) fn measure(plan: &Plan) -> Result<Measured> {
    let guardrail = |rules, store| Options { rules, store: Some(store), ..Options::new(Guarding::Guardrail) };
    let mut contenders = [
        Contender::start(plan, "bare", &Options::new(Guarding::Bare))?,
        Contender::start(plan, "Guardrail, 10 rules", &guardrail(10, plan.sqlite("ten")))?,
        Contender::start(plan, "Guardrail, 100,000 rules", &guardrail(100_000, plan.sqlite("many")))?,
        Contender::start(plan, "by hand", &Options::new(Guarding::ByHand))?,
        Contender::start(plan, "axum-login, tower-sessions", &Options::new(Guarding::AxumLogin))?,
        Contender::start(plan, "axum-casbin", &Options::new(Guarding::AxumCasbin))?,
    ];
    // The bare route is sent the very same request as the guarded one.
    let [bare, guarded, ..] = &mut contenders;
    bare.request.clone_from(&guarded.request);
    // A first round to warm up, which does not count.
    for contender in &mut contenders {
        contender.round(plan.time(TIME) / 2)?;
        contender.per_second.clear();
        contender.busy.clear();
    }
    for round in 0..plan.rounds(ROUNDS) {
        // In another order each time: what the machine does besides falls on each in turn.
        for index in 0..contenders.len() {
            let index = (index + round) % contenders.len();
            contenders[index].round(plan.time(TIME))?;
        }
    }

    let [bare, ten, many, others @ ..] = &contenders;
    let share = ten.share_of(bare);
    let growth = many.share_of(ten);
    let mut entries = vec![
        Entry::with_goal(
            "protected route ÷ the same route bare, requests/s",
            share.to_string(),
            "≥ 0.90",
            share.median >= 0.90,
        ),
        Entry::with_goal(
            "the same at 100,000 rules ÷ at 10",
            growth.to_string(),
            "≥ 0.95",
            growth.median >= 0.95,
        ),
    ];
    for other in others {
        let what = format!("{} ÷ bare", other.name);
        entries.push(Entry::beside(what, other.share_of(bare).to_string()));
    }
    for contender in &contenders {
        let rate = Spread::of(contender.per_second.iter().copied());
        let busy = Spread::of(contender.busy.iter().copied()).median * 100.0;
        entries.push(Entry::beside(
            format!("requests/s, {}", contender.name),
            format!("{}; server's core {busy:.0} % busy", rate.show(count)),
        ));
    }
    let bars = contenders.iter().map(|contender| Bar {
        name: contender.name.to_owned(),
        share: contender.share_of(bare).median,
        own: contender.name.starts_with("Guardrail"),
    });
    Ok(Measured { bars: bars.collect(), entries, lines: Vec::new() })
}
