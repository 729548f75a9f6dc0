//! The project's own commands: `cargo xtask` lists them.
//!
//! They run on Unix systems; what they need besides Rust and a C compiler, PostgreSQL and for `fuzz` a C++
//! compiler, they find or, where they may, install.

mod bench;
mod book;
mod browser;
mod cargo;
mod ci;
mod feature;
mod fuzz;
mod tally;
mod test;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};

/// The commands of this project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every test, those that need PostgreSQL included, against a throw-away server
    #[command(long_about = TEST_HELP)]
    Test {
        /// Arguments for `cargo test`; what follows a `--` among them goes to the test programs
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<OsString>,
    },
    /// Measure speed and size, beside other crates on the same route: `cargo xtask bench --help` lists the rows
    #[command(long_about = BENCH_HELP, disable_help_flag = true)]
    Bench {
        /// What to measure, and how; or `micro` and arguments for `cargo bench`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<OsString>,
    },
    /// Build the guide into `book/book`, and check its links and samples
    Book,
    /// Drive the example application's page in headless Chromium
    Browser {
        /// Where to save screenshots for the guide
        #[arg(long, value_name = "FOLDER")]
        screenshots: Option<PathBuf>,
    },
    /// Send made-up input to everything that takes bytes from outside
    #[command(long_about = FUZZ_HELP)]
    Fuzz {
        /// What to run, of the names in `fuzz/targets`; everything if there is none
        targets: Vec<String>,
        /// For how long each
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Run every check that a change must pass: format, lints, documentation, each feature alone, tests
    Ci,
}

const TEST_HELP: &str = "\
Run every test, those that need PostgreSQL included, against a throw-away server.

Uses the PostgreSQL programs found in the folder PG_BIN, on PATH, where `pg_config --bindir` points, or where \
Debian, Red Hat and Homebrew put them. If there are none, installs them when run as root on a system with \
apt-get, and otherwise says what to run.

The server listens on a free port of 127.0.0.1, has a random password, and keeps its data in a temporary folder; \
both are gone when the command ends, however it ends. Run as root, it starts the server as the user `postgres`, \
or `nobody`. Tests find it by GUARDRAIL_TEST_POSTGRES, a postgres:// URL of a superuser.

Without arguments this is `cargo test --workspace --all-features --locked -- --include-ignored`, documentation \
tests among them and those that drive a browser not, and it fails if no test ran for one of the stores (memory, sqlite, postgres), told by the name \
of the test or of its program. With arguments, such as `-p guardrail-sqlx`, `rotation` or `-- --nocapture`, it \
runs what they select, and fails if that is nothing.";

const BENCH_HELP: &str = "\
Measure speed and size, beside other crates on the same route.

Builds the package in `benches/`, which is a workspace of its own, starts a throw-away PostgreSQL server with the \
durability it has by default, and prints a table: what was reached, and what is to be reached. The guide's table \
and charts are made by `cargo xtask bench --write book/src/performance`. `cargo xtask bench micro` runs the \
micro-benchmarks.";

const FUZZ_HELP: &str = "\
Send made-up input to everything that takes bytes from outside.

Builds the package in `fuzz/`, which is a workspace of its own, with coverage, and runs each target under libFuzzer. \
It begins with the inputs in `fuzz/seeds`, keeps those that reach new code beside what is built, and goes on from \
there the next time. What makes a target fail is kept there too. libFuzzer needs a C++ compiler, which is installed \
when this is run as root on a system with apt-get.";

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    match run(cli.command) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Option<Command>) -> Result<u8> {
    match command {
        Some(Command::Test { args }) => test::run(&args),
        Some(Command::Bench { args }) => bench::run(&args),
        Some(Command::Book) => book::run(),
        Some(Command::Browser { screenshots }) => browser::run(screenshots.as_deref()),
        Some(Command::Fuzz { targets, seconds }) => fuzz::run(&targets, seconds),
        Some(Command::Ci) => ci::run(),
        None => {
            Cli::command().print_help()?;
            Ok(0)
        }
    }
}

/// Prints what clap has to say (also the help that was asked for), with the list of commands for an unknown one.
fn explain(error: &clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::InvalidSubcommand {
        eprintln!("error: no such command\n\n{}", Cli::command().render_help());
    } else if error.print().is_err() {
        return ExitCode::FAILURE;
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &[&str]) -> Vec<OsString> {
        match Cli::try_parse_from(line).unwrap().command {
            Some(Command::Test { args }) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_test_is_kept_as_it_is() {
        assert_eq!(
            arguments(&["cargo xtask", "test", "-p", "xtask", "--", "--nocapture"]),
            ["-p", "xtask", "--", "--nocapture"]
        );
    }

    #[test]
    fn a_first_separator_is_dropped() {
        assert_eq!(arguments(&["cargo xtask", "test", "--", "-p", "xtask"]), ["-p", "xtask"]);
    }

    #[test]
    fn unknown_command_is_told_from_other_errors() {
        let error = Cli::try_parse_from(["cargo xtask", "tset"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidSubcommand);
        assert_eq!(error.exit_code(), 2);
    }
}
