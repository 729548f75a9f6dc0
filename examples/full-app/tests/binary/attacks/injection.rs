//! Texts that would be more than texts: in rules, in statements, in log lines.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{PASSWORD, Stage, bearer, cookie, exchange, id_of, registration, request, told};
use crate::{
    ADMIN_EMAIL, ADMIN_PASSWORD, SECRET, admin, postgres_url,
    server::{LogIn, Server, run_with},
};

fn rule(subject: &str, object: &str, action: &str) -> Value {
    json!({ "subject": subject, "object": object, "action": action })
}

/// Every byte as a URL spells those that mean something in it.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + format!("%{byte:02x}").as_str())
}

async fn is_a_plain_user(stage: &Stage) -> bool {
    for path in ["/api/users", "/api/audit", "/api/policies", "/api/permissions"] {
        let answer = stage.send("GET", path, Some(&stage.ada), None).await;
        if told(&answer) != (403, "permission_denied") {
            return false;
        }
    }
    stage.is_in(&stage.ada).await
}

/// What is wrong as a field, or as a role that is given, with tildes between; `{ada}` and `{root}` are users.
const WRONG: [(&str, &str); 4] = [
    (
        "subject",
        "user, /api/*, *~user\np, user, /api/*, *~us\u{435}r~user ~*~user:~{ada},user~{ada}\n~{ada} x",
    ),
    (
        "object",
        "/x, *\np, user, /api/*~/api/(users|audit)~/api/.*~/api/user[s]~^/api/users$~/api/user?~\
         /api/\\users~/api*~/*/users~**~/api/users\0~/api/users\u{85}~/api/users\r\n~/api/{id}s",
    ),
    ("action", "read, *~read\np, user, /api/users, read~re*~read\0~read\u{9b}"),
    ("role", "{root}~{ada}~*~/api/*~admin,admin~admin, user~adm\u{456}n~admin\n~admin ~\u{ff41}dmin"),
];
/// What is taken, and means itself.
const LITERAL: [(&str, &str); 4] = [
    ("subject", "USER~User~users~user:*~user:%~user:{id}~user:{ada}~{ADA}~{ada}0"),
    (
        "object",
        "/x, /api/users~/x\", \"/api/users~/api/user.~/api/posts/../users~/api//users~/api/users/~/API/users~\
         /api/%75sers~/api/us\u{435}rs~/api/users\u{200b}~/api/\u{202e}users~ /api/users~\
         api/users~#/api/users",
    ),
    ("action", "READ~read, write~read\", \"write~re\u{430}d~read ~ read~r.ad"),
    ("role", "ADMIN~admins~admin.~Admin"),
];

#[tokio::test]
async fn a_rule_says_what_it_says_and_grants_nobody_else_anything() {
    let stage = Stage::new().await;
    let [ada, root] = [&stage.ada, &stage.root].map(|login| format!("user:{}", id_of(login)));
    let upper = ada.to_uppercase().replace("USER", "user");
    let mut expected = stage.list("/api/policies").await;
    for (wrong, (field, values)) in
        WRONG.map(|it| (true, it)).into_iter().chain(LITERAL.map(|it| (false, it)))
    {
        for value in values.split('~') {
            let value = value.replace("{ada}", &ada).replace("{ADA}", &upper).replace("{root}", &root);
            let rule = match field {
                "subject" => rule(&value, "/api/users", "read"),
                "object" => rule("user", &value, "read"),
                "action" => rule("user", "/api/users", &value),
                _ => rule("user", &value, ""),
            };
            let answer = stage.send("POST", "/api/policies", Some(&stage.root), Some(rule.clone())).await;
            if wrong {
                let blamed = if field == "role" { "object" } else { field };
                assert_eq!(told(&answer), (422, "validation_failed"), "{rule}");
                assert!(answer.body["errors"][blamed].is_array(), "{rule} {answer:?}");
            } else {
                assert_eq!(answer.status, 201, "{rule} {answer:?}");
                expected.push(rule.clone());
            }
            assert!(is_a_plain_user(&stage).await, "{rule}");
        }
    }
    let sorted = |mut rules: Vec<Value>| {
        rules.sort_by_key(Value::to_string);
        rules
    };
    let expected = sorted(expected);
    assert_eq!(sorted(stage.list("/api/policies").await), expected);

    // They come as they are through a file of lines and commas, and through a restart.
    for (arguments, printed) in [
        (&["policies", "export", "rules.csv"][..], ""),
        (&["policies", "import", "rules.csv", "--replace"], "0 rules added, 0 removed\n"),
    ] {
        let output = run_with(stage.folder.path(), &[], arguments);
        assert!(output.status.success() && output.stdout == printed.as_bytes(), "{output:?}");
    }
    let Stage { server, ada, folder, .. } = stage;
    assert!(server.stop().success());
    let server = Server::start(folder.path(), &[&admin()[..], &[("JWT_SECRET", SECRET)]].concat());
    let root = server.log_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let stage = Stage { server, root, ada, folder };
    assert_eq!(sorted(stage.list("/api/policies").await), expected);
    assert!(is_a_plain_user(&stage).await);
}

#[tokio::test]
async fn no_role_that_is_given_is_another_or_a_user() {
    let stage = Stage::new().await;
    let path = format!("/api/users/{}", id_of(&stage.ada));
    let change = |role: &str| stage.send("PATCH", &path, Some(&stage.root), Some(json!({ "role": role })));
    let root = format!("user:{}", id_of(&stage.root));
    for role in ["user:*", &root, "", "*", "admin ", "admin\n", "admin,user", "\u{430}dmin", "user\nadmin"] {
        let answer = change(role).await;
        assert_eq!(told(&answer), (422, "validation_failed"), "{role:?}");
        assert!(is_a_plain_user(&stage).await, "{role:?}");
    }
    // One that only looks like the administrators' has nothing, not even what a user has.
    for role in ["ADMIN", "admin.", "admins"] {
        assert_eq!(change(role).await.status, 200, "{role}");
        for path in ["/api/users", "/api/profile"] {
            let answer = stage.send("GET", path, Some(&stage.ada), None).await;
            assert_eq!(told(&answer), (403, "permission_denied"), "{role} {path}");
        }
    }
    assert_eq!(change("user").await.status, 200);
    assert!(is_a_plain_user(&stage).await);
}

const STATEMENTS: [&str; 14] = [
    "' OR '1'='1",
    "'OR'1'='1",
    "\" OR \"\"=\"",
    "'; DROP TABLE guardrail_users; --",
    "';DELETE/**/FROM/**/casbin_rule;--",
    "') UNION SELECT password_hash FROM guardrail_users --",
    "1;UPDATE guardrail_users SET role='admin'--",
    "\\'; SELECT pg_sleep(60); --",
    "'||(SELECT pg_sleep(60))||'",
    "x'; ATTACH DATABASE 'x.db' AS x; --",
    "$1 ?1 :name @name",
    "%' OR 1=1 /*",
    "admin'--",
    "a\0b",
];

/// A request, and the statuses that it may be answered with.
type Call<'a> = (String, Option<&'a LogIn>, Option<Value>, &'static [u16]);

/// A text in every field of every endpoint that takes one.
fn calls<'a>(stage: &'a Stage, text: &str, name: &str) -> Vec<Call<'a>> {
    let (ada, root) = (Some(&stage.ada), Some(&stage.root));
    let it = encoded(text);
    let cursor = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let register = |field: &str, value: &str| {
        let mut body = registration(&format!("{name}{field}"));
        body[field] = value.into();
        body
    };
    let token = json!({ "refresh_token": text });
    let post = json!({ "title": text, "body": text });
    let mut calls: Vec<Call<'a>> = Vec::new();
    for (line, caller, allowed) in [
        (format!("GET /api/policies?subject={it}&object={it}&action={it}"), root, &[200_u16][..]),
        (format!("GET /api/policies?cursor={}", cursor(rule("nobody", text, "read"))), root, &[200, 422]),
        (format!("GET /api/policies?cursor={it}"), root, &[422]),
        (format!("GET /api/policies?limit={it}"), root, &[422]),
        (format!("GET /api/users?cursor={}", cursor(json!(text))), root, &[200, 422]),
        (format!("GET /api/users?cursor={it}"), root, &[422]),
        (format!("GET /api/users?limit={it}"), root, &[422]),
        (format!("GET /api/audit?event={it}"), root, &[422]),
        (format!("GET /api/audit?user={it}"), root, &[200, 422]),
        (format!("GET /api/audit?cursor={}", cursor(json!(text))), root, &[422]),
        (format!("GET /api/audit?limit={it}"), root, &[422]),
        (format!("DELETE /api/policies?subject={it}&object={it}&action={it}"), root, &[422]),
        (format!("DELETE /api/policies?subject=nobody&object={it}&action={it}"), root, &[404, 422]),
        (format!("DELETE /api/users/{it}/sessions"), root, &[403, 404]),
        (format!("DELETE /api/sessions/{it}"), ada, &[403, 404]),
        (format!("GET /api/posts/{it}"), ada, &[403, 404]),
        (format!("DELETE /api/posts/{it}"), ada, &[403, 404]),
        (format!("POST /api/posts/{it}/hide"), ada, &[403]),
    ] {
        calls.push((line, caller, None, allowed));
    }
    for (line, caller, body, allowed) in [
        ("POST /api/auth", None, json!({ "email": text, "password": text }), &[401_u16][..]),
        ("POST /api/auth", None, json!({ "email": format!("{text}@example.com"), "password": text }), &[401]),
        ("POST /api/register", None, register("email", &format!("{text}@example.com")), &[201, 422]),
        ("POST /api/register", None, register("username", text), &[201, 422]),
        ("POST /api/register", None, register("first_name", text), &[201, 422]),
        ("POST /api/register", None, register("last_name", text), &[201, 422]),
        ("POST /api/register", None, register("password", text), &[201, 422]),
        ("POST /api/refresh", None, token.clone(), &[401]),
        ("POST /api/logout", None, token, &[401]),
        ("POST /api/password", ada, json!({ "current_password": text, "new_password": text }), &[422, 429]),
        ("POST /api/policies", root, rule(text, "/x", "read"), &[422]),
        ("POST /api/policies", root, rule(&format!("user:{text}"), "/x", "read"), &[201, 422]),
        ("POST /api/policies", root, rule("nobody", text, "read"), &[201, 422]),
        ("POST /api/policies", root, rule("nobody", "/x", text), &[201, 422]),
        ("POST /api/policies/batch", root, json!([rule("nobody", "/y", text)]), &[201, 422]),
        ("POST /api/permissions/check", root, rule(&format!("user:{text}"), text, text), &[200]),
        (&format!("PATCH /api/users/{}", id_of(&stage.ada)), root, json!({ "role": text }), &[422]),
        (&format!("PATCH /api/users/{it}"), root, json!({ "is_active": false }), &[403, 404]),
        (&format!("PUT /api/posts/{it}"), ada, post.clone(), &[403, 404]),
        ("POST /api/posts", ada, post, &[201]),
    ] {
        calls.push((line.to_owned(), caller, Some(body), allowed));
    }
    calls
}

async fn no_text_is_a_statement(variables: &[(&str, &str)]) {
    let stage = Stage::with(&[variables, &[("RECORD_CLIENT_IP", "true")]].concat()).await;
    let (users, rules) = (stage.list("/api/users").await, stage.list("/api/policies").await);
    let mut registered = 0;
    for (n, text) in STATEMENTS.into_iter().enumerate() {
        for (line, caller, body, allowed) in calls(&stage, text, &format!("x{n}")) {
            let (method, path) = line.split_once(' ').unwrap();
            let answer = stage.send(method, path, caller, body).await;
            assert!(allowed.contains(&answer.status), "{line}: {answer:?}");
            registered += usize::from(path == "/api/register" && answer.status == 201);
        }
        let headers =
            ["user-agent", "x-request-id", "referer", "x-forwarded-for", "cookie: user_fingerprint="]
                .map(|name| format!("{name}: {text}"));
        let body = json!({ "email": "ada@example.com", "password": PASSWORD }).to_string();
        let answers = exchange(&stage.server, &request("POST /api/auth HTTP/1.1", &headers, &body));
        assert_eq!(answers[0].status, if text.contains('\0') { 400 } else { 200 }, "{text}");
    }
    let (listed, written) = (stage.list("/api/users").await, stage.list("/api/policies").await);
    assert_eq!(listed.len(), users.len() + registered);
    assert!(users.iter().all(|user| listed.contains(user)), "{listed:?}");
    assert!(listed.iter().all(|user| users.contains(user) || user["role"] == "user"), "{listed:?}");
    assert!(rules.iter().all(|rule| written.contains(rule)), "{written:?}");
    // What was taken is kept literally.
    let is_one = |text: &Value| STATEMENTS.contains(&text.as_str().unwrap_or_default());
    let named =
        |user: &&Value| ["username", "first_name", "last_name"].iter().any(|field| is_one(&user[field]));
    assert_eq!(listed.iter().filter(named).count(), 3 * (STATEMENTS.len() - 1));
    let sessions = stage.send("GET", "/api/sessions", Some(&stage.ada), None).await;
    let agents = sessions.body["data"].as_array().unwrap().iter().filter(|it| is_one(&it["user_agent"]));
    assert_eq!(agents.count(), STATEMENTS.len() - 1);
    assert!(is_a_plain_user(&stage).await);
    assert!(stage.server.stop().success());
}

#[tokio::test]
async fn sqlite_no_text_is_a_statement() {
    no_text_is_a_statement(&[]).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run `cargo xtask test`"]
async fn postgres_no_text_is_a_statement() {
    let url = postgres_url().await;
    no_text_is_a_statement(&[("DATABASE_URL", &*url)]).await;
}

const PLANTED: &str = "2000-01-01T00:00:00.000000Z  INFO planted";

/// The log after attempts to write lines of one's own into it.
async fn log_after_planting(format: &str) -> String {
    let variables =
        [("LOG_FORMAT", format), ("RUST_LOG", "info,guardrail=debug"), ("RECORD_CLIENT_IP", "true")];
    let stage = Stage::with(&variables).await;
    let own = [bearer(&stage.ada), cookie(&stage.ada)];
    let texts = [
        "planted=1 level=ERROR {planted}",
        &format!("\n{PLANTED}"),
        &format!("\r\n{PLANTED}"),
        &format!("\u{2028}{PLANTED}\u{85}{PLANTED}"),
        "\u{1b}[2J\u{1b}[31mplanted\u{7}\u{8}\u{7f}",
        "\u{9b}31mplanted\u{202e}",
        "\",\"planted\":\"",
        "\\\",\"planted\":\"\\n",
        "\"}\n{\"timestamp\":\"2000-01-01T00:00:00.000000Z\",\"level\":\"INFO\",\"planted\":true}",
    ];
    for (n, text) in texts.into_iter().enumerate() {
        let it = encoded(text);
        for line in [
            format!("GET /nowhere/{text} HTTP/1.1"),
            format!("GET /nowhere/{it} HTTP/1.1"),
            format!("GET /api/users?{text} HTTP/1.1"),
            format!("POST /api/posts/{it}/hide HTTP/1.1"),
            format!("{text} /nowhere HTTP/1.1"),
        ] {
            let answers = exchange(&stage.server, &request(&line, &own, ""));
            assert!([400, 403, 404].contains(&answers[0].status), "{line:?} {answers:?}");
        }
        for name in ["user-agent", "x-request-id", "referer", "origin", "x-forwarded-for"] {
            let headers = [&own[..], &[format!("{name}: {text}")]].concat();
            let answers = exchange(&stage.server, &request("GET /api/users HTTP/1.1", &headers, ""));
            assert!([400, 403].contains(&answers[0].status), "{name} {text:?} {answers:?}");
        }
        for (line, caller, body, allowed) in calls(&stage, text, &format!("x{n}")) {
            let (method, path) = line.split_once(' ').unwrap();
            let answer = stage.send(method, path, caller, body).await;
            assert!(allowed.contains(&answer.status) || answer.status == 409, "{line}: {answer:?}");
        }
    }
    stage.server.terminate();
    stage.server.wait_for("stopped");
    let log = stage.server.log();
    // Some of it is there, as text within a line.
    assert!(log.contains("planted"), "{log}");
    let is_raw = |c: char| (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c);
    assert!(!log.contains(is_raw), "{log:?}");
    log
}

const LEVELS: [&str; 4] = ["ERROR", "WARN", "INFO", "DEBUG"];

#[tokio::test]
async fn no_line_of_a_text_log_is_forged() {
    for line in log_after_planting("text").await.lines() {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.len() == 27 && time.ends_with('Z') && !time.starts_with("2000"), "{line}");
        assert!(rest.split_whitespace().next().is_some_and(|level| LEVELS.contains(&level)), "{line}");
    }
}

#[tokio::test]
async fn no_line_of_a_json_log_is_forged() {
    for line in log_after_planting("json").await.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(!entry["timestamp"].as_str().unwrap().starts_with("2000"), "{line}");
        assert!(
            LEVELS.contains(&entry["level"].as_str().unwrap()) && entry.get("planted").is_none(),
            "{line}"
        );
    }
}
