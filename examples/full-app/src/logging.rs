//! Log lines, to standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, filter::Directive, fmt};

use crate::settings::{LogFormat, Settings};

/// Begins to log.
pub(crate) fn start(settings: &Settings) {
    let mut filter = EnvFilter::new(&settings.rust_log);
    // It would log the value of a parameter in DATABASE_URL that it does not know, and that may be a secret.
    if let Ok(quiet) = "sqlx_postgres::options=error".parse::<Directive>() {
        filter = filter.add_directive(quiet);
    }
    // What a command is about to change need not be right before.
    if settings.command.is_some()
        && let Ok(quiet) = "guardrail::policy::review=error".parse::<Directive>()
    {
        filter = filter.add_directive(quiet);
    }
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    match settings.log_format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).init(),
    }
}
