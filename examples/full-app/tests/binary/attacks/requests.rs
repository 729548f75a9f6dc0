//! Requests that no client writes: lengths, targets and paths that two programs could read differently.

use serde_json::json;

use super::{PROFILE, Stage, bearer, cookie, cut_off, exchange, id_of, registration, request, sign_up, told};
use crate::server::Answer;

#[tokio::test]
async fn no_header_is_without_bounds_and_none_chooses_another_caller_or_route() {
    let stage = Stage::new().await;
    let own = [bearer(&stage.ada), cookie(&stage.ada)];
    let long = "a".repeat(70_000);
    for (headers, expected) in [
        ([format!("authorization: Bearer {long}"), own[1].clone()], (401, "token_invalid")),
        ([own[0].clone(), format!("cookie: user_fingerprint={long}")], (401, "session_ended")),
    ] {
        assert_eq!(told(&stage.ask(PROFILE, &headers)), expected);
    }
    let many: Vec<_> = (0..1_000).map(|n| format!("x-{n}: {n}")).collect();
    let huge = [format!("authorization: Bearer {}", "a".repeat(1_000_000))];
    for (line, headers, status) in [
        (PROFILE, [&own[..], &many].concat(), 431),
        (PROFILE, huge.to_vec(), 431),
        (&format!("GET /api/{long} HTTP/1.1"), own.to_vec(), 414),
    ] {
        // Whoever is refused before all is read may find nothing but a closed connection.
        let answers = exchange(&stage.server, &request(line, &headers, ""));
        assert!(answers.iter().map(told).eq([(status, "")]) || answers.is_empty(), "{answers:?}");
    }
    let others = "x-original-url: /api/users|x-rewrite-url: /api/users|x-forwarded-prefix: /api/users|\
        x-http-method-override: DELETE|x-forwarded-for: 127.0.0.1|x-forwarded-user: admin|x-role: admin";
    for header in others.split('|') {
        let headers = [&own[..], &[header.to_owned()]].concat();
        let answer = stage.ask(PROFILE, &headers);
        assert_eq!((answer.status, &answer.body["data"]["id"]), (200, &json!(id_of(&stage.ada))), "{header}");
        let answer = stage.ask("GET /api/users HTTP/1.1", &headers);
        assert_eq!(told(&answer), (403, "permission_denied"), "{header}");
    }
    stage.ada_is_in().await;
}

/// The server refuses the bytes, or the program what it makes of them.
const BYTES: (u16, &str) = (400, "");
const BODY: (u16, &str) = (400, "malformed");

/// Bodies with a hidden request: as it is, after an end of chunks, in a chunk.
const PLAIN: &str = "{hidden}";
const ENDED: &str = "0\r\n\r\n{hidden}";
const CHUNK: &str = "{size}\r\n{hidden}\r\n0\r\n\r\n";

/// Headers that say twice, or wrongly, how long a body is.
const LENGTHS: [(&str, &str, (u16, &str)); 20] = [
    ("content-length: {length}\r\ntransfer-encoding: chunked", ENDED, BODY),
    ("transfer-encoding: chunked\r\ncontent-length: 4", CHUNK, BODY),
    ("x: y\ntransfer-encoding: chunked\r\ncontent-length: {length}", ENDED, BODY),
    ("x: y\rtransfer-encoding: chunked\r\ncontent-length: {length}", ENDED, BYTES),
    ("content-length: 0\r\ncontent-length: {length}", PLAIN, BYTES),
    ("content-length: {length}\r\ncontent-length: 0", PLAIN, BYTES),
    ("content-length: {length}\r\ncontent-length: {length}", PLAIN, BODY),
    ("content-length: 0, {length}", PLAIN, BYTES),
    ("content-length: +0", PLAIN, BYTES),
    ("content-length: 0x0", PLAIN, BYTES),
    ("content-length:", PLAIN, BYTES),
    ("content-length: 99999999999999999999", PLAIN, BYTES),
    ("content-length : 0", PLAIN, BYTES),
    ("transfer-encoding: identity", ENDED, BYTES),
    ("transfer-encoding: \"chunked\"", ENDED, BYTES),
    ("transfer-encoding: chunked;q=1", ENDED, BYTES),
    ("transfer-encoding: chunked, identity", ENDED, BYTES),
    ("transfer-encoding: chunked\r\ntransfer-encoding: identity", ENDED, BYTES),
    ("transfer-encoding : chunked\r\ncontent-length: {length}", ENDED, BYTES),
    ("transfer-encoding:\r\n chunked\r\ncontent-length: {length}", ENDED, BYTES),
];

/// What is no chunk.
const CHUNKS: [&str; 10] = [
    "xyz\r\n",
    "-1\r\n\r\n",
    "+2\r\n{}\r\n0\r\n\r\n",
    "0x2\r\n{}\r\n0\r\n\r\n",
    " 2\r\n{}\r\n0\r\n\r\n",
    "2\n{}\n0\n\n",
    "2\r\n{}0\r\n\r\n",
    "2;a\n{}\r\n0\r\n\r\n",
    "10000000000000000\r\n",
    "2\r\n{}\r\n0\r\nx y\r\n\r\n",
];

/// Requests whose body nobody reads, or not to its end.
const UNREAD: [(&str, &str, (u16, &str)); 10] = [
    ("GET /api/health", "", (200, "")),
    ("GET /api/health", "connection: upgrade\r\nupgrade: h2c\r\n", (200, "")),
    ("GET /api/profile", "", (401, "token_missing")),
    ("POST /api/policies", "", (401, "token_missing")),
    ("POST /api/policies", "expect: 100-continue\r\n", (401, "token_missing")),
    ("POST /api/policies", "expect: nothing\r\n", (401, "token_missing")),
    ("POST /api/auth", "expect: 100-continue\r\n", BODY),
    ("POST /nowhere", "", (404, "not_found")),
    ("POST /api/profile", "", (405, "method_not_allowed")),
    ("CONNECT full-app:80", "", (404, "not_found")),
];

/// What is answered to a request in whose body a registration is hidden, and to one that follows.
fn smuggle(stage: &Stage, name: &str, line: &str, headers: &str, body: &str) -> Vec<Answer> {
    let registration = registration(name).to_string();
    let hidden = format!(
        "POST /api/register HTTP/1.1\r\nhost: full-app\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{registration}",
        registration.len()
    );
    let body = body.replace("{size}", &format!("{:x}", hidden.len())).replace("{hidden}", &hidden);
    let headers = headers.replace("{length}", &body.len().to_string());
    let bytes = format!(
        "{line} HTTP/1.1\r\nhost: full-app\r\ncontent-type: application/json\r\n{headers}\r\n\r\n{body}\
         GET /api/health HTTP/1.1\r\nhost: full-app\r\nconnection: close\r\n\r\n"
    );
    let mut answers = exchange(&stage.server, bytes.as_bytes());
    answers.retain(|answer| answer.status != 100);
    answers
}

#[tokio::test]
async fn a_request_that_is_hidden_in_another_is_not_executed() {
    let stage = Stage::new().await;
    // Otherwise the refusals below would say nothing.
    let executed = smuggle(&stage, "control", "GET /api/health", "x: y", PLAIN);
    assert!(executed.iter().map(|answer| answer.status).eq([200, 201, 200]), "{executed:?}");
    let auth = |(headers, body, told): (&str, &str, _)| {
        ("POST /api/auth", headers.to_owned(), body.to_owned(), told)
    };
    let lengths = LENGTHS.map(auth);
    let chunks = CHUNKS.map(|chunk| auth(("transfer-encoding: chunked", &format!("{chunk}{PLAIN}"), BODY)));
    let unread = UNREAD.map(|(line, headers, told)| {
        (line, format!("{headers}content-length: {{length}}"), PLAIN.to_owned(), told)
    });
    for (n, (line, headers, body, expected)) in lengths.into_iter().chain(chunks).chain(unread).enumerate() {
        let name = format!("hidden{n}");
        let answers = smuggle(&stage, &name, line, &headers, &body);
        let (first, rest) = answers.split_first().unwrap();
        assert_eq!(told(first), expected, "{line} {headers:?} {body:?}");
        assert!(rest.is_empty() || rest.iter().map(told).eq([(200, "")]), "{line} {headers:?}: {answers:?}");
        // Nobody has the name.
        sign_up(&stage.server, &name).await;
    }
    stage.ada_is_in().await;
}

#[tokio::test]
async fn a_request_that_is_cut_off_is_not_acted_on() {
    let stage = Stage::new().await;
    let body = registration("mallory").to_string();
    let head = "POST /api/register HTTP/1.1\r\nhost: full-app\r\ncontent-type: application/json\r\n";
    let (length, chunk) = (body.len(), format!("{:x}\r\n{body}\r\n", body.len()));
    for rest in [
        format!("content-length: {}\r\n\r\n{body}", length + 1),
        format!("content-length: {length}\r\n\r\n{}", &body[..length - 1]),
        format!("transfer-encoding: chunked\r\n\r\n{chunk}"),
        format!("transfer-encoding: chunked\r\n\r\n{chunk}0\r\n"),
        format!("content-length: {length}\r\n"),
        String::new(),
    ] {
        let answers = cut_off(&stage.server, format!("{head}{rest}").as_bytes());
        assert!(answers.is_empty() || answers.iter().map(told).eq([BODY]), "{rest}: {answers:?}");
    }
    sign_up(&stage.server, "mallory").await;
    stage.ada_is_in().await;
}

#[tokio::test]
async fn no_form_of_a_target_or_a_version_reaches_another_rule() {
    let stage = Stage::new().await;
    let own = [bearer(&stage.ada), cookie(&stage.ada)];
    for (line, expected) in [
        ("GET /api/users HTTP/1.1", (403, "permission_denied")),
        ("GET /api/users HTTP/1.0", (403, "permission_denied")),
        ("\r\nGET /api/users HTTP/1.1", (403, "permission_denied")),
        ("GET http://full-app/api/users HTTP/1.1", (403, "permission_denied")),
        ("GET https://admin:x@other.example/api/users HTTP/1.1", (403, "permission_denied")),
        ("GET http://full-app//api/users HTTP/1.1", (404, "not_found")),
        ("GET full-app:80 HTTP/1.1", (404, "not_found")),
        ("OPTIONS * HTTP/1.1", (404, "not_found")),
        ("CONNECT full-app:80 HTTP/1.1", (404, "not_found")),
        ("CONNECT /api/users HTTP/1.1", (405, "method_not_allowed")),
        ("get /api/users HTTP/1.1", (405, "method_not_allowed")),
        ("GET http:///api/users HTTP/1.1", BYTES),
        ("GET api/users HTTP/1.1", BYTES),
        ("GET  /api/users HTTP/1.1", BYTES),
        ("GET\t/api/users\tHTTP/1.1", BYTES),
        ("GET /api/users HTTP/1.1 HTTP/1.1", BYTES),
        ("GET /api/users HTTP/1.2", BYTES),
        ("GET /api/users", BYTES),
        ("PRI * HTTP/2.0", BYTES),
    ] {
        assert_eq!(told(&stage.ask(line, &own)), expected, "{line:?}");
    }
    stage.ada_is_in().await;
}

#[tokio::test]
async fn no_spelling_of_a_path_reaches_an_administrators_route() {
    let stage = Stage::new().await;
    let own = [bearer(&stage.ada), cookie(&stage.ada)];
    for route in ["users", "audit", "policies", "permissions"] {
        let ask = |path: &str| {
            let encoded = format!("%{:02x}{}", route.as_bytes()[0], &route[1..]);
            let path = path.replace("{r}", route).replace("{R}", &route.to_uppercase());
            stage.ask(format!("GET {} HTTP/1.1", path.replace("{e}", &encoded)), &own)
        };
        let there = stage.send("GET", &format!("/api/{route}"), Some(&stage.root), None).await;
        assert_eq!(there.status, 200, "{route}");
        for path in ["/api/{r}", "/api/{r}?x", "/api/{r}?", "/api/{r}#x", "/api/{r}?/../profile"] {
            assert_eq!(told(&ask(path)), (403, "permission_denied"), "{path}");
        }
        let others = "//api/{r} /api//{r} /api/{r}/ /API/{r} /api/{R} /api/{e} /api%2f{r} /api%2F{r} \
            /api/./{r} /./api/{r} /../api/{r} /api/posts/../{r} /api/profile/../{r} /api/..;/{r} /;/api/{r} \
            /api;/{r} /api/{r};x=1 /api/{r}%00 /api/{r}%20 /api/{r}%0a /api/{r}%23x /api/{r}%3fx /api/{r}. \
            /api/{r}.json /api/{r}* /api/%2e%2e/api/{r} /%2e%2e/api/{r} /api/posts/%2e%2e/{r} \
            /api/%252e%252e/api/{r} /api\\{r} /api/\\{r} /api/posts\\..\\{r} /api/%5c{r} /%c0%af/api/{r} \
            /api%c0%af{r} /api/posts/%c0%ae%c0%ae/{r} /api/%e0%80%af{r} /api/%u0075{r} /api/{r}% \
            /api/{r}%2 /api/{r}%zz /api/posts/{r} /api/* /api/{id} /api/\u{ff0f}{r}";
        for path in others.split(' ') {
            assert_eq!(told(&ask(path)), (404, "not_found"), "{path}");
        }
        // One segment of another route, whose value no object can have.
        for path in ["/api/posts/..%2f{r}", "/api/posts/%2e%2e%2f{r}", "/api/posts/..%5c{r}"] {
            assert_eq!(told(&ask(path)), (403, "permission_denied"), "{path}");
        }
        for path in ["/api/\t{r}", "/ api/{r}", "/api/{r}\0", "/api/{r}\u{7f}"] {
            assert_eq!(told(&ask(path)), (400, ""), "{path:?}");
        }
    }
    stage.ada_is_in().await;
}

#[tokio::test]
async fn a_value_of_a_path_does_not_become_another_object() {
    let stage = Stage::new().await;
    let post = json!({ "title": "t", "body": "b" });
    for _ in 0..2 {
        let answer = stage.send("POST", "/api/posts", Some(&stage.root), Some(post.clone())).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let subject = format!("user:{}", id_of(&stage.ada));
    let rule = json!({ "subject": subject, "object": "/api/posts/1", "action": "hide" });
    assert_eq!(stage.send("POST", "/api/policies", Some(&stage.root), Some(rule)).await.status, 201);
    let own = [bearer(&stage.ada), cookie(&stage.ada)];
    let hide = |value: &str| stage.ask(format!("POST /api/posts/{value}/hide HTTP/1.1"), &own);
    let values = "2 * {id} %7bid%7d .. . %2e%2e %2f.. 1%2f..%2f2 ..%2f1 1%2f %2f1 1%00 1%0a 1%20 1;2 1,2 01 \
        +1 1.0 1%5c.. 1%c2%85 %ff %e2%80%ae1 1%3f 1%23";
    for value in values.split(' ') {
        assert_eq!(told(&hide(value)), (403, "permission_denied"), "{value}");
    }
    let hidden = async || {
        let listed = stage.send("GET", "/api/posts", Some(&stage.ada), None).await.body["data"].clone();
        2 - listed.as_array().map_or(0, Vec::len)
    };
    assert_eq!(hidden().await, 0);
    // In another spelling it is the same value.
    assert_eq!(told(&hide("%31")), (200, ""));
    assert_eq!(hidden().await, 1);
    let gone = stage.send("GET", "/api/posts/1", Some(&stage.ada), None).await;
    assert_eq!(told(&gone), (404, "not_found"));
}
