//! The application's user type, where its name cannot be written.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Ref, RefOr, Schema},
};

/// Stands for the user type in an attribute, which does not see the type parameter of the handler below it.
pub(in crate::http) struct AnyUser;

impl AnyUser {
    /// The name of the schema, whatever the type is called.
    pub(super) const NAME: &str = "User";
}

impl PartialSchema for AnyUser {
    fn schema() -> RefOr<Schema> {
        RefOr::Ref(Ref::from_schema_name(Self::NAME))
    }
}

impl ToSchema for AnyUser {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed(Self::NAME)
    }
}
