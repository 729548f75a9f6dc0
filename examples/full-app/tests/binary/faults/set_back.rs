//! The system's clock is set back while the server runs.
#![cfg(target_os = "linux")]

use std::{path::Path, process::Command};

use serde_json::json;

use super::{Client, get, log_in, refresh, sign_up};
use crate::{
    admin, folder,
    server::{LogIn, Server},
};

/// Stands before the system's own function: its time, moved by so many seconds as a file says.
const MOVED_CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*own)(clockid_t, struct timespec *);
    if (!own) own = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = own(clock, time);
    const char *path = getenv("MOVED_CLOCK");
    if (result == 0 && clock == CLOCK_REALTIME && path) {
        FILE *file = fopen(path, "r");
        long seconds;
        if (file) {
            if (fscanf(file, "%ld", &seconds) == 1) time->tv_sec += seconds;
            fclose(file);
        }
    }
    return result;
}
"#;

/// Compiles it, with the compiler that building needs anyway.
fn moved_clock(folder: &Path) -> String {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    std::fs::write(&source, MOVED_CLOCK).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl");
    assert!(compiler.status().unwrap().success());
    library.into_os_string().into_string().unwrap()
}

#[tokio::test]
async fn a_clock_set_back_an_hour_opens_nothing_and_logs_nobody_out() {
    let (folder, tools) = (folder(), folder());
    let library = moved_clock(tools.path());
    let offset = tools.path().join("offset");
    let set = |seconds: i64| std::fs::write(&offset, seconds.to_string()).unwrap();
    set(0);
    let clock = [("LD_PRELOAD", &*library), ("MOVED_CLOCK", offset.to_str().unwrap())];
    let server =
        Server::start(folder.path(), &[&admin()[..], &clock, &[("REFRESH_GRACE_SECONDS", "10")]].concat());
    let client = Client::of(&server);
    let users = sign_up(&server, 3).await;
    let [(_, at_work), (_, refreshed), (email, ended)] = &users[..] else { panic!("{users:?}") };
    // One has refreshed, so that there is a parent; one has logged out.
    let successor = LogIn::of(&client.send(&refresh(refreshed), 200).await);
    let body = json!({ "refresh_token": ended.refresh_token });
    assert_eq!(server.send("POST", "/api/logout", None, Some(body)).await.status, 200);

    set(-3600);
    let back_then = LogIn::of(&client.send(&log_in(email), 200).await);
    client.send(&get("/api/profile", &back_then), 200).await;
    // What is ended stays so.
    client.send(&get("/api/profile", ended), 401).await;
    let refused = client.send(&refresh(ended), 401).await;
    assert_eq!(refused.body["code"], "session_ended", "{refused:?}");
    // An access token of the hour that has not come yet is not believed; its session goes on by a refresh.
    let refused = client.send(&get("/api/profile", at_work), 401).await;
    assert_eq!(refused.body["code"], "token_invalid", "{refused:?}");
    let again = LogIn::of(&client.send(&refresh(at_work), 200).await);
    client.send(&get("/api/profile", &again), 200).await;
    // An hour lies between a parent and its replacement, in the other direction: no grace.
    let refused = client.send(&refresh(refreshed), 401).await;
    assert_eq!(refused.body["code"], "session_ended", "{refused:?}");
    client.send(&refresh(&successor), 401).await;

    // Set right again: nobody has to wait, and what was ended is not back.
    set(0);
    for device in [&back_then, &again] {
        let later = LogIn::of(&client.send(&refresh(device), 200).await);
        client.send(&get("/api/profile", &later), 200).await;
    }
    for ended in [ended, &successor] {
        let refused = client.send(&get("/api/profile", ended), 401).await;
        assert_eq!(refused.body["code"], "session_ended", "{refused:?}");
    }
    assert!(server.stop().success());
}
