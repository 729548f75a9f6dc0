//! `cargo xtask ci`: the checks, in order, up to the first that fails.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    book, browser,
    cargo::{cargo, exit_code},
    feature::{self, Library},
    fuzz, test,
};

/// Runs the checks and prints how long each took; the status of the one that failed, or 0.
pub(crate) fn run() -> Result<u8> {
    let mut durations = Vec::new();
    let mut outcome = Ok(0);
    for step in steps(&feature::libraries()?) {
        println!("\n==> {step}");
        let start = Instant::now();
        outcome = step.run();
        let failed = !matches!(outcome, Ok(0));
        let line = Line { duration: start.elapsed(), failed, step };
        println!("{line}");
        durations.push(line);
        if failed {
            break;
        }
    }
    println!("\nDurations:");
    for line in durations {
        println!("{line}");
    }
    outcome
}

/// One check.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Cargo { rustdocflags: Option<&'static str>, args: Vec<String> },
    Book,
    Test,
    Browser,
    Fuzz,
}

/// For how long each target is fuzzed: enough to try the seeds and what is near them.
const FUZZ_SECONDS: u32 = 5;

impl Step {
    fn cargo(args: &str) -> Self {
        Self::Cargo { rustdocflags: None, args: args.split_whitespace().map(str::to_owned).collect() }
    }

    fn with_rustdocflags(self, flags: &'static str) -> Self {
        match self {
            Self::Cargo { args, .. } => Self::Cargo { rustdocflags: Some(flags), args },
            other => other,
        }
    }

    fn run(&self) -> Result<u8> {
        match self {
            Self::Cargo { rustdocflags, args } => {
                let status = cargo()
                    .args(args)
                    .envs(rustdocflags.map(|flags| ("RUSTDOCFLAGS", flags)))
                    .status()
                    .with_context(|| self.to_string())?;
                Ok(exit_code(status))
            }
            Self::Book => book::run(),
            Self::Test => test::run(&[]),
            Self::Browser => browser::run(None),
            Self::Fuzz => fuzz::run(&[], FUZZ_SECONDS),
        }
    }
}

/// The command line, to be copied into a shell.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cargo { rustdocflags, args } => {
                if let Some(flags) = rustdocflags {
                    write!(f, "RUSTDOCFLAGS=\"{flags}\" ")?;
                }
                write!(f, "cargo {}", args.join(" "))
            }
            Self::Book => f.write_str("cargo xtask book"),
            Self::Test => f.write_str("cargo xtask test"),
            Self::Browser => f.write_str("cargo xtask browser"),
            Self::Fuzz => write!(f, "cargo xtask fuzz --seconds {FUZZ_SECONDS}"),
        }
    }
}

fn steps(libraries: &[Library]) -> Vec<Step> {
    let mut steps = vec![
        Step::cargo("fmt --all --check"),
        Step::cargo("clippy --workspace --all-targets --all-features --locked -- -D warnings"),
        // Workspaces of their own, which no other step sees.
        Step::cargo("fmt --manifest-path benches/Cargo.toml --check"),
        Step::cargo("clippy --manifest-path benches/Cargo.toml --all-targets --locked -- -D warnings"),
        Step::cargo("fmt --manifest-path fuzz/Cargo.toml --check"),
        Step::cargo("clippy --manifest-path fuzz/Cargo.toml --all-targets --locked -- -D warnings"),
        Step::cargo("fmt --manifest-path book/tool/Cargo.toml --check"),
        Step::cargo("clippy --manifest-path book/tool/Cargo.toml --all-targets --locked -- -D warnings"),
        Step::cargo("test --manifest-path book/tool/Cargo.toml --locked"),
        Step::cargo("doc --workspace --no-deps --all-features --locked").with_rustdocflags("-D warnings"),
    ];
    // Whoever takes a library without its default features gets one of these, which no build of the workspace is:
    // there, features of all members add up.
    for Library { name, features } in libraries {
        steps.push(Step::cargo(&format!("check -p {name} --no-default-features --locked")));
        for feature in features {
            steps.push(Step::cargo(&format!(
                "check -p {name} --no-default-features --features {feature} --locked"
            )));
        }
    }
    steps.extend([Step::Book, Step::Test, Step::Browser, Step::Fuzz]);
    steps
}

/// A line of the table of durations.
struct Line {
    duration: Duration,
    failed: bool,
    step: Step,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.failed { "FAILED" } else { "ok" };
        write!(f, "{:>8.1} s  {mark:<6}  {}", self.duration.as_secs_f64(), self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_checked_alone() {
        let libraries = [
            Library { name: "one".into(), features: vec!["a".into(), "b".into()] },
            Library { name: "two".into(), features: vec![] },
        ];
        let checks: Vec<_> = steps(&libraries)
            .iter()
            .map(ToString::to_string)
            .filter(|line| line.contains("check -p"))
            .collect();
        assert_eq!(
            checks,
            [
                "cargo check -p one --no-default-features --locked",
                "cargo check -p one --no-default-features --features a --locked",
                "cargo check -p one --no-default-features --features b --locked",
                "cargo check -p two --no-default-features --locked",
            ]
        );
    }

    #[test]
    fn documentation_is_built_with_warnings_denied() {
        let lines: Vec<_> = steps(&[]).iter().map(ToString::to_string).collect();
        let doc = "RUSTDOCFLAGS=\"-D warnings\" cargo doc --workspace --no-deps --all-features --locked";
        assert!(lines.iter().any(|line| line == doc), "{lines:?}");
    }

    #[test]
    fn what_takes_longest_runs_last() {
        assert_eq!(steps(&[]).last_chunk(), Some(&[Step::Book, Step::Test, Step::Browser, Step::Fuzz]));
    }
}
