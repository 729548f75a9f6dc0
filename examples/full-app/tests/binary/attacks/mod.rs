//! Attacks on the running program: what each is answered is compared with what the code says, nothing is
//! answered with 5xx, and the session of whoever is attacked goes on.

mod accounts;
mod cookies;
mod injection;
mod requests;
mod tokens;

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use guardrail_tests::claims_of;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    ADMIN_EMAIL, ADMIN_PASSWORD, SECRET, admin, folder,
    server::{Answer, LogIn, Server, run_with},
};

/// After how long without an answer the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);
const PASSWORD: &str = "correct horse";
const PROFILE: &str = "GET /api/profile HTTP/1.1";

/// A server, its administrator, and the user who is attacked.
struct Stage {
    server: Server,
    root: LogIn,
    ada: LogIn,
    folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(variables: &[(&str, &str)]) -> Self {
        Self::in_folder(folder(), variables).await
    }

    /// With three key pairs, the first of which signs, and with the secret, which verifies as well.
    async fn with_keys() -> Self {
        const KEYS: (&str, &str) = ("JWT_KEYS_FILE", "keys.pem");
        let folder = folder();
        for algorithm in ["eddsa", "es256", "rs256"] {
            let output = run_with(folder.path(), &[KEYS], &["keys", "add", "--algorithm", algorithm]);
            assert!(output.status.success(), "{output:?}");
        }
        Self::in_folder(folder, &[KEYS]).await
    }

    async fn in_folder(folder: TempDir, variables: &[(&str, &str)]) -> Self {
        let all = [&admin()[..], &[("JWT_SECRET", SECRET)], variables].concat();
        let server = Server::start(folder.path(), &all);
        let root = server.log_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
        let ada = sign_up(&server, "ada").await;
        Self { server, root, ada, folder }
    }

    async fn send(&self, method: &str, path: &str, caller: Option<&LogIn>, body: Option<Value>) -> Answer {
        let answer = self.server.send(method, path, caller, body).await;
        assert!(answer.status < 500, "{method} {path}: {answer:?}\n{}", self.server.log());
        answer
    }

    /// The one answer to a request as it is written here.
    fn ask(&self, line: impl AsRef<[u8]>, headers: &[impl AsRef<[u8]>]) -> Answer {
        let [answer] = <[Answer; 1]>::try_from(exchange(&self.server, &request(line, headers, ""))).unwrap();
        answer
    }

    async fn is_in(&self, caller: &LogIn) -> bool {
        self.send("GET", "/api/profile", Some(caller), None).await.status == 200
    }

    /// The attack has cost ada nothing.
    async fn ada_is_in(&self) {
        assert!(self.is_in(&self.ada).await, "{}", self.server.log());
    }

    /// What an administrator sees of a list.
    async fn list(&self, path: &str) -> Vec<Value> {
        let answer = self.send("GET", &format!("{path}?limit=500"), Some(&self.root), None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["data"].as_array().unwrap().clone()
    }
}

fn registration(name: &str) -> Value {
    json!({ "email": format!("{name}@example.com"), "password": PASSWORD, "username": name })
}

/// Registers a user and logs it in.
async fn sign_up(server: &Server, name: &str) -> LogIn {
    let answer = server.send("POST", "/api/register", None, Some(registration(name))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    server.log_in(&format!("{name}@example.com"), PASSWORD).await
}

fn id_of(login: &LogIn) -> String {
    claims_of(&login.token)["sub"].as_str().unwrap().to_owned()
}

/// An answer's status, and the code of its problem; there is none where the bytes made no request at all.
fn told(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

/// The header that an access token comes in.
fn bearer(login: &LogIn) -> String {
    format!("authorization: Bearer {}", login.token)
}

/// The header that a device's cookie comes in.
fn cookie(login: &LogIn) -> String {
    format!("cookie: {}", login.cookie)
}

/// The last request of a connection, as it is written here: no client puts it right.
fn request(line: impl AsRef<[u8]>, headers: &[impl AsRef<[u8]>], body: &str) -> Vec<u8> {
    let mut bytes = [line.as_ref(), b"\r\nhost: full-app\r\nconnection: close\r\n"].concat();
    for header in headers {
        bytes.extend_from_slice(header.as_ref());
        bytes.extend_from_slice(b"\r\n");
    }
    if !body.is_empty() {
        let head = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        bytes.extend_from_slice(head.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

/// Every answer to these bytes, until the server hangs up.
fn exchange(server: &Server, bytes: &[u8]) -> Vec<Answer> {
    converse(server, bytes, |_| ())
}

/// The same where nothing more can come from the client.
fn cut_off(server: &Server, bytes: &[u8]) -> Vec<Answer> {
    converse(server, bytes, |stream| stream.shutdown(Shutdown::Write).unwrap())
}

fn converse(server: &Server, bytes: &[u8], then: impl FnOnce(&TcpStream)) -> Vec<Answer> {
    let mut stream = TcpStream::connect(server.url("").strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let written = stream.write_all(bytes);
    then(&stream);
    let mut received = Vec::new();
    let read = stream.read_to_end(&mut received).map(drop);
    for outcome in [written, read] {
        if let Err(error) = outcome {
            // Whoever hangs up with bytes unread resets the connection.
            let is_reset = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
            assert!(is_reset, "{error}: {}", server.log());
        }
    }
    answers(&received)
}

fn answers(mut received: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = str::from_utf8(&received[..end]).unwrap();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(status < 500, "{head}");
        let cookie = header("set-cookie").map(str::to_owned);
        let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
        let (body, rest) = received[end + 4..].split_at(length);
        let body: Value =
            serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into());
        answers.push(Answer { status, cookie, body });
        received = rest;
    }
    assert!(received.is_empty(), "cut within an answer: {}", String::from_utf8_lossy(received));
    answers
}
