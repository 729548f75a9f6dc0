//! Names of users and sessions.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest [`UserId`], in bytes.
pub const USER_ID_MAX_BYTES: usize = 128;

/// A user's key in the application's own terms: a UUID, a number or a short text.
///
/// It is the `sub` claim of access tokens, and `user:<id>` is the user's subject in policies. A text is accepted
/// when it has 1 to 128 visible ASCII characters without `,` and `"`, so that it needs no quoting in a Casbin CSV
/// file and no escaping in a log.
///
/// ```
/// use guardrail::UserId;
/// use uuid::Uuid;
///
/// assert_eq!(UserId::from(42_i64).as_str(), "42");
/// assert_eq!(UserId::from(Uuid::nil()).as_str(), "00000000-0000-0000-0000-000000000000");
/// assert!("ada@example.com".parse::<UserId>().is_ok());
/// assert!("two words".parse::<UserId>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId {
    /// With the prefix, since that is what each decision asks for.
    subject: Arc<str>,
}

/// What a user's subject begins with.
const USER: &str = "user:";

impl UserId {
    fn new(id: &str) -> Self {
        Self { subject: [USER, id].concat().into() }
    }

    /// The id as it stands in tokens and tables.
    pub fn as_str(&self) -> &str {
        self.subject.get(USER.len()..).unwrap_or_default()
    }

    /// The id as a UUID, where it is one in the one spelling that [`From<Uuid>`](Self#impl-From<Uuid>-for-UserId)
    /// writes: another spelling would be another subject in policies.
    pub fn as_uuid(&self) -> Option<Uuid> {
        Uuid::try_parse(self.as_str()).ok().filter(|id| Self::from(*id) == *self)
    }

    /// The user as a subject of policies: `user:<id>`.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({self})")
    }
}

/// A text that cannot be a [`UserId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a user id has 1 to {USER_ID_MAX_BYTES} visible ASCII characters without comma and quote")]
pub struct InvalidUserId;

impl TryFrom<String> for UserId {
    type Error = InvalidUserId;

    fn try_from(text: String) -> Result<Self, InvalidUserId> {
        text.parse()
    }
}

impl FromStr for UserId {
    type Err = InvalidUserId;

    fn from_str(text: &str) -> Result<Self, InvalidUserId> {
        let fits = (1..=USER_ID_MAX_BYTES).contains(&text.len());
        let clean = text.bytes().all(|b| b.is_ascii_graphic() && b != b',' && b != b'"');
        if fits && clean { Ok(Self::new(text)) } else { Err(InvalidUserId) }
    }
}

impl Serialize for UserId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl From<Uuid> for UserId {
    fn from(id: Uuid) -> Self {
        let mut text = Uuid::encode_buffer();
        Self::new(id.hyphenated().encode_lower(&mut text))
    }
}

macro_rules! user_id_from_number {
    ($($number:ty),*) => {$(
        impl From<$number> for UserId {
            fn from(id: $number) -> Self {
                Self::new(&id.to_string())
            }
        }
        impl UserKey for $number {
            fn to_user_id(&self) -> UserId {
                UserId::from(*self)
            }
        }
    )*};
}

/// A column type that can name a user: what the field marked `#[auth(id)]` may be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a user's id",
    label = "marked `#[auth(id)]`, but not a key type",
    note = "use a `Uuid`, an integer, or `guardrail::UserId` for text keys (it is checked when it is made)"
)]
pub trait UserKey {
    /// The key as Guardrail names the user.
    fn to_user_id(&self) -> UserId;
}

user_id_from_number!(i16, i32, i64, u16, u32, u64);

impl UserKey for UserId {
    fn to_user_id(&self) -> UserId {
        self.clone()
    }
}

impl UserKey for Uuid {
    fn to_user_id(&self) -> UserId {
        UserId::from(*self)
    }
}

/// One log-in on one device: the `sid` claim of its access tokens and the `family_id` of its refresh tokens.
///
/// It is a name, not a secret: knowing one opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Uuid);

impl SessionId {
    /// A new id, ordered by time (UUID version 7, RFC 9562).
    pub(crate) fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id as a UUID.
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for SessionId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_refuses_what_would_need_escaping() {
        for text in ["", "a b", "a\nb", "a,b", "a\"b", "é", &"x".repeat(129)] {
            assert_eq!(text.parse::<UserId>(), Err(InvalidUserId), "{text:?}");
        }
        assert!("x".repeat(128).parse::<UserId>().is_ok());
    }

    #[test]
    fn a_uuid_survives_the_round_trip() {
        let id = Uuid::now_v7();
        assert_eq!(UserId::from(id).as_uuid(), Some(id));
    }
}
