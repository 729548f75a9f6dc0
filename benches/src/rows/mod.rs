//! What is measured: a row of the table each, or a few.

mod decision;
mod flood;
mod load_rules;
mod memory;
mod refresh;
mod reload;
mod throughput;

use std::{fmt, time::Duration};

use anyhow::Result;
use clap::ValueEnum;
use guardrail_bench::postgres;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{cores::Cores, report::Measured};

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// A protected route against the bare one, and the peers'
    Throughput,
    /// One decision, at 10 to 100,000 rules, and Casbin's
    Decision,
    /// Loading and adding 100,000 rules, on each store
    Load,
    /// Requests while 100,000 rules are loaded again
    Reload,
    /// What sessions and rules take in memory
    Memory,
    /// Refreshes, on each store
    Refresh,
    /// A protected route while many sign in
    Flood,
}

impl Row {
    pub(crate) const ALL: [Self; 7] = [
        Self::Throughput,
        Self::Decision,
        Self::Load,
        Self::Reload,
        Self::Memory,
        Self::Refresh,
        Self::Flood,
    ];

    pub(crate) fn measure(self, plan: &Plan) -> Result<Measured> {
        match self {
            Self::Throughput => throughput::measure(plan),
            Self::Decision => decision::measure(plan),
            Self::Load => load_rules::measure(plan),
            Self::Reload => reload::measure(plan),
            Self::Memory => memory::measure(plan),
            Self::Refresh => refresh::measure(plan),
            Self::Flood => flood::measure(plan),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// How long to measure, and on what.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) quick: bool,
    pub(crate) cores: Cores,
    pub(crate) postgres: Option<String>,
    pub(crate) runtime: Runtime,
    folder: TempDir,
}

impl Plan {
    pub(crate) fn new(quick: bool, cores: Cores, postgres: Option<String>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { quick, cores, postgres, runtime, folder: tempfile::tempdir()? })
    }

    /// How many rounds.
    pub(crate) fn rounds(&self, whole: usize) -> usize {
        if self.quick { 2 } else { whole }
    }

    /// How long a round.
    pub(crate) fn time(&self, whole: Duration) -> Duration {
        if self.quick { whole / 10 } else { whole }
    }

    /// A SQLite file of its own.
    pub(crate) fn sqlite(&self, name: &str) -> String {
        format!("sqlite://{}", self.folder.path().join(name).with_extension("db").display())
    }

    /// The stores there are: a name and where it is, for tables named `name`.
    pub(crate) fn postgres(&self, name: &str) -> Result<Option<String>> {
        let Some(url) = &self.postgres else { return Ok(None) };
        self.runtime.block_on(postgres::create_database(url, name)).map(Some)
    }
}
