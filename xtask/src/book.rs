//! `cargo xtask book`: the guide, built and checked by the program in `book/tool`.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cargo::{cargo, exit_code, target_folder};

/// Builds the guide into `book/book`; the status of the program that does.
pub(crate) fn run() -> Result<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("book");
    let mut command = cargo();
    command.args(["run", "--quiet", "--locked", "--manifest-path"]).arg(folder.join("tool/Cargo.toml"));
    command.arg("--target-dir").arg(target_folder("book-tool")).arg("--").arg(&folder);
    Ok(exit_code(command.status().context("cannot run cargo")?))
}
