//! How passwords are hashed.

use crate::{PasswordHash, RandomUnavailable, secret::Secret32};

/// A slow, salted hash for passwords. Its methods block for a good part of a second: Guardrail calls them on
/// threads of their own.
pub trait PasswordHasher: Send + Sync + 'static {
    /// The hash of a password that has at most [`max_bytes`](Self::max_bytes) bytes.
    fn hash(&self, password: &str) -> Result<PasswordHash, PasswordHasherError>;

    /// Whether `hash` is of `password`. A hash that is none of this hasher's is an error, not a `false`.
    ///
    /// A wrong password takes as long with an outdated hash as with a new one: accounts that do not exist take the time
    /// of a new one.
    fn verify(&self, password: &str, hash: &str) -> Result<bool, PasswordHasherError>;

    /// Whether `hash` was made with a lower cost than this hasher's, so that a log-in should renew it.
    fn is_outdated(&self, hash: &str) -> bool;

    /// The longest password that is read whole, in bytes.
    fn max_bytes(&self) -> usize;

    /// A hash of no password, which takes as long to verify as a real one: what an unknown account is verified
    /// against, so that it takes no shorter time than a wrong password. It may take as long as a hash to make.
    fn decoy(&self) -> Result<PasswordHash, PasswordHasherError> {
        let random = Secret32::random()?;
        self.hash(&crate::secret::base64url(random.as_bytes()))
    }
}

/// A password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordHasherError {
    /// The hasher failed, or the stored hash is not one of its own.
    #[error("the password hasher failed")]
    Hasher(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no randomness for a salt.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
}

/// bcrypt, the default hasher. It reads 72 bytes; longer passwords are refused, not truncated.
///
/// ```
/// use guardrail::{Bcrypt, PasswordHasher as _};
///
/// let old = Bcrypt::with_cost(10)?.hash("correct horse")?;
/// let hasher = Bcrypt::with_cost(12)?;
/// assert!(hasher.is_outdated(old.as_str()));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Bcrypt {
    cost: u32,
}

impl Bcrypt {
    /// The longest password that bcrypt reads whole, in bytes.
    pub const MAX_BYTES: usize = 72;
    /// The cost where none is set.
    pub const DEFAULT_COST: u32 = 12;
    /// The lowest cost (ASVS 5.0 11.4.2).
    pub const MIN_COST: u32 = 10;
    /// The highest cost; each step doubles the time.
    pub const MAX_COST: u32 = 31;

    /// Hashing with 2^`cost` rounds, 10 to 31.
    pub fn with_cost(cost: u32) -> Result<Self, InvalidBcryptCost> {
        if (Self::MIN_COST..=Self::MAX_COST).contains(&cost) {
            Ok(Self { cost })
        } else {
            Err(InvalidBcryptCost { cost })
        }
    }

    /// Hashing with any cost from 4 on. **For tests only**: a stolen table of such hashes is soon read.
    #[must_use]
    pub fn with_insecure_cost(cost: u32) -> Self {
        Self { cost: cost.clamp(4, Self::MAX_COST) }
    }
}

impl Bcrypt {
    /// What makes a comparison with a hash of a lower cost as long as one of this hasher's: 2^cost rounds, as many
    /// again, twice that, and so on. Otherwise an account whose hash is of before the cost was raised would be told from
    /// one that does not exist.
    fn costs_left(&self, cost: u32) -> std::ops::Range<u32> {
        cost..self.cost
    }
}

impl Default for Bcrypt {
    fn default() -> Self {
        Self { cost: Self::DEFAULT_COST }
    }
}

impl PasswordHasher for Bcrypt {
    // The crate's own refusal of long passwords counts a terminating NUL and so begins at 72 bytes, all of which
    // bcrypt reads; the bound here is the exact one.
    fn hash(&self, password: &str) -> Result<PasswordHash, PasswordHasherError> {
        readable(password)?;
        bcrypt::hash(password, self.cost)
            .map(PasswordHash::from)
            .map_err(|error| PasswordHasherError::Hasher(error.into()))
    }

    fn verify(&self, password: &str, hash: &str) -> Result<bool, PasswordHasherError> {
        readable(password)?;
        let equal =
            bcrypt::verify(password, hash).map_err(|error| PasswordHasherError::Hasher(error.into()))?;
        if !equal && let Ok(parts) = hash.parse::<bcrypt::HashParts>() {
            for cost in self.costs_left(parts.get_cost()) {
                bcrypt::hash("", cost).map_err(|error| PasswordHasherError::Hasher(error.into()))?;
            }
        }
        Ok(equal)
    }

    fn is_outdated(&self, hash: &str) -> bool {
        hash.parse::<bcrypt::HashParts>().is_ok_and(|parts| parts.get_cost() < self.cost)
    }

    fn max_bytes(&self) -> usize {
        Self::MAX_BYTES
    }
}

fn readable(password: &str) -> Result<(), PasswordHasherError> {
    if password.len() > Bcrypt::MAX_BYTES {
        return Err(PasswordHasherError::Hasher("the password has more bytes than bcrypt reads".into()));
    }
    Ok(())
}

/// A bcrypt cost outside 10 to 31.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bcrypt cost is 10 to 31, not {cost}; 12 is a good choice")]
pub struct InvalidBcryptCost {
    cost: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_verifies_its_password_alone() {
        let hasher = Bcrypt::with_insecure_cost(4);
        let hash = hasher.hash("correct horse").unwrap();
        assert!(hasher.verify("correct horse", hash.as_str()).unwrap());
        assert!(!hasher.verify("correct horses", hash.as_str()).unwrap());
        assert!(hasher.verify("x", "not a hash").is_err());
    }

    #[test]
    fn the_cost_is_twelve_unless_it_is_set() {
        assert!(Bcrypt::default().hash("correct horse").unwrap().as_str().starts_with("$2b$12$"));
    }

    #[test]
    fn nothing_is_truncated() {
        let hasher = Bcrypt::with_insecure_cost(4);
        let longest = "x".repeat(72);
        let hash = hasher.hash(&longest).unwrap();
        assert!(hasher.verify(&longest, hash.as_str()).unwrap());
        assert!(!hasher.verify(&format!("{}y", "x".repeat(71)), hash.as_str()).unwrap());
        assert!(!hasher.verify(&"x".repeat(71), hash.as_str()).unwrap());
        assert!(
            hasher.hash(&"x".repeat(73)).is_err() && hasher.verify(&"x".repeat(73), hash.as_str()).is_err()
        );
    }

    #[test]
    fn a_lower_cost_is_outdated() {
        let weak = Bcrypt::with_insecure_cost(4).hash("correct horse").unwrap();
        assert!(Bcrypt::with_insecure_cost(5).is_outdated(weak.as_str()));
        assert!(!Bcrypt::with_insecure_cost(4).is_outdated(weak.as_str()));
        assert!(!Bcrypt::default().is_outdated("not a hash"));
    }

    #[test]
    fn a_cost_below_ten_needs_the_insecure_name() {
        assert!(Bcrypt::with_cost(9).is_err() && Bcrypt::with_cost(32).is_err());
        assert!(Bcrypt::with_cost(10).is_ok());
    }

    #[test]
    fn a_wrong_password_costs_as_many_rounds_with_an_outdated_hash() {
        let hasher = Bcrypt::with_insecure_cost(12);
        for cost in 4..=13 {
            let rounds: u64 = hasher.costs_left(cost).map(|cost| 1 << cost).sum();
            assert_eq!((1 << cost) + rounds, 1 << cost.max(12), "{cost}");
        }
        let old = Bcrypt::with_insecure_cost(4).hash("correct horse").unwrap();
        assert!(!Bcrypt::with_insecure_cost(6).verify("wrong", old.as_str()).unwrap());
    }

    #[test]
    fn a_decoy_costs_what_a_real_hash_costs() {
        let decoy = Bcrypt::with_insecure_cost(5).decoy().unwrap();
        assert_eq!(decoy.as_str().parse::<bcrypt::HashParts>().unwrap().get_cost(), 5);
    }
}
