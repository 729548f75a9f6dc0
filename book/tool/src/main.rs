//! Builds the guide in the folder that is given, and checks what came out.

mod check;

use std::{env, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use mdbook_driver::MDBook;

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(wrong) => {
            eprintln!("error: {wrong} places of the guide are wrong");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How many places are wrong.
fn run() -> Result<usize> {
    let folder = PathBuf::from(env::args_os().nth(1).context("which folder?")?);
    let book = MDBook::load(&folder)?;
    let output = book.build_dir_for("html");
    book.build()?;
    let report = check::check(&output)?;
    for problem in &report.problems {
        println!("{problem}");
    }
    println!("{} pages, {} links: {}", report.pages, report.links, output.join("index.html").display());
    Ok(report.problems.len())
}
