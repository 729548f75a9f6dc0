//! The keys that sign access tokens.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use zeroize::Zeroizing;

use super::KeyId;

/// The shortest secret for HS256, in bytes: as long as the hash's output (RFC 7518 §3.2).
pub const SIGNING_SECRET_MIN_BYTES: usize = 32;

/// A key that signs access tokens, with the one algorithm that it is for.
///
/// ```
/// use guardrail::SigningKey;
///
/// assert!(SigningKey::hs256("0123456789abcdef0123456789abcdef").is_ok());
/// let error = SigningKey::hs256("secret").unwrap_err();
/// assert!(error.to_string().contains("at least 32 bytes"));
/// ```
#[derive(Clone)]
pub struct SigningKey {
    id: KeyId,
    algorithm: Algorithm,
    encoding: EncodingKey,
    decoding: DecodingKey,
    /// What refresh keys are derived from where none is given.
    secret: Zeroizing<Vec<u8>>,
}

impl SigningKey {
    /// A key for HMAC-SHA-256 (`HS256`). The secret is used as it is, without decoding.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, InvalidSigningKey> {
        let secret = secret.as_ref();
        if secret.len() < SIGNING_SECRET_MIN_BYTES {
            return Err(InvalidSigningKey::TooShort { bytes: secret.len() });
        }
        if secret.iter().all(|byte| Some(byte) == secret.first()) {
            return Err(InvalidSigningKey::Repeated);
        }
        Ok(Self {
            id: KeyId::of(secret),
            algorithm: Algorithm::HS256,
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            secret: Zeroizing::new(secret.to_vec()),
        })
    }

    /// The key's name, the `kid` of what it signs.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// A secret that is refused as a signing key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSigningKey {
    /// It has fewer bytes than the hash's output.
    #[error(
        "the signing secret has {bytes} bytes and needs at least {SIGNING_SECRET_MIN_BYTES} bytes; \
         make one with `openssl rand -base64 48`"
    )]
    TooShort {
        /// How many bytes it has.
        bytes: usize,
    },
    /// It is one byte over and over.
    #[error("the signing secret repeats one byte; make one with `openssl rand -base64 48`")]
    Repeated,
}

/// The key that signs, and those that still verify.
#[derive(Debug, Clone)]
pub(crate) struct KeyRing {
    current: SigningKey,
    previous: Vec<SigningKey>,
}

impl KeyRing {
    pub(crate) fn new(current: SigningKey, previous: Vec<SigningKey>) -> Self {
        Self { current, previous }
    }

    pub(crate) fn current(&self) -> &SigningKey {
        &self.current
    }

    /// Every key, the current one first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    pub(super) fn find(&self, id: KeyId) -> Option<&SigningKey> {
        self.keys().find(|key| key.id == id)
    }

    /// The ring without a previous key; `None` if the key signs at present and so cannot leave.
    pub(crate) fn without(&self, id: KeyId) -> Option<Self> {
        (self.current.id != id).then(|| Self {
            current: self.current.clone(),
            previous: self.previous.iter().filter(|key| key.id != id).cloned().collect(),
        })
    }
}
