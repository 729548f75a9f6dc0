//! What Guardrail holds in memory, by a program that counts it.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, de::DeserializeOwned};

use super::Plan;
use crate::report::{Entry, Measured, count};

const PROGRAM: &str = "guardrail-bench-memory";

#[derive(Deserialize)]
struct Sessions {
    remembered: f64,
    stored: f64,
    rss: f64,
}

#[derive(Deserialize)]
struct Rules {
    rule: f64,
}

pub(super) fn measure(plan: &Plan) -> Result<Measured> {
    let number = if plan.quick { 10_000 } else { 1_000_000 };
    let sessions: Sessions = held("sessions", number)?;
    let rules: Rules = held("rules", 100_000)?;
    let many = count(f64::from(number));
    Ok(Measured::of(vec![
        Entry::with_goal(
            format!("a live session remembered for the next request, its user included, at {many}"),
            format!("{} bytes", count(sessions.remembered)),
            "≤ 400 bytes",
            sessions.remembered <= 400.0,
        ),
        Entry::beside(
            "the same session and user in the memory store, where that is used",
            format!("{} bytes", count(sessions.stored)),
        ),
        Entry::beside(
            format!("the whole process with {many} sessions in both"),
            format!("{} MiB", count(sessions.rss / 1024.0 / 1024.0)),
        ),
        Entry::beside("a rule in the index, at 100,000", format!("{} bytes", count(rules.rule))),
    ]))
}

fn held<T: DeserializeOwned>(what: &str, number: u32) -> Result<T> {
    let program = std::env::current_exe()?.with_file_name(PROGRAM);
    let output = Command::new(&program)
        .args([what, &number.to_string()])
        .output()
        .with_context(|| format!("cannot run {}; is it built?", program.display()))?;
    ensure!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}
