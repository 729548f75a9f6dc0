//! Parsing, and what is said of a wrong setting: one line, without the value.

use std::{borrow::Cow, env, error::Error as _, ffi::OsString, fmt};

use clap::{
    CommandFactory as _, FromArgMatches as _,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{Settings, check};

/// What a command line asks for.
#[derive(Debug)]
pub enum Parsed {
    /// To run with these settings.
    Settings(Box<Settings>),
    /// To print this text.
    Help(String),
}

/// A setting that the program cannot run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongSetting {
    name: Cow<'static, str>,
    problem: String,
    example: String,
}

impl WrongSetting {
    pub(crate) fn new(
        name: impl Into<Cow<'static, str>>,
        problem: impl Into<String>,
        example: impl fmt::Display,
    ) -> Self {
        let name = name.into();
        // A file's example is a line of it.
        let example = if name.starts_with('.') || name.starts_with('-') {
            example.to_string()
        } else {
            format!("{name}={example}")
        };
        Self { name, problem: problem.into(), example }
    }
}

impl fmt::Display for WrongSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; for example {}", self.name, self.problem, self.example)
    }
}

impl std::error::Error for WrongSetting {}

/// What is wrong with a value, without its setting's name.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    problem: String,
    example: &'static str,
}

impl Problem {
    pub(super) fn new(problem: impl Into<String>, example: &'static str) -> Self {
        Self { problem: problem.into(), example }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Problem {}

pub(super) fn parse<T: Into<OsString> + Clone>(
    arguments: impl IntoIterator<Item = T>,
) -> Result<Parsed, WrongSetting> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    // An empty variable is one that is not set, as in the lines of `.env.example` that are left blank.
    let command = Settings::command().mut_args(|argument| {
        let empty = argument.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
        if empty { argument.env(None::<&str>) } else { argument }
    });
    let settings = command
        .try_get_matches_from(&arguments)
        .and_then(|mut matches| Settings::from_arg_matches_mut(&mut matches));
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            let of_program = Settings::command().render_long_help().to_string();
            let of_command = error.to_string();
            let is_command = !of_command.contains("--server-port");
            return Ok(Parsed::Help(if is_command { of_command } else { of_program }));
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let problem = "wants to be told what to do with them (`policies --help` says what there is)";
            return Err(WrongSetting {
                name: "policies".into(),
                problem: problem.to_owned(),
                example: "full-app policies export rules.csv".to_owned(),
            });
        }
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            return Ok(Parsed::Help(error.to_string()));
        }
        Err(error) => return Err(wrong(&error)),
    };
    check::together(&settings)?;
    Ok(Parsed::Settings(Box::new(settings)))
}

/// One line of clap's error, which itself takes several and quotes the value.
fn wrong(error: &clap::Error) -> WrongSetting {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        Some(ContextValue::Strings(arguments)) => arguments.first().map_or("", String::as_str),
        _ => "",
    };
    // `--server-port <PORT>`, or whatever an unknown argument was.
    let flag = argument.split([' ', '=']).next().unwrap_or_default();
    let command = Settings::command();
    let known = command
        .get_arguments()
        .find(|known| flag.strip_prefix("--").is_some_and(|name| known.get_long() == Some(name)));
    if flag.is_empty() && error.kind() == ErrorKind::InvalidSubcommand {
        let example = "full-app policies export (--help lists all)".to_owned();
        return WrongSetting { name: "the command".into(), problem: "is not known".to_owned(), example };
    }
    let name = known.and_then(|known| known.get_env()).and_then(|name| name.to_str()).map(str::to_owned);
    match (name, error.source().and_then(|source| source.downcast_ref::<Problem>())) {
        (Some(name), Some(Problem { problem, example })) => {
            WrongSetting::new(name, problem.as_str(), example)
        }
        (Some(name), None) => {
            let problem = match error.kind() {
                ErrorKind::ArgumentConflict => format!("({flag}) is given twice"),
                ErrorKind::InvalidUtf8 => "is not UTF-8".to_owned(),
                _ => format!("({flag}) needs a value"),
            };
            WrongSetting { name: name.into(), problem, example: format!("{flag} VALUE") }
        }
        // Whatever else stands there may be a secret that lost its flag.
        (None, _) => {
            let problem =
                if error.kind() == ErrorKind::InvalidUtf8 { "is not UTF-8" } else { "is not known" };
            let name = if flag.starts_with("--") { flag.to_owned() } else { "an argument".to_owned() };
            let example = "--server-port 8081 (--help lists all)".to_owned();
            WrongSetting { name: name.into(), problem: problem.to_owned(), example }
        }
    }
}
