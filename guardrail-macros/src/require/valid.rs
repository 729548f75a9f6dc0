//! Refuses literals that could never be met, or would be something else than they look. The values of constants are
//! not known here; Guardrail meets those at run time.

use syn::{Error, Result};

use super::ast::{Need, Text};

pub(super) fn check(need: &Need) -> Result<()> {
    match need {
        Need::Permission { object, action } => {
            literal(object, object_problem)?;
            literal(action, action_problem)
        }
        Need::Role(role) => literal(role, role_problem),
        Need::Any(needs) | Need::All(needs) => needs.iter().try_for_each(check),
    }
}

fn literal(text: &Text, problem: fn(&str) -> Option<String>) -> Result<()> {
    let Text::Literal(literal) = text else { return Ok(()) };
    match problem(&literal.value()) {
        Some(problem) => Err(Error::new(literal.span(), problem)),
        None => Ok(()),
    }
}

fn role_problem(role: &str) -> Option<String> {
    let clean = role.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    match role.len() {
        0 => Some(r#"the role is empty: name one, as in `role = "moderator"`"#.to_owned()),
        1..=64 if clean => None,
        _ => Some("not a role: a role is 1 to 64 ASCII letters, digits, `_`, `.` or `-`".to_owned()),
    }
}

fn action_problem(action: &str) -> Option<String> {
    if action.trim().is_empty() {
        return Some(r#"the action is empty: name one, as in `"read"` or `"edit"`"#.to_owned());
    }
    if action == "*" {
        return Some("`*` is no action: a rule may allow every action, a requirement names one".to_owned());
    }
    control_character("action", action)
}

/// An object of a requirement names one thing, in which `{name}` stands for one segment of the request's path and a
/// final `{*rest}` for the rest of it.
fn object_problem(object: &str) -> Option<String> {
    if object.trim().is_empty() {
        return Some(r#"the object is empty: name one, as in `"/api/posts/{id}"`"#.to_owned());
    }
    let mut segments = object.split('/').peekable();
    while let Some(segment) = segments.next() {
        let problem = segment_problem(segment, segments.peek().is_none());
        if problem.is_some() {
            return problem;
        }
    }
    control_character("object", object)
}

fn segment_problem(segment: &str, last: bool) -> Option<String> {
    let mut depth = 0_i32;
    for char in segment.chars() {
        depth += match char {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if !(0..=1).contains(&depth) {
            break;
        }
    }
    if depth != 0 {
        return Some(format!(
            "the braces of `{segment}` do not pair: each `{{` needs one `}}`, with no other between, as in `{{id}}`"
        ));
    }
    let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let Some(inner) = inner.filter(|inner| !inner.contains('{')) else {
        return if segment.contains('{') {
            Some(format!(
                "`{{…}}` must be a whole segment between two `/`, and `{segment}` is more than that"
            ))
        } else {
            segment.contains('*').then(|| STAR.to_owned())
        };
    };
    match inner.strip_prefix('*') {
        Some("") => Some("`{*}` has no name: write `{*rest}`".to_owned()),
        Some(_) if !last => {
            Some(format!("`{segment}` stands for the rest of the path, so it must be the last segment"))
        }
        None if inner.is_empty() => Some("`{}` has no name: write the route's, as in `{id}`".to_owned()),
        name => name.unwrap_or(inner).contains('*').then(|| STAR.to_owned()),
    }
}

const STAR: &str = "an object of a requirement names one thing: a rule may hold `*`, a requirement may not; the part \
                    of the path that varies is `{name}`, or `{*rest}` at the end";

fn control_character(what: &str, text: &str) -> Option<String> {
    let char = text.chars().find(|char| char.is_control())?;
    Some(format!("the {what} holds the control character {char:?}; remove it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_that_name_one_thing_pass() {
        for object in [
            "/api/posts",
            "/api/posts/{id}",
            "/{a}/x/{b_2}",
            "/files/{*rest}",
            "{*rest}",
            "reports",
            "/",
            "/é a",
        ] {
            assert_eq!(object_problem(object), None, "{object}");
        }
    }

    #[test]
    fn other_objects_are_refused_for_the_right_reason() {
        for (object, reason) in [
            ("", "is empty"),
            (" ", "is empty"),
            ("/a/{id", "do not pair"),
            ("/a/id}", "do not pair"),
            ("/a/}id{", "do not pair"),
            ("/a/{{id}}", "do not pair"),
            ("/a/{b/c}", "do not pair"),
            ("/a/{}", "`{}` has no name"),
            ("/a/{*}", "`{*}` has no name"),
            ("/a/x{id}", "must be a whole segment"),
            ("/a/{id}.json", "must be a whole segment"),
            ("/a/{b}{c}", "must be a whole segment"),
            ("/a/{*rest}/b", "must be the last segment"),
            ("*", "names one thing"),
            ("/a/*", "names one thing"),
            ("/a/b*", "names one thing"),
            ("/a/{b*}", "names one thing"),
            ("/a/{**b}", "names one thing"),
            ("/a/\0", "control character '\\0'"),
            ("/a/{i\nd}", "control character '\\n'"),
            ("/a/\u{85}", "control character"),
        ] {
            let problem = object_problem(object).unwrap_or_default();
            assert!(problem.contains(reason), "{object:?}: {problem}");
        }
    }

    #[test]
    fn actions_name_one_action() {
        for action in ["read", "edit", "close issue", "a*b"] {
            assert_eq!(action_problem(action), None, "{action}");
        }
        for (action, reason) in
            [("", "is empty"), ("\t", "is empty"), ("*", "`*` is no action"), ("a\0", "'\\0'")]
        {
            let problem = action_problem(action).unwrap_or_default();
            assert!(problem.contains(reason), "{action:?}: {problem}");
        }
    }

    #[test]
    fn roles_have_the_alphabet_of_roles() {
        assert_eq!(role_problem("Mod_1.a-b"), None);
        assert_eq!(role_problem(&"r".repeat(64)), None);
        for role in ["", "a b", "user:1", "rôle", "a/b", "*", "a\n", &"r".repeat(65)] {
            assert!(role_problem(role).is_some(), "{role:?}");
        }
    }
}
