//! Finding PostgreSQL's server programs, which most systems keep off PATH.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

/// The programs that a server is started with.
const PROGRAMS: [&str; 3] = ["initdb", "postgres", "pg_isready"];

/// Where systems install PostgreSQL, a folder a version: the parent, and what precedes the version in its name.
const INSTALLED: [(&str, &str); 5] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql@"),
    ("/usr/local/opt", "postgresql@"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
];

/// The folder that holds the programs, if there is one; an error if `PG_BIN` names another.
pub(super) fn find() -> Result<Option<PathBuf>> {
    if let Some(folder) = env::var_os("PG_BIN") {
        let folder = PathBuf::from(folder);
        if !is_complete(&folder) {
            bail!("PG_BIN is {}, which lacks one of {}", folder.display(), PROGRAMS.join(", "));
        }
        return Ok(Some(folder));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = INSTALLED.into_iter().flat_map(|(parent, prefix)| versions(Path::new(parent), prefix));
    Ok(env::split_paths(&path).chain(configured()).chain(installed).find(|folder| is_complete(folder)))
}

fn is_complete(folder: &Path) -> bool {
    PROGRAMS.iter().all(|program| folder.join(program).is_file())
}

fn configured() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| folder.trim().into())
}

/// The folders of programs under `parent`, newest version first.
fn versions(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    newest_first(names, prefix).into_iter().map(|name| parent.join(name).join(OsStr::new("bin"))).collect()
}

/// The names that are `prefix` and a version, newest first. Parts of a version are numbers: 9.6 is older than 15.
fn newest_first(names: impl Iterator<Item = String>, prefix: &str) -> Vec<String> {
    let version = |name: &str| -> Option<Vec<u32>> {
        name.strip_prefix(prefix)?.split('.').map(|part| part.parse().ok()).collect()
    };
    let mut versions: Vec<_> = names.filter_map(|name| Some((version(&name)?, name))).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(names: &[&str], prefix: &str) -> Vec<String> {
        newest_first(names.iter().map(ToString::to_string), prefix)
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(order(&["9.6", "15", "8.4.22", "17"], ""), ["17", "15", "9.6", "8.4.22"]);
    }

    #[test]
    fn other_names_are_passed_over() {
        assert_eq!(
            order(&["bin", "pgsql-14", "pgsql-16", "pgsql-", "lib"], "pgsql-"),
            ["pgsql-16", "pgsql-14"]
        );
    }

    #[test]
    fn a_folder_needs_every_program() {
        let folder = tempfile::tempdir().unwrap();
        for program in PROGRAMS {
            assert!(!is_complete(folder.path()));
            fs::write(folder.path().join(program), "").unwrap();
        }
        assert!(is_complete(folder.path()));
    }

    #[test]
    fn newest_version_on_disk_comes_first() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["12", "16", "common"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        assert_eq!(versions(parent.path(), ""), [parent.path().join("16/bin"), parent.path().join("12/bin")]);
    }
}
