//! Signing and verifying access tokens: the one user of `jsonwebtoken`.
//!
//! What is accepted is exactly what is issued. A header has the three members `alg`, `kid` and `typ`, so that
//! `crit`, `jwk`, `jku`, `x5u`, `x5c` and whatever comes next are refused unread (RFC 8725 §3.10). The key is found
//! by `kid` among the configured ones and brings its algorithm; a header that names another one is refused, `none`
//! in any spelling included (RFC 8725 §3.1, §3.2). Claims are read once the signature holds.

use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use jsonwebtoken::{crypto, errors::ErrorKind, jwk::Jwk};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use super::{Claims, IssuedToken, KeyId, KeyRing, VerifiedClaims, claims::Times};
use crate::{
    metrics::TokenCache,
    secret::{base64url, from_base64url},
};

/// The `typ` of access tokens: explicit and our own, so that no other JWT under the same key passes for one
/// (RFC 8725 §3.11).
const TOKEN_TYPE: &str = "guardrail-at+jwt";

/// The longest access token that is looked at, in bytes. The longest issued one, with a user id of 128 bytes and
/// generous issuer and audience, stays far below.
const TOKEN_MAX_BYTES: usize = 4096;

/// How far `nbf` and `iat` may lie ahead, in seconds, for nodes whose clocks differ. `exp` has no such allowance: a
/// token would outlive the lifetime that was promised.
const CLOCK_SKEW_SECONDS: i64 = 30;

/// How many verified tokens are remembered at most. One takes some 800 bytes and saves a microsecond or two: more of
/// them would be dear.
const REMEMBERED_MAX: usize = 10_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

/// Issues and verifies access tokens.
pub(crate) struct AccessTokens {
    ring: ArcSwap<KeyRing>,
    issuer: String,
    audience: String,
    /// Tokens that were verified, byte by byte. What does not follow from a token's bytes alone is looked at again
    /// each time: the time, and whether its key is still accepted.
    verified: Cache<Box<str>, Arc<VerifiedClaims>>,
}

impl AccessTokens {
    /// Fails if the cryptography does not work, which is found by signing and verifying once: `jsonwebtoken` has no
    /// provider, or two, where another crate of the program chose its features otherwise.
    pub(crate) fn new(
        ring: KeyRing,
        issuer: String,
        audience: String,
        remembered: usize,
    ) -> Result<Self, CryptoUnavailable> {
        // An error says that a provider is installed already, which is as good: the trial below decides.
        let _ = crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        for key in ring.keys() {
            let signature = key.sign(b"trial").map_err(CryptoUnavailable)?;
            if !key.verify(&signature, b"trial").map_err(CryptoUnavailable)? {
                return Err(CryptoUnavailable(ErrorKind::InvalidSignature.into()));
            }
        }
        let verified = Cache::new(remembered.min(REMEMBERED_MAX));
        Ok(Self { ring: ArcSwap::from_pointee(ring), issuer, audience, verified })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn audience(&self) -> &str {
        &self.audience
    }

    /// What others verify with.
    pub(crate) fn public_keys(&self) -> Vec<Jwk> {
        self.ring.load().public()
    }

    /// Drops a previous key; its tokens are refused from the next request on. Whether it could be dropped: the
    /// current key cannot.
    pub(crate) fn retire(&self, id: KeyId) -> bool {
        let known = |ring: &Arc<KeyRing>| ring.without(id).map_or_else(|| Arc::clone(ring), Arc::new);
        let before = self.ring.rcu(known);
        before.current().id() != id
    }

    /// Signs `claims` with the current key.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<IssuedToken, CryptoUnavailable> {
        let ring = self.ring.load();
        let key = ring.current();
        let kid = key.id().to_string();
        let header = Header { alg: key.algorithm().as_str(), kid: &kid, typ: TOKEN_TYPE };
        let part = |json: serde_json::Result<Vec<u8>>| {
            json.map(|json| base64url(&json)).map_err(|error| CryptoUnavailable(error.into()))
        };
        let mut token = part(serde_json::to_vec(&header))?;
        token.push('.');
        token.push_str(&part(serde_json::to_vec(claims))?);
        let signature = key.sign(token.as_bytes()).map_err(CryptoUnavailable)?;
        token.push('.');
        token.push_str(&signature);
        Ok(IssuedToken { token, iat: claims.iat, exp: claims.exp })
    }

    /// The claims of `token`, if everything about it holds at `now`; and whether it was remembered.
    pub(crate) fn verify(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<(Arc<VerifiedClaims>, TokenCache), TokenError> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenError::Malformed("too long"));
        }
        let ring = self.ring.load();
        let remembered = self.verified.get(token).filter(|claims| ring.find(claims.key()).is_some());
        let (claims, cache) = if let Some(claims) = remembered {
            (claims, TokenCache::Hit)
        } else {
            let claims = Arc::new(self.verify_bytes(token, &ring)?);
            self.verified.insert(token.into(), Arc::clone(&claims));
            (claims, TokenCache::Miss)
        };
        check_times(claims.times(), now)?;
        Ok((claims, cache))
    }

    /// All that follows from the bytes.
    fn verify_bytes(&self, token: &str, ring: &KeyRing) -> Result<VerifiedClaims, TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed("no dots"))?;
        let (header, claims) = message.split_once('.').ok_or(TokenError::Malformed("one dot"))?;
        if claims.contains('.') {
            return Err(TokenError::Malformed("more than two dots"));
        }

        let header = from_base64url(header).ok_or(TokenError::Malformed("header is no base64url"))?;
        let header: Header<'_> =
            serde_json::from_slice(&header).map_err(|_| TokenError::Malformed("header is not ours"))?;
        if header.typ != TOKEN_TYPE {
            return Err(TokenError::WrongType);
        }
        let key = KeyId::parse(header.kid).and_then(|id| ring.find(id)).ok_or(TokenError::UnknownKey)?;
        if header.alg != key.algorithm().as_str() {
            return Err(TokenError::WrongAlgorithm);
        }
        // One spelling of a signature: the verifier's own decoder is not asked to be strict.
        if from_base64url(signature).is_none() {
            return Err(TokenError::BadSignature);
        }
        match key.verify(signature, message.as_bytes()) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(TokenError::BadSignature),
        }

        let claims = from_base64url(claims).ok_or(TokenError::Malformed("claims are no base64url"))?;
        let claims: Claims =
            serde_json::from_slice(&claims).map_err(|_| TokenError::Malformed("claims are not ours"))?;
        if claims.iss != self.issuer {
            return Err(TokenError::WrongIssuer);
        }
        if claims.aud != self.audience {
            return Err(TokenError::WrongAudience);
        }
        Ok(VerifiedClaims::new(claims, key.id()))
    }
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessTokens").field("ring", &self.ring).finish_non_exhaustive()
    }
}

fn check_times(times: Times, now: DateTime<Utc>) -> Result<(), TokenError> {
    let now = now.timestamp();
    if times.exp <= now {
        return Err(TokenError::Expired);
    }
    let ahead = now.saturating_add(CLOCK_SKEW_SECONDS);
    if times.nbf > ahead || times.iat > ahead {
        return Err(TokenError::NotYetValid);
    }
    Ok(())
}

/// The cryptography of access tokens does not work in this program.
#[derive(Debug, thiserror::Error)]
#[error("signing an access token failed")]
pub(crate) struct CryptoUnavailable(#[source] jsonwebtoken::errors::Error);

/// Why an access token was refused: for the log, clients learn less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("malformed: {0}")]
    Malformed(&'static str),
    #[error("not of an access token's type")]
    WrongType,
    #[error("signed with a key that is not configured")]
    UnknownKey,
    #[error("names an algorithm that is not its key's")]
    WrongAlgorithm,
    #[error("the signature does not hold")]
    BadSignature,
    #[error("of another issuer")]
    WrongIssuer,
    #[error("for another audience")]
    WrongAudience,
    #[error("expired")]
    Expired,
    #[error("not valid yet")]
    NotYetValid,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SessionId, Sha256Digest, SigningKey};
    use proptest::prelude::*;
    use uuid::Uuid;

    const SECRET: &str = "a secret of these tests, 32 bytes or more";

    fn tokens() -> AccessTokens {
        let ring = KeyRing::new(SigningKey::hs256(SECRET).unwrap(), vec![]);
        AccessTokens::new(ring, "issuer".into(), "audience".into(), 10).unwrap()
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn claims() -> Claims {
        let now = now().timestamp();
        Claims {
            iss: "issuer".into(),
            aud: "audience".into(),
            sub: 1_i64.into(),
            sid: SessionId::from(Uuid::nil()),
            fgp: Sha256Digest::of(b"fingerprint"),
            iat: now,
            nbf: now,
            exp: now + 60,
            jti: Uuid::nil(),
            role: Some("user".into()),
        }
    }

    /// A token with this header and these claims, signed as the server would.
    fn forge(header: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        let key = SigningKey::hs256(SECRET).unwrap();
        let signature = key.sign(message.as_bytes()).unwrap();
        format!("{message}.{signature}")
    }

    fn header(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let kid = SigningKey::hs256(SECRET).unwrap().id().to_string();
        let mut header = serde_json::json!({ "alg": "HS256", "kid": kid, "typ": TOKEN_TYPE });
        change(&mut header);
        header.to_string()
    }

    fn claims_json() -> String {
        serde_json::to_string(&claims()).unwrap()
    }

    #[test]
    fn what_is_issued_is_accepted() {
        let tokens = tokens();
        let issued = tokens.sign(&claims()).unwrap();
        let expected = VerifiedClaims::new(claims(), SigningKey::hs256(SECRET).unwrap().id());
        for expected_of_cache in [TokenCache::Miss, TokenCache::Hit, TokenCache::Hit] {
            let (claims, cache) = tokens.verify(&issued.token, now()).unwrap();
            assert_eq!((&*claims, cache), (&expected, expected_of_cache));
        }
        assert!(tokens.verify(&forge(&header(|_| {}), &claims_json()), now()).is_ok());
    }

    #[test]
    fn times_hold_to_the_second() {
        let tokens = tokens();
        let token = tokens.sign(&claims()).unwrap().token;
        let at =
            |seconds: i64| tokens.verify(&token, now() + chrono::TimeDelta::seconds(seconds)).map(|_| ());
        assert_eq!(at(59), Ok(()));
        assert_eq!(at(60), Err(TokenError::Expired));
        assert_eq!(at(-CLOCK_SKEW_SECONDS), Ok(()));
        assert_eq!(at(-CLOCK_SKEW_SECONDS - 1), Err(TokenError::NotYetValid));
    }

    #[test]
    fn a_header_is_exactly_ours() {
        let tokens = tokens();
        let verify = |header: String| tokens.verify(&forge(&header, &claims_json()), now()).map(|_| ());
        for none in ["none", "None", "nOnE", "NONE", "", "HS384", "RS256", "hs256"] {
            assert_eq!(verify(header(|h| h["alg"] = none.into())), Err(TokenError::WrongAlgorithm), "{none}");
        }
        for member in ["crit", "jwk", "jku", "x5u", "x5c", "zip", "b64"] {
            let with = header(|h| h[member] = serde_json::json!(["exp"]));
            assert_eq!(verify(with), Err(TokenError::Malformed("header is not ours")), "{member}");
        }
        assert_eq!(verify(header(|h| h["typ"] = "JWT".into())), Err(TokenError::WrongType));
        for kid in ["", "../../dev/null", "' OR 1=1", "AAAAAAAAAAA"] {
            assert_eq!(verify(header(|h| h["kid"] = kid.into())), Err(TokenError::UnknownKey), "{kid}");
        }
        let twice = header(|_| {}).replace("\"alg\"", "\"alg\":\"none\",\"alg\"");
        assert_eq!(verify(twice), Err(TokenError::Malformed("header is not ours")));
    }

    #[test]
    fn claims_are_exactly_ours() {
        let tokens = tokens();
        let verify = |claims: &str| tokens.verify(&forge(&header(|_| {}), claims), now()).map(|_| ());
        let change = |member: &str, value: serde_json::Value| {
            let mut claims = serde_json::to_value(claims()).unwrap();
            claims[member] = value;
            verify(&claims.to_string())
        };
        let not_ours = Err(TokenError::Malformed("claims are not ours"));
        assert_eq!(change("iss", "other".into()), Err(TokenError::WrongIssuer));
        assert_eq!(change("aud", "other".into()), Err(TokenError::WrongAudience));
        assert_eq!(change("aud", serde_json::json!(["audience"])), not_ours);
        assert_eq!(change("exp", "9999999999".into()), not_ours);
        assert_eq!(change("exp", serde_json::json!(1e99)), not_ours);
        assert_eq!(change("admin", true.into()), not_ours);
        assert_eq!(verify(&claims_json().replace("\"exp\"", "\"exp\":9999999999,\"exp\"")), not_ours);
        assert_eq!(verify(&format!("{} ", claims_json())), Ok(()), "white space is JSON");
        assert_eq!(verify(&format!("{}{{}}", claims_json())), not_ours);
        assert_eq!(verify("null"), not_ours);
    }

    #[test]
    fn no_more_tokens_are_remembered_than_there_is_room_for() {
        let tokens = tokens();
        let token = |n| tokens.sign(&Claims { jti: Uuid::from_u128(n), ..claims() }).unwrap().token;
        for n in 0..1000 {
            assert!(tokens.verify(&token(n), now()).is_ok());
        }
        assert!((1..=10).contains(&tokens.verified.len()), "{}", tokens.verified.len());
        let known = tokens.verified.len();
        for n in 0..100 {
            assert!(tokens.verify(&format!("{}x", token(n)), now()).is_err());
        }
        assert_eq!(tokens.verified.len(), known, "a forged one is remembered");
    }

    #[test]
    fn a_retired_key_is_refused_at_once_and_the_current_one_stays() {
        let old = SigningKey::hs256("another secret, 32 bytes or more").unwrap();
        let new = SigningKey::hs256(SECRET).unwrap();
        let tokens = |ring| AccessTokens::new(ring, "issuer".into(), "audience".into(), 10).unwrap();
        let before = tokens(KeyRing::new(old.clone(), vec![]));
        let after = tokens(KeyRing::new(new.clone(), vec![old.clone()]));
        let token = before.sign(&claims()).unwrap().token;
        assert!(after.verify(&token, now()).is_ok());
        assert!(!after.retire(new.id()));
        assert!(after.retire(old.id()));
        assert_eq!(after.verify(&token, now()).map(|_| ()), Err(TokenError::UnknownKey));
    }

    proptest! {
        #[test]
        fn no_byte_of_a_token_can_change(position in 0_usize..400, replacement in any::<char>()) {
            let tokens = tokens();
            let token = tokens.sign(&claims()).unwrap().token;
            let position = position % token.len();
            let mut changed: String = token.chars().take(position).collect();
            changed.push(replacement);
            changed.extend(token.chars().skip(position + 1));
            prop_assume!(changed != token);
            prop_assert!(tokens.verify(&changed, now()).is_err());
        }

        #[test]
        fn no_text_panics_or_passes(text in ".{0,200}") {
            prop_assert!(tokens().verify(&text, now()).is_err());
        }
    }
}
