//! Access tokens: what they say, the keys that sign them, and the one place that encodes and decodes them.

mod claims;
mod codec;
mod key_id;
mod keys;

pub(crate) use self::{
    claims::{Claims, IssuedToken, VerifiedClaims},
    codec::{AccessTokens, TokenError},
    keys::KeyRing,
};
pub use self::{
    key_id::KeyId,
    keys::{InvalidSigningKey, SigningAlgorithm, SigningKey},
};
