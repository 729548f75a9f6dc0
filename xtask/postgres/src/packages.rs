//! Installing what the system has in packages, where that is ours to do.

use std::{env, process::Command};

use anyhow::{Context as _, Result, ensure};

use super::account;

/// Installs a package with apt-get, as root on a system that has it; whether it did.
pub fn install(package: &str) -> Result<bool> {
    if !(account::is_root()? && is_on_path("apt-get")) {
        return Ok(false);
    }
    println!("Installing {package} with apt-get.");
    apt_get(&["update"])?;
    apt_get(&["install", "-y", "--no-install-recommends", package])?;
    Ok(true)
}

fn apt_get(args: &[&str]) -> Result<()> {
    let status = Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").status();
    let status = status.context("cannot run apt-get")?;
    ensure!(status.success(), "apt-get {}: {status}", args.join(" "));
    Ok(())
}

/// Whether a program can be run by its name.
pub fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
