//! Passwords: what is accepted, how it is hashed, and where the hashing runs.

mod hasher;
mod policy;
mod queue;
mod threads;

pub(crate) use self::queue::{HashingError, HashingQueue};
pub use self::{
    hasher::{Bcrypt, InvalidBcryptCost, PasswordHasher, PasswordHasherError},
    policy::{InvalidPasswordPolicy, PASSWORD_MIN_CHARS, PasswordPolicy},
};
