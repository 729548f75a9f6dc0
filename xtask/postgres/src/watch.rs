//! Cleaning up after a process that could not do so itself.
//!
//! A signal ends this program where it stands, and nothing is dropped. So a small shell waits at the other end of a
//! pipe for that: the system closes the pipe with whoever held it, by Ctrl-C, SIGTERM or SIGKILL alike.

use std::{
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

/// Stops the server whose data is in `$1/data` fast (SIGINT), or by force if it is there after ten seconds, and
/// removes `$1`. The server removes its pid file as the last thing it does, so a pid read from it is the server's.
const CLEAN_UP: &str = r#"
trap '' HUP INT TERM
while read -r _; do :; done
file=$1/data/postmaster.pid
if read -r pid <"$file"; then
    kill -INT "$pid"
    tries=0
    while [ -e "$file" ] && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    [ ! -e "$file" ] || kill -KILL "$pid"
fi
rm -rf -- "$1"
"#;

/// Sees to it that a folder, and the server in it, do not outlive this process.
#[derive(Debug)]
pub(super) struct Watch(Child);

impl Watch {
    /// Watches over `folder` from here on, until dropped or left behind.
    pub(super) fn over(folder: &Path) -> Result<Self> {
        let child = Command::new("sh")
            .args(["-c", CLEAN_UP, "watch"])
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to the group in the foreground, which it must not be in.
            .process_group(0)
            .spawn();
        child.context("cannot run sh").map(Self)
    }
}

/// Cleans up what is left.
impl Drop for Watch {
    fn drop(&mut self) {
        // Closes the pipe, and waits.
        if let Err(error) = self.0.wait() {
            eprintln!("warning: the temporary folder of the server may be left: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_goes_with_the_watch() {
        let folder = tempfile::tempdir().unwrap().keep();
        let watch = Watch::over(&folder).unwrap();
        assert!(folder.exists());
        drop(watch);
        assert!(!folder.exists());
    }
}
