//! The example application as a library, so that tests can have its router without a socket.
//!
//! | file | job |
//! |-|-|
//! | [`settings`] | flags, environment and `.env` file to [`Settings`] |
//! | [`app`] | the router and its layers |
//! | [`posts`] | the application's own routes |
//! | [`metrics`] | what Prometheus asks for |
//! | `api_docs` | the API's description, and a page to read it |
//! | `demo` | the page at `/` |
//! | `start` | settings to a served router |
//! | `secret`, `admin` | the signing secret and the first administrator, where none are given |
//! | `policies` | the command that reads and writes policy files |
//! | `keys` | the file of signing keys, and the command that changes it |
//! | `serve` | a listener, and draining it at the end |

pub mod app;
pub mod metrics;
pub mod posts;
pub mod settings;

mod admin;
mod api_docs;
mod demo;
mod dotenv;
mod keys;
mod logging;
mod policies;
mod private_file;
mod random;
mod request_id;
mod secret;
mod serve;
mod start;
mod trace;

use std::process::ExitCode;

pub use settings::Settings;

use settings::{Command, Parsed};

/// What a wrong setting ends the program with; anything else that keeps it from starting ends it with 1.
const WRONG_SETTING: u8 = 2;

/// The program: reads the settings, serves until it is told to stop, and returns its exit code.
pub fn main() -> ExitCode {
    // The settings come first, while there is one thread: the `.env` file changes the environment.
    let settings = match dotenv::load().and_then(|()| Settings::parse(std::env::args_os())) {
        Ok(Parsed::Settings(settings)) => *settings,
        Ok(Parsed::Help(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => return complain(&wrong.to_string(), WRONG_SETTING),
    };
    logging::start(&settings);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("no threads to run on: {error}"), 1),
    };
    let outcome = match settings.command.clone() {
        None => runtime.block_on(start::run(settings)),
        Some(Command::Policies(command)) => runtime.block_on(policies::run(&settings, command)),
        Some(Command::Keys(command)) => keys::run(&settings, command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = if error.is::<settings::WrongSetting>() { WRONG_SETTING } else { 1 };
            complain(&format!("{error:#}"), code)
        }
    }
}

/// Says on one line why the program ends: a database's message may have several.
fn complain(message: &str, code: u8) -> ExitCode {
    let line: Vec<&str> = message.split_whitespace().collect();
    eprintln!("full-app: {}", line.join(" "));
    ExitCode::from(code)
}
