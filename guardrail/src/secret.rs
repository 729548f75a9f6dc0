//! Secret values as types: redacted when printed, wiped when dropped, compared in constant time.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hkdf, hmac, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A SHA-256 digest of a secret: what stores keep in a secret's place.
///
/// Equality takes the same time wherever two digests differ. `Debug` does not show the value.
#[derive(Clone, Copy)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// The digest of `secret`.
    pub fn of(secret: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, secret).as_ref());
        Self(bytes)
    }

    /// The digest that a store read back; `None` unless there are exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// A MAC, which a store keeps as it keeps a digest.
    pub(crate) fn from_mac(mac: &Secret32) -> Self {
        Self(*mac.as_bytes())
    }

    /// The digest's bytes, for a store to keep.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Sha256Digest {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Sha256Digest {}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256Digest(..)")
    }
}

/// 32 secret bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret32([u8; 32]);

impl Secret32 {
    /// Random bytes from the system's generator.
    pub(crate) fn random() -> Result<Self, RandomUnavailable> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| RandomUnavailable)?;
        Ok(Self(bytes))
    }

    /// HMAC-SHA-256 of the `parts`, one after the other.
    pub(crate) fn hmac(&self, parts: &[&[u8]]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.sign().as_ref());
        Self(bytes)
    }

    /// HKDF-SHA-256 (RFC 5869) of `input`, for the purpose that `label` names.
    pub(crate) fn derive(input: &[u8], label: &'static [u8]) -> Self {
        let key = hkdf::Salt::new(hkdf::HKDF_SHA256, b"guardrail").extract(input);
        let mut bytes = [0; 32];
        // 32 bytes are one block of HKDF-SHA-256: expanding to them cannot fail.
        let filled = key.expand(&[label], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut bytes));
        debug_assert!(filled.is_ok());
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret32(..)")
    }
}

/// The system gives no random bytes; nothing can be issued without them.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the system's random generator failed")]
pub struct RandomUnavailable;

/// A password hash as the hasher wrote it (`$2b$12$…`).
///
/// It has no `Serialize`, so that a user cannot be sent with it by oversight, and `Debug` does not show it.
///
/// ```
/// let hash = guardrail::PasswordHash::from("$2b$12$…".to_owned());
/// assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
/// ```
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for PasswordHash {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl AsRef<str> for PasswordHash {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Whether two secrets are equal, in a time that depends on their lengths alone.
pub(crate) fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// Base64url without padding (RFC 4648 §5).
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The inverse of [`base64url`], strict: padding, other alphabets and stray trailing bits are refused.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_give_unrelated_keys() {
        let a = Secret32::derive(b"input", b"a");
        let b = Secret32::derive(b"input", b"b");
        assert_ne!(a.as_bytes(), b.as_bytes());
        assert_ne!(a.as_bytes(), &[0; 32]);
    }

    #[test]
    fn base64url_has_one_spelling() {
        assert_eq!(from_base64url("AA").as_deref(), Some(&[0][..]));
        for other in ["AB", "AA==", "A+", "A/", "A A", "A"] {
            assert_eq!(from_base64url(other), None, "{other}");
        }
    }
}
