//! Installing PostgreSQL where that is ours to do, and saying how where it is not.

use std::{env, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

use super::{account, find::find};

/// The folder of PostgreSQL's server programs, which are installed if they are missing.
pub(crate) fn programs() -> Result<PathBuf> {
    if let Some(folder) = find()? {
        return Ok(folder);
    }
    if !(account::is_root()? && is_on_path("apt-get")) {
        bail!("PostgreSQL is not installed, or not where it is looked for. {}", advice(is_on_path));
    }
    println!("PostgreSQL is not installed: installing it with apt-get.");
    apt_get(&["update"])?;
    apt_get(&["install", "-y", "--no-install-recommends", "postgresql"])?;
    find()?.context(
        "PostgreSQL was installed, but not where it is looked for. Set PG_BIN to its folder of programs.",
    )
}

fn apt_get(args: &[&str]) -> Result<()> {
    let status = Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").status();
    let status = status.context("cannot run apt-get")?;
    ensure!(status.success(), "apt-get {}: {status}", args.join(" "));
    Ok(())
}

fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// What to do on a system that has the programs `has` says.
fn advice(has: impl Fn(&str) -> bool) -> &'static str {
    if has("apt-get") {
        "Run: sudo apt-get update && sudo apt-get install -y --no-install-recommends postgresql"
    } else if has("dnf") {
        "Run: sudo dnf install -y postgresql-server"
    } else if has("brew") {
        "Run: brew install postgresql@17"
    } else {
        "Install its server, version 12 or newer, and set PG_BIN to the folder that holds `initdb` and `postgres`."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_fits_the_system() {
        for (program, says) in
            [("apt-get", "sudo apt-get install"), ("dnf", "sudo dnf install"), ("brew", "brew install")]
        {
            assert!(advice(|name| name == program).contains(says));
        }
        assert!(advice(|_| false).contains("PG_BIN"));
    }
}
