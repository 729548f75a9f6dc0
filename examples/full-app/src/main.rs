//! The example application: every endpoint of Guardrail on an embedded database, and some routes of its own.
//!
//! `full-app --help` lists the settings, which come from flags, the environment or a `.env` file.

use std::process::ExitCode;

fn main() -> ExitCode {
    full_app::main()
}
