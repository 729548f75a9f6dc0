//! Which secrets are no keys.

/// The shortest secret of a key, in bytes: as long as the hash's output (RFC 7518 §3.2).
pub const KEY_SECRET_MIN_BYTES: usize = 32;

/// Secrets that tutorials, tools and examples have made known, and that servers are found to run with.
const KNOWN: [&str; 12] = [
    "your-256-bit-secret-your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    "your-super-secret-jwt-token-with-at-least-32-characters-long",
    "super-secret-jwt-token-with-at-least-32-characters-long",
    "your-super-secret-key-that-is-at-least-32-characters-long",
    "your_super_secret_key_that_is_at_least_32_characters_long",
    "this is my custom secret key for authentication",
    "thisisasecretkeyanddontshareitwithanyone",
    "qwertyuiopasdfghjklzxcvbnm123456",
    "abcdefghijklmnopqrstuvwxyz123456",
    "404e635266556a586e3272357538782f413f4428472b4b6250645367566b5970",
];

/// A secret that cannot be a key's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakSecret {
    /// It has fewer bytes than the hash's output.
    #[error(
        "the secret has {bytes} bytes and needs at least {KEY_SECRET_MIN_BYTES} bytes; \
         make one with `openssl rand -base64 48`"
    )]
    TooShort {
        /// How many bytes it has.
        bytes: usize,
    },
    /// It is a shorter text over and over.
    #[error("the secret repeats a shorter one; make one with `openssl rand -base64 48`")]
    Repeated,
    /// It is a key in PEM: one for [`SigningKey::from_pem`](crate::SigningKey::from_pem), or one that everybody knows.
    #[error("the secret is a key in PEM, not a secret; make one with `openssl rand -base64 48`")]
    Pem,
    /// It stands in a tutorial.
    #[error("the secret is a well-known one; make one with `openssl rand -base64 48`")]
    Known,
}

/// Whether `secret` may be a key's. It cannot be told whether it was chosen at random.
pub(crate) fn check(secret: &[u8]) -> Result<(), WeakSecret> {
    if secret.len() < KEY_SECRET_MIN_BYTES {
        return Err(WeakSecret::TooShort { bytes: secret.len() });
    }
    if secret.trim_ascii_start().starts_with(b"-----BEGIN") {
        return Err(WeakSecret::Pem);
    }
    let repeats = |length: usize| secret.iter().zip(secret.iter().skip(length)).all(|(a, b)| a == b);
    if (1..=secret.len() / 2).any(repeats) {
        return Err(WeakSecret::Repeated);
    }
    if KNOWN.iter().any(|known| secret.eq_ignore_ascii_case(known.as_bytes())) {
        return Err(WeakSecret::Known);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_its_own_and_not_repeated() {
        assert_eq!(check(b"a secret that nobody knows of, or"), Ok(()));
        assert_eq!(check(b"a secret"), Err(WeakSecret::TooShort { bytes: 8 }));
        assert_eq!(check(&[7; 32]), Err(WeakSecret::Repeated));
        assert_eq!(check("secret".repeat(6).as_bytes()), Err(WeakSecret::Repeated));
        assert_eq!(check(b"0123456789abcdef0123456789abcdef0"), Err(WeakSecret::Repeated));
        assert_eq!(check(b"-----BEGIN PUBLIC KEY----- and so on"), Err(WeakSecret::Pem));
        for known in KNOWN {
            assert!(check(known.as_bytes()).is_err() && check(known.to_uppercase().as_bytes()).is_err());
        }
    }
}
