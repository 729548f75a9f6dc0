//! Reading a store's rows: rules on one side, malformed rows on the other.
//!
//! Casbin ends every decision with an error once a single row has another number of fields than the rest. Here a
//! malformed row is set aside, which can only take a permission away since the model has no denying rules, and the
//! rest keep deciding. What is malformed, [`Rule::from_stored`] says: what could not be written either.

use std::{collections::BTreeSet, fmt};

use super::{row::MalformedRow, rule::Rule};
use crate::storage::StoredRule;

/// What the rows of a store come to.
pub(super) struct Loaded {
    /// The rules; rows that say the same are one.
    pub(super) rules: BTreeSet<Rule>,
    /// The rows that are none, in the store's order.
    pub(super) set_aside: Vec<SetAside>,
}

/// A malformed row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SetAside {
    row: StoredRule,
    why: MalformedRow,
}

/// Judges each row by itself.
pub(super) fn load(rows: Vec<StoredRule>) -> Loaded {
    let mut loaded = Loaded { rules: BTreeSet::new(), set_aside: Vec::new() };
    for row in rows {
        match Rule::from_stored(&row) {
            Ok(rule) => {
                loaded.rules.insert(rule);
            }
            Err(why) => loaded.set_aside.push(SetAside { row, why }),
        }
    }
    loaded
}

impl SetAside {
    /// Tells the log, once a load.
    pub(super) fn log(&self) {
        tracing::error!(
            row = %self,
            why = %self.why,
            "a malformed policy rule is set aside: it grants nothing until it is corrected or removed"
        );
    }
}

/// The row as a log line may hold it: escaped, since anyone may have written it, and bounded.
impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FIELDS: usize = 7; // the type and as many values as the table has columns for
        write!(f, "{:?}", Clipped(&self.row.ptype))?;
        for value in self.row.values.iter().take(FIELDS - 1) {
            write!(f, ", {:?}", Clipped(value))?;
        }
        if self.row.values.len() >= FIELDS { f.write_str(", …") } else { Ok(()) }
    }
}

/// The beginning of a text.
struct Clipped<'a>(&'a str);

impl fmt::Debug for Clipped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARS: usize = 64;
        let start = self.0.char_indices().nth(CHARS).and_then(|(end, _)| self.0.get(..end));
        match start {
            Some(start) => write!(f, "{start:?}…"),
            None => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &str) -> StoredRule {
        let mut fields = line.split(", ").map(str::to_owned);
        StoredRule { ptype: fields.next().unwrap(), values: fields.collect() }
    }

    #[test]
    fn malformed_rows_are_set_aside_and_the_others_stand() {
        let bad = [
            "p, admin, (, read",
            "p, admin, /a",
            "p, admin, /a, read, allow",
            "p, two words, /a, read",
            "p, admin, /a|b, read",
            "p, admin, /a, re*d",
            "g, user:1",
            "g, user:1, user:2",
            "g, user:1, admin, domain",
            "p2, admin, /a, read",
            "",
        ];
        let good = ["p, admin, /a, read", "g, user:1, admin", "p, admin, /b, read"];
        let rows = bad.iter().zip(good.iter().cycle()).flat_map(|(bad, good)| [row(bad), row(good)]);
        let loaded = load(rows.collect());
        let rules: Vec<_> = loaded.rules.iter().map(Rule::to_string).collect();
        assert_eq!(rules, ["admin can read on /a", "admin can read on /b", "user:1 has the role admin"]);
        let set_aside: Vec<_> = loaded.set_aside.into_iter().map(|set_aside| set_aside.row).collect();
        assert_eq!(set_aside, bad.map(row));
    }

    #[test]
    fn a_log_line_is_escaped_and_bounded() {
        let huge = "é\n".repeat(100_000);
        let row = StoredRule { ptype: "p\u{202e}".into(), values: vec![huge; 1_000] };
        let loaded = load(vec![row]);
        let line = loaded.set_aside[0].to_string();
        assert!(line.starts_with("\"p\\u{202e}\", \"é\\né\\n"), "{line}");
        assert!(!line.contains('\n') && line.ends_with('…') && line.chars().count() < 1_000, "{line}");
    }

    #[test]
    fn a_log_line_says_all_of_a_short_row() {
        let loaded = load(vec![row("p, admin, (, read")]);
        assert_eq!(loaded.set_aside[0].to_string(), r#""p", "admin", "(", "read""#);
        assert!(loaded.set_aside[0].why.to_string().contains("the object must not have `(`"));
    }
}
