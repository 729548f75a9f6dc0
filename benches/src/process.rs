//! A server under measurement, as the client sees it.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{rows::Plan, serve};

/// What a server says of itself once it listens.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What a request carries to be let in.
    pub(crate) headers: Vec<(String, String)>,
}

/// A running server. Dropped, it stops.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    /// What it said.
    pub(crate) ready: Ready,
}

impl Server {
    /// Starts this program again as a server.
    pub(crate) fn start(plan: &Plan, options: &serve::Options) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .args(options.arguments(plan.cores.for_server(options.every_core)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().context("no standard output")?;
        BufReader::new(output).read_line(&mut line)?;
        let ready =
            serde_json::from_str(&line).with_context(|| format!("the server {options:?} did not start"))?;
        Ok(Self { process, ready })
    }

    /// How long it has computed since it started, every thread of it.
    pub(crate) fn computed(&self) -> Duration {
        cpu_time(self.process.id()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its standard input ends, and so does it.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// User and system time of a process, from `/proc/<pid>/stat` (fields 14 and 15, in clock ticks).
fn cpu_time(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = |index: usize| fields.split_whitespace().nth(index)?.parse::<f64>().ok();
    let ticks = ticks(11)? + ticks(12)?;
    #[allow(clippy::cast_precision_loss)]
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Some(Duration::from_secs_f64(ticks / per_second))
}
