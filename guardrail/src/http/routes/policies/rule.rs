//! A rule as it is sent.

use serde::Deserialize;

use crate::{FieldErrors, policy::Rule};

/// A rule as it is sent. An empty action assigns the role `object` to `subject`.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Rule))]
pub(in crate::http::routes) struct RuleBody {
    /// Whom it is about: a role, or `user:<id>`.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, min_length = 1, max_length = 2000, example = "editor")
    )]
    subject: Option<String>,
    /// What it is about: `*`, or a path that may end in `/*` and have `{name}` for single segments. The role, where the
    /// action is empty.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, min_length = 1, max_length = 2000, example = "/api/posts/{id}")
    )]
    object: Option<String>,
    /// What may be done; `*` is everything.
    #[cfg_attr(feature = "openapi", schema(value_type = String, max_length = 2000, example = "edit"))]
    action: Option<String>,
}

impl RuleBody {
    pub(super) fn new(subject: Option<String>, object: Option<String>, action: Option<String>) -> Self {
        Self { subject, object, action }
    }

    pub(super) fn check(self) -> Result<Rule, FieldErrors> {
        let mut errors = FieldErrors::default();
        let subject = errors.required("subject", self.subject);
        let object = errors.required("object", self.object);
        let action = errors.required("action", self.action);
        let (Some(subject), Some(object), Some(action)) = (subject, object, action) else {
            return Err(errors);
        };
        Rule::new(&subject, &object, &action).map_err(|invalid| {
            let mut errors = FieldErrors::default();
            for (field, message) in invalid.errors() {
                errors.add(*field, message.clone());
            }
            errors
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.subject.is_none() && self.object.is_none() && self.action.is_none()
    }
}
