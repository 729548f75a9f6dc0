//! Starting a throw-away server, and stopping it.

use std::{
    fs::{self, File},
    io::Read as _,
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use super::{account::Account, watch::Watch};

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(10);
/// How often a server is started anew because another process took its port first.
const ATTEMPTS: usize = 3;
const SUPERUSER: &str = "postgres";

const SETTINGS: [&str; 4] =
    ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300", "shared_buffers=64MB"];

/// Settings that make tests fast.
const FAST: [&str; 3] = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Tests. What it gives up is surviving a crash of the system, which no test here is about; what a transaction
    /// sees is the same.
    Tests,
    /// Figures, and tests that kill it: as durable as PostgreSQL is by default.
    Durability,
}

impl Purpose {
    fn settings(self) -> impl Iterator<Item = &'static str> {
        let fast = if self == Self::Tests { &FAST[..] } else { &[] };
        SETTINGS.iter().chain(fast).copied()
    }
}

/// A running server. Dropped, it is stopped and its data removed.
#[derive(Debug)]
pub struct Server {
    process: Child,
    setup: Setup,
    port: u16,
    purpose: Purpose,
    url: String,
    // In this order: the watch finds nothing left to do.
    _folder: TempDir,
    _watch: Watch,
}

impl Server {
    /// Starts a server with the programs in `programs` and waits until it accepts connections.
    pub fn start(programs: &Path, purpose: Purpose) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("guardrail-postgres-").tempdir()?;
        let watch = Watch::over(folder.path())?;
        let setup = Setup {
            programs: programs.into(),
            folder: folder.path().into(),
            account: Account::for_server()?,
        };
        let password = password()?;
        setup.initialize(&password)?;
        for _ in 0..ATTEMPTS {
            let port = free_port()?;
            if let Some(process) = setup.start(port, purpose)? {
                let url = format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres");
                return Ok(Self { process, setup, port, purpose, url, _folder: folder, _watch: watch });
            }
        }
        bail!("PostgreSQL found its port taken {ATTEMPTS} times")
    }

    /// Where it is, with the superuser's name and password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as `kill -9` does. Processes that serve connections end by themselves when they see it gone.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Starts it again with the same data at the same port, once what is left of the killed one has gone.
    pub fn start_again(&mut self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < START {
            if let Some(process) = self.setup.start(self.port, self.purpose)? {
                self.process = process;
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("what is left of the killed server does not go")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = stop(&mut self.process) {
            eprintln!("warning: the PostgreSQL server may be left: {error:#}");
        }
    }
}

/// What all programs of one server share.
#[derive(Debug)]
struct Setup {
    programs: PathBuf,
    folder: PathBuf,
    account: Option<Account>,
}

impl Setup {
    fn initialize(&self, password: &str) -> Result<()> {
        let password_file = self.folder.join("password");
        fs::write(&password_file, password)?;
        if let Some(account) = self.account {
            account.own(&self.folder)?;
            account.own(&password_file)?;
        }
        let output = self
            .command("initdb")
            .args(["--encoding=UTF8", "--locale=C", "--no-sync", "--username", SUPERUSER])
            // Not SCRAM: an unoptimized client takes its time over it, for each connection, and the password does
            // not leave the machine.
            .arg("--auth=password")
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(self.data())
            .output()
            .with_context(|| {
                format!(
                    "cannot run initdb in {}, which its user must be able to reach",
                    self.folder.display()
                )
            })?;
        fs::remove_file(&password_file)?;
        ensure!(
            output.status.success(),
            "initdb: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Starts the server; none if another process has the port, or the data.
    fn start(&self, port: u16, purpose: Purpose) -> Result<Option<Child>> {
        let log = self.folder.join("log");
        let log_file = File::create(&log).context("cannot write the server's log")?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-p").arg(port.to_string());
        for setting in purpose.settings() {
            command.args(["-c", setting]);
        }
        // Ctrl-C is for the tests, which still have the server then; the watch stops it.
        command.process_group(0).stdout(log_file.try_clone()?).stderr(log_file);
        let mut process = command.spawn().context("cannot run postgres")?;

        let failure = match self.wait_until_ready(&mut process, port) {
            Ok(()) => return Ok(Some(process)),
            Err(error) => error,
        };
        let stopped = stop(&mut process);
        let log = fs::read_to_string(&log).unwrap_or_default();
        if ["could not bind", "is still in use"].iter().any(|held| log.contains(held)) {
            return stopped.map(|()| None);
        }
        bail!("PostgreSQL did not start: {failure}. Its log ends:\n{}", tail(&log, 20))
    }

    fn wait_until_ready(&self, process: &mut Child, port: u16) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < START {
            if let Some(status) = process.try_wait()? {
                bail!("the server ended with {status}");
            }
            let mut ready = self.command("pg_isready");
            ready.args([
                "--host=127.0.0.1",
                "--username",
                SUPERUSER,
                "--timeout=1",
                "--port",
                &port.to_string(),
            ]);
            if ready.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("the server accepts no connection after {} seconds", START.as_secs())
    }

    /// A call of one of the programs, by the server's user. Messages are in English, since one of them is read.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(&self.folder).env("LC_ALL", "C").stdin(Stdio::null());
        if let Some(account) = self.account {
            account.run(&mut command);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

/// Stops the server: fast, which ends its connections (SIGINT), and by force if that takes too long.
fn stop(process: &mut Child) -> Result<()> {
    if process.try_wait()?.is_none() {
        // The shell's own `kill`, since a small system may lack the program.
        let pid = process.id().to_string();
        Command::new("sh").args(["-c", "kill -INT \"$1\"", "stop", &pid]).status()?;
    }
    let start = Instant::now();
    while start.elapsed() < STOP {
        if process.try_wait()?.is_some() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    process.kill()?;
    process.wait()?;
    Ok(())
}

/// A port of the loopback address that nobody listens on. Somebody may before the server does.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// 128 random bits, in hexadecimal, which needs no escaping in a URL.
fn password() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("no random bytes")?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_is_the_last_lines() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a\n", 2), "a");
        assert_eq!(tail("", 2), "");
    }

    #[test]
    fn passwords_differ() {
        let (one, other) = (password().unwrap(), password().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 32);
    }
}
