//! The secret that signs tokens, where none is set: made once and kept in a file beside the database.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use guardrail::SigningKey;
use secrecy::ExposeSecret as _;

use crate::{
    keys::Keys,
    private_file::{Draft, too_open},
    random,
    settings::{Database, JWT_SECRET_EXAMPLE, Settings, WrongSetting},
};

/// A file with more is not one that was written here.
const FILE_MAX_BYTES: u64 = 4096;

/// The key that signs, and those that verify beside it: of `JWT_KEYS_FILE`, with the secret that served before it if
/// there is one, or else the secret alone.
pub(crate) fn signing_keys(
    settings: &Settings,
    database: &Database,
) -> anyhow::Result<(SigningKey, Vec<SigningKey>)> {
    let Some(file) = &settings.jwt_keys_file else {
        return Ok((signing_key(settings, database)?, Vec::new()));
    };
    let mut keys = Keys::load(file)?;
    let current = keys.remove(0);
    let secret = match (&settings.jwt_secret, database) {
        (Some(secret), _) => Some(secret.clone()),
        (None, Database::SqliteFile(file)) => kept(&path_beside(file))?,
        (None, _) => None,
    };
    keys.extend(secret);
    Ok((current, keys))
}

/// The secret that was kept in a file, if one was.
fn kept(path: &Path) -> Result<Option<SigningKey>, WrongSetting> {
    match File::open(path) {
        Ok(file) => {
            let key = read(file, path)?;
            tracing::info!(
                path = %path.display(), kid = %key.id(),
                "the secret that was kept in this file still verifies; delete the file when nothing needs it any more"
            );
            Ok(Some(key))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// The key of `JWT_SECRET`, or of the file beside the SQLite database, made if it is not there. A database in memory
/// has no file, nor needs one: its sessions end with the process.
fn signing_key(settings: &Settings, database: &Database) -> anyhow::Result<SigningKey> {
    if let Some(key) = &settings.jwt_secret {
        return Ok(key.clone());
    }
    match database {
        Database::SqliteFile(file) => from_file(&path_beside(file)),
        Database::SqliteInMemory => {
            tracing::info!("JWT_SECRET is not set: a random one serves until the program ends");
            Ok(SigningKey::hs256(random::text::<48>()?.expose_secret())?)
        }
        // The settings do not come without it.
        Database::Postgres => Err(wrong("is required with PostgreSQL".to_owned()).into()),
    }
}

fn path_beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".jwt-secret");
    path.into()
}

fn from_file(path: &Path) -> anyhow::Result<SigningKey> {
    match File::open(path) {
        Ok(file) => {
            let key = read(file, path)?;
            tracing::info!(path = %path.display(), "JWT_SECRET is not set: using the one that was kept in this file");
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
        Err(error) => Err(unreadable(path, &error).into()),
    }
}

fn make(path: &Path) -> anyhow::Result<SigningKey> {
    let secret = random::text::<48>()?;
    let written = Draft::write(path, &format!("{}\n", secret.expose_secret()));
    let new = written.and_then(|draft| draft.publish_new(path)).with_context(|| {
        format!(
            "JWT_SECRET is not set, and none can be kept in {}; set it, or make the folder writable",
            path.display()
        )
    })?;
    if new {
        tracing::info!(
            path = %path.display(),
            "JWT_SECRET is not set: a random one was made and is kept in this file, which only its owner reads"
        );
    }
    // Another process may have been faster; what is in the file counts.
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(read(file, path)?)
}

fn read(file: File, path: &Path) -> Result<SigningKey, WrongSetting> {
    if let Some(mode) = too_open(&file).map_err(|error| unreadable(path, &error))? {
        let path = path.display();
        return Err(wrong(format!(
            "is not set, and others may read the file {path} (mode {mode:04o}): `chmod 600 {path}`, or delete it, \
             which ends all sessions"
        )));
    }
    let mut text = String::new();
    file.take(FILE_MAX_BYTES).read_to_string(&mut text).map_err(|error| unreadable(path, &error))?;
    SigningKey::hs256(text.trim()).map_err(|error| {
        let path = path.display();
        wrong(format!(
            "is not set, and the file {path} cannot serve: {error}; delete it, which ends all sessions"
        ))
    })
}

fn unreadable(path: &Path, error: &io::Error) -> WrongSetting {
    wrong(format!("is not set, and the file {} cannot be read: {error}", path.display()))
}

fn wrong(problem: String) -> WrongSetting {
    WrongSetting::new("JWT_SECRET", problem, JWT_SECRET_EXAMPLE)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt as _,
    };

    fn path_in(folder: &tempfile::TempDir) -> PathBuf {
        path_beside(&folder.path().join("app.db"))
    }

    #[test]
    fn a_secret_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(&folder);
        let first = from_file(&path).unwrap();
        assert_eq!(path.file_name().unwrap(), "app.db.jwt-secret");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
        assert_eq!(from_file(&path).unwrap().id(), first.id());
    }

    #[test]
    fn of_two_at_once_both_use_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(&folder);
        let start = std::sync::Barrier::new(8);
        let ids = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        from_file(&path).unwrap().id()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(ids.iter().all(|id| *id == ids[0]));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(&folder);
        from_file(&path).unwrap();
        let secret = fs::read_to_string(&path).unwrap();
        for mode in [0o640, 0o604, 0o644, 0o660] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let message = from_file(&path).unwrap_err().to_string();
            assert!(message.starts_with("JWT_SECRET ") && message.contains("chmod 600"), "{message}");
            assert!(!message.contains(secret.trim()), "{message}");
        }
    }

    #[test]
    fn a_file_that_is_too_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(&folder);
        from_file(&path).unwrap();
        for content in ["", "\n", "hunter2", &"a".repeat(31)] {
            fs::write(&path, content).unwrap();
            let message = from_file(&path).unwrap_err().to_string();
            assert!(message.contains("32 bytes") && !message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = from_file(&folder.path().join("missing/app.db.jwt-secret")).unwrap_err().to_string();
        assert!(message.contains("JWT_SECRET") && message.contains("missing/app.db.jwt-secret"), "{message}");
    }
}
