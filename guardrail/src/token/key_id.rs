//! Names of keys.

use std::fmt;

use crate::secret::{Secret32, base64url, from_base64url};

/// A key's name, derived from the key: the `kid` of access tokens, and part of refresh tokens.
///
/// It says nothing of the key, and equal keys have equal names on every node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The name of the key `secret`.
    pub(crate) fn of(secret: &[u8]) -> Self {
        let derived = Secret32::derive(secret, b"kid");
        let mut id = [0; 8];
        for (place, byte) in id.iter_mut().zip(derived.as_bytes()) {
            *place = *byte;
        }
        Self(id)
    }

    /// The name that a store or a token holds; `None` unless there are exactly 8 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The name's bytes, for a store to keep.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// The name that a token's header spells.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::from_slice(&from_base64url(text)?)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}
