//! The server cannot write, or reach its data, for a while.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::{Client, GRACE, TIMEOUT, get, log_in, refresh, sign_up};
use crate::{
    SECRET, admin, folder, postgres_url,
    server::{LogIn, Server},
};

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

/// PostgreSQL ends a statement that nobody waits for any more. Held up for longer than the grace, it would replace a token
/// whose client comes too late then.
#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn postgres_a_refresh_held_up_by_a_lock_does_not_cost_its_client_the_session() {
    const GRACE_SECONDS: u64 = 7;
    let folder = folder();
    let url = postgres_url().await;
    let grace = GRACE_SECONDS.to_string();
    let database = [("DATABASE_URL", &*url), ("JWT_SECRET", SECRET), ("REFRESH_GRACE_SECONDS", &grace)];
    let server = Server::start(folder.path(), &[&database[..], &admin()].concat());
    let (_, device) = sign_up(&server, 1).await.pop().unwrap();

    let mut other = PgConnection::connect(&url).await.unwrap();
    // A lock of the table would hold up its preparation already, which changes nothing.
    let lock = "BEGIN; SELECT FROM guardrail_sessions FOR UPDATE";
    sqlx::raw_sql(lock).execute(&mut other).await.unwrap();
    let locked = Instant::now();
    let impatient = Client::of_patience(&server, Duration::from_millis(500));
    // The second one waits for the first one, and then for what that waits for.
    let again = refresh(&device);
    let (one, two) = tokio::join!(impatient.try_send(&again), impatient.try_send(&again));
    assert!(one.unwrap_err().is_timeout() && two.unwrap_err().is_timeout());
    tokio::time::sleep(Duration::from_secs(GRACE_SECONDS + 1).saturating_sub(locked.elapsed())).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();

    let client = Client::of(&server);
    let next = LogIn::of(&client.send(&refresh(&device), 200).await);
    client.send(&get("/api/profile", &next), 200).await;
    assert!(server.stop().success());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn sqlite_on_a_full_disk_refuses_changes_and_goes_on_reading() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let folder = folder();
    // The system tells a program by a signal too that its file has grown too large, and ends it unless that is
    // ignored.
    let ignoring = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    let variables = [&admin()[..], &[TIMEOUT, GRACE, ("SESSION_CACHE_TTL_SECONDS", "0")]].concat();
    let server = Server::start_by(&ignoring, folder.path(), &variables);
    let client = Client::of(&server);
    let users = sign_up(&server, 3).await;
    let known = get("/api/profile", &users[0].1);
    let room = |bytes| {
        let pid = Pid::from_raw(server.pid().cast_signed());
        prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    };
    let writing = || users.iter().flat_map(|(email, device)| [log_in(email), refresh(device)]).collect();

    // No file can be written beyond its first byte.
    room(Some(1));
    client.send_all(writing(), 503, &known).await;
    client.send(&known, 200).await;
    room(None);
    client.send_all(writing(), 200, &known).await;
    assert!(server.stop().success());
}
