//! Parsing, and what is said of a wrong setting: one line, without the value.

use std::{
    borrow::Cow,
    env,
    error::Error as _,
    ffi::{OsStr, OsString},
    fmt,
};

use clap::{
    Arg, Command, CommandFactory as _, FromArgMatches as _,
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

    /// Of the command line, whose example is one.
    fn told(
        name: impl Into<Cow<'static, str>>,
        problem: impl Into<String>,
        example: impl fmt::Display,
    ) -> Self {
        Self { name: name.into(), problem: problem.into(), example: example.to_string() }
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
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            return Ok(Parsed::Help(error.to_string()));
        }
        Err(error) => return Err(wrong(&error, &arguments)),
    };
    check::together(&settings)?;
    Ok(Parsed::Settings(Box::new(settings)))
}

/// One line of clap's error, which itself takes several and quotes the value.
fn wrong(error: &clap::Error, arguments: &[OsString]) -> WrongSetting {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        Some(ContextValue::Strings(arguments)) => arguments.first().map_or("", String::as_str),
        _ => "",
    };
    // `--server-port <PORT>`, `<KID>`, or whatever an unknown argument was.
    let word = argument.split([' ', '=']).next().unwrap_or_default();
    let program = Settings::command();
    let setting = argument_of(&program, word);
    if let Some(given) = Given::of(arguments)
        && let Some(wrong) = given.wrong(error, word, setting.is_some())
    {
        return wrong;
    }
    match setting {
        Some(setting) => wrong_setting(error, setting, word),
        None if error.kind() == ErrorKind::InvalidSubcommand => {
            WrongSetting::told("the command", "is not known", "full-app policies export (--help lists all)")
        }
        None => unknown(error, word, "--server-port 8081"),
    }
}

fn wrong_setting(error: &clap::Error, setting: &Arg, flag: &str) -> WrongSetting {
    let name = setting.get_env().and_then(OsStr::to_str).unwrap_or(flag).to_owned();
    if let Some(Problem { problem, example }) = problem_in(error) {
        return WrongSetting::new(name, problem.as_str(), example);
    }
    let problem = match error.kind() {
        ErrorKind::ArgumentConflict => format!("({flag}) is given twice"),
        ErrorKind::InvalidUtf8 => "is not UTF-8".to_owned(),
        _ => format!("({flag}) needs a value"),
    };
    WrongSetting::told(name, problem, format!("{flag} VALUE"))
}

/// Whatever else stands there may be a secret that lost its flag.
fn unknown(error: &clap::Error, word: &str, example: &str) -> WrongSetting {
    let name = if word.starts_with("--") { word } else { "an argument" };
    let problem = if error.kind() == ErrorKind::InvalidUtf8 { "is not UTF-8" } else { "is not known" };
    WrongSetting::told(name.to_owned(), problem, format!("{example} (--help lists all)"))
}

/// A command that the arguments name.
struct Given {
    command: Command,
    /// As in `full-app keys use KID`.
    line: String,
}

impl Given {
    /// The command, though something is wrong with it.
    fn of(arguments: &[OsString]) -> Option<Self> {
        let mut command = Settings::command();
        let program = command.get_name().to_owned();
        let matches = command.clone().ignore_errors(true).try_get_matches_from(arguments).ok()?;
        let (mut words, mut matches) = (vec![program], &matches);
        while let Some((name, inner)) = matches.subcommand() {
            command = command.find_subcommand(name)?.clone();
            words.push(name.to_owned());
            matches = inner;
        }
        let is_command = words.len() > 1;
        let required = command.get_positionals().filter(|argument| argument.is_required_set());
        words.extend(required.map(|argument| value_name(argument).to_owned()));
        is_command.then(|| Self { command, line: words.join(" ") })
    }

    /// What is wrong with the command; `None` if it is a setting of the program.
    fn wrong(&self, error: &clap::Error, word: &str, is_setting: bool) -> Option<WrongSetting> {
        let line = &self.line;
        let wrong = match (error.kind(), argument_of(&self.command, word)) {
            (
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                | ErrorKind::MissingSubcommand
                | ErrorKind::InvalidSubcommand,
                _,
            ) => self.wants_command(),
            (ErrorKind::UnknownArgument, _) if is_setting => {
                let (program, command) = line.split_once(' ')?;
                let example = format!("{program} {word} VALUE {command}");
                WrongSetting::told(word.to_owned(), "belongs before the command", example)
            }
            (_, None) if is_setting => return None,
            (ErrorKind::UnknownArgument, _) | (_, None) => unknown(error, word, line),
            (_, Some(argument)) if argument.is_positional() => {
                WrongSetting::told(value_name(argument).to_owned(), "is missing", line)
            }
            (kind, Some(argument)) => {
                let value = if argument.get_action().takes_values() { "VALUE" } else { "" };
                let (problem, value) = match (problem_in(error), kind) {
                    (Some(Problem { problem, example }), _) => (problem.as_str(), *example),
                    (None, ErrorKind::ArgumentConflict) => ("is given twice", value),
                    (None, ErrorKind::TooManyValues) => ("takes no value", value),
                    (None, _) => ("needs a value", value),
                };
                WrongSetting::told(word.to_owned(), problem, format!("{line} {word} {value}").trim_end())
            }
        };
        Some(wrong)
    }

    fn wants_command(&self) -> WrongSetting {
        let names: Vec<_> = self.command.get_subcommands().map(Command::get_name).collect();
        let mut listed = names.join(", ");
        if let Some(comma) = listed.rfind(", ") {
            listed.replace_range(comma..comma + 2, " or ");
        }
        let example = format!("{} {}", self.line, names.first().copied().unwrap_or_default());
        let name = format!("`{}`", self.command.get_name());
        WrongSetting::told(name, format!("wants a command: {listed}"), example)
    }
}

fn problem_in(error: &clap::Error) -> Option<&Problem> {
    error.source()?.downcast_ref()
}

/// The argument that begins as clap writes it: `--server-port` or `<KID>`.
fn argument_of<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let positional = word.trim_matches(['<', '>', '[', ']']);
    command.get_arguments().find(|argument| match argument.get_long() {
        Some(long) => word.strip_prefix("--") == Some(long),
        None => value_name(argument) == positional,
    })
}

fn value_name(argument: &Arg) -> &str {
    argument.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str())
}
