//! The running program: both databases, restarts, wrong settings, signals, two nodes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // what a test cannot do fails it

mod attacks;
mod faults;
mod keys;
mod metrics;
mod nodes;
mod server;

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::server::{ADMIN_EMAIL, ADMIN_PASSWORD, Server, read, run};

const SECRET: &str = "a secret for tests, of 32 bytes or more";

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn admin() -> [(&'static str, &'static str); 2] {
    [("ADMIN_EMAIL", ADMIN_EMAIL), ("ADMIN_PASSWORD", ADMIN_PASSWORD)]
}

/// A schema of its own on the server that `GUARDRAIL_TEST_POSTGRES` names.
async fn postgres_url() -> String {
    let server = std::env::var("GUARDRAIL_TEST_POSTGRES").unwrap();
    let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
    let pool = sqlx::PgPool::connect(&server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&pool).await.unwrap();
    pool.close().await;
    format!("{server}?options[search_path]={schema}")
}

/// Registers, logs in, refreshes, changes rules, restarts: users, sessions and rules are as they were.
async fn everything_survives_a_restart(folder: &Path, variables: &[(&str, &str)]) {
    let server = Server::start(folder, variables);
    let registration = json!({ "email": "ada@example.com", "password": "correct horse", "username": "ada" });
    let answer = server.send("POST", "/api/register", None, Some(registration)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.body["data"]["id"].as_str().unwrap().to_owned();

    let mut ada = server.log_in("ada@example.com", "correct horse").await;
    let root = server.log_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let refused = server.send("GET", "/api/users", Some(&ada), None).await;
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("permission_denied")));
    for rule in [
        json!({ "subject": "admin", "object": "/api/admin/*", "action": "*" }),
        json!({ "subject": format!("user:{id}"), "object": "admin", "action": "" }),
    ] {
        let answer = server.send("POST", "/api/policies", Some(&root), Some(rule)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    assert_eq!(server.send("GET", "/api/users", Some(&ada), None).await.status, 200);
    assert!(server.stop().success());

    let server = Server::start(folder, variables);
    assert_eq!(server.send("GET", "/api/users", Some(&ada), None).await.status, 200);
    let body = json!({ "refresh_token": ada.refresh_token });
    let answer = server.send("POST", "/api/refresh", Some(&ada), Some(body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    ada.token = answer.body["token"].as_str().unwrap().to_owned();
    ada.refresh_token = answer.body["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(server.send("GET", "/api/profile", Some(&ada), None).await.body["data"]["id"], json!(id));

    let rule = format!("/api/policies?subject=user:{id}&object=admin&action=");
    assert_eq!(server.send("DELETE", &rule, Some(&root), None).await.status, 200);
    assert_eq!(server.send("GET", "/api/users", Some(&ada), None).await.status, 403);

    let body = json!({ "refresh_token": ada.refresh_token });
    assert_eq!(server.send("POST", "/api/logout", None, Some(body)).await.status, 200);
    let answer = server.send("GET", "/api/profile", Some(&ada), None).await;
    assert_eq!((answer.status, &answer.body["code"]), (401, &json!("session_ended")));

    let log = server.log();
    for secret in [ADMIN_PASSWORD, "correct horse", SECRET, &ada.token, &ada.refresh_token, &ada.cookie] {
        assert!(!log.contains(secret), "a secret is in the log: {log}");
    }
    assert!(server.stop().success());
}

#[tokio::test]
async fn sqlite_keeps_everything_over_a_restart() {
    everything_survives_a_restart(folder().path(), &admin()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn postgres_keeps_everything_over_a_restart() {
    let url = postgres_url().await;
    let [email, password] = admin();
    let variables = [email, password, ("DATABASE_URL", &*url), ("JWT_SECRET", SECRET)];
    everything_survives_a_restart(folder().path(), &variables).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn postgres_two_nodes_that_start_at_once_make_one_administrator() {
    let url = postgres_url().await;
    let variables = |password| {
        [
            ("ADMIN_EMAIL", ADMIN_EMAIL),
            ("ADMIN_PASSWORD", password),
            ("DATABASE_URL", &*url),
            ("JWT_SECRET", SECRET),
        ]
    };
    let (one, two) = (folder(), folder());
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| Server::start(one.path(), &variables("the first password")));
        let second = scope.spawn(|| Server::start(two.path(), &variables("the second password")));
        (first.join().unwrap(), second.join().unwrap())
    });
    let mut accepted = 0;
    for password in ["the first password", "the second password"] {
        let body = json!({ "email": ADMIN_EMAIL, "password": password });
        let answers = [
            first.send("POST", "/api/auth", None, Some(body.clone())).await.status,
            second.send("POST", "/api/auth", None, Some(body)).await.status,
        ];
        assert!(answers == [200, 200] || answers == [401, 401], "the nodes disagree: {answers:?}");
        accepted += usize::from(answers == [200, 200]);
    }
    assert_eq!(accepted, 1);
    let created =
        [&first, &second].iter().filter(|node| node.log().contains("administrator_created")).count();
    assert_eq!(created, 1, "{}\n{}", first.log(), second.log());
}

#[cfg(unix)]
#[tokio::test]
async fn without_settings_the_secret_and_the_password_are_in_files_of_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let mut private = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if [".db", ".db-wal", ".db-shm"].iter().any(|end| name.ends_with(end)) {
            continue;
        }
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        assert!(server.log().contains(&name), "the log does not name {name}: {}", server.log());
        private.push(entry.path());
    }
    assert_eq!(private.len(), 2, "{private:?}");
    // One of the files holds the password; its last word on a line of its own or after a label.
    let mut logged_in = 0;
    for path in &private {
        for word in read(path).split_whitespace() {
            assert!(
                !server.log().contains(word) || word.len() < 12 || word.contains('@'),
                "{word} is in the log"
            );
            let body = json!({ "email": ADMIN_EMAIL, "password": word });
            logged_in += usize::from(server.send("POST", "/api/auth", None, Some(body)).await.status == 200);
        }
    }
    assert_eq!(logged_in, 1);
    assert!(server.stop().success());
}

#[test]
fn a_wrong_setting_is_one_line_that_names_it_and_echoes_no_secret() {
    let folder = folder();
    let wrong = [
        ("SERVER_PORT", "eighty"),
        ("JWT_SECRET", "hunter2"),
        ("BCRYPT_COST", "9"),
        ("JWT_TTL_IN_MINUTES", "0"),
        ("DATABASE_URL", "mysql://root:hunter2@localhost/app"),
        ("COOKIE_SECURE", "perhaps"),
        ("FINGERPRINT_COOKIE_NAME", "a b"),
        ("LOG_FORMAT", "yaml"),
        ("ADMIN_EMAIL", "nobody"),
    ];
    for (name, value) in wrong {
        let output = run(folder.path(), &[(name, value)]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {told}");
        assert_eq!(told.trim_end().lines().count(), 1, "{name}: {told}");
        assert!(told.contains(name), "{name}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    let output = run(folder.path(), &[("DATABASE_URL", "postgres://localhost/app")]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && told.contains("JWT_SECRET"), "{told}");
}

#[test]
fn a_taken_port_is_one_line() {
    let folder = folder();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = run(folder.path(), &[("SERVER_PORT", &port), ("INSECURE_BCRYPT_COST", "4")]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains(&port), "{told}");
}
