//! A rule as it is sent.

use serde::Deserialize;

use crate::{FieldErrors, policy::Rule};

/// A rule as it is sent. An empty action assigns the role `object` to `subject`.
#[derive(Deserialize)]
pub(super) struct RuleBody {
    subject: Option<String>,
    object: Option<String>,
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
