//! How fast Guardrail is, and its peers on the same route, in one run: the rows of the guide's performance page.
//!
//! `cargo xtask bench` calls this with a PostgreSQL server at hand. Each server measured is a process of its own,
//! this program again, kept on one core; the client is this process, on another core.

mod cores;
mod load;
mod process;
mod report;
mod rows;
mod serve;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::{report::Report, rows::Row};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be a server under measurement until standard input ends
    #[command(hide = true)]
    Serve(serve::Options),
}

/// What to measure, and how long.
#[derive(Debug, Args)]
struct Options {
    /// What to measure [default: everything]
    rows: Vec<Row>,
    /// Few and short rounds: to see that it works, not for figures
    #[arg(long)]
    quick: bool,
    /// Where to write the table and the charts besides printing them
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
    /// A PostgreSQL server, as a URL of a superuser; without one its rows are left out
    #[arg(long, env = "GUARDRAIL_TEST_POSTGRES", hide_env_values = true, value_name = "URL")]
    postgres: Option<String>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Serve(options)) => serve::run(&options),
        None => measure(&cli.options),
    }
}

fn measure(options: &Options) -> Result<()> {
    let cores = cores::Cores::of_this_process();
    cores.pin_client()?;
    let mut report = Report::new(&cores, options.quick);
    let plan = rows::Plan::new(options.quick, cores, options.postgres.clone())?;
    let wanted = if options.rows.is_empty() { Row::ALL.to_vec() } else { options.rows.clone() };
    for row in wanted {
        eprintln!("==> {row}");
        let measured = row.measure(&plan)?;
        print!("{measured}");
        report.add(measured);
    }
    match &options.write {
        Some(folder) => report.write(folder),
        None => Ok(()),
    }
}
