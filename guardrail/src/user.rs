//! Who signs in.

use std::{fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::ValidateEmail as _;

use crate::{PasswordHash, UserId, UserKey as _};

/// What Guardrail needs to know of an application's user.
///
/// Derive it with `#[derive(AuthUser)]`, or use [`User`] as it is.
///
/// ```
/// use guardrail::{AuthUser, PasswordHash, UserId};
///
/// #[derive(Clone)]
/// struct Member { id: i64, role: String, enabled: bool, hash: PasswordHash }
///
/// impl AuthUser for Member {
///     fn id(&self) -> UserId { self.id.into() }
///     fn role(&self) -> &str { &self.role }
///     fn is_active(&self) -> bool { self.enabled }
///     fn password_hash(&self) -> Option<&str> { Some(self.hash.as_str()) }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a user type that Guardrail knows",
    note = "put `#[derive(guardrail::AuthUser)]` on it, with `#[auth(id)]`, `#[auth(role)]`, `#[auth(active)]` and `#[auth(password_hash)]` on its fields"
)]
pub trait AuthUser: Clone + Send + Sync + 'static {
    /// The user's key; it never changes and is never given to another user.
    fn id(&self) -> UserId;

    /// The user's role, as policies name it. One that is no valid [`Role`] counts as none, with a log line.
    fn role(&self) -> &str;

    /// Whether the user may be signed in. `false` refuses every session, and ends them for good at the next request
    /// of any of them.
    fn is_active(&self) -> bool;

    /// The stored password hash; `None` for a user who cannot sign in by password.
    fn password_hash(&self) -> Option<&str>;

    /// The e-mail address, for messages to administrators; the id stands in where there is none.
    fn email(&self) -> Option<&str> {
        None
    }
}

/// The user of Guardrail's own stores, as `/profile` and `/register` show it (without the password hash).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(description = "A user, without the password's hash.")
)]
pub struct User {
    /// The key, a UUID of version 7.
    #[cfg_attr(feature = "openapi", schema(example = "0199b6a3-4c1b-7d0e-8b3d-1e0c7e5a2b6f"))]
    pub id: Uuid,
    /// The e-mail address, normalized; it is unique and what the user signs in with.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, format = Email, max_length = 254, example = "ada@example.com")
    )]
    pub email: Email,
    /// The name shown to others, unique without regard to letter case.
    #[cfg_attr(feature = "openapi", schema(example = "Ada"))]
    pub username: String,
    /// The given name.
    #[cfg_attr(feature = "openapi", schema(required, example = "Ada"))]
    pub first_name: Option<String>,
    /// The family name.
    #[cfg_attr(feature = "openapi", schema(required, example = "Lovelace"))]
    pub last_name: Option<String>,
    /// The role, as policies name it.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, pattern = "^[A-Za-z0-9_.-]{1,64}$", example = "user")
    )]
    pub role: Role,
    /// Whether the user may be signed in.
    #[cfg_attr(feature = "openapi", schema(example = true))]
    pub is_active: bool,
    /// When the user was created.
    #[cfg_attr(feature = "openapi", schema(example = "2026-09-21T14:13:20.123457Z"))]
    pub created_at: DateTime<Utc>,
    /// When anything of the user last changed.
    #[cfg_attr(feature = "openapi", schema(example = "2026-09-21T14:13:20.123457Z"))]
    pub updated_at: DateTime<Utc>,
    /// The hash of the password.
    #[serde(skip)]
    pub password_hash: PasswordHash,
}

impl AuthUser for User {
    fn id(&self) -> UserId {
        self.id.to_user_id()
    }

    fn role(&self) -> &str {
        self.role.as_str()
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn password_hash(&self) -> Option<&str> {
        Some(self.password_hash.as_str())
    }

    fn email(&self) -> Option<&str> {
        Some(self.email.as_str())
    }
}

/// A user about to be created: checked and normalized, the password hashed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewUser {
    /// The normalized e-mail address.
    pub email: Email,
    /// The name shown to others.
    pub username: Username,
    /// The given name.
    pub first_name: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
    /// The role to start with.
    pub role: Role,
    /// The hash of the password.
    pub password_hash: PasswordHash,
}

impl NewUser {
    /// A user without given and family name.
    pub fn new(email: Email, username: Username, role: Role, password_hash: PasswordHash) -> Self {
        Self { email, username, first_name: None, last_name: None, role, password_hash }
    }
}

/// The longest e-mail address, in bytes (RFC 5321 §4.5.3.1.3 less the angle brackets).
pub const EMAIL_MAX_BYTES: usize = 254;
/// The longest user name and the longest given or family name, in characters.
pub const NAME_MAX_CHARS: usize = 64;

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $error:ident, $message:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                let check: fn(&str) -> Option<Arc<str>> = $check;
                check(text).map(Self).ok_or($error)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        #[doc = concat!("A text that cannot be one of [`", stringify!($name), "`].")]
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $error;
    };
}

checked_text!(
    /// An e-mail address, normalized: without surrounding white space, in lower case.
    ///
    /// Stores keep and compare it as it is; no database folds the case a second time by rules of its own.
    ///
    /// ```
    /// let email: guardrail::Email = " Ada@Example.COM ".parse()?;
    /// assert_eq!(email.as_str(), "ada@example.com");
    /// # Ok::<_, guardrail::InvalidEmail>(())
    /// ```
    Email,
    InvalidEmail,
    "must be an e-mail address such as ada@example.com",
    |text| {
        let email = text.trim().to_lowercase();
        (email.len() <= EMAIL_MAX_BYTES && email.validate_email()).then(|| email.into())
    }
);

checked_text!(
    /// A role, as policies name it: 1 to 64 letters, digits, `_`, `.` and `-`.
    ///
    /// No role can look like a user, whose subject has a colon (`user:<id>`).
    ///
    /// ```
    /// use guardrail::Role;
    ///
    /// assert!("moderator".parse::<Role>().is_ok());
    /// assert!("user:1".parse::<Role>().is_err());
    /// ```
    Role,
    InvalidRole,
    "must be a role: 1 to 64 letters, digits, `_`, `.` or `-`",
    |text| {
        let clean = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        ((1..=64).contains(&text.len()) && clean).then(|| text.into())
    }
);

checked_text!(
    /// A user name: 1 to 64 characters, none of them a control character, without surrounding white space.
    Username,
    InvalidUsername,
    "must have 1 to 64 characters and no control characters",
    |text| clean_name(text).map(Into::into)
);

impl Role {
    /// A role that this crate names itself.
    pub(crate) fn known(name: &'static str) -> Self {
        debug_assert!(name.parse::<Self>().is_ok());
        Self(name.into())
    }
}

impl Username {
    /// What two names that differ in letter case only have in common; unique in a store.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

/// A given or family name without surrounding white space; `None` if it is empty, too long or not printable.
pub(crate) fn clean_name(text: &str) -> Option<&str> {
    let name = text.trim();
    let fits = (1..=NAME_MAX_CHARS).contains(&name.chars().count());
    (fits && !name.chars().any(char::is_control)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_looks_like_a_user() {
        for text in ["user:1", "", "a b", "rôle", "a/b", "a\0", &"r".repeat(65)] {
            assert_eq!(text.parse::<Role>(), Err(InvalidRole), "{text:?}");
        }
    }

    #[test]
    fn an_email_is_normalized_and_bounded() {
        assert_eq!("A@B.example".parse::<Email>().unwrap().as_str(), "a@b.example");
        for text in ["", "ada", "@example.com", "a@", "a b@example.com", "a\0@example.com"] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
        assert!(format!("{}@example.com", "a".repeat(10_000)).parse::<Email>().is_err());
    }

    #[test]
    fn names_are_bounded_in_characters_and_printable() {
        assert!("é".repeat(64).parse::<Username>().is_ok());
        for text in ["", "  ", "a\nb", "a\u{0}b", &"n".repeat(10_000)] {
            assert_eq!(text.parse::<Username>(), Err(InvalidUsername));
        }
        assert_eq!("Ada".parse::<Username>().unwrap().key(), "ada");
    }
}
