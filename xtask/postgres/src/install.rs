//! Installing PostgreSQL where that is ours to do, and saying how where it is not.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::{
    find::find,
    packages::{install, is_on_path},
};

/// The folder of PostgreSQL's server programs, which are installed if they are missing.
pub fn programs() -> Result<PathBuf> {
    if let Some(folder) = find()? {
        return Ok(folder);
    }
    if !install("postgresql")? {
        bail!("PostgreSQL is not installed, or not where it is looked for. {}", advice(is_on_path));
    }
    find()?.context(
        "PostgreSQL was installed, but not where it is looked for. Set PG_BIN to its folder of programs.",
    )
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
