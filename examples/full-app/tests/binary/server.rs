//! The program, started in a folder of its own with no variables but those that a test gives.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long a start or a stop may take before the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// Tests take a free port, hash cheaply, and ask for more than a client may.
const FOR_TESTS: [(&str, &str); 4] = [
    ("SERVER_PORT", "0"),
    ("INSECURE_BCRYPT_COST", "4"),
    ("RATE_LIMIT_AUTH_PER_MINUTE", "0"),
    ("RATE_LIMIT_REQUESTS_PER_MINUTE", "0"),
];

pub(crate) const ADMIN_EMAIL: &str = "admin@example.com";
pub(crate) const ADMIN_PASSWORD: &str = "correct horse battery";

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
    client: reqwest::Client,
}

/// An answer: status, `Set-Cookie`'s name and value, body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) cookie: Option<String>,
    pub(crate) body: Value,
}

/// The program, started by another one if `by` says so.
fn command(by: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Command {
    let line = [by, &[env!("CARGO_BIN_EXE_full-app")]].concat();
    let mut command = Command::new(line[0]);
    command.args(&line[1..]);
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command.envs(variables.iter().copied());
    command
}

/// Runs the program to its end, as a wrong setting makes it.
pub(crate) fn run(folder: &Path, variables: &[(&str, &str)]) -> Output {
    run_with(folder, variables, &[])
}

/// Runs a command of the program.
pub(crate) fn run_with(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    command(&[], folder, variables).args(arguments).output().unwrap()
}

impl Server {
    /// Starts the program on a free port and waits until it listens. Passwords are hashed at a test's cost.
    pub(crate) fn start(folder: &Path, variables: &[(&str, &str)]) -> Self {
        Self::start_by(&[], folder, variables)
    }

    /// The same, started by another program, which it takes the place of.
    pub(crate) fn start_by(by: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = command(by, folder, &FOR_TESTS);
        command.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn({
            let log = Arc::clone(&log);
            move || {
                for line in stderr.lines().map_while(Result::ok) {
                    let mut log = log.lock().unwrap();
                    log.push_str(&line);
                    log.push('\n');
                }
            }
        });
        let mut server = Self { child, address: String::new(), log, client: reqwest::Client::new() };
        let begun = Instant::now();
        server.address = loop {
            let log = server.log();
            if let Some((_, rest)) = log.split_once("listening on http://") {
                // To the end of the line, or in JSON to the end of the text.
                break rest.split(['\n', '"']).next().unwrap().to_owned();
            }
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "the server does not listen: {log}");
            std::thread::sleep(Duration::from_millis(10));
        };
        server
    }

    /// What the program has written to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The same, for whoever is to see it grow.
    pub(crate) fn shared_log(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.log)
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The process.
    #[cfg(target_os = "linux")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the log says so.
    pub(crate) fn wait_for(&self, text: &str) {
        let begun = Instant::now();
        while !self.log().contains(text) {
            assert!(begun.elapsed() < PATIENCE, "the log does not say `{text}`: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the program as `kill -9` does, and waits until it has.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the program to end.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits until the program has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the server does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks the program to end, and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.terminate();
        self.ended()
    }

    /// Sends a request. `caller` is an access token and the device's cookie.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        caller: Option<&LogIn>,
        body: Option<Value>,
    ) -> Answer {
        let mut request = self.client.request(method.parse().unwrap(), self.url(path));
        if let Some(caller) = caller {
            request = request.bearer_auth(&caller.token).header("cookie", &caller.cookie);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let cookie = response.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, cookie, body }
    }

    /// Logs in, and keeps what a client keeps.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> LogIn {
        let body = serde_json::json!({ "email": email, "password": password });
        let answer = self.send("POST", "/api/auth", None, Some(body)).await;
        assert_eq!(answer.status, 200, "{answer:?}\n{}", self.log());
        LogIn::of(&answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a log-in gave.
#[derive(Debug, Clone)]
pub(crate) struct LogIn {
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    pub(crate) cookie: String,
}

impl LogIn {
    /// What a client keeps of a log-in or a refresh.
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        Self {
            token: answer.body["token"].as_str().unwrap().to_owned(),
            refresh_token: answer.body["refresh_token"].as_str().unwrap().to_owned(),
            cookie: answer.cookie.as_ref().unwrap().split(';').next().unwrap().to_owned(),
        }
    }
}

/// What a file of the folder holds.
pub(crate) fn read(path: &Path) -> String {
    let mut text = String::new();
    std::fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
    text
}
