//! The server is told to stop.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::PATIENCE;
use crate::{
    admin, folder,
    server::{ADMIN_EMAIL, ADMIN_PASSWORD, LogIn, Server},
};

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
async fn sigterm_amid_a_thousand_requests_cuts_none() {
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
        for _ in 0..1_000 {
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
async fn who_takes_too_long_over_a_head_is_cut_off() {
    let folder = folder();
    let server = Server::start(folder.path(), &[&admin()[..], &[("REQUEST_TIMEOUT_SECONDS", "1")]].concat());
    let address = server.url("").strip_prefix("http://").unwrap().to_owned();
    let halves = ["", "GET /api/health HTTP/1.1\r\nhost: full-app\r\nx-slow: "];
    // Also after a request that was in time.
    let whole = "GET /api/health HTTP/1.1\r\nhost: full-app\r\n\r\n";
    for begun in [halves[0].to_owned(), halves[1].to_owned(), format!("{whole}{}", halves[1])] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(begun.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // To the end, which comes although nothing is asked for any more.
        let _ = stream.read_to_end(&mut answer);
        let answered = String::from_utf8(answer).unwrap().matches("HTTP/1.1 200").count();
        assert_eq!(answered, begun.matches("\r\n\r\n").count(), "{begun}");
    }
    assert!(server.stop().success());
}

#[tokio::test]
async fn who_takes_too_long_over_a_body_is_told_so() {
    let folder = folder();
    let server = Server::start(folder.path(), &[&admin()[..], &[("REQUEST_TIMEOUT_SECONDS", "2")]].concat());
    let address = server.url("").strip_prefix("http://").unwrap().to_owned();
    let mut stream = begin_log_in(&address, &json!({ "email": ADMIN_EMAIL }).to_string());
    stream.write_all(b"{").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\"malformed\""), "{answer}");
    assert!(server.stop().success());
}
