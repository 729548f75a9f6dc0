//! The server is killed at work, or its database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;
use xtask_postgres::{Purpose, programs};

use super::{Client, GRACE, PATIENCE, TIMEOUT, get, log_in, refresh, sign_up};
use crate::{
    SECRET, admin, folder, postgres_url,
    server::{LogIn, Server},
};

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

/// What is done meanwhile.
struct Load {
    acknowledged: Semaphore,
    is_over: AtomicBool,
}

impl Load {
    /// Waits until so many more are acknowledged.
    async fn goes_on(&self, server: &Server) {
        let enough = tokio::time::timeout(PATIENCE, self.acknowledged.acquire_many(100)).await;
        assert!(enough.is_ok(), "too little is acknowledged: {}", server.log());
        enough.unwrap().unwrap().forget();
    }
}

/// Logs in and refreshes until told to stop, over an outage; what was acknowledged. All else is 503.
async fn work_over_an_outage(client: Client, email: String, load: Arc<Load>) -> Vec<Vec<LogIn>> {
    let mut sessions: Vec<Vec<LogIn>> = Vec::new();
    while !load.is_over.load(Ordering::Relaxed) {
        // Few sessions, so that none has to give way to another.
        let current = sessions.last().filter(|tokens| tokens.len() < 200).and_then(|tokens| tokens.last());
        let (request, is_new) = current.map_or((log_in(&email), true), |last| (refresh(last), false));
        let answer = client.try_send(&request).await.unwrap();
        match (answer.status, is_new) {
            (200, true) => sessions.push(vec![LogIn::of(&answer)]),
            (200, false) => sessions.last_mut().unwrap().push(LogIn::of(&answer)),
            _ => {
                assert_eq!(answer.status, 503, "{}: {answer:?}", request.path);
                continue;
            }
        }
        load.acknowledged.add_permits(1);
    }
    sessions
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn postgres_killed_at_work_loses_nothing_and_lets_nobody_in() {
    const REMEMBERED: Duration = Duration::from_secs(5);
    // One of its own, since others use the one that there is.
    let mut database = xtask_postgres::Server::start(&programs().unwrap(), Purpose::Durability).unwrap();
    let url = database.url().to_owned();
    let folder = folder();
    let database_settings = [("DATABASE_URL", &*url), ("JWT_SECRET", SECRET), TIMEOUT, GRACE];
    let settings = [("SESSION_CACHE_TTL_SECONDS", "5"), ("RUST_LOG", "info,guardrail=debug")];
    let server = Server::start(folder.path(), &[&database_settings[..], &settings, &admin()].concat());
    // At that moment it forgets what it remembers.
    server.wait_for("changes of other nodes are heard of");
    let client = Client::of(&server);
    let mut users = sign_up(&server, 8).await;
    let (_, known) = users.pop().unwrap();
    let (ended_email, ended) = users.pop().unwrap();
    let body = serde_json::json!({ "refresh_token": ended.refresh_token });
    assert_eq!(server.send("POST", "/api/logout", None, Some(body)).await.status, 200);

    let load = Arc::new(Load { acknowledged: Semaphore::new(0), is_over: AtomicBool::new(false) });
    let work = |email: &String| work_over_an_outage(client.clone(), email.clone(), Arc::clone(&load));
    let working: Vec<_> = users.iter().map(|(email, _)| tokio::spawn(work(email))).collect();
    load.goes_on(&server).await;
    let read = Instant::now();
    client.send(&get("/api/profile", &known), 200).await;
    database.kill().unwrap();

    // What is remembered is served for its time, and then nobody; nothing comes back by itself.
    let known = get("/api/posts", &known);
    client.send(&known, 200).await;
    let refused_after = loop {
        let answer = client.try_send(&known).await.unwrap();
        if answer.status == 503 {
            break read.elapsed();
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(read.elapsed() < PATIENCE, "a session is believed for ever");
    };
    assert!(refused_after + Duration::from_secs(1) >= REMEMBERED, "forgotten early: {refused_after:?}");
    client.send(&known, 503).await;
    client.send(&log_in(&ended_email), 503).await;
    let answer = client.try_send(&get("/api/profile", &ended)).await.unwrap();
    assert!([401, 503].contains(&answer.status), "{answer:?}");

    database.start_again().unwrap();
    let back = Instant::now();
    while client.try_send(&log_in(&ended_email)).await.unwrap().status != 200 {
        assert!(back.elapsed() < PATIENCE, "it does not recover: {}", server.log());
    }
    println!("refused after {refused_after:?}, recovered after {:?}", back.elapsed());
    // More at once than there are connections: none was lost.
    let all = (0..4).flat_map(|_| users.iter().map(|(email, _)| log_in(email))).collect();
    client.send_all(all, 200, &known).await;

    load.goes_on(&server).await;
    load.is_over.store(true, Ordering::Relaxed);
    let mut sessions = Vec::new();
    for task in working {
        sessions.extend(task.await.unwrap());
    }
    for tokens in &sessions {
        goes_on(&client, tokens).await;
    }
    let refused = client.send(&get("/api/profile", &ended), 401).await;
    assert_eq!(refused.body["code"], "session_ended", "{refused:?}");
    assert!(server.stop().success());
}
