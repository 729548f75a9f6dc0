//! Faults, with real processes: a server that is killed, told to stop or kept from its data, and a flood.

mod cut_off;
#[cfg(target_os = "linux")]
mod flood;
mod killed;
mod set_back;
mod stopped;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use crate::server::{Answer, LogIn, Server};

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
    log: Arc<Mutex<String>>,
}

impl Client {
    fn of(server: &Server) -> Self {
        Self::of_patience(server, IN_TIME)
    }

    fn of_patience(server: &Server, patience: Duration) -> Self {
        let http = reqwest::Client::builder().timeout(patience).build().unwrap();
        Self { http, server: server.url(""), log: server.shared_log() }
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
        let log = || self.log.lock().unwrap().clone();
        assert_eq!(answer.status, status, "{}: {answer:?}\n{}", request.path, log());
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
