//! `cargo xtask test`: `cargo test` with a PostgreSQL server for as long as it runs.

use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal as _, PipeReader, Read as _, Write},
    process::Command,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use xtask_postgres::{Purpose, Server, programs};

use crate::{
    cargo::{cargo, exit_code},
    tally::Tally,
};

/// Where tests find the server.
pub(crate) const POSTGRES_URL: &str = "GUARDRAIL_TEST_POSTGRES";

/// Runs `cargo test` with `args`, or on the whole workspace, and returns its status.
///
/// It is an error if nothing ran, and, without `args`, if nothing ran for one of the stores.
pub(crate) fn run(args: &[OsString]) -> Result<u8> {
    let server = Server::start(&programs()?, Purpose::Tests)?;
    let mut command = cargo();
    command.args(cargo_args(args)).env(POSTGRES_URL, server.url());
    let mut tally = Tally::default();
    let status = stream(command, &mut io::stdout(), &mut tally)?;
    drop(server);

    println!("\n{tally}");
    if status == 0 {
        check(&tally, args.is_empty())?;
    }
    Ok(status)
}

fn check(tally: &Tally, whole: bool) -> Result<()> {
    if tally.ran() == 0 {
        bail!("no test ran");
    }
    if whole && let Some(store) = tally.store_without_tests() {
        bail!("no test ran for the store {store}");
    }
    Ok(())
}

/// `cargo test` as it is called for `args`: on the workspace unless they select packages, and with the tests that
/// are ignored for want of a server.
fn cargo_args(args: &[OsString]) -> Vec<OsString> {
    let separator = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let (for_cargo, for_programs) = args.split_at(separator);
    let mut all: Vec<OsString> = vec!["test".into()];
    if !for_cargo.iter().any(|arg| selects_packages(arg)) {
        all.push("--workspace".into());
    }
    all.extend(["--all-features", "--locked"].map(Into::into));
    all.extend_from_slice(for_cargo);
    // What drives a browser is `cargo xtask browser`'s.
    all.extend(["--", "--include-ignored", "--skip", "in_chromium::"].map(Into::into));
    all.extend_from_slice(for_programs.get(1..).unwrap_or_default());
    all
}

fn selects_packages(arg: &OsStr) -> bool {
    let arg = arg.to_string_lossy();
    ["--package", "--workspace", "--all"].contains(&&*arg)
        || arg.starts_with("--package=")
        || (arg.starts_with("-p") && !arg.starts_with("--"))
}

/// Runs `command`, passes what it prints on to `output`, and counts the tests in it.
///
/// Both its outputs are one pipe: the line that names a test program comes on one, its tests on the other, and only
/// so do they stay in order.
fn stream(mut command: Command, output: &mut impl Write, tally: &mut Tally) -> Result<u8> {
    let (reader, writer) = io::pipe().context("cannot make a pipe")?;
    if io::stdout().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().context("cannot run cargo")?;
    // Holds the writing ends, without whose closing the pipe has no end.
    drop(command);

    let chunks = read(reader);
    loop {
        match chunks.recv_timeout(Duration::from_millis(200)) {
            Ok(chunk) => {
                output.write_all(&chunk)?;
                output.flush()?;
                tally.read(&chunk);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            // A process that a test left behind keeps the pipe open; nobody waits for it.
            Err(RecvTimeoutError::Timeout) => {
                if child.try_wait()?.is_some() {
                    break;
                }
            }
        }
    }
    Ok(exit_code(child.wait()?))
}

/// Reads the pipe on a thread of its own, so that its end need not be waited for.
fn read(mut reader: PipeReader) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            let chunk = buffer.get(..length).unwrap_or_default().to_vec();
            if sender.send(chunk).is_err() {
                break;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed(args: &[&str]) -> String {
        let args: Vec<OsString> = args.iter().map(Into::into).collect();
        cargo_args(&args).join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn whole_workspace_by_default() {
        assert_eq!(
            composed(&[]),
            "test --workspace --all-features --locked -- --include-ignored --skip in_chromium::"
        );
    }

    #[test]
    fn a_package_replaces_the_workspace() {
        for select in [&["-p", "xtask"][..], &["-pxtask"], &["--package=xtask"], &["--package", "xtask"]] {
            let line = format!(
                "test --all-features --locked {} -- --include-ignored --skip in_chromium::",
                select.join(" ")
            );
            assert_eq!(composed(select), line);
        }
    }

    #[test]
    fn other_arguments_keep_the_workspace() {
        assert_eq!(
            composed(&["--no-fail-fast", "rotation", "--", "-p"]),
            "test --workspace --all-features --locked --no-fail-fast rotation -- --include-ignored --skip in_chromium:: -p"
        );
    }

    #[test]
    fn output_is_counted_and_status_passed_through() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'test result: FAILED. 2 passed; 1 failed; 0 ignored;' >&2; exit 101"]);
        let (mut output, mut tally) = (Vec::new(), Tally::default());
        assert_eq!(stream(command, &mut output, &mut tally).unwrap(), 101);
        assert_eq!(output, b"test result: FAILED. 2 passed; 1 failed; 0 ignored;\n");
        assert_eq!(tally.ran(), 3);
    }

    #[test]
    fn a_process_left_behind_is_not_waited_for() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 5 & echo 'test result: ok. 1 passed; 0 failed; 0 ignored;'"]);
        let (mut output, mut tally) = (Vec::new(), Tally::default());
        let start = std::time::Instant::now();
        assert_eq!(stream(command, &mut output, &mut tally).unwrap(), 0);
        assert!(start.elapsed() < Duration::from_secs(4));
        assert_eq!(tally.ran(), 1);
    }

    #[test]
    fn a_run_of_nothing_fails() {
        assert!(check(&Tally::default(), false).is_err());
    }

    #[test]
    fn a_whole_run_needs_tests_for_each_store() {
        let mut tally = Tally::default();
        tally.read(b"test memory::a ... ok\ntest sqlite::a ... ok\n");
        tally.read(b"test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured;\n");
        assert!(check(&tally, false).is_ok());
        assert!(check(&tally, true).unwrap_err().to_string().contains("postgres"));
        tally.read(b"test postgres::a ... ok\n");
        assert!(check(&tally, true).is_ok());
    }
}
