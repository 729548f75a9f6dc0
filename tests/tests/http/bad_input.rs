//! What clients send wrongly: its status, its problem, and that nothing is stored.

use guardrail_tests::{App, Contents, Login, TestStore};
use serde_json::{Value, json};

/// An application with a user and an administrator, and what it holds.
struct Fixture {
    app: App,
    ada: Login,
    admin: Login,
    before: Contents,
}

impl Fixture {
    async fn new() -> Self {
        let app = App::on(&TestStore::memory().await).await;
        let admin = app.log_in_as_admin().await;
        let ada = app.register_and_log_in(1).await;
        let before = app.contents().await;
        Self { app, ada, admin, before }
    }

    async fn nothing_is_stored(&self) {
        assert_eq!(self.app.contents().await, self.before);
    }
}

/// Every endpoint that reads a body, and whether it wants a caller.
const WITH_BODY: [(&str, &str, bool); 10] = [
    ("POST", "/api/auth", false),
    ("POST", "/api/register", false),
    ("POST", "/api/refresh", false),
    ("POST", "/api/logout", false),
    ("POST", "/api/password", true),
    ("POST", "/api/policies", true),
    ("DELETE", "/api/policies", true),
    ("POST", "/api/policies/batch", true),
    ("POST", "/api/permissions/check", true),
    ("PATCH", "/api/users/1", true),
];

/// Sends the body to every endpoint that reads one.
async fn everywhere(
    fixture: &Fixture,
    content_type: &str,
    body: &str,
    check: impl Fn(&guardrail_tests::Reply, &str),
) {
    for (method, path, called) in WITH_BODY {
        let call = fixture.app.call(method, path).text(content_type, body.to_owned());
        let call = if called { call.by(&fixture.admin) } else { call };
        check(&call.send().await, path);
    }
    fixture.nothing_is_stored().await;
}

#[tokio::test]
async fn a_body_that_is_no_json_is_malformed() {
    let fixture = Fixture::new().await;
    for body in ["", "{", "email=ada", "{\"email\":}", "{} {}", "[] []", "\u{feff}{}"] {
        everywhere(&fixture, "application/json", body, |reply, path| {
            if body == "{} {}" && path.ends_with("/batch") || body == "[] []" && !path.ends_with("/batch") {
                assert!(matches!(reply.status, 400 | 422), "{path}: {reply:?}");
            } else {
                reply.problem(400, "malformed");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_body_of_another_json_type_is_invalid() {
    let fixture = Fixture::new().await;
    for body in ["null", "7", "\"text\"", "true"] {
        everywhere(&fixture, "application/json", body, |reply, _| reply.invalid(&["body"])).await;
    }
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_refused() {
    let fixture = Fixture::new().await;
    for content_type in
        ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""]
    {
        everywhere(&fixture, content_type, "{\"email\":\"ada@example.com\"}", |reply, _| {
            reply.problem(415, "unsupported_media_type");
        })
        .await;
    }
}

#[tokio::test]
async fn a_body_of_a_mebibyte_is_too_large() {
    let fixture = Fixture::new().await;
    let body = json!({ "email": "x".repeat(1024 * 1024) }).to_string();
    everywhere(&fixture, "application/json", &body, |reply, path| {
        if path.ends_with("/batch") {
            // This one reads more, and finds that it is no array.
            reply.invalid(&["body"]);
        } else {
            reply.problem(413, "payload_too_large");
        }
    })
    .await;
}

#[tokio::test]
async fn missing_fields_are_all_named() {
    let Fixture { app, admin, ada, .. } = &Fixture::new().await;
    let empty = json!({});
    app.post("/api/auth").json(&empty).send().await.invalid(&["email", "password"]);
    app.post("/api/register").json(&empty).send().await.invalid(&["email", "password", "username"]);
    app.post("/api/refresh").json(&empty).send().await.invalid(&["refresh_token"]);
    app.post("/api/logout").json(&empty).send().await.invalid(&["refresh_token"]);
    app.post("/api/password")
        .by(ada)
        .json(&empty)
        .send()
        .await
        .invalid(&["current_password", "new_password"]);
    app.post("/api/policies").by(admin).json(&empty).send().await.invalid(&["action", "object", "subject"]);
    app.delete("/api/policies").by(admin).json(&empty).send().await.invalid(&["action", "object", "subject"]);
    app.post("/api/permissions/check")
        .by(admin)
        .json(&empty)
        .send()
        .await
        .invalid(&["action", "object", "subject"]);
    let path = format!("/api/users/{}", ada.user_id);
    app.patch(&path).by(admin).json(&empty).send().await.invalid(&["body"]);
    app.patch(&path).by(admin).json(&json!({ "unknown": 1 })).send().await.invalid(&["body"]);
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_named_and_its_value_not_repeated() {
    let fixture = Fixture::new().await;
    let Fixture { app, admin, ada, .. } = &fixture;
    for wrong in [json!(271_828), json!(["271828"]), json!({ "a": "271828" }), json!(true)] {
        let replies = [
            (app.post("/api/auth").json(&json!({ "email": wrong, "password": "x" })), "email"),
            (app.post("/api/auth").json(&json!({ "email": "x", "password": wrong })), "password"),
            (app.post("/api/register").json(&json!({ "username": wrong })), "username"),
            (app.post("/api/refresh").json(&json!({ "refresh_token": wrong })), "refresh_token"),
            (app.post("/api/logout").json(&json!({ "refresh_token": wrong })), "refresh_token"),
            (app.post("/api/policies").by(admin).json(&json!({ "object": wrong })), "object"),
            (
                app.patch(&format!("/api/users/{}", ada.user_id)).by(admin).json(&json!({ "role": wrong })),
                "role",
            ),
        ];
        for (call, field) in replies {
            let reply = call.send().await;
            reply.invalid(&[field]);
            assert!(!reply.body.contains("271828"), "{reply:?}");
        }
    }
    fixture.nothing_is_stored().await;
}

fn registration(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({ "email": "new@example.com", "username": "new", "password": "long enough" });
    change(&mut body);
    body
}

#[tokio::test]
async fn a_registration_with_wrong_fields_is_refused_by_field() {
    let fixture = Fixture::new().await;
    let long = "x".repeat(10_000);
    let long_email = format!("{long}@example.com");
    for (field, value) in [
        ("email", ""),
        ("email", "no-at.example.com"),
        ("email", "@nowhere.test"),
        ("email", "ada@"),
        ("email", "two@signs@example.com"),
        ("email", "a\u{0}b@example.com"),
        ("email", &long_email),
        ("password", ""),
        ("password", "seven 7"),
        ("password", &"x".repeat(73)),
        // 37 characters of two bytes.
        ("password", &"é".repeat(37)),
        ("password", "with\u{0}nul in it"),
        ("username", ""),
        ("username", "  "),
        ("username", "a\nb"),
        ("username", &long),
        ("first_name", &long),
        ("first_name", "a\u{0}b"),
        ("last_name", &long),
        ("last_name", "a\u{1b}[2Jb"),
    ] {
        let body = registration(|body| body[field] = value.into());
        let reply = fixture.app.post("/api/register").json(&body).send().await;
        reply.invalid(&[field]);
        assert!(value.len() < 8 || !reply.body.contains(value), "{reply:?}");
    }
    fixture.nothing_is_stored().await;
}

#[tokio::test]
async fn every_wrong_field_of_a_registration_is_named_at_once() {
    let app = Fixture::new().await.app;
    let body = json!({ "email": "x", "password": "x", "username": "", "first_name": "\u{0}" });
    let reply = app.post("/api/register").json(&body).send().await;
    reply.invalid(&["email", "first_name", "password", "username"]);
}

#[tokio::test]
async fn passwords_at_the_limits_are_accepted_and_told_apart() {
    let app = App::on(&TestStore::memory().await).await;
    for (number, password) in ["8 chars!".to_owned(), "x".repeat(72), "é".repeat(36)].iter().enumerate() {
        let email = format!("limit{number}@example.com");
        let body = json!({ "email": email, "username": format!("limit{number}"), "password": password });
        app.post("/api/register").json(&body).send().await.expect(201);
        app.log_in(&email, password).await;
        // What bcrypt alone would cut off counts.
        let longer = json!({ "email": email, "password": format!("{password}x") });
        app.post("/api/auth").json(&longer).send().await.problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn a_taken_email_or_username_is_a_conflict_in_any_letter_case() {
    let fixture = Fixture::new().await;
    for (field, value) in [
        ("email", "user1@example.com"),
        ("email", "USER1@Example.Com"),
        ("email", "  user1@example.com "),
        ("username", "user1"),
        ("username", "USER1"),
    ] {
        let body = registration(|body| body[field] = value.into());
        let reply = fixture.app.post("/api/register").json(&body).send().await;
        let problem = reply.problem(409, "conflict");
        assert!(problem["errors"][field].is_array(), "{problem}");
    }
    fixture.nothing_is_stored().await;
}

#[tokio::test]
async fn a_role_in_a_registration_changes_nothing() {
    let app = App::on(&TestStore::memory().await).await;
    let body = registration(|body| {
        body["role"] = "admin".into();
        body["is_active"] = false.into();
        body["id"] = "00000000-0000-0000-0000-000000000000".into();
    });
    let user = app.post("/api/register").json(&body).send().await.expect(201).json();
    assert_eq!(user["data"]["role"], "user");
    assert_eq!(user["data"]["is_active"], true);
    assert_ne!(user["data"]["id"], "00000000-0000-0000-0000-000000000000");
}

#[tokio::test]
async fn a_log_in_with_impossible_credentials_is_refused_like_any_other() {
    let fixture = Fixture::new().await;
    let long = "x".repeat(10_000);
    for (email, password) in [
        ("", ""),
        ("user1@example.com", ""),
        ("user1@example.com", &long),
        ("user1@example.com", "with\u{0}nul in it"),
        (&long, "long enough"),
        ("user1@example.com\u{0}", "the password of 1"),
    ] {
        let body = json!({ "email": email, "password": password });
        fixture.app.post("/api/auth").json(&body).send().await.problem(401, "invalid_credentials");
    }
    fixture.nothing_is_stored().await;
}

#[tokio::test]
async fn a_change_of_user_is_refused_by_field() {
    let fixture = Fixture::new().await;
    let Fixture { app, admin, ada, .. } = &fixture;
    let path = format!("/api/users/{}", ada.user_id);
    for role in ["", "two words", "user:1", "ü", &"r".repeat(65), "a\u{0}"] {
        app.patch(&path).by(admin).json(&json!({ "role": role })).send().await.invalid(&["role"]);
    }
    app.patch(&path).by(admin).json(&json!({ "is_active": "no" })).send().await.invalid(&["is_active"]);
    for unknown in ["00000000-0000-0000-0000-000000000000", "no-uuid", "%2e", "a%20b"] {
        let path = format!("/api/users/{unknown}");
        let reply = app.patch(&path).by(admin).json(&json!({ "role": "user" })).send().await;
        assert!(matches!(reply.status, 403 | 404), "{reply:?}");
    }
    fixture.nothing_is_stored().await;
}

#[tokio::test]
async fn paging_out_of_bounds_is_refused_by_field() {
    let Fixture { app, admin, .. } = &Fixture::new().await;
    for path in ["/api/users", "/api/policies"] {
        for limit in ["0", "501", "-1", "x", "", "99999999999999999999"] {
            app.get(&format!("{path}?limit={limit}")).by(admin).send().await.invalid(&["limit"]);
        }
        for cursor in ["x", "!", "bnVsbA=="] {
            app.get(&format!("{path}?cursor={cursor}")).by(admin).send().await.invalid(&["cursor"]);
        }
    }
}

#[tokio::test]
async fn an_unknown_route_and_a_wrong_method_are_problems() {
    let Fixture { app, ada, .. } = &Fixture::new().await;
    for path in ["/", "/api", "/api/", "/api/nowhere", "/api/auth/", "/api/profile/..", "/api//profile"] {
        app.get(path).by(ada).send().await.problem(404, "not_found");
    }
    for (method, path) in [
        ("GET", "/api/auth"),
        ("PUT", "/api/register"),
        ("POST", "/api/profile"),
        ("DELETE", "/api/refresh"),
        ("PUT", "/api/policies"),
        ("POST", "/api/users"),
        ("TRACE", "/api/health"),
        ("PURGE", "/api/health"),
    ] {
        let reply = app.call(method, path).by(ada).send().await;
        reply.problem(405, "method_not_allowed");
        assert!(!reply.header("allow").is_empty());
    }
}
