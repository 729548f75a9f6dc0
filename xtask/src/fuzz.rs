//! `cargo xtask fuzz`: the targets in `fuzz/`, built with coverage and run by libFuzzer.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use xtask_postgres::packages;

use crate::cargo::{cargo, exit_code, target_folder};

/// How cargo-fuzz has programs built for libFuzzer, without a sanitizer: there is no unsafe code here for one to watch,
/// and the stable compiler has none.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Clink-dead-code";

/// What of an input is long enough.
const LENGTH: &str = "-max_len=4096";

/// Runs the targets of these names, or all, each for so long; the status of the first that found something.
pub(crate) fn run(targets: &[String], seconds: u32) -> Result<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz");
    let targets = choose(targets, &all(&folder)?)?;
    if !packages::is_on_path("c++") && !packages::install("g++")? {
        bail!("libFuzzer is C++, and there is no compiler `c++`; on Debian, run: sudo apt-get install g++");
    }
    let target_folder = target_folder("fuzz");
    let host = host()?;
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--target", &host, "--manifest-path"]);
    build.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(&target_folder);
    let status = build.env("RUSTFLAGS", COVERAGE).status().context("cannot run cargo")?;
    if !status.success() {
        return Ok(exit_code(status));
    }
    for target in targets {
        println!("\n==> {target}, {seconds} s");
        let (corpus, found) = (target_folder.join("corpus").join(&target), target_folder.join("found"));
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&found)?;
        let mut command = Command::new(target_folder.join(&host).join("release").join(&target));
        command.args([&corpus, &folder.join("seeds").join(&target)]);
        command.args([LENGTH, "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"]);
        command.arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-artifact_prefix={}/{target}-", found.display()));
        let status = command.status().with_context(|| format!("cannot run {target}"))?;
        if !status.success() {
            println!("{target} found something; the input is in {}", found.display());
            return Ok(exit_code(status));
        }
    }
    Ok(0)
}

/// The names of all targets, in order.
fn all(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("targets"))? {
        let path: PathBuf = entry?.path();
        names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn choose(asked: &[String], all: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = asked.iter().find(|name| !all.contains(name)) {
        bail!("there is no target {unknown}; there are {}", all.join(", "));
    }
    Ok(if asked.is_empty() { all } else { asked }.to_vec())
}

/// The system that programs are built for here. Naming it keeps the flags off build scripts and macros.
fn host() -> Result<String> {
    let output =
        Command::new("rustc").args(["-vV"]).stderr(Stdio::inherit()).output().context("rustc -vV")?;
    ensure!(output.status.success(), "rustc -vV: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV names no host")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_are_chosen_where_none_is_asked_for() {
        let all = names(&["cookie", "query"]);
        assert_eq!(choose(&[], &all).unwrap(), all);
        assert_eq!(choose(&names(&["query"]), &all).unwrap(), names(&["query"]));
        assert!(choose(&names(&["quer"]), &all).unwrap_err().to_string().contains("cookie, query"));
    }

    #[test]
    fn each_target_has_a_program_and_seeds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz");
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        for name in all(&folder).unwrap() {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no program");
            assert!(
                fs::read_dir(folder.join("seeds").join(&name)).unwrap().count() > 0,
                "{name} has no seeds"
            );
        }
    }
}
