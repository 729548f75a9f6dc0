//! `cargo xtask browser`: the page of the example application, driven in headless Chromium.

use std::{
    env,
    path::{Path, PathBuf, absolute},
    process::Command,
};

use anyhow::{Context as _, Result};
use xtask_postgres::packages;

use crate::cargo::{cargo, exit_code};

/// What Chromium is called, best first.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const DRIVERS: [&str; 1] = ["chromedriver"];
/// Debian's package of the driver, which brings the browser of the same version.
const PACKAGE: &str = "chromium-driver";
/// Where the tests save screenshots.
const SCREENSHOTS: &str = "GUARDRAIL_SCREENSHOTS";

/// Runs the tests, which save screenshots in a folder if one is given; the status of `cargo test`.
pub(crate) fn run(screenshots: Option<&Path>) -> Result<u8> {
    let mut command = cargo_test(&Programs::find_or_install()?);
    command.env_remove(SCREENSHOTS);
    if let Some(folder) = screenshots {
        // The tests run in the folder of their package.
        command.env(SCREENSHOTS, absolute(folder).context("the folder for screenshots")?);
    }
    Ok(exit_code(command.status().context("cannot run cargo")?))
}

fn cargo_test(programs: &Programs) -> Command {
    let mut command = cargo();
    // As `cargo xtask test` builds it, so that nothing is built for it again.
    command.args(["test", "--workspace", "--all-features", "--locked", "--test", "browser"]);
    command.args(["--", "--include-ignored"]);
    command.env("CHROME", &programs.browser).env("CHROMEDRIVER", &programs.driver);
    command
}

/// A browser, and the driver that is of the same version.
struct Programs {
    browser: PathBuf,
    driver: PathBuf,
}

impl Programs {
    fn find_or_install() -> Result<Self> {
        if let Some(found) = Self::find() {
            return Ok(found);
        }
        packages::install(PACKAGE)?;
        Self::find().context(
            "the tests need Chromium and its driver. On Debian, run: sudo apt-get update && sudo apt-get install -y \
             chromium-driver. Or set CHROME and CHROMEDRIVER to two programs of the same version.",
        )
    }

    /// Those that the variables name, or else those on PATH.
    fn find() -> Option<Self> {
        let find = |variable: &str, names: &[&str]| named(variable).or_else(|| on_path(names, &folders()));
        Some(Self { browser: find("CHROME", &BROWSERS)?, driver: find("CHROMEDRIVER", &DRIVERS)? })
    }
}

fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn folders() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

/// The first name that is a file in one of the folders.
fn on_path(names: &[&str], folders: &[PathBuf]) -> Option<PathBuf> {
    let mut paths = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    paths.find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_are_told_which_programs_to_use() {
        let programs = Programs { browser: "/a/chrome".into(), driver: "/a/driver".into() };
        let command = cargo_test(&programs);
        let line: Vec<_> = command.get_args().map(|arg| arg.to_str().unwrap()).collect();
        assert_eq!(
            line.join(" "),
            "test --workspace --all-features --locked --test browser -- --include-ignored"
        );
        let told: Vec<_> = command.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
        assert!(told.contains(&("CHROME".as_ref(), "/a/chrome".as_ref())), "{told:?}");
        assert!(told.contains(&("CHROMEDRIVER".as_ref(), "/a/driver".as_ref())), "{told:?}");
    }

    #[test]
    fn the_best_name_is_found_before_the_first_folder() {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = [package.join("no such folder"), package.join("src"), package.to_owned()];
        let found = |names: &[&str]| on_path(names, &folders);
        assert_eq!(found(&["no such file", "Cargo.toml", "main.rs"]), Some(package.join("Cargo.toml")));
        assert_eq!(found(&["src"]), None, "a folder is no program");
    }
}
