//! The user that the server runs as.
//!
//! PostgreSQL refuses to run as root, so root starts it as somebody else.

use std::{
    os::unix::{fs::chown, process::CommandExt as _},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result};

/// Who may be there to run the server, best first.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// A user of the system, by number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// Whom root runs the server as; none for everybody else, who run it as themselves.
    pub(super) fn for_server() -> Result<Option<Self>> {
        if !is_root()? {
            return Ok(None);
        }
        let account = USERS.into_iter().find_map(Self::look_up);
        account
            .context("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")
            .map(Some)
    }

    fn look_up(user: &str) -> Option<Self> {
        Some(Self { uid: id(&["-u", user])?, gid: id(&["-g", user])? })
    }

    /// Makes `command` run as this user, in none of root's groups.
    pub(super) fn run(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives `path` to this user.
    pub(super) fn own(self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("cannot give {} away", path.display()))
    }
}

/// Whether this process is root's.
pub(super) fn is_root() -> Result<bool> {
    Ok(id(&["-u"]).context("cannot tell who runs this: `id -u` failed")? == 0)
}

fn id(args: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(args).output().ok()?;
    output.status.success().then(|| parse(&output.stdout)).flatten()
}

fn parse(output: &[u8]) -> Option<u32> {
    str::from_utf8(output).ok()?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_a_number_and_a_line_end() {
        assert_eq!(parse(b"101\n"), Some(101));
        assert_eq!(parse(b"0\n"), Some(0));
    }

    #[test]
    fn other_output_is_no_id() {
        for output in [&b""[..], b"\n", b"postgres\n", b"-1\n", b"1 2\n", b"\xff\n"] {
            assert_eq!(parse(output), None);
        }
    }

    #[test]
    fn unknown_user_has_no_id() {
        assert!(Account::look_up("no-such-user-here").is_none());
    }
}
