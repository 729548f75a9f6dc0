//! What looks wrong when declared permissions and rules are laid side by side.

use std::{collections::BTreeSet, fmt};

use super::{
    pattern::may_cover,
    requirement::Declared,
    rule::{Rule, RuleRef},
};

/// Something that looks like an oversight.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// No rule grants what a handler asks for: nobody gets through to it.
    Ungranted { object: &'static str, action: &'static str, by: Declared },
    /// A rule whose object handlers ask for, but none with its action: it grants nothing.
    Unasked { rule: Rule, asked: BTreeSet<&'static str> },
    /// A rule whose object no handler asks for, where one asks for nearly the same.
    Misspelt { rule: Rule, near: &'static str },
}

/// Looks at every permission of `declared`, and at every one of `rules` that is about them. `all` that handlers ask for
/// is more, where others are looked at by themselves: a rule for those is no slip.
pub(super) fn review<'r>(
    declared: &[Declared],
    all: &[Declared],
    rules: &(impl Iterator<Item = RuleRef<'r>> + Clone),
) -> Vec<Finding> {
    let ungranted = permissions(declared).filter_map(|(object, action, by)| {
        let grants = |rule: RuleRef<'_>| {
            (rule.action() == "*" || rule.action() == action) && may_cover(rule.object(), object)
        };
        (!rules.clone().any(grants)).then_some(Finding::Ungranted { object, action, by })
    });
    ungranted.chain(rules.clone().filter_map(|rule| slip(declared, all, rule))).collect()
}

/// Every object and action that a handler asks for.
fn permissions(declared: &[Declared]) -> impl Iterator<Item = (&'static str, &'static str, Declared)> {
    declared.iter().flat_map(|by| by.permissions().map(move |(object, action)| (object, action, *by)))
}

/// What looks like a typing slip in one rule, as seen from `declared` among `all`.
pub(super) fn slip(declared: &[Declared], all: &[Declared], rule: RuleRef<'_>) -> Option<Finding> {
    // What covers everything below a path is seldom meant for the handlers of one object.
    if rule.action().is_empty() || rule.object().ends_with('*') {
        return None;
    }
    let is_about = |object: &str| may_cover(rule.object(), object);
    let about = permissions(all).filter(|(object, ..)| is_about(object));
    let asked: BTreeSet<_> = about.map(|(_, action, _)| action).collect();
    let mut objects = permissions(declared).map(|(object, ..)| object);
    if asked.is_empty() {
        let near = objects.find(|object| is_near(rule.object(), object));
        return near.map(|near| Finding::Misspelt { rule: rule.to_rule(), near });
    }
    let grants = rule.action() == "*" || asked.contains(rule.action());
    (!grants && objects.any(is_about)).then(|| Finding::Unasked { rule: rule.to_rule(), asked })
}

/// Whether an object is another one but for slashes at its ends, the case of letters, and one character that is missing,
/// too much or wrong, or two that have changed places, within a segment's own text.
fn is_near(object: &str, asked: &str) -> bool {
    let (object, asked) = (object.trim_matches('/'), asked.trim_matches('/'));
    let counts = |text: &str| ['/', '{'].map(|sign| text.matches(sign).count());
    object.len().abs_diff(asked.len()) <= 4
        && counts(object) == counts(asked)
        && strsim::osa_distance(&object.to_lowercase(), &asked.to_lowercase()) <= 1
}

impl Finding {
    pub(crate) fn log(&self) {
        tracing::warn!("{self}");
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ungranted { object, action, by: Declared { function, file, line, .. } } => {
                write!(f, "no rule grants `{action}` on {object}, which {function} asks for ({file}:{line})")
            }
            Self::Unasked { rule, asked } => {
                let asked = asked.iter().copied().collect::<Vec<_>>().join("`, `");
                write!(
                    f,
                    "the rule \"{rule}\" grants nothing that a handler asks for: on that object they ask for \
                     `{asked}`; is it a typing slip?"
                )
            }
            Self::Misspelt { rule, near } => {
                write!(
                    f,
                    "the rule \"{rule}\" grants nothing that a handler asks for; there is one that asks for {near}: is \
                     it a typing slip?"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Requirement;

    const fn declared(object: &'static str, action: &'static str) -> Declared {
        let requirement = Requirement::Permission { object, action };
        Declared { requirement, function: "app::handler", file: "src/app.rs", line: 7 }
    }

    fn findings(declared: &[Declared], rules: &[(&str, &str)]) -> Vec<String> {
        let rules: Vec<_> =
            rules.iter().map(|(object, action)| Rule::new("editor", object, action).unwrap()).collect();
        let found = review(declared, declared, &rules.iter().map(RuleRef::from));
        found.iter().map(ToString::to_string).collect()
    }

    const EDIT: Declared = declared("/api/posts/{id}", "edit");
    const FILES: Declared = declared("/files/{*path}", "read");

    #[test]
    fn what_nobody_may_is_found() {
        assert_eq!(
            findings(&[EDIT], &[]),
            ["no rule grants `edit` on /api/posts/{id}, which app::handler asks for (src/app.rs:7)"]
        );
        for rule in
            [("/api/posts/{number}", "edit"), ("/api/posts/7", "edit"), ("/api/*", "edit"), ("*", "*")]
        {
            assert_eq!(findings(&[EDIT], &[rule]), [""; 0], "{rule:?}");
        }
        for rule in [("/api/pages/{id}", "edit"), ("/api/posts", "edit"), ("/api/posts/{id}/*", "edit")] {
            assert_eq!(findings(&[EDIT], &[rule]).len(), 1, "{rule:?}");
        }
        assert_eq!(findings(&[FILES], &[("/files/public/a.txt", "read")]), [""; 0]);
    }

    #[test]
    fn a_rule_with_a_mistyped_action_is_found() {
        assert_eq!(
            findings(&[EDIT], &[("/api/posts/{id}", "edit"), ("/api/posts/{id}", "edti")]),
            [
                "the rule \"editor can edti on /api/posts/{id}\" grants nothing that a handler asks for: on that \
              object they ask for `edit`; is it a typing slip?"
            ]
        );
        // Of an object that no handler asks for nothing is known.
        assert_eq!(findings(&[EDIT], &[("/api/posts/{id}", "edit"), ("/other", "edti")]), [""; 0]);
        assert_eq!(findings(&[EDIT], &[("/api/posts/{id}", "edit"), ("/api/*", "archive")]), [""; 0]);
    }

    #[test]
    fn a_rule_with_a_mistyped_object_is_found() {
        let granted = ("/api/posts/{id}", "edit");
        assert_eq!(
            findings(&[EDIT], &[granted, ("/api/psots/{id}", "edit")]),
            [
                "the rule \"editor can edit on /api/psots/{id}\" grants nothing that a handler asks for; there is one \
                 that asks for /api/posts/{id}: is it a typing slip?"
            ]
        );
        for found in
            ["/api/post/{id}", "/api/postss/{id}", "/API/Posts/{id}", "/api/pösts/{id}", "api/posts/{id}/"]
        {
            assert_eq!(findings(&[EDIT], &[granted, (found, "edit")]).len(), 1, "{found}");
        }
        for other in ["/api/posts", "/api/posts/{id}/x", "/api/notes/{id}", "/api/post/*", "*"] {
            assert_eq!(findings(&[EDIT], &[granted, (other, "edit")]), [""; 0], "{other}");
        }
    }

    #[test]
    fn a_rule_for_handlers_that_are_looked_at_by_themselves_is_no_slip() {
        let (own, others) = (declared("/api/profile", "read"), declared("/api/profiles", "read"));
        let rules =
            ["/api/profile", "/api/profiles"].map(|object| Rule::new("user", object, "read").unwrap());
        for part in [own, others] {
            assert_eq!(review(&[part], &[own, others], &rules.iter().map(RuleRef::from)), []);
        }
    }

    #[test]
    fn roles_are_no_permissions() {
        let role = Declared { requirement: Requirement::Role("admin"), ..EDIT };
        let assigned = [Rule::new("user:1", "admin", "").unwrap()];
        assert_eq!(review(&[role], &[role], &assigned.iter().map(RuleRef::from)), []);
    }
}
