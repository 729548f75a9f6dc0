//! Tokens that nobody here issued, or not for this.

use std::time::Duration;

use guardrail::SigningKey;
use guardrail_tests::{App, Forgery, Login, Logs, TestStore, segment};
use serde_json::json;

async fn app() -> (App, Login) {
    let app = App::on(&TestStore::memory().await).await;
    let ada = app.register_and_log_in(1).await;
    (app, ada)
}

/// Checks that each is refused as invalid, with its right cookie, and that the real one still holds.
async fn are_invalid(app: &App, ada: &Login, tokens: impl IntoIterator<Item = String>) {
    for token in tokens {
        let reply = app.get("/api/profile").bearer(&token).cookie(&ada.cookie).send().await;
        let told = reply.problem(401, "token_invalid");
        assert_eq!(told["detail"], "the token is not valid", "the cause is for the log: {token}");
    }
    app.get("/api/profile").by(ada).send().await.expect(200);
}

#[tokio::test]
async fn the_forger_makes_what_is_accepted() {
    // Otherwise the refusals below would say nothing.
    let (app, ada) = app().await;
    let copy = Forgery::of(&ada.token).sign();
    app.get("/api/profile").bearer(&copy).cookie(&ada.cookie).send().await.expect(200);
}

#[tokio::test]
async fn no_algorithm_but_the_keys_own_passes() {
    let (app, ada) = app().await;
    let forgery = Forgery::of(&ada.token);
    let tokens = ["none", "None", "nOnE", "NONE", "", "HS384", "HS512", "RS256", "ES256", "EdDSA", "hs256"]
        .into_iter()
        .flat_map(|alg| {
            let forgery = forgery.clone().header("alg", alg);
            [forgery.sign(), forgery.unsigned(), forgery.sign_with(b"")]
        });
    are_invalid(&app, &ada, tokens.chain([forgery.unsigned()])).await;
}

#[tokio::test]
async fn no_key_but_a_configured_one_passes() {
    let (app, ada) = app().await;
    let forgery = Forgery::of(&ada.token);
    let other = b"another secret, 32 bytes or more";
    let kid = SigningKey::hs256(other).unwrap().id().to_string();
    let kids = [
        kid.as_str(),
        "",
        "AAAAAAAAAAA",
        "../../../../dev/null",
        "/dev/null",
        "' OR 1=1 --",
        "http://127.0.0.1/",
    ];
    let with_kids = kids.map(|kid| forgery.clone().header("kid", kid)).into_iter();
    let signed =
        with_kids.flat_map(|forgery| [forgery.sign(), forgery.sign_with(other), forgery.sign_with(b"")]);
    are_invalid(&app, &ada, signed.chain([forgery.sign_with(other)])).await;

    let mut headless = forgery.clone();
    headless.header.as_object_mut().unwrap().remove("kid");
    are_invalid(&app, &ada, [headless.sign()]).await;
}

#[tokio::test]
async fn a_header_brings_no_key_and_no_extension() {
    let (app, ada) = app().await;
    let key = b"another secret, 32 bytes or more";
    let jwk = json!({ "kty": "oct", "k": segment("another secret, 32 bytes or more") });
    let tokens = [
        ("jwk", jwk),
        ("jku", json!("http://127.0.0.1/jwks")),
        ("x5u", json!("http://127.0.0.1/cert")),
        ("x5c", json!(["AAAA"])),
        ("crit", json!(["exp"])),
        ("crit", json!(["unknown"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
    ];
    let tokens = tokens.into_iter().flat_map(|(member, value)| {
        let forgery = Forgery::of(&ada.token).header(member, value);
        [forgery.sign(), forgery.sign_with(key)]
    });
    are_invalid(&app, &ada, tokens).await;
}

#[tokio::test]
async fn other_issuers_audiences_and_types_are_refused() {
    let (app, ada) = app().await;
    let forgery = || Forgery::of(&ada.token);
    let tokens = [
        forgery().claim("iss", "another"),
        forgery().claim("aud", "another"),
        forgery().claim("aud", json!(["guardrail", "another"])),
        forgery().header("typ", "JWT"),
        forgery().header("typ", "at+jwt"),
        forgery().claim("admin", true),
        forgery().claim("exp", "9999999999"),
        forgery().claim("exp", json!(1e300)),
        forgery().claim("sub", ""),
        forgery().claim("fgp", ""),
    ];
    are_invalid(&app, &ada, tokens.iter().map(Forgery::sign)).await;
}

#[tokio::test]
async fn an_application_refuses_anothers_token() {
    let (app, ada) = app().await;
    let other = App::with(&TestStore::memory().await, |builder| builder.audience("another")).await;
    let stranger = other.register_and_log_in(1).await;
    are_invalid(&app, &ada, [stranger.token]).await;
}

#[tokio::test]
async fn times_are_held_to() {
    let (app, ada) = app().await;
    are_invalid(&app, &ada, ["nbf", "iat"].map(|time| Forgery::of(&ada.token).shift(time, 31).sign())).await;
    let expired = Forgery::of(&ada.token).shift("exp", -30 * 60).sign();
    app.get("/api/profile").bearer(&expired).cookie(&ada.cookie).send().await.problem(401, "token_expired");
    app.clock.advance(Duration::from_mins(30));
    app.get("/api/profile").by(&ada).send().await.problem(401, "token_expired");
}

#[tokio::test]
async fn a_token_set_before_its_time_waits() {
    let (app, ada) = app().await;
    app.clock.step_back(Duration::from_secs(31));
    app.get("/api/profile").by(&ada).send().await.problem(401, "token_invalid");
    app.clock.advance(Duration::from_secs(1));
    app.get("/api/profile").by(&ada).send().await.expect(200);
}

#[tokio::test]
async fn every_spelling_but_the_issued_one_is_refused() {
    let (app, ada) = app().await;
    let token = &ada.token;
    let mut spellings = vec![
        format!("{token}."),
        format!(".{token}"),
        token.replacen('.', "..", 1),
        format!("{token}.{}", token.rsplit('.').next().unwrap()),
        format!("{token}="),
        format!("{token} "),
        format!(" {token}"),
        token.replacen('.', "=.", 1),
        token.replace('.', "%2E"),
        token.split('.').next().unwrap().to_owned(),
        String::new(),
        "..".to_owned(),
        ".".to_owned(),
        "null".to_owned(),
    ];
    // The last character of a 32-byte signature has two bits that say nothing: they too must be as issued.
    let last = token.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let others = alphabet.chars().filter(|&other| other != last);
    spellings.extend(others.map(|other| format!("{}{other}", &token[..token.len() - 1])));
    are_invalid(&app, &ada, spellings).await;
}

#[tokio::test]
async fn one_bit_off_is_refused() {
    let (app, ada) = app().await;
    let token = ada.token.as_bytes();
    let flipped = (0..token.len()).step_by(3).filter_map(|index| {
        let mut token = token.to_vec();
        token[index] ^= 1;
        String::from_utf8(token).ok()
    });
    are_invalid(&app, &ada, flipped).await;
}

#[tokio::test]
async fn a_token_of_another_session_or_user_is_refused() {
    let (app, ada) = app().await;
    let grace = app.register_and_log_in(2).await;
    let logs = Logs::capture();
    let forgery = || Forgery::of(&ada.token);
    for forged in [
        forgery().claim("sub", grace.user_id.as_str()),
        forgery().claim("sid", grace.family_id.to_string()),
        forgery().claim("sid", "00000000-0000-0000-0000-000000000000"),
        forgery().claim("fgp", guardrail_tests::claims_of(&grace.token)["fgp"].clone()),
    ] {
        logs.take();
        let reply = app.get("/api/profile").bearer(&forged.sign()).cookie(&ada.cookie).send().await;
        reply.problem(401, "session_ended");
        assert!(logs.take().contains("request_refused"));
    }
    app.get("/api/profile").by(&ada).send().await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token_and_the_reverse() {
    let (app, ada) = app().await;
    are_invalid(&app, &ada, [ada.refresh_token.clone()]).await;
    app.refresh_with(&ada, &ada.token).send().await.problem(401, "token_invalid");
    app.log_out(&ada.token).send().await.problem(401, "token_invalid");
    app.get("/api/profile").by(&ada).send().await.expect(200);
}

#[tokio::test]
async fn a_retired_keys_tokens_are_refused_on_the_next_request() {
    let store = TestStore::memory().await;
    let old = SigningKey::hs256("the key before, 32 bytes or more").unwrap();
    let app = App::with(&store, |builder| builder.previous_signing_key(old.clone())).await;
    let ada = app.register_and_log_in(1).await;
    let token = Forgery::of(&ada.token).header("kid", old.id().to_string());
    let token = token.sign_with(b"the key before, 32 bytes or more");
    app.get("/api/profile").bearer(&token).cookie(&ada.cookie).send().await.expect(200);
    assert!(app.guard.retire_signing_key(old.id()));
    are_invalid(&app, &ada, [token]).await;
}
