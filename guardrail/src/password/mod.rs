//! Passwords: what is accepted, how it is hashed, and where the hashing runs.

#[cfg(feature = "argon2")]
mod argon2;
mod hasher;
mod policy;
mod queue;
mod threads;

#[cfg(feature = "argon2")]
pub use self::argon2::{Argon2, InvalidArgon2Params};
pub(crate) use self::queue::{HashingError, HashingQueue};
pub use self::{
    hasher::{Bcrypt, InvalidBcryptCost, PasswordHasher, PasswordHasherError},
    policy::{InvalidPasswordPolicy, PASSWORD_MIN_CHARS, PasswordPolicy},
};
