//! No secret is printed, logged or answered.

use guardrail::{
    Bcrypt, Guardrail, NewUser, PasswordHash, RefreshKey, SecretString, Sha256Digest, SigningKey,
    storage::{MemoryStore, UserAdmin as _},
};
use guardrail_tests::{App, Logs, TestStore};
use serde_json::json;

const SECRET: &str = "hunter2, and what a signing key needs besides it";

/// The secret itself, and each way that bytes are likely to be printed.
#[track_caller]
fn hides(printed: &str, secret: &str) {
    let hex = secret.bytes().fold(String::new(), |hex, byte| hex + format!("{byte:02x}").as_str());
    let list = format!("{:?}", secret.as_bytes());
    for form in [secret, &hex, list.trim_matches(['[', ']'])] {
        assert!(!printed.contains(form), "{form} is in {printed}");
    }
}

#[tokio::test]
async fn debug_prints_no_secret() {
    let signing = SigningKey::hs256(SECRET).unwrap();
    let refresh = RefreshKey::new(SECRET).unwrap();
    let hash = PasswordHash::from(SECRET.to_owned());
    let new = NewUser::new(
        "ada@example.com".parse().unwrap(),
        "ada".parse().unwrap(),
        "user".parse().unwrap(),
        hash.clone(),
    );
    let store = MemoryStore::new();
    let created = store.create(new.clone()).await.unwrap();
    let builder = Guardrail::builder()
        .signing_key(signing.clone())
        .previous_signing_key(signing.clone())
        .refresh_key(refresh.clone())
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .store(store.clone());
    let printed_builder = format!("{builder:?} {builder:#?}");
    let guard = builder.build().await.unwrap();
    for printed in [
        format!("{signing:?} {signing:#?}"),
        format!("{refresh:?} {refresh:#?}"),
        format!("{hash:?} {hash:#?}"),
        format!("{new:?} {created:?} {created:#?}"),
        format!("{store:?} {:?}", SecretString::from(SECRET.to_owned())),
        format!("{guard:?} {guard:#?} {:?}", guardrail::AuthLayer::new(guard.clone())),
        printed_builder,
    ] {
        hides(&printed, SECRET);
    }
}

#[test]
fn errors_about_secrets_do_not_repeat_them() {
    let short = SigningKey::hs256("hunter2").unwrap_err();
    hides(&format!("{short} {short:?}"), "hunter2");
    let short = RefreshKey::new("hunter2").unwrap_err();
    hides(&format!("{short} {short:?}"), "hunter2");
}

#[tokio::test]
async fn a_stored_session_holds_no_token() {
    let app = App::on(&TestStore::memory().await).await;
    let ada = app.register_and_log_in(1).await;
    let record = app.session(ada.family_id).await;
    let printed = format!("{record:?} {record:#?}");
    hides(&printed, &ada.refresh_token);
    hides(&printed, &ada.cookie);
    assert_eq!(record.fingerprint, Sha256Digest::of(ada.cookie.as_bytes()));
}

#[tokio::test]
async fn no_answer_shows_a_password_or_its_hash() {
    let app = App::on(&TestStore::memory().await).await;
    let admin = app.log_in_as_admin().await;
    let registered = app.registration(1).send().await.expect(201);
    let ada = app.log_in(&App::email(1), &App::password(1)).await;
    let profile = app.get("/api/profile").by(&ada).send().await.expect(200);
    let users = app.get("/api/users").by(&admin).send().await.expect(200);
    for reply in [registered, profile, users] {
        hides(&reply.body, &App::password(1));
        assert!(!reply.body.contains("$2") && !reply.body.contains("password"), "{reply:?}");
    }
}

#[tokio::test]
async fn the_whole_log_of_a_whole_flow_holds_no_secret() {
    for store in [TestStore::memory().await, TestStore::sqlite().await] {
        let logs = Logs::capture();
        let app = App::on(&store).await;
        let admin = app.log_in_as_admin().await;
        let ada = app.register_and_log_in(1).await;
        app.get("/api/profile").by(&ada).send().await.expect(200);
        let next = ada.after(&app.refresh(&ada).send().await.expect(200));
        // What goes wrong is logged the most.
        let typo = json!({ "email": App::password(1), "password": App::password(1) });
        app.post("/api/auth").json(&typo).send().await.problem(401, "invalid_credentials");
        let wrong = json!({ "email": App::email(1), "password": "a mistyped password" });
        app.post("/api/auth").json(&wrong).send().await.problem(401, "invalid_credentials");
        app.get("/api/profile")
            .bearer(&next.token)
            .cookie(&admin.cookie)
            .send()
            .await
            .problem(401, "session_ended");
        let change = json!({ "current_password": App::password(1), "new_password": "the password after" });
        let changed = app.post("/api/password").by(&next).json(&change).send().await.expect(200);
        let last = guardrail_tests::Login::from_reply(&changed);
        app.log_out(&last.refresh_token).send().await.expect(200);
        app.refresh(&last).send().await.problem(401, "session_ended");
        let log = logs.take();
        assert!(log.contains("log_in_refused") && log.contains("password_changed"), "{log}");
        for secret in [
            &App::password(1),
            "a mistyped password",
            "the password after",
            guardrail_tests::ADMIN_PASSWORD,
            &ada.token,
            &ada.refresh_token,
            &ada.cookie,
            &next.token,
            &next.refresh_token,
            &last.token,
            &last.refresh_token,
            &last.cookie,
            &admin.token,
            &admin.refresh_token,
            &admin.cookie,
            "$2b$",
        ] {
            hides(&log, secret);
        }
    }
}
