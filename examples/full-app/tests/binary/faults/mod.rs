//! Faults, with real processes: a server that is killed, told to stop or kept from its data, and a flood.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tokio::sync::Semaphore;

use crate::{
    SECRET, admin, folder, postgres_url,
    server::{ADMIN_EMAIL, ADMIN_PASSWORD, Answer, LogIn, Server},
};

/// After how long the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);
const PASSWORD: &str = "correct horse";
/// So that a parent is in its grace however slow the machine is.
const GRACE: (&str, &str) = ("REFRESH_GRACE_SECONDS", "60");
const TIMEOUT: (&str, &str) = ("REQUEST_TIMEOUT_SECONDS", "3");
/// How long a request may take: the time-out, and as much again for a machine that is busy with other tests.
const IN_TIME: Duration = Duration::from_secs(6);

/// A `POST` if it has a body, and a `GET` otherwise.
struct Request {
    path: String,
    caller: Option<LogIn>,
    body: Option<Value>,
}

fn log_in(email: &str) -> Request {
    let body = json!({ "email": email, "password": PASSWORD });
    Request { path: "/api/auth".to_owned(), caller: None, body: Some(body) }
}

fn refresh(caller: &LogIn) -> Request {
    let body = json!({ "refresh_token": caller.refresh_token });
    Request { path: "/api/refresh".to_owned(), caller: Some(caller.clone()), body: Some(body) }
}

fn get(path: impl Into<String>, caller: &LogIn) -> Request {
    Request { path: path.into(), caller: Some(caller.clone()), body: None }
}

/// A client whose server may die.
#[derive(Clone)]
struct Client {
    http: reqwest::Client,
    server: String,
}

impl Client {
    fn of(server: &Server) -> Self {
        let http = reqwest::Client::builder().timeout(IN_TIME).build().unwrap();
        Self { http, server: server.url("") }
    }

    /// The answer, if it comes whole.
    async fn try_send(&self, request: &Request) -> reqwest::Result<Answer> {
        let url = format!("{}{}", self.server, request.path);
        let mut sent = match &request.body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        if let Some(caller) = &request.caller {
            sent = sent.bearer_auth(&caller.token).header("cookie", &caller.cookie);
        }
        let response = sent.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers();
        assert!(status != 503 || headers.contains_key("retry-after"), "no Retry-After: {response:?}");
        let cookie = headers.get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, cookie, body })
    }

    async fn send(&self, request: &Request, status: u16) -> Answer {
        let answer = self.try_send(request).await.unwrap();
        assert_eq!(answer.status, status, "{}: {answer:?}", request.path);
        answer
    }

    /// Sends all at once: each is answered so. `other` is served all the while.
    async fn send_all(&self, requests: Vec<Request>, status: u16, other: &Request) {
        let one = |request: Request| {
            let client = self.clone();
            tokio::spawn(async move { client.send(&request, status).await })
        };
        let sent: Vec<_> = requests.into_iter().map(one).collect();
        while sent.iter().any(|task| !task.is_finished()) {
            self.send(other, 200).await;
        }
        for task in sent {
            task.await.unwrap();
        }
    }
}

/// Registers so many users, and logs each in; their addresses, and what they keep.
async fn sign_up(server: &Server, count: usize) -> Vec<(String, LogIn)> {
    let mut users = Vec::new();
    for n in 0..count {
        let email = format!("user{n}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "username": format!("user{n}") });
        assert_eq!(server.send("POST", "/api/register", None, Some(body)).await.status, 201);
        users.push((email.clone(), server.log_in(&email, PASSWORD).await));
    }
    users
}

/// Logs in and refreshes until the server is gone; what was acknowledged: sessions, and of each all its tokens.
async fn work(client: Client, email: String, acknowledged: Arc<Semaphore>) -> Vec<Vec<LogIn>> {
    let mut sessions = Vec::new();
    while let Ok(answer) = client.try_send(&log_in(&email)).await {
        acknowledged.add_permits(1);
        let mut tokens = vec![LogIn::of(&answer)];
        while tokens.len() < 5 {
            let Ok(answer) = client.try_send(&refresh(&tokens[tokens.len() - 1])).await else { break };
            acknowledged.add_permits(1);
            tokens.push(LogIn::of(&answer));
        }
        sessions.push(tokens);
    }
    sessions
}

/// A session goes on from its last acknowledged token, and no token of it works twice.
async fn goes_on(client: &Client, tokens: &[LogIn]) {
    let last = tokens.last().unwrap();
    client.send(&get("/api/profile", last), 200).await;
    // It may have been replaced without anybody's having been told: then it is the parent, in its grace.
    let next = LogIn::of(&client.send(&refresh(last), 200).await);
    let newest = LogIn::of(&client.send(&refresh(&next), 200).await);
    client.send(&get("/api/profile", &newest), 200).await;
    // Two generations before the last one, or the first one of a short life.
    let old = &tokens[tokens.len().saturating_sub(3)];
    for request in [refresh(old), get("/api/profile", &newest), refresh(&newest)] {
        let refused = client.send(&request, 401).await;
        assert_eq!(refused.body["code"], "session_ended", "{refused:?}");
    }
}

/// Kills a server at work, starts it again, and so on.
async fn what_was_acknowledged_outlives_a_kill(variables: &[(&str, &str)]) {
    let folder = folder();
    let variables = [variables, &[GRACE]].concat();
    let mut server = Server::start(folder.path(), &variables);
    let users = sign_up(&server, 8).await;
    for _ in 0..3 {
        let client = Client::of(&server);
        let acknowledged = Arc::new(Semaphore::new(0));
        let work = |email: &String| work(client.clone(), email.clone(), Arc::clone(&acknowledged));
        let working: Vec<_> = users.iter().map(|(email, _)| tokio::spawn(work(email))).collect();
        let enough = tokio::time::timeout(PATIENCE, acknowledged.acquire_many(100)).await;
        assert!(enough.is_ok(), "too little is acknowledged: {}", server.log());
        server.kill();
        let mut sessions = Vec::new();
        for task in working {
            sessions.extend(task.await.unwrap());
        }
        server = Server::start(folder.path(), &variables);
        let client = Client::of(&server);
        for tokens in &sessions {
            goes_on(&client, tokens).await;
        }
    }
    assert!(server.stop().success());
}

#[tokio::test]
async fn sqlite_what_was_acknowledged_outlives_a_kill() {
    what_was_acknowledged_outlives_a_kill(&admin()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn postgres_what_was_acknowledged_outlives_a_kill() {
    let url = postgres_url().await;
    let [email, password] = admin();
    let variables = [email, password, ("DATABASE_URL", &*url), ("JWT_SECRET", SECRET)];
    what_was_acknowledged_outlives_a_kill(&variables).await;
}

/// A log-in that the server is at: it has read the head, and asks for the body.
fn begin_log_in(address: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "POST /api/auth HTTP/1.1\r\nhost: full-app\r\nconnection: close\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Whether the server answers before it hangs up. A part of an answer fails the test.
fn is_answered(mut stream: TcpStream, text: &str) -> bool {
    let mut answer = Vec::new();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let outcome = stream.write_all(text.as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
    if let Err(error) = outcome {
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    }
    let answer = String::from_utf8(answer).unwrap();
    if let Some((head, body)) = answer.split_once("\r\n\r\n") {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        assert!(head.starts_with("HTTP/1.1 200 ") && length == Some(&*body.len().to_string()), "{answer}");
        return true;
    }
    assert!(answer.is_empty(), "cut within the head: {answer}");
    false
}

#[tokio::test]
async fn sigterm_amid_many_requests_cuts_none() {
    let folder = folder();
    let variables = [&admin()[..], &[("DRAIN_SECONDS", "10")]].concat();
    let mut server = Server::start(folder.path(), &variables);
    let address = server.url("").strip_prefix("http://").unwrap().to_owned();
    let LogIn { token, cookie, .. } = server.log_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let profile = format!(
        "GET /api/profile HTTP/1.1\r\nhost: full-app\r\nconnection: close\r\n\
         authorization: Bearer {token}\r\ncookie: {cookie}\r\n\r\n"
    );
    let body = json!({ "email": ADMIN_EMAIL, "password": ADMIN_PASSWORD }).to_string();
    let log_ins: Vec<_> = (0..5).map(|_| begin_log_in(&address, &body)).collect();
    let told = thread::scope(|scope| {
        // Within the scope: if this thread fails, the others end.
        let (answered, answers) = mpsc::channel();
        for _ in 0..200 {
            let (address, profile, answered) = (&address, &profile, answered.clone());
            scope.spawn(move || {
                // Without any answer, nothing of the request was read.
                while let Ok(stream) = TcpStream::connect(address) {
                    if !is_answered(stream, profile) || answered.send(()).is_err() {
                        return;
                    }
                }
            });
        }
        for _ in 0..400 {
            answers.recv_timeout(PATIENCE).unwrap();
        }
        let told = Instant::now();
        server.terminate();
        server.wait_for("no more connections are taken");
        told
    });
    for stream in log_ins {
        assert!(is_answered(stream, &body), "a log-in that was begun has no answer: {}", server.log());
    }
    assert!(server.ended().success());
    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
}

#[tokio::test]
async fn sqlite_that_another_writes_to_refuses_log_ins_for_the_time_being() {
    let folder = folder();
    let server = Server::start(folder.path(), &[&admin()[..], &[TIMEOUT, GRACE]].concat());
    let client = Client::of(&server);
    let users = sign_up(&server, 3).await;
    let known = get("/api/profile", &users[0].1);
    client.send(&known, 200).await;
    let url = format!("sqlite://{}", folder.path().join("guardrail.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let writing = || users.iter().flat_map(|(email, device)| [log_in(email), refresh(device)]).collect();
    client.send_all(writing(), 503, &known).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    client.send_all(writing(), 200, &known).await;
    assert!(server.stop().success());
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn postgres_with_its_sessions_locked_refuses_in_time_and_recovers() {
    let folder = folder();
    let url = postgres_url().await;
    let database = [("DATABASE_URL", &*url), ("JWT_SECRET", SECRET), TIMEOUT, GRACE];
    let settings = [("SESSION_CACHE_TTL_SECONDS", "600"), ("RUST_LOG", "info,guardrail=debug")];
    let variables = [&database[..], &settings, &admin()].concat();
    let server = Server::start(folder.path(), &variables);
    // At that moment it forgets what it remembers.
    server.wait_for("changes of other nodes are heard of");
    let client = Client::of(&server);
    let mut users = sign_up(&server, 11).await;
    let (_, known) = users.pop().unwrap();
    let (known, free) = (get("/api/profile", &known), get("/api/posts", &known));
    client.send(&known, 200).await;
    // The others' sessions are not remembered.
    let needing = |users: &[(String, LogIn)]| {
        let each =
            |(email, device): &(String, LogIn)| [log_in(email), refresh(device), get("/api/profile", device)];
        users.iter().flat_map(each).collect::<Vec<_>>()
    };
    let mut other = PgConnection::connect(&url).await.unwrap();
    let lock = "BEGIN; LOCK TABLE guardrail_sessions IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut other).await.unwrap();
    // Six requests, and ten connections.
    client.send_all(needing(&users[..2]), 503, &known).await;
    // More than there are connections: whoever is remembered, and needs none, is served all the same.
    client.send_all(needing(&users), 503, &free).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    client.send_all(needing(&users), 200, &known).await;
    assert!(server.stop().success());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn forged_tokens_and_made_up_paths_take_no_memory() {
    let folder = folder();
    let server = Server::start(folder.path(), &admin());
    let status = format!("/proc/{}/status", server.pid());
    let resident = || {
        let status = crate::server::read(status.as_ref());
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let root = server.log_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let client = Client::of(&server);
    let send = |first: usize| {
        let (client, root) = (client.clone(), root.clone());
        tokio::spawn(async move {
            let (signed, signature) = root.token.rsplit_once('.').unwrap();
            for n in (first..20_000).step_by(32) {
                let forged = LogIn { token: format!("{signed}.{n:08}{}", &signature[8..]), ..root.clone() };
                let (path, status) = if n % 2 == 0 { ("/api/posts", 401) } else { ("/nowhere", 404) };
                client.send(&get(format!("{path}/{n}"), &forged), status).await;
            }
        })
    };
    let before = resident();
    for task in (0..32).map(send).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let after = resident();
    println!("resident: {before} KiB before, {after} KiB after 20,000 requests");
    assert!(after.saturating_sub(before) < 64 * 1024, "{before} KiB before, {after} KiB after");
}
