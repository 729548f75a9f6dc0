//! Which passwords are accepted.

/// The fewest characters that any policy accepts (NIST SP 800-63B-4 §3.1.1.2, ASVS 5.0 6.2.1).
pub const PASSWORD_MIN_CHARS: usize = 8;

/// What a new password must be: long enough, and no longer than the hasher reads.
///
/// There are no composition rules (ASVS 5.0 6.2.5), and a password is taken as it came: not trimmed, not
/// normalized, never truncated.
///
/// ```
/// use guardrail::PasswordPolicy;
///
/// let policy = PasswordPolicy::default();
/// assert!(policy.check("correct horse", 72).is_ok());
/// assert_eq!(policy.check("seven77", 72), Err("must have at least 8 characters".to_owned()));
///
/// let stricter = PasswordPolicy::with_min_chars(15)?;
/// assert!(stricter.check("correct horse", 72).is_err());
/// # Ok::<_, guardrail::InvalidPasswordPolicy>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordPolicy {
    min_chars: usize,
}

impl PasswordPolicy {
    /// A policy that asks for at least `min_chars` characters; 15 where the password is the only factor
    /// (NIST SP 800-63B-4).
    pub fn with_min_chars(min_chars: usize) -> Result<Self, InvalidPasswordPolicy> {
        if (PASSWORD_MIN_CHARS..=64).contains(&min_chars) {
            Ok(Self { min_chars })
        } else {
            Err(InvalidPasswordPolicy { min_chars })
        }
    }

    /// Whether `password` may be set where the hasher reads `max_bytes`; otherwise what is wrong, for the user.
    pub fn check(&self, password: &str, max_bytes: usize) -> Result<(), String> {
        if password.len() > max_bytes {
            return Err(format!("must have at most {max_bytes} bytes"));
        }
        if password.contains('\0') {
            return Err("must not contain the character NUL".to_owned());
        }
        if password.chars().count() < self.min_chars {
            return Err(format!("must have at least {} characters", self.min_chars));
        }
        Ok(())
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_chars: PASSWORD_MIN_CHARS }
    }
}

/// A minimum length outside 8 to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a password policy asks for 8 to 64 characters at least, not {min_chars}")]
pub struct InvalidPasswordPolicy {
    min_chars: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_bounded_in_characters_below_and_bytes_above() {
        let policy = PasswordPolicy::default();
        let ok = |password: &str| policy.check(password, 72).is_ok();
        assert!(!ok("seven77") && ok("eight888"));
        assert!(ok(&"x".repeat(72)) && !ok(&"x".repeat(73)));
        assert!(!ok("ééééééé") && ok("éééééééé"), "seven and eight characters");
        assert!(ok(&"é".repeat(36)) && !ok(&"é".repeat(37)), "72 and 74 bytes");
        assert!(!ok("eight\0888") && ok("        "));
    }

    #[test]
    fn a_policy_is_never_below_the_floor() {
        assert!(PasswordPolicy::with_min_chars(7).is_err());
        assert!(PasswordPolicy::with_min_chars(15).is_ok());
    }
}
