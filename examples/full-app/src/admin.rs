//! The first administrator.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use guardrail::{Bcrypt, Guardrail, PasswordPolicy, storage::Bootstrap};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    private_file::Draft,
    random,
    settings::{Database, Settings, WrongSetting},
};

/// Long enough for every policy.
const PASSWORD_EXAMPLE: &str = "'a sentence of random english words, as long as it has to be, or longer'";

/// Whether the first administrator may have the password of `ADMIN_PASSWORD`.
pub(crate) fn check_password(settings: &Settings, policy: &PasswordPolicy) -> Result<(), WrongSetting> {
    let Some(password) = &settings.admin_password else { return Ok(()) };
    let own = [settings.admin_email.as_str()];
    policy
        .check(password.expose_secret(), Bcrypt::MAX_BYTES, &own)
        .map_err(|problem| WrongSetting::new("ADMIN_PASSWORD", problem, PASSWORD_EXAMPLE))
}

/// Makes the first administrator where there is none. The server starts also if that fails; the log says why.
pub(crate) async fn bootstrap(guard: &Guardrail, settings: &Settings, database: &Database) {
    if let Err(error) = try_bootstrap(guard, settings, database).await {
        tracing::error!("there is no first administrator to log in as: {error:#}");
    }
}

async fn try_bootstrap(guard: &Guardrail, settings: &Settings, database: &Database) -> anyhow::Result<()> {
    if !guard.needs_admin().await? {
        if settings.admin_password.is_some() {
            tracing::info!("ADMIN_PASSWORD is not used: the first administrator has been made before");
        }
        return Ok(());
    }
    match &settings.admin_password {
        Some(password) => {
            if create(guard, settings, password.clone()).await? {
                tracing::info!(
                    "the first administrator is {}, with the password of ADMIN_PASSWORD",
                    settings.admin_email
                );
            }
        }
        None if io::stderr().is_terminal() => {
            let password = random_password(settings)?;
            if create(guard, settings, password.clone()).await? {
                show(settings, &password).context("it was made, but its password could not be shown")?;
            }
        }
        None => leave_in_file(guard, settings, &password_path(database)).await?,
    }
    Ok(())
}

/// Whether this call made the administrator: of several nodes that start together, one does.
async fn create(guard: &Guardrail, settings: &Settings, password: SecretString) -> anyhow::Result<bool> {
    match guard.bootstrap_admin(settings.admin_email.clone(), password).await? {
        Bootstrap::Created(_) => Ok(true),
        Bootstrap::NotNeeded => Ok(false),
        Bootstrap::Taken => anyhow::bail!(
            "a user who is no administrator has the address {} or the name `admin`; set ADMIN_EMAIL to another address, \
             or rename that user",
            settings.admin_email
        ),
    }
}

/// 24 characters, or 64 where a password needs more.
fn random_password(settings: &Settings) -> anyhow::Result<SecretString> {
    if settings.password_min_chars > 24 { random::text::<48>() } else { random::text::<18>() }
}

fn show(settings: &Settings, password: &SecretString) -> io::Result<()> {
    writeln!(
        io::stderr().lock(),
        "\n  The first administrator is {}\n  Password, shown this once: {}\n",
        settings.admin_email,
        password.expose_secret()
    )
}

/// The file is there before the administrator is, so that no crash and no full disk leaves one whose password nobody
/// knows. It gets its name once this node is known to have made it.
async fn leave_in_file(guard: &Guardrail, settings: &Settings, path: &Path) -> anyhow::Result<()> {
    let password = random_password(settings)?;
    let draft = Draft::write(path, &format!("{}\n", password.expose_secret())).with_context(|| {
        format!(
            "its password cannot be left in {}; make the folder writable, or set ADMIN_PASSWORD",
            path.display()
        )
    })?;
    if create(guard, settings, password).await? {
        let path = draft.publish(path);
        let path = std::path::absolute(&path).unwrap_or(path);
        tracing::info!(
            path = %path.display(),
            "the first administrator is {}; the password is in this file, which only its owner reads: log in, change \
             it, and delete the file",
            settings.admin_email
        );
    }
    Ok(())
}

/// Beside the SQLite file, or else in the working directory.
fn password_path(database: &Database) -> PathBuf {
    let mut path = match database {
        Database::SqliteFile(file) => file.as_os_str(),
        Database::SqliteInMemory | Database::Postgres => Path::new("guardrail").as_os_str(),
    }
    .to_owned();
    path.push(".admin-password");
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Parsed;
    use guardrail::{SigningKey, storage::MemoryStore};
    use std::fs;

    const EMAIL: &str = "admin@example.com";

    async fn guard() -> Guardrail {
        guard_with(PasswordPolicy::default()).await
    }

    async fn guard_with(passwords: PasswordPolicy) -> Guardrail {
        Guardrail::builder()
            .signing_key(SigningKey::hs256("a secret of these tests, 32 bytes or more").unwrap())
            .store(MemoryStore::new())
            .password_hasher(Bcrypt::with_insecure_cost(4))
            .password_policy(passwords)
            .build()
            .await
            .unwrap()
    }

    fn settings() -> Settings {
        settings_with(&[])
    }

    fn settings_with(more: &[&str]) -> Settings {
        let arguments = ["full-app", "--database-url", "sqlite://app.db", "--admin-email", EMAIL];
        match Settings::parse([&arguments[..], more].concat()).unwrap() {
            Parsed::Settings(settings) => *settings,
            Parsed::Help(text) => panic!("{text}"),
        }
    }

    #[tokio::test]
    async fn of_two_nodes_only_the_one_that_made_the_administrator_leaves_its_password() {
        let (guard, settings, folder) = (guard().await, settings(), tempfile::tempdir().unwrap());
        let paths = [folder.path().join("one"), folder.path().join("two")];
        let (one, two) = tokio::join!(
            leave_in_file(&guard, &settings, &paths[0]),
            leave_in_file(&guard, &settings, &paths[1])
        );
        one.and(two).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.len() == 1 && paths.contains(&left[0]), "{left:?}");
        assert_eq!(fs::read_to_string(&left[0]).unwrap().trim().len(), 24);
        assert!(!guard.needs_admin().await.unwrap());
    }

    #[tokio::test]
    async fn a_password_whose_file_cannot_be_named_is_not_lost() {
        let (guard, settings, folder) = (guard().await, settings(), tempfile::tempdir().unwrap());
        let path = folder.path().join("password");
        fs::create_dir(&path).unwrap();
        leave_in_file(&guard, &settings, &path).await.unwrap();
        let mut files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        assert!(files.any(|file| file.is_file() && fs::read_to_string(file).unwrap().trim().len() == 24));
    }

    #[tokio::test]
    async fn without_a_place_for_its_password_no_administrator_is_made() {
        let (guard, settings, folder) = (guard().await, settings(), tempfile::tempdir().unwrap());
        let error =
            leave_in_file(&guard, &settings, &folder.path().join("missing/password")).await.unwrap_err();
        assert!(format!("{error:#}").contains("ADMIN_PASSWORD"), "{error:#}");
        assert!(guard.needs_admin().await.unwrap());
    }

    #[tokio::test]
    async fn a_random_password_is_as_long_as_the_policy_asks_for() {
        let guard = guard_with(PasswordPolicy::with_min_chars(64).unwrap()).await;
        let folder = tempfile::tempdir().unwrap();
        let settings = settings_with(&["--password-min-chars", "64"]);
        leave_in_file(&guard, &settings, &folder.path().join("password")).await.unwrap();
        assert!(!guard.needs_admin().await.unwrap());
    }

    #[test]
    fn a_password_that_is_given_is_checked_by_the_policy_that_is_set() {
        let policy = PasswordPolicy::with_min_chars(15).unwrap().with_blocked(["correct horse battery"]);
        let check = |password| check_password(&settings_with(&["--admin-password", password]), &policy);
        for (password, says) in [
            ("fourteen chars", "at least 15 characters"),
            ("correct horse battery", "tried first"),
            ("admin@example.com7", "e-mail address"),
        ] {
            let message = check(password).unwrap_err().to_string();
            assert!(message.starts_with("ADMIN_PASSWORD ") && message.contains(says), "{message}");
            assert!(!message.contains(password), "{message}");
        }
        assert!(check("battery staple horse").is_ok());
        let longest = PasswordPolicy::with_min_chars(64).unwrap();
        assert_eq!(longest.check(PASSWORD_EXAMPLE.trim_matches('\''), Bcrypt::MAX_BYTES, &[EMAIL]), Ok(()));
    }

    #[test]
    fn the_password_lies_beside_the_database() {
        let path = |database| password_path(&database).display().to_string();
        assert_eq!(path(Database::SqliteFile("/var/lib/app.db".into())), "/var/lib/app.db.admin-password");
        assert_eq!(path(Database::Postgres), "guardrail.admin-password");
    }
}
