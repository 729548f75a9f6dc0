//! `full-app keys`, and a server that is started again after each step.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use serde_json::json;

use crate::{
    ADMIN_EMAIL, ADMIN_PASSWORD, admin, folder,
    server::{LogIn, Server, run_with},
};

const FILE: (&str, &str) = ("JWT_KEYS_FILE", "keys.pem");

fn keys(folder: &Path, arguments: &[&str]) -> Result<Vec<Vec<String>>, String> {
    let output = run_with(folder, &[FILE], &[&["keys"], arguments].concat());
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    Ok(String::from_utf8(output.stdout).unwrap().lines().map(words).collect())
}

async fn is_in(server: &Server, caller: &LogIn) -> bool {
    server.send("GET", "/api/profile", Some(caller), None).await.status == 200
}

async fn refresh(server: &Server, caller: &mut LogIn) {
    let body = json!({ "refresh_token": caller.refresh_token });
    let answer = server.send("POST", "/api/refresh", Some(caller), Some(body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["token"].as_str().unwrap().clone_into(&mut caller.token);
    answer.body["refresh_token"].as_str().unwrap().clone_into(&mut caller.refresh_token);
}

#[tokio::test]
async fn keys_change_from_start_to_start_and_nobody_is_logged_out() {
    let folder = folder();
    let folder = folder.path();
    let variables = admin();
    let with_keys = [&variables[..], &[FILE]].concat();

    // The secret that the first start made.
    let server = Server::start(folder, &variables);
    let mut root = server.log_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    server.stop();

    let first = keys(folder, &["add"]).unwrap();
    assert_eq!(first[0][1..], ["EdDSA", "signs"]);
    assert_eq!(fs::metadata(folder.join("keys.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    let server = Server::start(folder, &with_keys);
    assert!(is_in(&server, &root).await, "the kept secret still verifies");
    refresh(&server, &mut root).await;
    assert!(is_in(&server, &root).await);
    server.stop();

    let second = keys(folder, &["add", "--algorithm", "es256"]).unwrap();
    assert_eq!((&second[0], &second[1][1..]), (&first[0], &["ES256".to_owned(), "verifies".to_owned()][..]));
    let turned = keys(folder, &["use", &second[1][0]]).unwrap();
    assert_eq!((&turned[0][..2], &turned[0][2]), (&second[1][..2], &"signs".to_owned()));
    let server = Server::start(folder, &with_keys);
    assert!(is_in(&server, &root).await);
    refresh(&server, &mut root).await;
    let published = server.send("GET", "/.well-known/jwks.json", None, None).await.body;
    let published: Vec<_> = published["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(published, [&second[1][0], &first[0][0]]);
    server.stop();

    keys(folder, &["remove", &first[0][0]]).unwrap();
    assert_eq!(keys(folder, &["list"]).unwrap(), [turned[0].clone()]);
    let server = Server::start(folder, &with_keys);
    assert!(is_in(&server, &root).await);
    server.stop();
}

#[test]
fn what_cannot_be_done_with_keys_is_said() {
    let folder = folder();
    let folder = folder.path();
    let message = keys(folder, &["list"]).unwrap_err();
    assert!(message.starts_with("full-app: JWT_KEYS_FILE cannot be read"), "{message}");
    let kid = keys(folder, &["add"]).unwrap()[0][0].clone();
    let message = keys(folder, &["remove", &kid]).unwrap_err();
    assert!(message.contains("signs: let another one sign first"), "{message}");
    let message = keys(folder, &["use", "nonsense"]).unwrap_err();
    assert!(message.contains("`keys list`"), "{message}");
    let output = run_with(folder, &[], &["keys", "list"]);
    assert_eq!(output.status.code(), Some(2));

    let file = folder.join("keys.pem");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let message = keys(folder, &["list"]).unwrap_err();
    assert!(message.contains("chmod 600"), "{message}");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let blank = text.replace("\n-----END", "\n\n-----END");
    let short = format!("{}{text}", text.replacen("KEY-----", "KEY----", 1));
    let (cut, damaged) = (format!("{text}{}", &text[..60]), text.replace('M', "N"));
    for (content, says) in [
        ("", "holds no key"),
        ("hunter2", "whole PEM blocks"),
        (&blank, ""),
        (&short, ""),
        (&cut, "whole PEM blocks"),
        (&damaged, "no key that serves"),
    ] {
        fs::write(&file, content).unwrap();
        let output = run_with(folder, &[FILE], &[]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("JWT_KEYS_FILE") && message.contains(says), "{message}");
        assert!(!message.contains("hunter2") && !message.contains(text.lines().nth(1).unwrap()), "{message}");
    }
}
