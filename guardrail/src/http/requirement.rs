//! Whether a request meets what `#[require]` and [`RequireLayer`](crate::RequireLayer) ask for.

use std::{borrow::Cow, cell::RefCell};

use axum::extract::{FromRequestParts as _, RawPathParams, rejection::RawPathParamsRejection};
use http::request::Parts;
use memchr::{memchr, memchr2};

use super::context::{AuthContext, recognise, recognise_at_once, route};
use crate::{
    Domain, Error, Forbidden, Principal, Requirement,
    at_once::at_once,
    audit::AuditEvent,
    policy::{Object, PolicyEngine},
};

/// Lets a request pass that meets the requirement; whoever it is from otherwise learns nothing of the body.
pub(super) async fn check(requirement: &Requirement, parts: &mut Parts) -> Result<(), Error> {
    recognise(parts).await?;
    decide(requirement, parts)
}

/// The same at once; `None` if a store has to be asked who the caller is.
pub(super) fn check_at_once(requirement: &Requirement, parts: &mut Parts) -> Option<Result<(), Error>> {
    match recognise_at_once(parts) {
        Ok(true) => Some(decide(requirement, parts)),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    }
}

/// Decides on a caller who has been recognised.
fn decide(requirement: &Requirement, parts: &mut Parts) -> Result<(), Error> {
    let params =
        if requirement.has_parameters() { PathParameters::of(parts) } else { Ok(PathParameters(None)) };
    let route = || route(parts);
    let Some(context) = parts.extensions.get::<AuthContext>() else { return Err(Error::Unavailable) };
    let principal = context.principal()?;
    let params = params?;
    let domain = parts.extensions.get::<Domain>().map(Domain::as_str);
    let policies = context.policies();
    let missed = RefCell::default();
    let check = Check { policies, principal, domain, params: &params, route: &route, missed: &missed };
    if check.holds(requirement)? {
        return Ok(());
    }
    // Of alternatives, one that is missed says nothing by itself.
    for (object, action) in missed.take() {
        context.audit().record(&AuditEvent::denied(principal, &object, &action));
    }
    Err(Forbidden::PermissionDenied.into())
}

struct Check<'a> {
    policies: &'a PolicyEngine,
    principal: &'a Principal,
    domain: Option<&'a str>,
    params: &'a PathParameters,
    /// The request's route, for the log.
    route: &'a dyn Fn() -> String,
    /// Objects and actions that the caller may not.
    missed: &'a RefCell<Vec<(String, String)>>,
}

impl Check<'_> {
    fn holds(&self, requirement: &Requirement) -> Result<bool, Error> {
        match requirement {
            Requirement::Permission { object, action } => self.is_allowed(object, action),
            Requirement::Role(role) => {
                let holds = self.policies.holds_role(&self.principal.subjects(), role);
                if !holds {
                    self.denied(role, "(role)");
                }
                Ok(holds)
            }
            Requirement::Any(parts) => {
                let before = self.missed.borrow().len();
                for part in *parts {
                    if self.holds(part)? {
                        self.missed.borrow_mut().truncate(before);
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
        let object = match fill(template, |name| self.params.get(name)) {
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
                        (self.route)()
                    )
                    .into(),
                ));
            }
        };
        let allowed =
            self.policies.decide(&self.principal.subjects(), self.domain, Object::Named(&object), action)?;
        if !allowed {
            self.denied(&object, action);
        }
        Ok(allowed)
    }

    fn denied(&self, object: &str, action: &str) {
        self.missed.borrow_mut().push((object.to_owned(), action.to_owned()));
    }
}

/// The values that the route captured from the path, decoded by axum.
struct PathParameters(Option<RawPathParams>);

impl PathParameters {
    fn of(parts: &mut Parts) -> Result<Self, Error> {
        // Axum has them at hand.
        match at_once(RawPathParams::from_request_parts(parts, &())) {
            Some(Ok(params)) => Ok(Self(Some(params))),
            // A value that is no text can be no segment of an object.
            Some(Err(RawPathParamsRejection::InvalidUtf8InPathParam(_))) => {
                Err(Forbidden::PermissionDenied.into())
            }
            // No parameters at all: `fill` names the one that lacks.
            Some(Err(_)) | None => Ok(Self(None)),
        }
    }

    /// The value of a parameter that the route has exactly once.
    fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().flatten().filter(|(param, _)| *param == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
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

/// The object that a template names, where `value_of` has the path's parameters.
///
/// A value stays one segment. It comes decoded, so `%2e%2e` and `a%2Fb` are `..` and `a/b` here, and are refused
/// like these.
fn fill<'a, 'p>(
    template: &'a str,
    value_of: impl Fn(&str) -> Option<&'p str>,
) -> Result<Cow<'a, str>, Unfilled<'a>> {
    if memchr(b'{', template.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(template));
    }
    let mut object = String::with_capacity(template.len() + 32);
    // What is before the first segment with a brace stays as it is.
    let first = memchr2(b'{', b'}', template.as_bytes()).unwrap_or_default();
    let start = template.get(..first).and_then(|before| before.rfind('/')).map_or(0, |slash| slash + 1);
    let (before, rest) = template.split_at(start);
    object.push_str(before);
    for (index, segment) in rest.split('/').enumerate() {
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
        let value = value_of(name).ok_or(Unfilled::Name(name))?;
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
    // Beyond ASCII, only the second of two bytes tells a control character.
    let ends = |byte: u8| matches!(byte, b'/' | b'\\') || byte.is_ascii_control();
    !special && !value.bytes().any(ends) && (value.is_ascii() || !value.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(template: &'static str, value: &str) -> Option<String> {
        fill(template, |name| (name == "id").then_some(value)).ok().map(Cow::into_owned)
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
        assert_eq!(fill("/a/{id}", |_| None), Err(Unfilled::Name("id")));
        assert_eq!(fill("/a/{id}.json", |_| Some("1")), Err(Unfilled::Name("{id}.json")));
        assert_eq!(fill("/a}/{id}", |_| Some("1")), Err(Unfilled::Name("a}")));
        assert_eq!(fill("/a/b", |_| None), Ok(Cow::Borrowed("/a/b")));
        assert_eq!(fill("{id}/b/{id}", |_| Some("1")).as_deref(), Ok("1/b/1"));
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
