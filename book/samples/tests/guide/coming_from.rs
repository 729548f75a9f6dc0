//! Coming from another crate: a module for each, and the password hashes that may be brought along.

mod axum_casbin;
mod axum_login;
mod jsonwebtoken;

use guardrail::{Argon2, Bcrypt, PasswordHasher as _};

/// `correct horse`, by libxcrypt.
const BCRYPT: &str = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
/// `password`, by the reference implementation of Argon2.
const ARGON2ID: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
const ARGON2I: &str =
    "$argon2i$v=19$m=65536,t=1,p=1$c29tZXNhbHQAAAAAAAAAAA$+r0d29hqEB0yasKr55ZgICsQGSkl0v0kgwhd+U3wyRo";
/// Of an algorithm that neither hasher knows; whose password it is does not matter.
const PBKDF2: &str =
    "$pbkdf2-sha256$i=600000,l=32$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

#[test]
fn bcrypt_hashes_of_other_programs_are_read_whatever_their_prefix() {
    let (bcrypt, argon2) = (Bcrypt::default(), Argon2::default());
    for prefix in ["$2a$", "$2b$", "$2y$"] {
        let hash = BCRYPT.replacen("$2y$", prefix, 1);
        for right in [bcrypt.verify("correct horse", &hash), argon2.verify("correct horse", &hash)] {
            assert!(right.unwrap(), "{prefix}");
        }
        assert!(bcrypt.is_outdated(&hash) && argon2.is_outdated(&hash), "its cost is 4");
    }
    assert!(!bcrypt.verify("correct horses", BCRYPT).unwrap());
}

#[test]
fn argon2_hashes_of_other_programs_are_read_whatever_their_kind() {
    let argon2 = Argon2::default();
    for hash in [ARGON2ID, ARGON2I] {
        assert!(argon2.verify("password", hash).unwrap(), "{hash}");
        assert!(!argon2.verify("passwort", hash).unwrap(), "{hash}");
    }
    assert!(!argon2.is_outdated(ARGON2ID) && argon2.is_outdated(ARGON2I));
    assert!(Bcrypt::default().verify("password", ARGON2ID).is_err(), "bcrypt reads none of them");
}

#[test]
fn other_hashes_are_an_error() {
    for hash in [PBKDF2, "5f4dcc3b5aa765d61d8327deb882cf99", ""] {
        assert!(Argon2::default().verify("password", hash).is_err(), "{hash}");
        assert!(Bcrypt::default().verify("password", hash).is_err(), "{hash}");
    }
}
