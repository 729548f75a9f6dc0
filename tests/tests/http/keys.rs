//! Keys of every kind: what they sign, what others may know of them, and changing them without logging anyone out.

use std::time::Duration;

use guardrail::{SigningAlgorithm, SigningKey};
use guardrail_tests::{App, Forgery, Login, TestStore, claims_of};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation, crypto, decode, jwk::JwkSet};
use serde_json::Value;

const ED25519: &str = include_str!("../../../guardrail/src/token/testdata/ed25519.pem");
const P256: &str = include_str!("../../../guardrail/src/token/testdata/p256.pem");
const RSA: &str = include_str!("../../../guardrail/src/token/testdata/rsa2048.pem");
const RSA_PUBLIC: &str = include_str!("../../../guardrail/src/token/testdata/rsa2048_public.pem");

fn key(pem: &str) -> SigningKey {
    SigningKey::from_pem(pem).unwrap()
}

async fn signed_with(pem: &str) -> (App, Login) {
    let app = App::with_key(&TestStore::memory().await, key(pem), |builder| builder).await;
    let ada = app.register_and_log_in(1).await;
    (app, ada)
}

async fn published(app: &App) -> Value {
    app.get("/.well-known/jwks.json").send().await.expect(200).json()
}

#[tokio::test]
async fn a_key_of_each_kind_signs_and_what_is_published_verifies() {
    for (pem, algorithm) in [(ED25519, Algorithm::EdDSA), (P256, Algorithm::ES256), (RSA, Algorithm::RS256)] {
        let (app, ada) = signed_with(pem).await;
        app.get("/api/profile").by(&ada).send().await.expect(200);
        let ada = ada.after(&app.refresh(&ada).send().await.expect(200));
        app.get("/api/profile").by(&ada).send().await.expect(200);

        // As another service does, with nothing but the published keys.
        let header = jsonwebtoken::decode_header(&ada.token).unwrap();
        assert_eq!(header.alg, algorithm);
        let keys: JwkSet = serde_json::from_value(published(&app).await).unwrap();
        let jwk = keys.find(header.kid.as_ref().unwrap()).unwrap();
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&["guardrail"]);
        validation.set_issuer(&["guardrail"]);
        let claims =
            decode::<Value>(&ada.token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).unwrap().claims;
        assert_eq!(claims, claims_of(&ada.token));
    }
}

#[tokio::test]
async fn what_is_published_may_be_kept_and_holds_no_secret() {
    let store = TestStore::memory().await;
    let app = App::on(&store).await;
    assert_eq!(published(&app).await, serde_json::json!({ "keys": [] }), "a secret has no public half");

    let app = App::with_key(&store, key(RSA), |builder| {
        builder.previous_signing_key(key(P256)).previous_signing_key(key(ED25519))
    })
    .await;
    let reply = app.get("/.well-known/jwks.json").send().await.expect(200);
    assert_eq!(reply.header("cache-control"), "public, max-age=300");
    assert_eq!(reply.header("content-type"), "application/jwk-set+json");
    let keys = reply.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 3);
    for jwk in keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(jwk.get(private).is_none(), "{jwk}");
        }
    }
}

#[tokio::test]
async fn keys_change_without_logging_anyone_out() {
    let store = TestStore::memory().await;
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    let secret = || SigningKey::hs256("a secret of the tests, 32 bytes or more").unwrap();

    // From the secret to a key pair: the secret still verifies.
    let next = App::with_key(&store, key(ED25519), |builder| builder.previous_signing_key(secret())).await;
    next.get("/api/profile").by(&ada).send().await.expect(200);
    let renewed = ada.after(&next.refresh(&ada).send().await.expect(200));
    next.get("/api/profile").by(&renewed).send().await.expect(200);
    assert_eq!(Forgery::of(&renewed.token).header["alg"], "EdDSA");

    // Retired at run time: what it signed is refused on the next request.
    assert!(next.guard.retire_signing_key(secret().id()));
    next.get("/api/profile").by(&ada).send().await.problem(401, "token_invalid");
    next.get("/api/profile").by(&renewed).send().await.expect(200);
    assert!(!next.guard.retire_signing_key(key(ED25519).id()), "the one that signs stays");

    // A node that no longer has the secret refreshes what was signed since.
    let last = App::with_key(&store, key(ED25519), |builder| builder).await;
    last.get("/api/profile").by(&renewed).send().await.expect(200);
    let renewed = renewed.after(&last.refresh(&renewed).send().await.expect(200));
    last.get("/api/profile").by(&renewed).send().await.expect(200);
}

/// The classic confusion: what is published of an RSA or EC key, used as the secret of an HMAC.
#[tokio::test]
async fn a_public_key_is_no_secret() {
    let (app, ada) = signed_with(RSA).await;
    let forgery = Forgery::of(&ada.token).header("alg", "HS256");
    let der: String = RSA_PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
    let jwk = published(&app).await["keys"][0].to_string();
    for secret in [RSA_PUBLIC, RSA_PUBLIC.trim_end(), &der, &jwk] {
        let token = forgery.sign_with(secret.as_bytes());
        app.get("/api/profile").bearer(&token).cookie(&ada.cookie).send().await.problem(401, "token_invalid");
    }
    app.get("/api/profile").by(&ada).send().await.expect(200);
}

#[tokio::test]
async fn each_key_verifies_by_its_own_algorithm_alone() {
    let (app, ada) = signed_with(RSA).await;
    let forgery = Forgery::of(&ada.token);
    // The right key, by algorithms that it could be used with.
    for (name, algorithm) in
        [("RS384", Algorithm::RS384), ("RS512", Algorithm::RS512), ("PS256", Algorithm::PS256)]
    {
        let message = forgery.clone().header("alg", name).message();
        let signature =
            crypto::sign(message.as_bytes(), &EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap(), algorithm);
        let token = format!("{message}.{}", signature.unwrap());
        app.get("/api/profile").bearer(&token).cookie(&ada.cookie).send().await.problem(401, "token_invalid");
    }
    for alg in ["none", "HS256", "EdDSA", "ES256"] {
        let token = forgery.clone().header("alg", alg).unsigned();
        app.get("/api/profile").bearer(&token).cookie(&ada.cookie).send().await.problem(401, "token_invalid");
    }
    // An all-zero ECDSA signature holds under no key (CVE-2022-21449).
    let (app, ada) = signed_with(P256).await;
    let token =
        format!("{}.{}", Forgery::of(&ada.token).message(), guardrail_tests::segment(&"\0".repeat(64)));
    app.get("/api/profile").bearer(&token).cookie(&ada.cookie).send().await.problem(401, "token_invalid");
}

#[tokio::test]
async fn a_previous_key_signs_nothing() {
    let store = TestStore::memory().await;
    let app = App::with_key(&store, key(P256), |builder| builder.previous_signing_key(key(RSA))).await;
    let ada = app.register_and_log_in(1).await;
    assert_eq!(Forgery::of(&ada.token).header["kid"], key(P256).id().to_string());
    assert_eq!(key(P256).algorithm(), SigningAlgorithm::Es256);
    app.clock.advance(Duration::from_mins(31));
    app.get("/api/profile").by(&ada).send().await.problem(401, "token_expired");
    let ada = ada.after(&app.refresh(&ada).send().await.expect(200));
    assert_eq!(Forgery::of(&ada.token).header["alg"], "ES256");
}
