//! Tokens that an attacker made, changed, or has from elsewhere.

use std::{io::ErrorKind, iter, net::TcpListener};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64URL},
};
use guardrail::SigningKey;
use guardrail_tests::{Forgery, claims_of};
use pem::{EncodeConfig, LineEnding, Pem, encode_config};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Stage, told};
use crate::{SECRET, server::LogIn};

const OPEN: (u16, &str) = (200, "");
const INVALID: (u16, &str) = (401, "token_invalid");
const OTHER: &[u8] = b"another secret, 32 bytes or more";

/// Ada's token, to be signed with the secret.
fn forgery(stage: &Stage) -> Forgery {
    let kid = SigningKey::hs256(SECRET).unwrap().id().to_string();
    Forgery::of(&stage.ada.token).header("alg", "HS256").header("kid", kid)
}

fn sign(forgery: &Forgery) -> String {
    forgery.sign_with(SECRET.as_bytes())
}

fn sign_texts(header: &str, claims: &str) -> String {
    guardrail_tests::sign_texts(header, claims, SECRET.as_bytes())
}

/// Whoever comes with one of these tokens and ada's right cookie is told so.
async fn each_is(stage: &Stage, expected: (u16, &str), tokens: impl IntoIterator<Item = String>) {
    for token in tokens {
        let caller = LogIn { token, ..stage.ada.clone() };
        let answer = stage.send("GET", "/api/profile", Some(&caller), None).await;
        assert_eq!(told(&answer), expected, "{}", caller.token);
    }
    stage.ada_is_in().await;
}

#[tokio::test]
async fn the_forgers_copy_of_a_token_passes() {
    // Otherwise the refusals below would say nothing.
    for stage in [Stage::new().await, Stage::with_keys().await] {
        let Forgery { header, claims } = forgery(&stage);
        let copies = [sign(&forgery(&stage)), sign_texts(&header.to_string(), &claims.to_string())];
        each_is(&stage, OPEN, copies).await;
    }
}

#[tokio::test]
async fn no_spelling_of_none_opens_anything() {
    let stage = Stage::new().await;
    let spelled = |capitals: u32| -> String {
        let is_capital = |place: u32| (capitals >> place) & 1 == 1;
        let letters = (0..).zip("none".chars());
        letters.map(|(place, it)| if is_capital(place) { it.to_ascii_uppercase() } else { it }).collect()
    };
    let spellings = (0..16).map(|capitals| Value::String(spelled(capitals)));
    let others = ["", "none ", " none", "none\0", "nonee", "n\u{43e}ne", "HS256\0none"].map(Value::from);
    let types = [Value::Null, json!(false), json!(0), json!([]), json!(["none"]), json!({ "none": true })];
    let tokens = spellings.chain(others).chain(types).flat_map(|alg| {
        let forgery = forgery(&stage).header("alg", alg);
        [forgery.unsigned(), forgery.message(), format!("{}.none", forgery.message()), sign(&forgery)]
    });
    each_is(&stage, INVALID, tokens).await;
    // Nor does the right algorithm without a signature.
    each_is(&stage, INVALID, [forgery(&stage).unsigned(), forgery(&stage).message()]).await;
}

/// A published key in the forms that a server could take for the secret of an HMAC.
fn forms(jwk: &Value) -> Vec<Vec<u8>> {
    let member = |name: &str| BASE64URL.decode(jwk[name].as_str().unwrap()).unwrap();
    // What DER has before the key itself (RFC 5280 §4.1.2.7); for RSA with the 3,072 bits of `keys add`.
    let (before, key) = match jwk["kty"].as_str().unwrap() {
        "OKP" => ("MCowBQYDK2VwAyEA", member("x")),
        "EC" => ("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", [member("x"), member("y")].concat()),
        _ => {
            ("MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEA", [member("n"), vec![2, 3], member("e")].concat())
        }
    };
    let der = STANDARD.decode(format!("{before}{}", STANDARD.encode(&key))).unwrap();
    let lines = EncodeConfig::new().set_line_ending(LineEnding::LF);
    let pem = encode_config(&Pem::new("PUBLIC KEY", der.clone()), lines);
    vec![der, key, pem.trim_end().into(), pem.into(), jwk.to_string().into()]
}

#[tokio::test]
async fn no_public_key_serves_as_a_secret_and_zeros_are_no_signature() {
    let stage = Stage::with_keys().await;
    let published = stage.send("GET", "/.well-known/jwks.json", None, None).await.body;
    let published = published["keys"].as_array().unwrap();
    assert_eq!(published.len(), 3);
    let mut tokens = Vec::new();
    for jwk in published {
        for alg in ["HS256", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519", "none"] {
            let forgery = forgery(&stage).header("kid", jwk["kid"].clone()).header("alg", alg);
            tokens.extend(forms(jwk).iter().map(|key| forgery.sign_with(key)));
            // CVE-2022-21449: r and s of zero are a signature of everything where nobody looks.
            let zeros = |count| format!("{}.{}", forgery.message(), BASE64URL.encode(vec![0_u8; count]));
            tokens.extend([0, 32, 64, 384].map(zeros));
        }
    }
    each_is(&stage, INVALID, tokens).await;
}

#[tokio::test]
async fn no_guessed_secret_and_no_part_of_a_signature_passes() {
    let stage = Stage::new().await;
    let encoded = STANDARD.encode(SECRET);
    let guesses = ["", " ", "secret", "password", "guardrail", "full-app", "your-256-bit-secret", &encoded];
    let guesses = guesses.map(|guess| guess.as_bytes().to_vec());
    let others = [OTHER.to_vec(), vec![0; 32], SECRET.to_uppercase().into(), format!("{SECRET}\n").into()];
    let signed = guesses.into_iter().chain(others).map(|secret| forgery(&stage).sign_with(&secret));
    let (message, signature) = stage.ada.token.rsplit_once('.').unwrap();
    let parts = [0, 1, 2, 22, 42].map(|length| format!("{message}.{}", &signature[..length]));
    let longer = [format!("{message}.{signature}AA"), format!("{message}.{signature}{signature}")];
    each_is(&stage, INVALID, signed.chain(parts).chain(longer)).await;
}

#[tokio::test]
async fn a_kid_is_the_name_of_a_key_and_no_path_statement_or_command() {
    let stage = Stage::new().await;
    let real = forgery(&stage).header["kid"].as_str().unwrap().to_owned();
    let (padded, longer) = (format!("{real}="), format!("{real}\0"));
    // Each with the secret that it would come to.
    let cases = [
        ("../../../../../../dev/null", ""),
        ("/dev/null", ""),
        ("file:///dev/null", ""),
        ("%2fdev%2fnull", ""),
        ("/proc/sys/kernel/randomize_va_space", "2\n"),
        ("' OR '1'='1", ""),
        ("x' UNION SELECT 'key' --", "key"),
        ("'; DROP TABLE guardrail_sessions; --", SECRET),
        ("| echo key", "key\n"),
        ("$(echo key)", "key"),
        ("", SECRET),
        (&padded, SECRET),
        (&longer, SECRET),
    ];
    let named = cases.map(|(kid, secret)| forgery(&stage).header("kid", kid).sign_with(secret.as_bytes()));
    let types = [Value::Null, json!(0), json!(true), json!([real]), json!({ "kid": real })];
    let of_types = types.map(|kid| sign(&forgery(&stage).header("kid", kid)));
    let mut nameless = forgery(&stage);
    nameless.header.as_object_mut().unwrap().remove("kid");
    each_is(&stage, INVALID, named.into_iter().chain(of_types).chain([sign(&nameless)])).await;
}

#[tokio::test]
async fn what_else_a_header_brings_is_neither_used_nor_fetched_however_it_is_signed() {
    let stage = Stage::with_keys().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = json!(format!("http://{}/keys.json", listener.local_addr().unwrap()));
    let own = Ed25519KeyPair::generate().unwrap();
    let x = BASE64URL.encode(own.public_key());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA", "kid": "own" });
    let secret = json!({ "kty": "oct", "k": BASE64URL.encode(OTHER), "alg": "HS256", "kid": "own" });
    let sign_with_own = |kid: &Value, forgery: &Forgery| {
        let message = forgery.clone().header("alg", "EdDSA").header("kid", kid.clone()).message();
        let signature = BASE64URL.encode(own.sign(message.as_bytes()));
        format!("{message}.{signature}")
    };
    let kids = [Forgery::of(&stage.ada.token).header["kid"].clone(), json!("own")];
    let mut tokens: Vec<_> = kids.iter().map(|kid| sign_with_own(kid, &forgery(&stage))).collect();
    for (member, value) in [
        ("jwk", jwk.clone()),
        ("jwk", secret),
        ("jwks", json!({ "keys": [jwk] })),
        ("jku", url.clone()),
        ("x5u", url),
        ("x5c", json!([STANDARD.encode(own.public_key())])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("typ", json!("at+jwt")),
        ("typ", json!("GUARDRAIL-AT+JWT")),
    ] {
        let forgery = forgery(&stage).header(member, value);
        tokens.extend([sign(&forgery), forgery.sign_with(OTHER)]);
        tokens.extend(kids.iter().map(|kid| sign_with_own(kid, &forgery)));
    }
    each_is(&stage, INVALID, tokens).await;
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "a key was asked for");
}

#[tokio::test]
async fn no_other_spelling_of_a_token_passes() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let stage = Stage::new().await;
    // One whose signature the standard alphabet spells otherwise.
    let mut copies = iter::repeat_with(|| sign(&forgery(&stage).claim("jti", Uuid::now_v7().to_string())));
    let token = copies.find(|copy| copy.rsplit('.').next().unwrap().contains(['-', '_'])).unwrap();
    each_is(&stage, OPEN, [token.clone()]).await;
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let standard = signature.replace('-', "+").replace('_', "/");
    let mut spellings = vec![
        format!("{message}.{standard}"),
        format!("{message}.{standard}="),
        format!("{token}="),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}. {signature}"),
        format!("{header}\t.{claims}.{signature}"),
        format!("{message}.{} {}", &signature[..20], &signature[20..]),
        format!("{token}."),
        format!(".{token}"),
        format!("{header}..{claims}.{signature}"),
        format!("{token}.{signature}"),
        token.replace('.', "%2E"),
        json!({ "protected": header, "payload": claims, "signature": signature }).to_string(),
    ];
    // Two bits of a signature's last character say nothing.
    let last = ALPHABET.find(token.chars().last().unwrap()).unwrap();
    let others = (1..4).map(|bits| char::from(ALPHABET.as_bytes()[last ^ bits]));
    spellings.extend(others.map(|other| format!("{}{other}", &token[..token.len() - 1])));
    each_is(&stage, INVALID, spellings).await;
}

/// An object with a member more: before the others and after them, and under a name that is escaped.
fn with_another(object: &Value, member: &str, value: &Value) -> Vec<String> {
    let text = object.to_string();
    let members = &text[1..text.len() - 1];
    let escaped = format!("\\u{:04x}{}", member.as_bytes()[0], &member[1..]);
    let more = [member, &escaped].map(|name| format!("\"{name}\":{value}"));
    more.iter().flat_map(|more| [format!("{{{more},{members}}}"), format!("{{{members},{more}}}")]).collect()
}

#[tokio::test]
async fn a_member_that_comes_twice_makes_no_token() {
    let stage = Stage::new().await;
    let (Forgery { header, claims }, root) = (forgery(&stage), claims_of(&stage.root.token));
    let mut tokens = Vec::new();
    for (member, other) in [("alg", "none"), ("kid", "own"), ("typ", "JWT")] {
        let headers = [&header[member], &json!(other)].map(|value| with_another(&header, member, value));
        tokens.extend(headers.iter().flatten().map(|header| sign_texts(header, &claims.to_string())));
    }
    for member in ["iss", "aud", "sub", "sid", "fgp", "iat", "nbf", "exp", "jti", "role"] {
        let both = [&claims[member], &root[member]].map(|value| with_another(&claims, member, value));
        tokens.extend(both.iter().flatten().map(|claims| sign_texts(&header.to_string(), claims)));
    }
    each_is(&stage, INVALID, tokens).await;
}

#[tokio::test]
async fn what_is_too_long_or_too_deep_is_no_token() {
    let stage = Stage::new().await;
    let (header, claims) = (forgery(&stage).header.to_string(), forgery(&stage).claims.to_string());
    let nested = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let mut tokens = Vec::new();
    for value in ["1e999", &nested] {
        let more = |text: &str| text.replacen('{', &format!("{{\"more\":{value},"), 1);
        let role = claims.replacen("\"user\"", value, 1);
        for (header, claims) in [(&more(&header), &claims), (&header, &more(&claims)), (&header, &role)] {
            tokens.push(sign_texts(header, claims));
        }
    }
    tokens.extend([4_096, 48 * 1_024].map(|length| sign(&forgery(&stage).claim("role", "r".repeat(length)))));
    tokens
        .extend([format!("{claims}{claims}"), format!("[{claims}]")].map(|text| sign_texts(&header, &text)));
    tokens.extend([".".to_owned(), ".".repeat(4_096), "a.".repeat(30_000), "a".repeat(64 * 1_024)]);
    each_is(&stage, INVALID, tokens).await;
}

#[tokio::test]
async fn a_token_of_one_kind_does_not_pass_for_the_other() {
    let stage = Stage::new().await;
    let LogIn { token, refresh_token, cookie } = stage.ada.clone();
    let fingerprint = cookie.split_once('=').unwrap().1.to_owned();
    for path in ["/api/refresh", "/api/logout"] {
        for other in [&token, &fingerprint, &format!("{refresh_token}="), &format!("Bearer {refresh_token}")]
        {
            let body = json!({ "refresh_token": other });
            let answer = stage.send("POST", path, Some(&stage.ada), Some(body)).await;
            assert_eq!(told(&answer), INVALID, "{path}: {answer:?}");
        }
    }
    each_is(&stage, INVALID, [refresh_token, fingerprint]).await;
}

#[tokio::test]
async fn time_and_owner_of_a_token_hold_whoever_signed_it() {
    let stage = Stage::new().await;
    let shifted = |member: &str, seconds: i64| sign(&forgery(&stage).shift(member, seconds));
    each_is(&stage, (401, "token_expired"), [shifted("exp", -30 * 60), shifted("exp", -4_000_000_000)]).await;
    each_is(&stage, INVALID, [shifted("nbf", 3_600), shifted("iat", 3_600)]).await;
    let root = claims_of(&stage.root.token);
    let of_root = |members: &[&str]| {
        let claim = |forgery: Forgery, member: &&str| forgery.claim(member, root[*member].clone());
        sign(&members.iter().fold(forgery(&stage), claim))
    };
    let members =
        [&["sub"][..], &["sid"], &["fgp"], &["sub", "sid"], &["sid", "fgp"], &["sub", "sid", "fgp"]];
    each_is(&stage, (401, "session_ended"), members.map(of_root)).await;
    let nowhere = sign(&forgery(&stage).claim("sid", Uuid::now_v7().to_string()));
    each_is(&stage, (401, "session_ended"), [nowhere]).await;
    assert!(stage.is_in(&stage.root).await);
}
