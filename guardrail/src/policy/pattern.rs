//! Objects of rules: which paths a pattern covers.
//!
//! | pattern | covers |
//! |-|-|
//! | `*`, alone | everything |
//! | `/api/admin/*` | `/api/admin/` and all below it, but not `/api/admin` |
//! | `/api/posts/{id}` | `/api/posts/` and one segment that is not empty |
//! | anything else | itself, character by character |
//!
//! The model calls this function `keyMatch3`. Casbin's own function of that name compiles the pattern as a regular
//! expression and panics if it is none, so a single stored `(` would end every decision that meets it, and a `|`
//! would widen its rule. Here nothing is a regular expression; on patterns without metacharacters the two agree.

/// Whether `pattern` covers `object`.
///
/// It never fails: what [`check`] would refuse is taken literally.
///
/// ```
/// use guardrail::policy::pattern::matches;
///
/// assert!(matches("/api/posts/7", "/api/posts/{id}"));
/// assert!(!matches("/api/posts/7/comments", "/api/posts/{id}"));
/// assert!(matches("/api/posts/7/comments", "/api/*"));
/// assert!(!matches("/api", "/api/*"));
/// ```
pub fn matches(object: &str, pattern: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (head, open) = head(pattern);
    let mut values = object.split('/');
    for segment in head.split('/') {
        let Some(value) = values.next() else { return false };
        let fits = if is_placeholder(segment) { !value.is_empty() } else { value == segment };
        if !fits {
            return false;
        }
    }
    values.next().is_some() == open
}

/// A text that cannot be the object of a rule, and why; the message is fit to be shown to who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// Nothing at all.
    #[error("must not be empty")]
    Empty,
    /// NUL, a line break or another control character.
    #[error("must not have control characters")]
    Control,
    /// A `*` that is neither alone nor a final `/*`.
    #[error("has a `*` out of place: alone it means everything, and as a final `/*` the rest of the path")]
    Star,
    /// A `{` or `}` that is no part of a segment `{name}`.
    #[error(
        "has a brace out of place: `{{name}}` stands for one whole segment, its name being ASCII letters, digits \
         and `_`, no digit first"
    )]
    Brace,
    /// A character of regular expressions, which would mean nothing here.
    #[error("must not have `{0}`: a pattern is no regular expression; use `*`, a final `/*` or `{{name}}`")]
    Metacharacter(char),
}

/// Whether a rule may be written with this object.
///
/// # Errors
///
/// The first thing wrong with it.
///
/// ```
/// use guardrail::policy::pattern::check;
///
/// assert!(check("/api/posts/{id}/comments/*").is_ok());
/// assert!(check("/api/(posts|pages)").is_err());
/// ```
pub fn check(pattern: &str) -> Result<(), InvalidPattern> {
    if pattern.is_empty() {
        return Err(InvalidPattern::Empty);
    }
    if pattern.chars().any(char::is_control) {
        return Err(InvalidPattern::Control);
    }
    if pattern == "*" {
        return Ok(());
    }
    if let Some(found) = pattern.chars().find(|c| "()[]|^$+?\\".contains(*c)) {
        return Err(InvalidPattern::Metacharacter(found));
    }
    for segment in head(pattern).0.split('/') {
        if is_placeholder(segment) {
            continue;
        }
        if segment.contains('*') {
            return Err(InvalidPattern::Star);
        }
        if segment.contains(['{', '}']) {
            return Err(InvalidPattern::Brace);
        }
    }
    Ok(())
}

/// Whether `pattern` covers anything that a handler's object can become, whose `{name}` stands for one segment and
/// whose final `{*name}` for one or more.
pub(super) fn may_cover(pattern: &str, object: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (head, open) = head(pattern);
    let mut segments = object.split('/');
    for wanted in head.split('/') {
        let fits = match segments.next() {
            None => false,
            Some(segment) if segment.starts_with("{*") => return true,
            Some(segment) if is_placeholder(segment) || is_placeholder(wanted) => {
                !segment.is_empty() && !wanted.is_empty()
            }
            Some(segment) => segment == wanted,
        };
        if !fits {
            return false;
        }
    }
    segments.next().is_some() == open
}

/// A pattern without its final `/*`, and whether it had one.
pub(super) fn head(pattern: &str) -> (&str, bool) {
    match pattern.strip_suffix("/*") {
        Some(head) => (head, true),
        None => (pattern, false),
    }
}

/// Whether a pattern covers more than the text that it is written with; the `*` alone, which has no segments, is not
/// asked for.
pub(super) fn is_open_or_has_placeholder(pattern: &str) -> bool {
    let (head, open) = head(pattern);
    open || head.split('/').any(is_placeholder)
}

/// Whether a segment is `{name}`.
pub(super) fn is_placeholder(segment: &str) -> bool {
    let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

#[cfg(test)]
mod tests {
    use casbin::function_map::key_match3;
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    #[test]
    fn a_star_alone_covers_everything() {
        for object in ["", "/", "/a/b", "data1", "*", "a\nb"] {
            assert!(matches(object, "*"), "{object:?}");
        }
    }

    #[test]
    fn a_final_star_is_the_rest_and_needs_the_slash() {
        for object in ["/a/", "/a/b", "/a/b/c", "/a//", "/a/\n"] {
            assert!(matches(object, "/a/*"), "{object:?}");
        }
        for object in ["/a", "/ab", "/ab/c", "/A/b", "a/b", "", "/"] {
            assert!(!matches(object, "/a/*"), "{object:?}");
        }
        assert!(matches("/", "/*"));
        assert!(!matches("", "/*"));
        assert!(!matches("a/b", "/*"));
    }

    #[test]
    fn a_placeholder_is_one_segment_that_is_not_empty() {
        assert!(matches("/a/1/b", "/a/{id}/b"));
        assert!(matches("/a/{other}/b", "/a/{id}/b"));
        assert!(matches("/a/{*rest}", "/a/{id}"));
        for object in ["/a//b", "/a/1/2/b", "/a/b", "/a/1/", "/a/1/c"] {
            assert!(!matches(object, "/a/{id}/b"), "{object:?}");
        }
        assert!(!matches("/posts/export", "/posts/{id}/*"));
    }

    #[test]
    fn all_else_is_literal() {
        for text in
            ["(", "/a|b", "/a.c", "/.*", "^/a$", "/a/*/b", "/x{id}", "/{}", "/{1}", "/{a-b}", "/:id", "/**"]
        {
            assert!(matches(text, text), "{text:?}");
        }
        for (object, pattern) in [
            ("/a", "/a|b"),
            ("b", "/a|b"),
            ("/abc", "/a.c"),
            ("/a/x/b", "/a/*/b"),
            ("/x1", "/x{id}"),
            ("/1", "/{1}"),
            ("/x", "/{}"),
            ("/7", "/:id"),
            ("/anything", "/.*"),
        ] {
            assert!(!matches(object, pattern), "{object:?} {pattern:?}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused_when_written() {
        use InvalidPattern::{Brace, Control, Empty, Metacharacter, Star};
        for (pattern, why) in [
            ("", Empty),
            ("/a\0", Control),
            ("/a\nb", Control),
            ("**", Star),
            ("/a*", Star),
            ("/*/a", Star),
            ("/a/*/", Star),
            ("/{*rest}", Star),
            ("*/*", Star),
            ("/x{id}", Brace),
            ("/{id}x", Brace),
            ("/{}", Brace),
            ("/{1a}", Brace),
            ("/{a-b}", Brace),
            ("/{a", Brace),
            ("/a}", Brace),
            ("/{a}{b}", Brace),
            ("/{é}", Brace),
        ] {
            assert_eq!(check(pattern), Err(why), "{pattern:?}");
        }
        for c in "()[]|^$+?\\".chars() {
            assert_eq!(check(&format!("/a{c}b")), Err(Metacharacter(c)));
        }
    }

    #[test]
    fn ordinary_paths_may_be_written() {
        for pattern in
            ["*", "/*", "/", "data1", "/a/{_x9}/*", "{id}", "/a.b-c_d~e:f@g%h,i'j!k&l;m=n o", "/é/日本"]
        {
            assert_eq!(check(pattern), Ok(()), "{pattern:?}");
        }
    }

    fn joined(segments: &[&str]) -> String {
        segments.iter().flat_map(|segment| ["/", segment]).collect()
    }

    const LITERALS: [&str; 7] = ["", "a", "b", "ab", "é", "a b", "x-1:@%,'!&;=~_"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn casbin_agrees_on_patterns_without_metacharacters(
            head in vec(select([&LITERALS[..], &["{id}", "{a_1}"]].concat()), 0..4),
            rest in any::<bool>(),
            object in vec(select(&LITERALS[..]), 0..5),
        ) {
            let pattern = joined(&head) + if rest { "/*" } else { "" };
            let object = joined(&object);
            prop_assert!(pattern.is_empty() || check(&pattern).is_ok());
            prop_assert_eq!(matches(&object, &pattern), key_match3(&object, &pattern), "{} {}", object, pattern);
        }

        #[test]
        fn a_rule_may_cover_what_a_filled_object_shows(
            object in vec(select(&["a", "b", "{id}", "{x}"][..]), 1..4),
            rest in any::<bool>(),
            pattern in vec(select(&["a", "b", "c", "{id}"][..]), 0..4),
            open in any::<bool>(),
        ) {
            let object = joined(&object) + if rest { "/{*rest}" } else { "" };
            let pattern = joined(&pattern) + if open { "/*" } else { "" };
            prop_assume!(!pattern.is_empty());
            // Every way to fill it with three values; the rest with some.
            let mut filled = vec![String::new()];
            for segment in object.split('/').skip(1) {
                let values: &[&str] = match segment {
                    "{*rest}" => &["a", "b", "c", "a/b", "b/a", "c/c", "a/b/c", "c/a/b", "b/c/a", "a/a/a/a"],
                    segment if is_placeholder(segment) => &["a", "b", "c"],
                    segment => &[segment],
                };
                filled = filled.iter().flat_map(|f| values.iter().map(move |v| format!("{f}/{v}"))).collect();
            }
            let covered = filled.iter().any(|object| matches(object, &pattern));
            if covered || !rest {
                prop_assert_eq!(may_cover(&pattern, &object), covered, "{} {}", pattern, object);
            }
        }

        #[test]
        fn a_filled_pattern_is_covered(
            segments in vec(prop_oneof!["[a-z.:]{0,3}".prop_map(|s| (s, None)), "[^/]{1,4}".prop_map(|v| ("{x}".into(), Some(v)))], 1..6),
            tail in proptest::option::of(".{0,8}"),
        ) {
            let mut pattern: String = segments.iter().flat_map(|(segment, _)| ["/", segment]).collect();
            let mut object: String =
                segments.iter().flat_map(|(segment, value)| ["/", value.as_ref().unwrap_or(segment)]).collect();
            if let Some(tail) = &tail {
                pattern += "/*";
                object += "/";
                object += tail;
            }
            prop_assert!(matches(&object, &pattern));
            prop_assert!(check(&pattern).is_ok());
        }

        #[test]
        fn no_text_makes_it_fail(object in any::<String>(), pattern in any::<String>()) {
            let _ = check(&pattern);
            if !pattern.ends_with("/*") && pattern != "*" && !pattern.contains('{') {
                prop_assert_eq!(matches(&object, &pattern), object == pattern);
                prop_assert!(matches(&pattern, &pattern));
            }
        }
    }
}
