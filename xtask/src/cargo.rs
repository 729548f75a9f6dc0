//! Cargo, called from a program that Cargo runs.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

/// A call of the Cargo that runs this program.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo run` says of this package would look like a change to build scripts that watch these variables,
    // and dependencies would be built again each time somebody goes from `cargo test` to `cargo xtask test`.
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Where a workspace of its own is built: apart from the rest, since its profile is another and the folder grows large.
pub(crate) fn target_folder(workspace: &str) -> PathBuf {
    let whole = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target"), PathBuf::from);
    whole.join(workspace)
}

/// The status to end with for that of a child; 1 if a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn exit_code_is_passed_through() {
        assert_eq!(exit_code(ExitStatus::from_raw(101 << 8)), 101);
        assert_eq!(exit_code(ExitStatus::from_raw(0)), 0);
    }

    #[test]
    fn death_by_signal_is_no_success() {
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 1);
    }
}
