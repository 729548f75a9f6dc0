//! What each endpoint answers when all is well: status, members, headers.

use guardrail_tests::{App, Login, Reply, TestStore, claims_of};
use serde_json::{Value, json};

const COOKIE: &str = "HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=2592000";

#[track_caller]
fn members(value: &Value, expected: &[&str]) {
    let members: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, expected, "{value}");
}

/// The attributes of the cookie that an answer sets, in the order that they are written.
#[track_caller]
fn cookie_attributes(reply: &Reply) -> &str {
    reply.header("set-cookie").split_once("; ").unwrap().1
}

#[track_caller]
fn is_guarded(reply: &Reply) {
    assert_eq!(reply.header("x-content-type-options"), "nosniff", "{reply:#?}");
    assert_eq!(reply.header("cache-control"), "no-store", "{reply:#?}");
}

const USER: [&str; 9] =
    ["created_at", "email", "first_name", "id", "is_active", "last_name", "role", "updated_at", "username"];

async fn app() -> App {
    App::on(&TestStore::memory().await).await
}

#[tokio::test]
async fn a_log_in_answers_tokens_and_sets_the_cookie() {
    let app = app().await;
    app.registration(1).send().await.expect(201);
    let body = json!({ "email": App::email(1), "password": App::password(1) });
    let reply = app.post("/api/auth").json(&body).send().await.expect(200);
    is_guarded(&reply);
    assert_eq!(reply.header("content-type"), "application/json");
    let body = reply.json();
    members(&body, &["exp", "family_id", "iat", "refresh_token", "token"]);
    assert_eq!(body["exp"].as_i64().unwrap() - body["iat"].as_i64().unwrap(), 30 * 60);
    assert_eq!(cookie_attributes(&reply), COOKIE);
    assert_eq!(reply.fingerprint().len(), 43);
    assert!(!reply.body.contains(&reply.fingerprint()), "the fingerprint is in the cookie only");
}

#[tokio::test]
async fn an_access_token_claims_what_it_should() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let claims = claims_of(&ada.token);
    members(&claims, &["aud", "exp", "fgp", "iat", "iss", "jti", "nbf", "role", "sid", "sub"]);
    assert_eq!(claims["sid"], ada.family_id.to_string());
    assert_eq!(claims["role"], "user");
    assert!(!claims.to_string().contains(&ada.cookie));
}

#[tokio::test]
async fn a_registration_answers_the_user() {
    let app = app().await;
    let body = json!({
        "email": " Ada@Example.COM ", "password": "long enough", "username": "Ada", "first_name": "Ada",
    });
    let reply = app.post("/api/register").json(&body).send().await.expect(201);
    is_guarded(&reply);
    assert!(!reply.headers.contains_key("set-cookie"));
    let body = reply.json();
    members(&body, &["data", "success"]);
    assert_eq!(body["success"], true);
    let user = &body["data"];
    members(user, &USER);
    assert_eq!(user["email"], "ada@example.com");
    assert_eq!(user["username"], "Ada");
    assert_eq!(user["first_name"], "Ada");
    assert_eq!(user["last_name"], Value::Null);
    assert_eq!(user["role"], "user");
    assert_eq!(user["is_active"], true);
}

#[tokio::test]
async fn the_profile_is_the_registered_user() {
    let app = app().await;
    let registered = app.registration(1).send().await.expect(201).json();
    let ada = app.log_in(&App::email(1), &App::password(1)).await;
    let reply = app.get("/api/profile").by(&ada).send().await.expect(200);
    is_guarded(&reply);
    assert_eq!(reply.json(), json!({ "data": registered["data"] }));
}

#[tokio::test]
async fn a_refresh_answers_tokens_and_the_same_cookie() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let reply = app.refresh(&ada).send().await.expect(200);
    is_guarded(&reply);
    members(&reply.json(), &["exp", "iat", "refresh_token", "token"]);
    assert_eq!(cookie_attributes(&reply), COOKIE);
    assert_eq!(reply.fingerprint(), ada.cookie);
    assert_ne!(ada.after(&reply).refresh_token, ada.refresh_token);
}

#[tokio::test]
async fn a_log_out_says_so_and_clears_the_cookie() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let reply = app.log_out(&ada.refresh_token).send().await.expect(200);
    is_guarded(&reply);
    assert_eq!(reply.json(), json!({ "message": "Logged out successfully" }));
    assert_eq!(reply.fingerprint(), "");
    assert_eq!(cookie_attributes(&reply), "HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0");
}

#[tokio::test]
async fn a_log_out_everywhere_says_so_and_clears_the_cookie() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let reply = app.post("/api/logout/all").by(&ada).send().await.expect(200);
    is_guarded(&reply);
    members(&reply.json(), &["message"]);
    assert_eq!(reply.fingerprint(), "");
}

#[tokio::test]
async fn sessions_are_listed_without_what_is_not_recorded() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let list = app.get("/api/sessions").by(&ada).send().await.expect(200).json();
    members(&list, &["data", "next_cursor"]);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let session = &list["data"][0];
    members(session, &["address", "created_at", "current", "expires_at", "id", "last_used_at", "user_agent"]);
    assert_eq!(session["id"], ada.family_id.to_string());
    assert_eq!(session["current"], true);
    assert_eq!((&session["address"], &session["user_agent"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_recorded_user_agent_is_shown() {
    let app = App::with(&TestStore::memory().await, |builder| builder.record_client(true)).await;
    app.registration(1).send().await.expect(201);
    let body = json!({ "email": App::email(1), "password": App::password(1) });
    let reply = app.post("/api/auth").header("user-agent", "Browser/1").json(&body).send().await.expect(200);
    let list = app.get("/api/sessions").by(&Login::from_reply(&reply)).send().await.expect(200).json();
    assert_eq!(list["data"][0]["user_agent"], "Browser/1");
}

#[tokio::test]
async fn a_change_of_password_answers_a_log_in() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    let body = json!({ "current_password": App::password(1), "new_password": "a new password" });
    let reply = app.post("/api/password").by(&ada).json(&body).send().await.expect(200);
    is_guarded(&reply);
    members(&reply.json(), &["exp", "family_id", "iat", "refresh_token", "token"]);
    assert_eq!(cookie_attributes(&reply), COOKIE);
    assert_ne!(reply.fingerprint(), ada.cookie);
}

#[tokio::test]
async fn a_policy_is_added_listed_and_removed() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let rule = json!({ "subject": "admin", "object": "/api/admin/*", "action": "*" });
    let reply = app.post("/api/policies").by(&admin).json(&rule).send().await.expect(201);
    is_guarded(&reply);
    let message = "Policy added: admin can * on /api/admin/* (by admin: admin@example.com)";
    assert_eq!(reply.json(), json!({ "success": true, "data": { "success": true, "message": message } }));
    app.post("/api/policies").by(&admin).json(&rule).send().await.problem(409, "conflict");

    let path = "/api/policies?subject=admin&object=/api/admin/*";
    let listed = app.get(path).by(&admin).send().await.expect(200).json();
    assert_eq!(listed, json!({ "data": [rule], "next_cursor": null }));

    let removal = "/api/policies?subject=admin&object=/api/admin/*&action=*";
    app.delete(removal).by(&admin).send().await.expect(200);
    app.delete("/api/policies").by(&admin).json(&rule).send().await.problem(404, "not_found");
    let listed = app.get(path).by(&admin).send().await.expect(200).json();
    assert_eq!(listed["data"], json!([]));
}

#[tokio::test]
async fn a_batch_answers_what_it_added() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let rule = |action: &str| json!({ "subject": "editor", "object": "/app/notes", "action": action });
    app.post("/api/policies").by(&admin).json(&rule("read")).send().await.expect(201);
    let batch = json!([rule("read"), rule("write")]);
    let reply = app.post("/api/policies/batch").by(&admin).json(&batch).send().await.expect(201);
    assert_eq!(reply.json()["data"], json!({ "added": 1, "existing": 1 }));
    assert_eq!(reply.json()["success"], true);
}

#[tokio::test]
async fn a_permission_check_answers_and_is_signed() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    for (action, allowed) in [("read", true), ("delete", false)] {
        let question = json!({ "subject": "user", "object": "/api/profile", "action": action });
        let reply = app.post("/api/permissions/check").by(&admin).json(&question).send().await.expect(200);
        is_guarded(&reply);
        assert_eq!(
            reply.json(),
            json!({
                "success": true,
                "message": "Permission check completed by admin: admin@example.com",
                "data": { "allowed": allowed, "subject": "user", "object": "/api/profile", "action": action },
            })
        );
    }
}

#[tokio::test]
async fn users_are_listed_in_pages() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    for number in 0..4 {
        app.registration(number).send().await.expect(201);
    }
    let mut emails = Vec::new();
    let mut path = "/api/users?limit=2".to_owned();
    for pages_left in (0..3).rev() {
        let page = app.get(&path).by(&admin).send().await.expect(200).json();
        members(&page, &["data", "next_cursor"]);
        for user in page["data"].as_array().unwrap() {
            members(user, &USER);
            emails.push(user["email"].as_str().unwrap().to_owned());
        }
        assert_eq!(page["next_cursor"].is_null(), pages_left == 0);
        path = format!("/api/users?limit=2&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
    }
    emails.sort();
    let mut expected: Vec<_> = (0..4).map(App::email).collect();
    expected.insert(0, "admin@example.com".to_owned());
    assert_eq!(emails, expected);
}

#[tokio::test]
async fn a_user_is_changed_and_shown() {
    let app = app().await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let path = format!("/api/users/{}", ada.user_id);
    let change = json!({ "role": "moderator", "is_active": false });
    let body = app.patch(&path).by(&admin).json(&change).send().await.expect(200).json();
    members(&body, &["data"]);
    members(&body["data"], &USER);
    assert_eq!((&body["data"]["role"], &body["data"]["is_active"]), (&json!("moderator"), &json!(false)));
}

#[tokio::test]
async fn health_is_told_to_everybody() {
    let app = app().await;
    let reply = app.get("/api/health").send().await.expect(200);
    is_guarded(&reply);
    assert_eq!(reply.body, "Healthy...");
    assert!(reply.header("content-type").starts_with("text/plain"));
    app.get("/api/health/ready").send().await.expect(200);
}

#[tokio::test]
async fn every_answer_forbids_guessing_its_type() {
    let app = app().await;
    let ada = app.register_and_log_in(1).await;
    for call in [
        app.get("/api/nowhere"),
        app.get("/nowhere"),
        app.get("/api/auth"),
        app.get("/api/profile"),
        app.get("/app/reports"),
        app.get("/app/reports").by(&ada),
        app.get("/app/misnamed/1").by(&ada),
    ] {
        let reply = call.send().await;
        assert!(reply.status >= 400);
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{reply:#?}");
    }
}

#[tokio::test]
async fn registration_can_be_closed() {
    let app = App::with(&TestStore::memory().await, |builder| builder.registration(false)).await;
    app.registration(1).send().await.problem(403, "registration_closed");
    assert_eq!(app.contents().await.users, []);
}

#[tokio::test]
async fn cookies_that_browsers_refuse_are_no_setting() {
    let refused = async |settings: fn(guardrail_tests::Builder) -> guardrail_tests::Builder| {
        let builder = guardrail::Guardrail::builder()
            .signing_key(guardrail::SigningKey::hs256("a secret of the tests, 32 bytes or more").unwrap())
            .store(guardrail::storage::MemoryStore::new())
            .password_hasher(guardrail::Bcrypt::with_insecure_cost(4));
        settings(builder).build().await.unwrap_err().to_string()
    };
    for message in [
        refused(|builder| builder.cookie_name("__Host-a").cookie_path("/app")).await,
        refused(|builder| builder.cookie_name("__Host-a").cookie_domain("example.com")).await,
        refused(|builder| builder.cookie_name("__Host-a").with_insecure_cookies()).await,
        refused(|builder| builder.cookie_name("__Secure-a").with_insecure_cookies()).await,
        refused(|builder| builder.cookie_name("a b")).await,
        refused(|builder| builder.cookie_name("a".repeat(4000))).await,
    ] {
        assert!(message.starts_with("cookie_name "), "{message}");
    }
}

#[tokio::test]
async fn the_cookie_is_as_it_is_set() {
    let app =
        App::with(&TestStore::memory().await, |builder| builder.cookie_name("__Host-fingerprint")).await;
    app.registration(1).send().await.expect(201);
    let body = json!({ "email": App::email(1), "password": App::password(1) });
    let reply = app.post("/api/auth").json(&body).send().await.expect(200);
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-fingerprint="), "{cookie}");
    let token = reply.json()["token"].as_str().unwrap().to_owned();
    app.get("/api/profile").bearer(&token).header("cookie", &cookie).send().await.expect(200);
}
