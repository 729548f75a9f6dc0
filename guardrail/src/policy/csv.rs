//! Rules as Casbin's policy files have them.
//!
//! ```text
//! # who, on what, what; or who has which role
//! p, editor, /api/posts/{id}, edit
//! g, user:42, editor
//! ```
//!
//! A line is a rule. White space around a field does not count, nor do empty lines and those that begin with `#`. A
//! field with a comma or with white space at an end stands in double quotes, a quote in it is doubled (RFC 4180 §2).

use std::fmt;

use super::rule::Rule;
use crate::storage::StoredRule;

/// How many wrong lines are named.
const WRONG_MAX: usize = 20;

/// The rules of a text, in its order.
///
/// # Errors
///
/// What is wrong with the first wrong lines: nothing is passed over.
///
/// ```
/// use guardrail::policy::csv;
///
/// let rules = csv::read("p, editor, /api/posts/{id}, edit\ng, user:42, editor\n")?;
/// assert_eq!(rules[1].to_string(), "user:42 has the role editor");
///
/// let error = csv::read("# rules\np, editor, /api/(posts, edit\n").unwrap_err();
/// assert!(error.to_string().starts_with("line 2: the object must not have `(`"));
/// # Ok::<_, csv::InvalidCsv>(())
/// ```
pub fn read(text: &str) -> Result<Vec<Rule>, InvalidCsv> {
    let (mut rules, mut wrong) = (Vec::new(), Vec::new());
    for (number, line) in (1_usize..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match read_line(line) {
            Ok(rule) => rules.push(rule),
            Err(problem) if wrong.len() < WRONG_MAX => wrong.push((number, problem)),
            Err(_) => break,
        }
    }
    if wrong.is_empty() { Ok(rules) } else { Err(InvalidCsv { lines: wrong }) }
}

/// A text of these rules, each a line.
///
/// ```
/// use guardrail::policy::{Rule, csv};
///
/// let rule = Rule::new("editor", "/api/posts/{id}", "edit")?;
/// assert_eq!(csv::write([&rule]), "p, editor, /api/posts/{id}, edit\n");
/// # Ok::<_, guardrail::policy::InvalidRule>(())
/// ```
pub fn write<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> String {
    let mut text = String::new();
    for rule in rules {
        let StoredRule { ptype, values } = rule.to_stored();
        text.push_str(&ptype);
        for value in values {
            text.push_str(", ");
            if value.contains([',', '"']) || value.trim() != value {
                text.push('"');
                text.push_str(&value.replace('"', "\"\""));
                text.push('"');
            } else {
                text.push_str(&value);
            }
        }
        text.push('\n');
    }
    text
}

/// A text that is no list of rules: which lines are wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCsv {
    lines: Vec<(usize, String)>,
}

impl InvalidCsv {
    /// The first wrong lines, by number, each with what is wrong with it.
    pub fn lines(&self) -> &[(usize, String)] {
        &self.lines
    }
}

impl fmt::Display for InvalidCsv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (number, problem) in &self.lines {
            write!(f, "{separator}line {number}: {problem}")?;
            separator = "; ";
        }
        Ok(())
    }
}

impl std::error::Error for InvalidCsv {}

fn read_line(line: &str) -> Result<Rule, String> {
    let mut fields = fields(line)?.into_iter();
    let ptype = fields.next().unwrap_or_default();
    Rule::from_stored(&StoredRule { ptype, values: fields.collect() }).map_err(|error| error.to_string())
}

fn fields(line: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = if let Some(quoted) = rest.trim_start().strip_prefix('"') {
            quoted_field(quoted)?
        } else {
            let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            (field.trim().to_owned(), after)
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}

/// A field that began with a quote, and what follows it: a comma or nothing.
fn quoted_field(text: &str) -> Result<(String, &str), String> {
    let (mut field, mut rest) = (String::new(), text);
    loop {
        let (before, after) = rest.split_once('"').ok_or("a quote is not closed")?;
        field.push_str(before);
        let Some(after) = after.strip_prefix('"') else {
            let after = after.trim_start();
            let ends = after.is_empty() || after.starts_with(',');
            return if ends { Ok((field, after)) } else { Err("something follows a closing quote".into()) };
        };
        field.push('"');
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn lines(text: &str) -> Vec<String> {
        read(text).unwrap().iter().map(Rule::to_string).collect()
    }

    #[test]
    fn casbins_files_are_read() {
        let text = "\u{feff}p, alice, data1, read\r\n\r\n  # a comment, with commas\np,bob,data2,write\n\
             p,  \"a.b\" ,  \"/x, /y\"  , read \ng, alice, admin\n";
        assert_eq!(
            lines(text),
            [
                "alice can read on data1",
                "bob can write on data2",
                "a.b can read on /x, /y",
                "alice has the role admin"
            ]
        );
        assert!(lines("").is_empty() && lines("#\n\n").is_empty());
        assert_eq!(
            lines("p, a, /x, read, , ,"),
            ["a can read on /x"],
            "empty fields at the end do not count"
        );
    }

    #[test]
    fn each_wrong_line_is_named() {
        let text = "p, a, /x, read\np, a\nx, a, b, c\np, \"a, /x, read\np, \"a\"b, /x, read\ng, a, b, c\np, a, /(, x";
        let error = read(text).unwrap_err();
        let numbers: Vec<_> = error.lines().iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [2, 3, 4, 5, 6, 7]);
        let shown = error.to_string();
        for told in
            ["line 3: its type is neither `p`", "line 4: a quote is not closed", "line 5: something follows"]
        {
            assert!(shown.contains(told), "{shown}");
        }
        assert_eq!(read(&"p\n".repeat(1_000)).unwrap_err().lines().len(), WRONG_MAX);
    }

    #[test]
    fn a_hash_within_a_line_is_no_comment() {
        assert_eq!(lines("p, a, /x#y, read"), ["a can read on /x#y"]);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            rules in vec(("[a-z]{1,3}", "[/ ,\"#a-zé']{1,8}", "[ ,\"a-z]{1,4}", any::<bool>()), 0..8),
        ) {
            let rules: Vec<_> = rules
                .into_iter()
                .filter_map(|(subject, object, action, role)| {
                    if role { Rule::new(&subject, "role", "") } else { Rule::new(&subject, &object, &action) }.ok()
                })
                .collect();
            prop_assert_eq!(read(&write(&rules)), Ok(rules));
        }

        #[test]
        fn no_text_makes_it_fail(text in "[pg, \"a/#\n\r]{0,60}|.{0,60}") {
            let _ = read(&text);
        }
    }
}
