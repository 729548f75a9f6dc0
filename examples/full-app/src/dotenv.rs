//! The `.env` file of the working directory.

use std::{fs, io, path::Path};

use crate::settings::WrongSetting;

/// Puts what the file says into the environment, where it is not set there already. No file is no error.
pub(crate) fn load() -> Result<(), WrongSetting> {
    let path = Path::new(".env");
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(WrongSetting::new(".env", format!("cannot be read: {error}"), "SERVER_PORT=8081"));
        }
    };
    // The environment cannot hold it.
    if text.contains('\0') {
        return Err(WrongSetting::new(".env", "has a NUL character", "SERVER_PORT=8081"));
    }
    dotenvy::from_read(text.as_bytes()).map_err(|error| wrong(&text, &error))
}

/// What is wrong, by the line's number: the line itself may hold a secret.
fn wrong(text: &str, error: &dotenvy::Error) -> WrongSetting {
    let place = match error {
        // What could not be read is the end of a line, and perhaps what follows.
        dotenvy::Error::LineParse(rest, _) => rest
            .lines()
            .next()
            .and_then(|end| text.lines().position(|line| line.trim_end().ends_with(end.trim_end()))),
        _ => None,
    };
    let place = place.map_or("a line".to_owned(), |index| format!("line {}", index + 1));
    let problem = format!(
        "has what cannot be read in {place}: write NAME=value, a value with spaces, `$` or `#` in single quotes"
    );
    WrongSetting::new(".env", problem, "SERVER_PORT=8081")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_named_by_its_number_and_not_shown() {
        let text = "# settings\nSERVER_PORT=8081\nJWT_SECRET=hunter2 hunter2\n";
        let error = dotenvy::from_read_iter(text.as_bytes()).find_map(Result::err).unwrap();
        let message = wrong(text, &error).to_string();
        assert!(message.contains("line 3") && !message.contains("hunter2"), "{message}");
    }
}
