//! What `#[require]` and [`RequireLayer`](crate::RequireLayer) ask for, and whether a request meets it.

use std::borrow::Cow;

use axum::extract::{FromRequestParts as _, RawPathParams};
use http::request::Parts;

use super::context::{AuthContext, route};
use crate::{Error, Forbidden, Principal, audit::AuditEvent};

/// What a caller must be allowed, or be.
///
/// ```
/// use guardrail::{RequireLayer, Requirement};
///
/// const MODERATE: Requirement = Requirement::Any(&[
///     Requirement::Permission { object: "/api/posts/{id}", action: "edit" },
///     Requirement::Role("moderator"),
/// ]);
/// let layer = RequireLayer::from(MODERATE);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requirement {
    /// A rule allows the action on the object. A segment `{name}` of the object stands for the value of that path
    /// parameter, a final `{*name}` for those of a wildcard.
    Permission {
        /// The object.
        object: &'static str,
        /// The action.
        action: &'static str,
    },
    /// The caller has the role, of its own or by inheritance.
    Role(&'static str),
    /// At least one of them holds.
    Any(&'static [Requirement]),
    /// All of them hold.
    All(&'static [Requirement]),
}

/// A requirement with the place that declares it: what `#[require]` makes of its arguments.
pub trait Declaration: Send + Sync + 'static {
    /// What is required.
    const REQUIREMENT: Requirement;
    /// The function, with its module's path.
    const FUNCTION: &'static str;
    /// The source file.
    const FILE: &'static str;
    /// The line in it.
    const LINE: u32;
}

/// Lets a request pass that meets the requirement; whoever it is from otherwise learns nothing of the body.
pub(super) async fn check(requirement: &Requirement, parts: &mut Parts) -> Result<Principal, Error> {
    let context = AuthContext::of(parts)?;
    let principal = context.principal(&parts.headers).await?;
    let params =
        if requirement.has_parameters() { PathParameters::of(parts).await? } else { PathParameters::NONE };
    let check = Check { context: &context, principal: &principal, params: &params, parts };
    if check.holds(requirement)? { Ok(principal) } else { Err(Forbidden::PermissionDenied.into()) }
}

impl Requirement {
    fn has_parameters(&self) -> bool {
        match self {
            Self::Permission { object, .. } => object.contains('{'),
            Self::Role(_) => false,
            Self::Any(parts) | Self::All(parts) => parts.iter().any(Self::has_parameters),
        }
    }
}

struct Check<'a> {
    context: &'a AuthContext,
    principal: &'a Principal,
    params: &'a PathParameters,
    parts: &'a Parts,
}

impl Check<'_> {
    fn holds(&self, requirement: &Requirement) -> Result<bool, Error> {
        match requirement {
            Requirement::Permission { object, action } => self.is_allowed(object, action),
            Requirement::Role(role) => {
                let holds = self.context.holds_role(&self.principal.subjects(), role);
                if !holds {
                    self.denied(role, "(role)");
                }
                Ok(holds)
            }
            Requirement::Any(parts) => {
                for part in *parts {
                    if self.holds(part)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Requirement::All(parts) => {
                for part in *parts {
                    if !self.holds(part)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    fn is_allowed(&self, template: &'static str, action: &str) -> Result<bool, Error> {
        let object = match fill(template, &self.params.0) {
            Ok(object) => object,
            Err(Unfilled::Value) => {
                self.denied(template, action);
                return Ok(false);
            }
            Err(Unfilled::Name(name)) => {
                return Err(Error::Misconfigured(
                    format!(
                        "the requirement {template:?} wants the path parameter `{name}` exactly once, and the route \
                         {} has not that",
                        route(self.parts)
                    )
                    .into(),
                ));
            }
        };
        let allowed = self.context.decide(&self.principal.subjects(), &object, action)?;
        if !allowed {
            self.denied(&object, action);
        }
        Ok(allowed)
    }

    fn denied(&self, object: &str, action: &str) {
        let (subject, role) = (self.principal.subject(), self.principal.role());
        AuditEvent::PermissionDenied { subject, role, object, action }.record();
    }
}

/// The values that the route captured from the path, decoded by axum; `None` for one that is no UTF-8.
struct PathParameters(Vec<(String, Option<String>)>);

impl PathParameters {
    const NONE: Self = Self(Vec::new());

    async fn of(parts: &mut Parts) -> Result<Self, Error> {
        use axum::extract::rejection::RawPathParamsRejection;
        match RawPathParams::from_request_parts(parts, &()).await {
            Ok(params) => Ok(Self(
                params.iter().map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).collect(),
            )),
            // A value that is no text can be no segment of an object.
            Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => Err(Forbidden::PermissionDenied.into()),
            // No parameters at all: `fill` names the one that lacks.
            Err(_) => Ok(Self::NONE),
        }
    }
}

/// Why a template cannot be filled.
#[derive(Debug, PartialEq, Eq)]
enum Unfilled<'a> {
    /// The route has no such parameter, or has it twice.
    Name(&'a str),
    /// The value could become another object.
    Value,
}

/// The object that a template names for these path parameters.
///
/// A value stays one segment. It comes decoded, so `%2e%2e` and `a%2Fb` are `..` and `a/b` here, and are refused
/// like these.
fn fill<'a>(template: &'a str, params: &[(String, Option<String>)]) -> Result<Cow<'a, str>, Unfilled<'a>> {
    if !template.contains('{') {
        return Ok(Cow::Borrowed(template));
    }
    let mut object = String::with_capacity(template.len() + 32);
    for (index, segment) in template.split('/').enumerate() {
        if index > 0 {
            object.push('/');
        }
        let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            // `{id}.json` would name one object for every id.
            if segment.contains(['{', '}']) {
                return Err(Unfilled::Name(segment));
            }
            object.push_str(segment);
            continue;
        };
        let (name, wildcard) = name.strip_prefix('*').map_or((name, false), |name| (name, true));
        let mut values = params.iter().filter(|(param, _)| param == name);
        let (Some((_, value)), None) = (values.next(), values.next()) else {
            return Err(Unfilled::Name(name));
        };
        let value = value.as_deref().ok_or(Unfilled::Value)?;
        let fits = if wildcard { value.split('/').all(is_one_segment) } else { is_one_segment(value) };
        if !fits {
            return Err(Unfilled::Value);
        }
        object.push_str(value);
    }
    Ok(Cow::Owned(object))
}

fn is_one_segment(value: &str) -> bool {
    let special = matches!(value, "" | "." | "..");
    !special && !value.contains(['/', '\\']) && !value.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(template: &'static str, value: &str) -> Option<String> {
        let params = [("id".to_owned(), Some(value.to_owned()))];
        fill(template, &params).ok().map(Cow::into_owned)
    }

    #[test]
    fn a_value_stays_one_segment() {
        assert_eq!(filled("/posts/{id}", "7").as_deref(), Some("/posts/7"));
        assert_eq!(filled("/posts/{id}/tags", "{x}").as_deref(), Some("/posts/{x}/tags"));
        assert_eq!(filled("/posts/{id}", "*").as_deref(), Some("/posts/*"));
        for value in ["", ".", "..", "a/b", "/", "a\\b", "a\0", "a\nb", "\u{7f}", "\u{85}"] {
            assert_eq!(filled("/posts/{id}", value), None, "{value:?}");
        }
    }

    #[test]
    fn a_wildcard_stays_its_segments() {
        assert_eq!(filled("/files/{*id}", "a/b/c").as_deref(), Some("/files/a/b/c"));
        for value in ["", "a//b", "/a", "a/", "a/../b", "./a", "a/b\\c"] {
            assert_eq!(filled("/files/{*id}", value), None, "{value:?}");
        }
    }

    #[test]
    fn a_parameter_that_lacks_or_comes_twice_is_the_applications_fault() {
        let twice = [("id".to_owned(), Some("1".to_owned())), ("id".to_owned(), Some("2".to_owned()))];
        assert_eq!(fill("/a/{id}", &twice), Err(Unfilled::Name("id")));
        assert_eq!(fill("/a/{other}", &twice), Err(Unfilled::Name("other")));
        assert_eq!(fill("/a/{id}.json", &twice[..1]), Err(Unfilled::Name("{id}.json")));
        assert_eq!(fill("/a/b", &[]), Ok(Cow::Borrowed("/a/b")));
    }

    proptest! {
        #[test]
        fn no_value_changes_the_number_of_segments(value in any::<String>()) {
            if let Some(object) = filled("/a/{id}/b", &value) {
                prop_assert_eq!(object.split('/').count(), 4);
                prop_assert!(object.starts_with("/a/") && object.ends_with("/b"));
            }
        }
    }
}
