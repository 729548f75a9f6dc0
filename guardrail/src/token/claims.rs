//! What an access token says (RFC 7519 §4).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    KeyId, SessionId, Sha256Digest, UserId,
    secret::{base64url, from_base64url},
};

/// The claims of an access token, exactly: a member more or one twice makes it no token of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: UserId,
    /// The session.
    pub(crate) sid: SessionId,
    /// The digest of the device's fingerprint.
    #[serde(with = "digest_text")]
    pub(crate) fgp: Sha256Digest,
    pub(crate) iat: i64,
    pub(crate) nbf: i64,
    pub(crate) exp: i64,
    pub(crate) jti: Uuid,
    /// For readers of the token; Guardrail never decides on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) role: Option<String>,
}

mod digest_text {
    use super::{Sha256Digest, base64url, from_base64url};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(digest: &Sha256Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64url(digest.as_bytes()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sha256Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        from_base64url(&text)
            .and_then(|bytes| Sha256Digest::from_slice(&bytes))
            .ok_or_else(|| D::Error::custom("not a base64url SHA-256 digest"))
    }
}

/// What is decided on of claims whose signature, times, issuer, audience and type hold. Only the verification makes
/// one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VerifiedClaims {
    user_id: UserId,
    session_id: SessionId,
    fingerprint: Sha256Digest,
    times: Times,
    key: KeyId,
}

/// When a token is valid, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
}

impl VerifiedClaims {
    /// For the verification alone.
    pub(super) fn new(claims: Claims, key: KeyId) -> Self {
        let Claims { iat, nbf, exp, .. } = claims;
        let times = Times { iat, nbf, exp };
        Self { user_id: claims.sub, session_id: claims.sid, fingerprint: claims.fgp, times, key }
    }

    /// `sub`: the user.
    pub(crate) fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// `sid`: the session.
    pub(crate) fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// `fgp`: the digest of the fingerprint that the device must present.
    pub(crate) fn fingerprint(&self) -> &Sha256Digest {
        &self.fingerprint
    }

    pub(super) fn times(&self) -> Times {
        self.times
    }

    /// `kid`: the key that the signature holds under.
    pub(super) fn key(&self) -> KeyId {
        self.key
    }
}

/// A signed access token, and the times that are sent along with it.
#[derive(Clone)]
pub(crate) struct IssuedToken {
    pub(crate) token: String,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken").field("exp", &self.exp).finish_non_exhaustive()
    }
}
