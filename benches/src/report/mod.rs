//! The table of what was measured, and the charts.

mod charts;
mod figure;

use std::{fmt, fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};

pub(crate) use self::{
    charts::{Bar, Line},
    figure::{Spread, count, duration},
};
use crate::cores::Cores;

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) what: String,
    pub(crate) reached: String,
    /// What is to be reached, and whether it was; `None` for what only stands beside it.
    pub(crate) goal: Option<(String, bool)>,
}

impl Entry {
    pub(crate) fn beside(what: impl Into<String>, reached: impl Into<String>) -> Self {
        Self { what: what.into(), reached: reached.into(), goal: None }
    }

    pub(crate) fn with_goal(
        what: impl Into<String>,
        reached: impl Into<String>,
        goal: impl Into<String>,
        met: bool,
    ) -> Self {
        Self { what: what.into(), reached: reached.into(), goal: Some((goal.into(), met)) }
    }
}

/// What a row came to.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) entries: Vec<Entry>,
    pub(crate) bars: Vec<Bar>,
    pub(crate) lines: Vec<Line>,
}

impl Measured {
    pub(crate) fn of(entries: Vec<Entry>) -> Self {
        Self { entries, ..Self::default() }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Entry { what, reached, goal } in &self.entries {
            let goal = match goal {
                None => String::new(),
                Some((goal, true)) => format!("{goal}: reached"),
                Some((goal, false)) => format!("{goal}: **not reached**"),
            };
            writeln!(f, "| {what} | {reached} | {goal} |")?;
        }
        Ok(())
    }
}

/// Everything that was measured in a run.
#[derive(Debug)]
pub(crate) struct Report {
    conditions: String,
    measured: Vec<Measured>,
}

impl Report {
    pub(crate) fn new(cores: &Cores, quick: bool) -> Self {
        let mut conditions = format!(
            "{} cores, {}. ",
            cores.count(),
            if cores.are_apart() {
                "each server on one of them, the client on another"
            } else {
                "servers and client not kept apart"
            }
        );
        if quick {
            conditions.push_str("A quick run: too short for figures. ");
        }
        if let Some(name) = processor() {
            let _ = write!(conditions, "Processor: {name}. ");
        }
        println!("{conditions}\n\n| what | reached | goal |\n|-|-|-|");
        Self { conditions, measured: Vec::new() }
    }

    pub(crate) fn add(&mut self, measured: Measured) {
        self.measured.push(measured);
    }

    /// Writes `measured.md` and the charts that there is something to draw for.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let mut table = format!("{}\n\n| what | reached | goal |\n|-|-|-|\n", self.conditions.trim());
        for measured in &self.measured {
            let _ = write!(table, "{measured}");
        }
        let file = folder.join("measured.md");
        fs::write(&file, table).with_context(|| format!("cannot write {}", file.display()))?;
        let bars: Vec<_> = self.measured.iter().flat_map(|measured| &measured.bars).collect();
        if !bars.is_empty() {
            charts::throughput(&folder.join("throughput.svg"), &bars)?;
        }
        let lines: Vec<_> = self.measured.iter().flat_map(|measured| &measured.lines).collect();
        if !lines.is_empty() {
            charts::decisions(&folder.join("decisions.svg"), &lines)?;
        }
        Ok(())
    }
}

/// What the system calls its processor.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
