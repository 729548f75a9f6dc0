//! `cargo xtask bench`: the programs in `benches/`, built for speed, with a PostgreSQL server for as long as they run.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result};
use xtask_postgres::{Purpose, Server, programs};

use crate::{
    cargo::{cargo, exit_code, target_folder},
    test::POSTGRES_URL,
};

/// The argument that asks for the micro-benchmarks.
const MICRO: &str = "micro";

/// Builds what `args` ask for and runs it; its status.
pub(crate) fn run(args: &[OsString]) -> Result<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("benches");
    let target = target_folder("benches");
    let build = |command: &str| {
        let mut build = cargo();
        build.args([command, "--locked", "--manifest-path"]).arg(folder.join("Cargo.toml"));
        build.arg("--target-dir").arg(&target);
        build
    };
    let (mut prepare, mut measure) = match args.split_first() {
        Some((first, rest)) if first == MICRO => {
            let (mut prepare, mut measure) = (build("bench"), build("bench"));
            prepare.arg("--no-run");
            measure.args(rest);
            (prepare, measure)
        }
        _ => {
            let mut prepare = build("build");
            prepare.args(["--release", "--bins"]);
            let mut measure = Command::new(target.join("release").join("guardrail-bench"));
            measure.args(args);
            (prepare, measure)
        }
    };
    // Built first, so that nothing runs beside what is measured.
    let outcome = prepare.status().context("cannot run cargo")?;
    if !outcome.success() {
        return Ok(exit_code(outcome));
    }
    if args.iter().any(|arg| arg == OsStr::new("--help") || arg == OsStr::new("-h")) {
        return status(&mut measure);
    }
    let server = Server::start(&programs()?, Purpose::Durability)?;
    status(measure.env(POSTGRES_URL, server.url()))
}

fn status(command: &mut Command) -> Result<u8> {
    let program = command.get_program().to_owned();
    let status = command.status().with_context(|| format!("cannot run {}", program.display()))?;
    Ok(exit_code(status))
}
