//! More comes than anybody would keep.
//!
//! `GUARDRAIL_FLOOD` is how many requests that is, in place of the 20,000 of an ordinary run.

use serde_json::json;

use super::{Client, PASSWORD, get, log_in};
use crate::{
    admin, folder,
    server::{ADMIN_EMAIL, ADMIN_PASSWORD, LogIn, Server, read},
};

/// How many tasks send.
const TASKS: usize = 32;
/// How much the memory may grow by whatever comes: what is bounded is small.
const ROOM: u64 = 64 * 1024;

fn requests() -> usize {
    std::env::var("GUARDRAIL_FLOOD").map_or(20_000, |requests| requests.parse().unwrap())
}

/// How much of the server is in memory, in KiB.
fn resident(server: &Server) -> u64 {
    let status = read(format!("/proc/{}/status", server.pid()).as_ref());
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_and_made_up_paths_take_no_memory() {
    let folder = folder();
    let server = Server::start(folder.path(), &admin());
    let root = server.log_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let client = Client::of(&server);
    let send = |first: usize, path: &'static str, status: u16| {
        let (client, root) = (client.clone(), root.clone());
        tokio::spawn(async move {
            let (signed, signature) = root.token.rsplit_once('.').unwrap();
            for n in (first..requests()).step_by(TASKS) {
                let forged = LogIn { token: format!("{signed}.{n:08}{}", &signature[8..]), ..root.clone() };
                client.send(&get(format!("{path}/{n}"), &forged), status).await;
            }
        })
    };
    let before = resident(&server);
    for (path, status) in [("/api/posts", 401), ("/nowhere", 404)] {
        for task in (0..TASKS).map(|first| send(first, path, status)).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let after = resident(&server);
        println!("{before} KiB before, {after} KiB after {} requests for {path}", requests());
        assert!(after.saturating_sub(before) < ROOM, "{before} KiB before, {after} KiB after");
    }
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_in_use_take_little_memory() {
    /// As many as a user may have.
    const OF_ONE_USER: usize = 100;
    let folder = folder();
    let server = Server::start(folder.path(), &admin());
    let sessions = requests() / 10;
    let before = resident(&server);
    let client = Client::of(&server);
    let sign_in = |first: usize| {
        let client = client.clone();
        tokio::spawn(async move {
            for user in (first..sessions.div_ceil(OF_ONE_USER)).step_by(TASKS) {
                let email = format!("user{user}@example.com");
                let body = json!({ "email": email, "password": PASSWORD, "username": format!("user{user}") });
                let mut registration = log_in(&email);
                (registration.path, registration.body) = ("/api/register".to_owned(), Some(body));
                client.send(&registration, 201).await;
                for _ in 0..OF_ONE_USER {
                    let device = LogIn::of(&client.send(&log_in(&email), 200).await);
                    client.send(&get("/api/posts", &device), 200).await;
                }
            }
        })
    };
    for task in (0..TASKS).map(sign_in).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let after = resident(&server);
    println!("{before} KiB before, {after} KiB after {sessions} sessions");
    assert!(after.saturating_sub(before) < ROOM, "{before} KiB before, {after} KiB after");
    assert!(server.stop().success());
}
