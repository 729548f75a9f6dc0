//! `GET /metrics` of the running program: here for those who may read it, or for everyone on a listener of its own.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::{
    admin, folder,
    server::{ADMIN_EMAIL, ADMIN_PASSWORD, Server, run},
};

/// What both ways show of a program that has just started, and on which its administrator has logged in.
fn assert_shows_everything(text: &str) {
    for line in [
        "guardrail_log_ins_total{outcome=\"ok\"} 1",
        "guardrail_log_ins_total{outcome=\"refused\"} 1",
        "http_requests_total{method=\"POST\",route=\"/api/auth\",status=\"401\"} 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in {text}");
    }
    for name in ["database_pool_connections ", "database_pool_max_connections ", "guardrail_policy_rules "] {
        assert!(text.lines().any(|it| it.starts_with(name)), "{name} is not in {text}");
    }
    #[cfg(target_os = "linux")]
    assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
}

/// A log-in that is refused, and one that is not.
async fn log_in(server: &Server) -> crate::server::LogIn {
    let body = json!({ "email": ADMIN_EMAIL, "password": "another password" });
    assert_eq!(server.send("POST", "/api/auth", None, Some(body)).await.status, 401);
    server.log_in(ADMIN_EMAIL, ADMIN_PASSWORD).await
}

#[tokio::test]
async fn without_an_address_of_their_own_they_are_for_those_who_may_read_them() {
    let folder = folder();
    let server = Server::start(folder.path(), &admin());
    let root = log_in(&server).await;
    assert_eq!(server.send("GET", "/metrics", None, None).await.status, 401);
    let answer = server.send("GET", "/metrics", Some(&root), None).await;
    assert_eq!(answer.status, 200);
    assert_shows_everything(answer.body.as_str().unwrap());
    assert!(server.stop().success());
}

#[tokio::test]
async fn with_an_address_of_their_own_they_are_for_everyone_there_and_nowhere_else() {
    let folder = folder();
    let [email, password] = admin();
    let server = Server::start(folder.path(), &[email, password, ("METRICS_ADDRESS", "127.0.0.1:0")]);
    let root = log_in(&server).await;
    let answer = server.send("GET", "/metrics", Some(&root), None).await;
    assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")));

    let log = server.log();
    let (_, rest) = log.split_once("metrics are served to everyone on http://").unwrap();
    let (address, _) = rest.split_once("/metrics").unwrap();
    let get = async |path: &str| reqwest::get(format!("http://{address}{path}")).await.unwrap();
    let response = get("/metrics").await;
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let text = response.text().await.unwrap();
    assert_shows_everything(&text);
    assert!(!text.contains(ADMIN_EMAIL) && !text.contains(&root.token), "{text}");
    for path in ["/", "/api/health", "/api/users"] {
        assert_eq!(get(path).await.status(), 404, "{path}");
    }
    assert!(server.stop().success());
}

#[tokio::test]
async fn whoever_is_recognised_is_in_the_line_of_its_request() {
    let folder = folder();
    let [email, password] = admin();
    let server = Server::start(folder.path(), &[email, password, ("LOG_FORMAT", "json")]);
    let root = log_in(&server).await;
    let profile = server.send("GET", "/api/profile", Some(&root), None).await;
    server.terminate();
    server.wait_for("stopped");
    let log = server.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered = |path, status| {
        let is_it = |line: &&Value| {
            line["message"] == "answered" && line["status"] == status && line["spans"][0]["path"] == path
        };
        &lines.iter().find(is_it).unwrap()["spans"][0]
    };
    let span = answered("/api/profile", 200);
    assert_eq!((&span["name"], &span["method"]), (&json!("request"), &json!("GET")));
    assert_eq!(span["user"], profile.body["data"]["id"]);
    assert!(span["request_id"].is_string());
    // Whoever logs in is not recognised: it says who it is.
    assert!(answered("/api/auth", 200)["user"].is_null());
}

#[test]
fn an_address_that_is_taken_is_one_line() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let output = run(
        folder.path(),
        &[("SERVER_PORT", "0"), ("INSECURE_BCRYPT_COST", "4"), ("METRICS_ADDRESS", &address)],
    );
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    let line = told.trim_end();
    assert!(line.lines().count() == 1 && line.contains("METRICS_ADDRESS is taken"), "{told}");
}
