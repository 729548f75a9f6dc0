//! The column types that `#[derive(AuthUser)]` reads.

use crate::{Email, PasswordHash};

/// What the field marked `#[auth(password_hash)]` may be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a password hash",
    label = "marked `#[auth(password_hash)]`, but not a hash",
    note = "use `guardrail::PasswordHash` or `String`, or an `Option` of either"
)]
pub trait HashColumn {
    /// The hash, if there is one.
    fn hash_text(&self) -> Option<&str>;
}

/// What the field marked `#[auth(email)]` may be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an e-mail address",
    label = "marked `#[auth(email)]`, but not an address",
    note = "use `guardrail::Email` or `String`, or an `Option` of either"
)]
pub trait EmailColumn {
    /// The address, if there is one.
    fn email_text(&self) -> Option<&str>;
}

macro_rules! text_column {
    ($column:ident, $method:ident, $($kind:ty),*) => {
        $(impl $column for $kind {
            fn $method(&self) -> Option<&str> {
                Some(self.as_str()).filter(|text| !text.is_empty())
            }
        })*

        impl<T: $column> $column for Option<T> {
            fn $method(&self) -> Option<&str> {
                self.as_ref().and_then(T::$method)
            }
        }
    };
}

// An empty text is none: tables without NULL have one there.
text_column!(HashColumn, hash_text, String, PasswordHash);
text_column!(EmailColumn, email_text, String, Email);
