//! Reading a store's rows: rules on one side, malformed rows on the other.
//!
//! Casbin ends every decision with an error once a single row has another number of fields than the rest. Here a
//! malformed row is set aside, which can only take a permission away since the model has no denying rules, and the
//! rest keep deciding. What is malformed, [`Rule::from_stored`] says: what could not be written either.

use std::{collections::BTreeMap, fmt};

use super::{index::Index, row::MalformedRow, rule::Rule};
use crate::storage::StoredRule;

/// What the rows of a store come to.
pub(super) struct Loaded {
    /// The rules; rows that say the same are one.
    pub(super) index: Index,
    /// The rows that are none, and why.
    pub(super) set_aside: BTreeMap<StoredRule, MalformedRow>,
}

/// Judges each row by itself.
pub(super) fn load(rows: Vec<StoredRule>) -> Loaded {
    let mut loaded = Loaded { index: Index::default(), set_aside: BTreeMap::new() };
    for row in rows {
        match Rule::from_stored(&row) {
            Ok(rule) => {
                loaded.index.insert(&rule);
            }
            Err(why) => {
                loaded.set_aside.insert(row, why);
            }
        }
    }
    loaded
}

/// Tells the log of a row that is set aside.
pub(super) fn log(row: &StoredRule, why: &MalformedRow) {
    tracing::error!(
        row = %Shown(row),
        %why,
        "a malformed policy rule is set aside: it grants nothing until it is corrected or removed"
    );
}

/// A row as a log line may hold it: escaped, since anyone may have written it, and bounded.
struct Shown<'a>(&'a StoredRule);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FIELDS: usize = 7; // the type and as many values as the table has columns for
        let StoredRule { ptype, values } = self.0;
        write!(f, "{:?}", Clipped(ptype))?;
        for value in values.iter().take(FIELDS - 1) {
            write!(f, ", {:?}", Clipped(value))?;
        }
        if values.len() >= FIELDS { f.write_str(", …") } else { Ok(()) }
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
    use std::collections::BTreeSet;

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
        let mut rules: Vec<_> = loaded.index.rules().map(|rule| rule.to_rule().to_string()).collect();
        rules.sort();
        assert_eq!(rules, ["admin can read on /a", "admin can read on /b", "user:1 has the role admin"]);
        assert!(loaded.set_aside.into_keys().eq(BTreeSet::from(bad.map(row))));
    }

    #[test]
    fn a_log_line_is_escaped_and_bounded() {
        let huge = "é\n".repeat(100_000);
        let row = StoredRule { ptype: "p\u{202e}".into(), values: vec![huge; 1_000] };
        let line = Shown(&row).to_string();
        assert!(line.starts_with("\"p\\u{202e}\", \"é\\né\\n"), "{line}");
        assert!(!line.contains('\n') && line.ends_with('…') && line.chars().count() < 1_000, "{line}");
    }

    #[test]
    fn a_log_line_says_all_of_a_short_row() {
        let row = row("p, admin, (, read");
        assert_eq!(Shown(&row).to_string(), r#""p", "admin", "(", "read""#);
        let why = load(vec![row.clone()]).set_aside.remove(&row).unwrap();
        assert!(why.to_string().contains("the object must not have `(`"));
    }
}
