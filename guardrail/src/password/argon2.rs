//! Argon2id, behind the feature `argon2`.

use argon2::{
    Algorithm, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc},
};

use super::{Bcrypt, PasswordHasher, PasswordHasherError};
use crate::{PasswordHash, secret::Secret32};

/// Argon2id (RFC 9106), for passwords of up to 1024 bytes.
///
/// It verifies bcrypt hashes too, and finds them outdated: an application that changes over renews each hash when its
/// owner logs in. Until then a wrong password takes another time for such an account than for one that does not exist.
///
/// ```
/// use guardrail::{Argon2, Bcrypt, PasswordHasher as _};
///
/// let hasher = Argon2::default();
/// let hash = hasher.hash("correct horse battery staple")?;
/// assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
/// assert!(hasher.verify("correct horse battery staple", hash.as_str())?);
///
/// let old = Bcrypt::with_cost(10)?.hash("correct horse")?;
/// assert!(hasher.verify("correct horse", old.as_str())? && hasher.is_outdated(old.as_str()));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Argon2 {
    params: Params,
}

impl Argon2 {
    /// The longest password that is hashed, in bytes: Argon2 itself has no bound worth naming.
    pub const MAX_BYTES: usize = 1024;
    /// The least memory in KiB times iterations: what the OWASP password storage cheat sheet takes for the least, with
    /// 7 MiB and five iterations.
    pub const MIN_WORK: u64 = 7 * 1024 * 5;

    /// So many KiB of memory, iterations and lanes; 19 MiB, 2 and 1 if not set.
    pub fn with_params(memory: u32, iterations: u32, lanes: u32) -> Result<Self, InvalidArgon2Params> {
        if memory < 7 * 1024 || u64::from(memory) * u64::from(iterations) < Self::MIN_WORK {
            return Err(InvalidArgon2Params);
        }
        Self::with_insecure_params(memory, iterations, lanes)
    }

    /// Any parameters that there are. **For tests only**: a stolen table of cheap hashes is soon read.
    pub fn with_insecure_params(
        memory: u32,
        iterations: u32,
        lanes: u32,
    ) -> Result<Self, InvalidArgon2Params> {
        let params = Params::new(memory, iterations, lanes, None).map_err(|_| InvalidArgon2Params)?;
        Ok(Self { params })
    }

    /// What makes a comparison with a hash of less work as long as one of this hasher's; `None` if nothing does.
    fn work_left(&self, done: &Params) -> Option<Params> {
        let work = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
        let left = work(&self.params).checked_sub(work(done))?;
        let memory = u32::try_from(left / u64::from(self.params.t_cost())).ok()?;
        Params::new(memory, self.params.t_cost(), self.params.p_cost(), None).ok()
    }

    fn hasher(&self) -> argon2::Argon2<'_> {
        argon2::Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }
}

impl Default for Argon2 {
    fn default() -> Self {
        Self { params: Params::DEFAULT }
    }
}

impl PasswordHasher for Argon2 {
    fn hash(&self, password: &str) -> Result<PasswordHash, PasswordHasherError> {
        if password.len() > Self::MAX_BYTES {
            return Err(PasswordHasherError::Hasher("the password has more than 1024 bytes".into()));
        }
        let random = Secret32::random()?;
        let (salt, _) = random.as_bytes().split_at(16);
        let hash = self.hasher().hash_password_with_salt(password.as_bytes(), salt).map_err(failed)?;
        Ok(PasswordHash::from(hash.to_string()))
    }

    fn verify(&self, password: &str, hash: &str) -> Result<bool, PasswordHasherError> {
        if is_bcrypt(hash) {
            // No longer password was ever set with one; it takes as long to say so.
            let possible = password.len() <= Bcrypt::MAX_BYTES;
            let equal = Bcrypt::default().verify(if possible { password } else { "" }, hash)?;
            return Ok(possible && equal);
        }
        let hash = phc::PasswordHash::new(hash).map_err(|error| PasswordHasherError::Hasher(error.into()))?;
        match self.hasher().verify_password(password.as_bytes(), &hash) {
            Ok(()) => Ok(true),
            Err(argon2::password_hash::Error::PasswordInvalid) => {
                if let Some(rest) = Params::try_from(&hash).ok().and_then(|params| self.work_left(&params)) {
                    let hasher = argon2::Argon2::new(Algorithm::Argon2id, Version::V0x13, rest);
                    hasher.hash_password_with_salt(b"", &[0; 16]).map_err(failed)?;
                }
                Ok(false)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn is_outdated(&self, hash: &str) -> bool {
        if is_bcrypt(hash) {
            return true;
        }
        let Ok(hash) = phc::PasswordHash::new(hash) else { return false };
        let Ok(params) = Params::try_from(&hash) else { return false };
        let less = params.m_cost() < self.params.m_cost() || params.t_cost() < self.params.t_cost();
        hash.algorithm.as_str() != "argon2id" || less
    }

    fn max_bytes(&self) -> usize {
        Self::MAX_BYTES
    }
}

fn is_bcrypt(hash: &str) -> bool {
    hash.starts_with("$2")
}

fn failed(error: argon2::password_hash::Error) -> PasswordHasherError {
    PasswordHasherError::Hasher(error.into())
}

/// Parameters that Argon2 cannot have, or that are too cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "Argon2 wants at least 7168 KiB, at least 35840 KiB times iterations, and at least 8 KiB a lane; \
     19456 KiB, 2 iterations and 1 lane is a good choice"
)]
pub struct InvalidArgon2Params;

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Argon2 {
        Argon2::with_insecure_params(64, 1, 1).unwrap()
    }

    #[test]
    fn a_hash_verifies_its_password_alone() {
        let hash = cheap().hash("correct horse").unwrap();
        assert!(cheap().verify("correct horse", hash.as_str()).unwrap());
        assert!(!cheap().verify("correct horses", hash.as_str()).unwrap());
        assert_ne!(
            cheap().hash("correct horse").unwrap().as_str(),
            hash.as_str(),
            "each has a salt of its own"
        );
        for none in ["", "not a hash", "$argon2id$", "$2b$nonsense"] {
            assert!(cheap().verify("x", none).is_err(), "{none}");
        }
    }

    #[test]
    fn nothing_is_truncated_and_long_passwords_are_taken() {
        let longest = "é".repeat(512);
        let hash = cheap().hash(&longest).unwrap();
        assert!(cheap().verify(&longest, hash.as_str()).unwrap());
        assert!(!cheap().verify(&"é".repeat(511), hash.as_str()).unwrap());
        assert!(cheap().hash(&"x".repeat(1025)).is_err());
    }

    #[test]
    fn bcrypt_hashes_verify_and_are_outdated() {
        let old = Bcrypt::with_insecure_cost(4).hash("correct horse").unwrap();
        assert!(cheap().verify("correct horse", old.as_str()).unwrap());
        assert!(!cheap().verify("correct horses", old.as_str()).unwrap());
        assert!(!cheap().verify(&"x".repeat(73), old.as_str()).unwrap());
        assert!(cheap().is_outdated(old.as_str()));
        let hash = cheap().hash("correct horse").unwrap();
        assert!(!cheap().is_outdated(hash.as_str()) && Argon2::default().is_outdated(hash.as_str()));
    }

    #[test]
    fn a_wrong_password_costs_as_much_work_with_an_outdated_hash() {
        let hasher = Argon2::with_insecure_params(1_024, 4, 1).unwrap();
        let params = |memory, iterations| Params::new(memory, iterations, 1, None).unwrap();
        let left = |memory, iterations| {
            hasher.work_left(&params(memory, iterations)).map(|left| left.m_cost() * left.t_cost())
        };
        assert_eq!((left(1_024, 2), left(64, 1)), (Some(2_048), Some(4_032)));
        assert_eq!((left(1_024, 4), left(2_048, 4)), (None, None));
        let old = cheap().hash("correct horse").unwrap();
        assert!(!hasher.verify("wrong", old.as_str()).unwrap());
    }

    #[test]
    fn cheap_parameters_need_the_insecure_name() {
        assert!(Argon2::with_params(19_456, 2, 1).is_ok() && Argon2::with_params(7_168, 5, 1).is_ok());
        for (memory, iterations, lanes) in [(7_168, 4, 1), (1_024, 100, 1), (19_456, 1, 1), (19_456, 2, 0)] {
            assert!(Argon2::with_params(memory, iterations, lanes).is_err());
        }
    }
}
