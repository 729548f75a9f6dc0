//! Access tokens as an attacker writes them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use crate::app::SECRET;

/// A token taken apart, to be changed and signed again.
#[derive(Debug, Clone)]
pub struct Forgery {
    /// The header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
}

impl Forgery {
    /// Begins with a real token.
    pub fn of(token: &str) -> Self {
        Self { header: part(token, 0), claims: part(token, 1) }
    }

    /// With another member in the header.
    #[must_use]
    pub fn header(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.header[member] = value.into();
        self
    }

    /// With another claim.
    #[must_use]
    pub fn claim(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.claims[member] = value.into();
        self
    }

    /// With a time moved by so many seconds.
    #[must_use]
    pub fn shift(self, member: &str, seconds: i64) -> Self {
        let time = self.claims[member].as_i64().unwrap() + seconds;
        self.claim(member, json!(time))
    }

    /// Signed with the application's own secret.
    pub fn sign(&self) -> String {
        self.sign_with(SECRET.as_bytes())
    }

    /// Signed with another secret.
    pub fn sign_with(&self, secret: &[u8]) -> String {
        sign(&self.message(), secret)
    }

    /// Not signed: with an empty signature.
    pub fn unsigned(&self) -> String {
        format!("{}.", self.message())
    }

    /// What a signature is of.
    pub fn message(&self) -> String {
        message(&self.header.to_string(), &self.claims.to_string())
    }
}

/// Any texts as header and claims of a token, signed with a secret.
pub fn sign_texts(header: &str, claims: &str, secret: &[u8]) -> String {
    sign(&message(header, claims), secret)
}

fn message(header: &str, claims: &str) -> String {
    format!("{}.{}", segment(header), segment(claims))
}

fn sign(message: &str, secret: &[u8]) -> String {
    let key = EncodingKey::from_secret(secret);
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

/// A text as a part of a token.
pub fn segment(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// What a token claims.
pub fn claims_of(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
