//! A rule: a permission, or a role that somebody has.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::pattern;
use crate::{Role, UserId};

/// The longest rule: the bytes of its fields together.
///
/// PostgreSQL refuses an index row over 2,704 bytes, and the table of rules has an index over all its fields.
pub const RULE_MAX_BYTES: usize = 2_000;

/// One rule, checked.
///
/// Rules have an order, permissions before roles and then by their fields, in which they are listed.
///
/// ```
/// use guardrail::policy::Rule;
///
/// let rule = Rule::new("editor", "/api/posts/{id}", "edit")?;
/// assert_eq!(rule.to_string(), "editor can edit on /api/posts/{id}");
///
/// // An empty action assigns the role that stands in the place of the object.
/// let rule = Rule::new("user:42", "editor", "")?;
/// assert_eq!(rule.to_string(), "user:42 has the role editor");
/// # Ok::<_, guardrail::policy::InvalidRule>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// `subject` may do `action` on `object`.
    #[non_exhaustive]
    Permission {
        /// A role, or `user:<id>`.
        subject: String,
        /// What it is about: a [`pattern`].
        object: String,
        /// What may be done; `*` for everything.
        action: String,
    },
    /// `subject` has `role`, and with it whatever that role may.
    #[non_exhaustive]
    Role {
        /// Who has it: a role, or `user:<id>`.
        subject: String,
        /// The role that it has.
        role: String,
    },
}

impl Rule {
    /// The rule that three fields make. With an empty `action` it assigns the role `object` to `subject`.
    ///
    /// # Errors
    ///
    /// Every field that is wrong: a subject that is neither a [`Role`] nor `user:` and a [`UserId`], an object
    /// that [`pattern::check`] refuses, a role that is none, an action with control characters or with a `*` that
    /// is not alone, fields that have more than [`RULE_MAX_BYTES`] together.
    pub fn new(subject: &str, object: &str, action: &str) -> Result<Self, InvalidRule> {
        if action.is_empty() {
            Self::role(subject, object)
        } else {
            Self::permission(subject, object, action)
        }
    }

    pub(super) fn permission(subject: &str, object: &str, action: &str) -> Result<Self, InvalidRule> {
        let mut errors = Vec::new();
        note(&mut errors, "subject", check_subject(subject));
        note(&mut errors, "object", pattern::check(object).map_err(|error| error.to_string()));
        note(&mut errors, "action", check_action(action));
        if subject.len() + object.len() + action.len() > RULE_MAX_BYTES {
            let fields = [("subject", subject), ("action", action), ("object", object)];
            let longest =
                fields.into_iter().max_by_key(|(_, text)| text.len()).map_or("object", |(name, _)| name);
            errors.push((longest, format!("is too long: a rule has at most {RULE_MAX_BYTES} bytes")));
        }
        if !errors.is_empty() {
            return Err(InvalidRule { errors });
        }
        Ok(Self::Permission { subject: subject.into(), object: object.into(), action: action.into() })
    }

    pub(super) fn role(subject: &str, role: &str) -> Result<Self, InvalidRule> {
        let mut errors = Vec::new();
        note(&mut errors, "subject", check_subject(subject));
        note(&mut errors, "object", check_role(role));
        if !errors.is_empty() {
            return Err(InvalidRule { errors });
        }
        Ok(Self::Role { subject: subject.into(), role: role.into() })
    }

    /// Whom the rule is about: a role, or `user:<id>`.
    pub fn subject(&self) -> &str {
        match self {
            Self::Permission { subject, .. } | Self::Role { subject, .. } => subject,
        }
    }

    /// The object of a permission; the role that is assigned.
    pub fn object(&self) -> &str {
        match self {
            Self::Permission { object, .. } => object,
            Self::Role { role, .. } => role,
        }
    }

    /// The action of a permission; empty where a role is assigned.
    pub fn action(&self) -> &str {
        match self {
            Self::Permission { action, .. } => action,
            Self::Role { .. } => "",
        }
    }
}

/// As `{"subject":…,"object":…,"action":…}`, with an empty action for a role.
impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rule = serializer.serialize_struct("Rule", 3)?;
        rule.serialize_field("subject", self.subject())?;
        rule.serialize_field("object", self.object())?;
        rule.serialize_field("action", self.action())?;
        rule.end()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission { subject, object, action } => write!(f, "{subject} can {action} on {object}"),
            Self::Role { subject, role } => write!(f, "{subject} has the role {role}"),
        }
    }
}

/// A rule that is kept elsewhere; in the order of [`Rule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RuleRef<'a> {
    is_role: bool,
    subject: &'a str,
    object: &'a str,
    action: &'a str,
}

impl<'a> RuleRef<'a> {
    pub(super) fn permission(subject: &'a str, object: &'a str, action: &'a str) -> Self {
        Self { is_role: false, subject, object, action }
    }

    pub(super) fn role(subject: &'a str, role: &'a str) -> Self {
        Self { is_role: true, subject, object: role, action: "" }
    }

    /// As [`Rule::subject`].
    pub(crate) fn subject(self) -> &'a str {
        self.subject
    }

    /// As [`Rule::object`].
    pub(crate) fn object(self) -> &'a str {
        self.object
    }

    /// As [`Rule::action`].
    pub(crate) fn action(self) -> &'a str {
        self.action
    }

    pub(super) fn to_rule(self) -> Rule {
        let (subject, object, action) = (self.subject.into(), self.object.into(), self.action.into());
        if self.is_role {
            Rule::Role { subject, role: object }
        } else {
            Rule::Permission { subject, object, action }
        }
    }
}

impl<'a> From<&'a Rule> for RuleRef<'a> {
    fn from(rule: &'a Rule) -> Self {
        match rule {
            Rule::Permission { subject, object, action } => Self::permission(subject, object, action),
            Rule::Role { subject, role } => Self::role(subject, role),
        }
    }
}

/// Fields that make no rule: which are wrong, and why.
///
/// The messages are fit to be shown to who wrote the rule, and hold nothing of what was written but a single
/// punctuation mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRule {
    errors: Vec<(&'static str, String)>,
}

impl InvalidRule {
    /// The wrong fields (`subject`, `object` or `action`), each with what is wrong with it; a field may come twice.
    pub fn errors(&self) -> &[(&'static str, String)] {
        &self.errors
    }
}

impl fmt::Display for InvalidRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (field, message) in &self.errors {
            write!(f, "{separator}the {field} {message}")?;
            separator = "; ";
        }
        Ok(())
    }
}

impl std::error::Error for InvalidRule {}

fn note(errors: &mut Vec<(&'static str, String)>, field: &'static str, checked: Result<(), String>) {
    if let Err(message) = checked {
        errors.push((field, message));
    }
}

fn check_subject(subject: &str) -> Result<(), String> {
    if subject.is_empty() {
        return Err("must not be empty".into());
    }
    if let Some(id) = subject.strip_prefix("user:") {
        return match id.parse::<UserId>() {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("must name a user after `user:`; {error}")),
        };
    }
    match subject.parse::<Role>() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{error}; or a user: `user:<id>`")),
    }
}

fn check_role(role: &str) -> Result<(), String> {
    if role.is_empty() {
        return Err("must not be empty".into());
    }
    match role.parse::<Role>() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{error}, since a rule without an action assigns a role")),
    }
}

fn check_action(action: &str) -> Result<(), String> {
    if action.is_empty() {
        Err("must not be empty".into())
    } else if action.chars().any(char::is_control) {
        Err("must not have control characters".into())
    } else if action != "*" && action.contains('*') {
        Err("has a `*` out of place: alone it means every action".into())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrong(subject: &str, object: &str, action: &str) -> Vec<&'static str> {
        Rule::new(subject, object, action).unwrap_err().errors().iter().map(|(field, _)| *field).collect()
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert_eq!(wrong("", "/a(", "re\0ad"), ["subject", "object", "action"]);
        assert_eq!(wrong("", "", ""), ["subject", "object"]);
        assert_eq!(wrong("admin", "", "read"), ["object"]);
        assert_eq!(wrong("admin", "/a", "re*"), ["action"]);
        assert_eq!(wrong("admin", "/a\n", "read"), ["object"]);
    }

    #[test]
    fn a_subject_is_a_role_or_a_user() {
        for subject in ["admin", "a.b-c_d", "user:1", "user:ada@example.com", "user"] {
            assert!(Rule::new(subject, "/a", "read").is_ok(), "{subject:?}");
            assert!(Rule::new(subject, "editor", "").is_ok(), "{subject:?}");
        }
        let long_role = "r".repeat(65);
        let long_user = format!("user:{}", "u".repeat(129));
        for subject in
            ["user:", "user:a b", "user:a,b", "group:1", "a b", "ü", "*", "a\0", &long_role, &long_user]
        {
            assert_eq!(wrong(subject, "/a", "read"), ["subject"], "{subject:?}");
            assert_eq!(wrong(subject, "editor", ""), ["subject"], "{subject:?}");
        }
    }

    #[test]
    fn only_a_role_can_be_assigned() {
        for role in ["user:1", "/api/posts", "*", "a b", "a\0"] {
            assert_eq!(wrong("user:2", role, ""), ["object"], "{role:?}");
        }
    }

    #[test]
    fn a_rule_has_at_most_2000_bytes() {
        let object = |bytes: usize| format!("/{}", "é".repeat(bytes / 2));
        let fits = object(RULE_MAX_BYTES - "admin".len() - "read".len() - 2);
        assert!(Rule::new("admin", &fits, "read").is_ok());
        assert_eq!(wrong("admin", &object(RULE_MAX_BYTES), "read"), ["object"]);
        assert_eq!(wrong("admin", "/a", &"r".repeat(RULE_MAX_BYTES)), ["action"]);
    }

    #[test]
    fn messages_say_what_is_granted_or_wrong() {
        let rule = Rule::new("admin", "/api/admin/*", "*").unwrap();
        assert_eq!(rule.to_string(), "admin can * on /api/admin/*");
        assert_eq!(Rule::new("user:1", "admin", "").unwrap().to_string(), "user:1 has the role admin");
        let error = Rule::new("", "/a", "a*").unwrap_err().to_string();
        assert_eq!(
            error,
            "the subject must not be empty; the action has a `*` out of place: alone it means every action"
        );
    }

    #[test]
    fn permissions_come_before_roles_then_fields_decide() {
        let mut rules =
            [("b", "r", ""), ("a", "r", ""), ("z", "/a", "x"), ("a", "/b", "x"), ("a", "/a", "y")]
                .map(|(subject, object, action)| Rule::new(subject, object, action).unwrap());
        rules.sort();
        let texts = rules.map(|rule| format!("{} {} {}", rule.subject(), rule.object(), rule.action()));
        assert_eq!(texts, ["a /a y", "a /b x", "z /a x", "a r ", "b r "]);
    }

    proptest! {
        #[test]
        fn a_rule_keeps_its_fields(subject in any::<String>(), object in any::<String>(), action in any::<String>()) {
            if let Ok(rule) = Rule::new(&subject, &object, &action) {
                prop_assert_eq!((rule.subject(), rule.object(), rule.action()), (&*subject, &*object, &*action));
            }
        }

        #[test]
        fn no_rule_holds_a_control_character(
            subject in "(user:)?[a-z\0\n\u{7f}]{1,3}", object in "/[a-z\0\n\u{85}]{0,3}", action in "[a-z\0\n]{0,2}",
        ) {
            let dirty = [&subject, &object, &action].iter().any(|field| field.chars().any(char::is_control));
            if dirty {
                prop_assert!(Rule::new(&subject, &object, &action).is_err());
            }
        }
    }
}
