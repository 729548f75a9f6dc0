//! Which passwords are accepted.

use std::{collections::HashSet, fmt, sync::Arc};

/// The fewest characters that any policy accepts (NIST SP 800-63B-4 §3.1.1.2, ASVS 5.0 6.2.1).
pub const PASSWORD_MIN_CHARS: usize = 8;

/// Words of the user's own, or of the application, shorter than this are too common to be looked for.
const WORD_MIN_CHARS: usize = 4;

/// What guessers try first, as far as it is long enough to be set at all.
const COMMON: &str = "\
    00000000 11111111 111111111 12121212 12312312 123123123 12341234 1234554321 12345678 123456789 1234567890 \
    1234567891 123456789a 1234qwer 12qwaszx 147258369 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 22222222 55555555 \
    66666666 77777777 78945612 789456123 87654321 88888888 987654321 9876543210 99999999 a123456789 aa123456 \
    aaaaaaaa abc12345 abcd1234 abcdefgh administrator asdf1234 asdfasdf asdfghjk asdfghjkl baseball basketball \
    benjamin changeme computer corvette danielle dragon123 einstein football iloveyou iloveyou1 internet jennifer \
    jonathan letmein1 liverpool michelle mountain mustang1 p@ssw0rd passw0rd password password! password1 password12 \
    password123 passwort princess q1w2e3r4 qazwsxedc qwer1234 qwerasdf qwerqwer qwerty12 qwerty123 qwertyui \
    qwertyuiop rush2112 samantha scorpion secret123 simpleplan slipknot snickers spiderman starwars steelers sunshine \
    superman superstar swordfish test1234 testtest trustno1 victoria welcome1 welcome123 whatever xxxxxxxx zaq12wsx \
    zxcvbnm1 zxcvbnm123";

/// What a new password must be: long enough, no longer than the hasher reads, and not the first that a guesser tries.
///
/// There are no composition rules (ASVS 5.0 6.2.5), and a password is taken as it came: not trimmed, not
/// normalized, never truncated.
///
/// Refused are a hundred of the most common passwords, what the application's [blocklist](Self::with_blocklist) says
/// (ASVS 5.0 6.2.4 and 6.2.12), and what is little more than the user's own name or e-mail address, or a word of the
/// application's own.
///
/// ```
/// use guardrail::PasswordPolicy;
///
/// let policy = PasswordPolicy::default();
/// assert!(policy.check("correct horse", 72, &[]).is_ok());
/// assert_eq!(policy.check("seven77", 72, &[]), Err("must have at least 8 characters".to_owned()));
/// assert!(policy.check("Password123", 72, &[]).is_err());
/// assert!(policy.check("ada.lovelace1", 72, &["ada.lovelace@example.com"]).is_err());
///
/// let stricter = PasswordPolicy::with_min_chars(15)?;
/// assert!(stricter.check("correct horse", 72, &[]).is_err());
/// # Ok::<_, guardrail::InvalidPasswordPolicy>(())
/// ```
#[derive(Clone)]
pub struct PasswordPolicy {
    min_chars: usize,
    words: Vec<String>,
    blocklists: Vec<Arc<Blocklist>>,
}

type Blocklist = dyn Fn(&str) -> bool + Send + Sync;

impl PasswordPolicy {
    /// A policy that asks for at least `min_chars` characters; 15 where the password is the only factor
    /// (NIST SP 800-63B-4).
    pub fn with_min_chars(min_chars: usize) -> Result<Self, InvalidPasswordPolicy> {
        if (PASSWORD_MIN_CHARS..=64).contains(&min_chars) {
            Ok(Self { min_chars, ..Self::default() })
        } else {
            Err(InvalidPasswordPolicy { min_chars })
        }
    }

    /// Refuses the passwords of which `is_blocked` says so; it is asked with each as it came. For lists too large for
    /// memory: a filter, a file.
    #[must_use]
    pub fn with_blocklist(mut self, is_blocked: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.blocklists.push(Arc::new(is_blocked));
        self
    }

    /// Refuses these passwords, in any letter case.
    #[must_use]
    pub fn with_blocked(self, passwords: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let blocked: HashSet<String> =
            passwords.into_iter().map(|password| password.as_ref().to_lowercase()).collect();
        self.with_blocklist(move |password| blocked.contains(&password.to_lowercase()))
    }

    /// Refuses passwords that are little more than one of these words: the application's name, say.
    #[must_use]
    pub fn with_words(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// Whether `password` may be set where the hasher reads `max_bytes`, by a user with these names and addresses;
    /// otherwise what is wrong, for the user.
    pub fn check(&self, password: &str, max_bytes: usize, own: &[&str]) -> Result<(), String> {
        if password.len() > max_bytes {
            return Err(format!("must have at most {max_bytes} bytes"));
        }
        if password.contains('\0') {
            return Err("must not contain the character NUL".to_owned());
        }
        if password.chars().count() < self.min_chars {
            return Err(format!("must have at least {} characters", self.min_chars));
        }
        let lower = password.to_lowercase();
        let blocked = self.blocklists.iter().any(|is_blocked| is_blocked(password));
        if blocked || COMMON.split(' ').any(|common| common == lower) {
            return Err("is among the passwords that are tried first".to_owned());
        }
        let local_parts = own.iter().filter_map(|name| name.split_once('@')).map(|(local, _)| local);
        let words = self.words.iter().map(String::as_str).chain(own.iter().copied()).chain(local_parts);
        if words.into_iter().any(|word| is_little_more_than(&lower, &word.to_lowercase())) {
            return Err("must not be made of your name, your e-mail address or this site's name".to_owned());
        }
        Ok(())
    }
}

/// Whether what is left of a password without the word would be too short for one.
fn is_little_more_than(password: &str, word: &str) -> bool {
    word.chars().count() >= WORD_MIN_CHARS
        && password.contains(word)
        && password.replace(word, "").chars().count() < PASSWORD_MIN_CHARS
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_chars: PASSWORD_MIN_CHARS, words: Vec::new(), blocklists: Vec::new() }
    }
}

impl fmt::Debug for PasswordPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPolicy").field("min_chars", &self.min_chars).finish_non_exhaustive()
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
        let ok = |password: &str| policy.check(password, 72, &[]).is_ok();
        assert!(!ok("seven77") && ok("eight-88"));
        assert!(ok(&"x-".repeat(36)) && !ok(&"x".repeat(73)));
        assert!(!ok("ééééééé") && ok("éééééééé"), "seven and eight characters");
        assert!(ok(&"é".repeat(36)) && !ok(&"é".repeat(37)), "72 and 74 bytes");
        assert!(!ok("eight\0888") && ok("        "));
        assert!(
            policy.check(&"é".repeat(64), 1024, &[]).is_ok(),
            "64 characters, where the hasher reads them"
        );
    }

    #[test]
    fn a_policy_is_never_below_the_floor() {
        assert!(PasswordPolicy::with_min_chars(7).is_err());
        assert!(PasswordPolicy::with_min_chars(15).is_ok());
    }

    #[test]
    fn what_is_tried_first_is_refused_in_any_letter_case() {
        let policy =
            PasswordPolicy::default().with_blocked(["correct horse"]).with_blocked(["battery staple"]);
        let ok = |password: &str| policy.check(password, 72, &[]).is_ok();
        for password in ["password", "PassWord", "1q2w3e4r5t", "CORRECT horse", "battery staple"] {
            assert!(!ok(password), "{password}");
        }
        assert!(ok("correct horses"));
        for common in COMMON.split_whitespace() {
            assert!(common.chars().count() >= PASSWORD_MIN_CHARS && !ok(common), "{common}");
        }
        let capitals = PasswordPolicy::default().with_blocklist(|password| password.starts_with('C'));
        assert!(capitals.check("Correct horse", 72, &[]).is_err());
        assert!(capitals.check("correct horse", 72, &[]).is_ok(), "asked with each as it came");
    }

    #[test]
    fn a_password_is_more_than_the_users_own_names() {
        let policy = PasswordPolicy::default().with_words(["guardrail"]);
        let ok =
            |password: &str| policy.check(password, 72, &["Lovelace@Example.com", "countess", "ada"]).is_ok();
        for password in
            ["lovelace@example.com", "Lovelace1", "countess2024", "Guardrail!", "lovelacelovelace1"]
        {
            assert!(!ok(password), "{password}");
        }
        assert!(ok("countess of analytical engines"), "enough is left");
        assert!(ok("ada is not looked for"));
    }
}
