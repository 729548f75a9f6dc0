//! A rule as a row of a store.

use super::rule::{InvalidRule, Rule};
use crate::storage::StoredRule;

/// Why a row is no rule.
///
/// The messages hold nothing of the row's content but a single punctuation mark, so that they are safe to log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MalformedRow {
    /// Neither `p` nor `g`.
    #[error("its type is neither `p`, for a permission, nor `g`, for a role")]
    UnknownType,
    /// More fields than the model has.
    #[error("it has {found} fields where the model has {expected}")]
    TooLong {
        /// How many the model has.
        expected: usize,
        /// How many the row has, trailing empty ones not counted.
        found: usize,
    },
    /// A field that no rule can have.
    #[error(transparent)]
    Invalid(#[from] InvalidRule),
}

impl Rule {
    /// The row that a store keeps of it.
    pub fn to_stored(&self) -> StoredRule {
        let (ptype, values) = match self {
            Self::Permission { subject, object, action } => ("p", vec![subject, object, action]),
            Self::Role { subject, role } => ("g", vec![subject, role]),
        };
        StoredRule { ptype: ptype.into(), values: values.into_iter().cloned().collect() }
    }

    /// The rule that a row stands for.
    ///
    /// Tables have more columns than the model has fields, so empty fields at the end do not count and missing ones
    /// are read as empty. Otherwise a row is judged by the rules for writing, not by laxer ones: whoever writes
    /// with another tool gets what the endpoint would have accepted, or an error in the log. A permission whose
    /// object or action is empty is therefore malformed; it does not become a role.
    pub(crate) fn from_stored(row: &StoredRule) -> Result<Self, MalformedRow> {
        match row.ptype.as_str() {
            "p" => {
                let [subject, object, action] = fields(row)?;
                Ok(Self::permission(subject, object, action)?)
            }
            "g" => {
                let [subject, role] = fields(row)?;
                Ok(Self::role(subject, role)?)
            }
            _ => Err(MalformedRow::UnknownType),
        }
    }
}

/// The row's fields, brought to the model's number of them.
fn fields<const N: usize>(row: &StoredRule) -> Result<[&str; N], MalformedRow> {
    let found = row.values.iter().rposition(|value| !value.is_empty()).map_or(0, |last| last + 1);
    if found > N {
        return Err(MalformedRow::TooLong { expected: N, found });
    }
    Ok(std::array::from_fn(|field| row.values.get(field).map_or("", String::as_str)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(ptype: &str, values: &[&str]) -> StoredRule {
        StoredRule { ptype: ptype.into(), values: values.iter().map(|value| (*value).into()).collect() }
    }

    #[test]
    fn empty_fields_at_the_end_do_not_count() {
        let permission = Rule::new("admin", "/a", "read").unwrap();
        let role = Rule::new("user:1", "admin", "").unwrap();
        assert_eq!(Rule::from_stored(&row("p", &["admin", "/a", "read", "", "", ""])), Ok(permission));
        assert_eq!(Rule::from_stored(&row("g", &["user:1", "admin", "", "", "", ""])), Ok(role));
    }

    #[test]
    fn a_short_permission_is_malformed_and_no_role() {
        for values in [&["admin", "editor"][..], &["admin", "editor", ""], &["admin"], &[]] {
            assert!(
                matches!(Rule::from_stored(&row("p", values)), Err(MalformedRow::Invalid(_))),
                "{values:?}"
            );
        }
    }

    #[test]
    fn a_longer_row_and_an_unknown_type_are_malformed() {
        let long = Rule::from_stored(&row("p", &["admin", "/a", "read", "deny"]));
        assert_eq!(long, Err(MalformedRow::TooLong { expected: 3, found: 4 }));
        let long = Rule::from_stored(&row("g", &["user:1", "admin", "domain"]));
        assert_eq!(long, Err(MalformedRow::TooLong { expected: 2, found: 3 }));
        for ptype in ["p2", "g2", "", "P", "p "] {
            let unknown = Rule::from_stored(&row(ptype, &["admin", "/a", "read"]));
            assert_eq!(unknown, Err(MalformedRow::UnknownType), "{ptype:?}");
        }
    }

    proptest! {
        #[test]
        fn a_rule_survives_its_row(
            subject in "(user:)?[a-z]{1,4}", object in "(/[a-z]{1,3}){1,3}(/\\{id\\})?(/\\*)?", action in "[a-z]{1,4}|\\*",
            role in "[a-z]{1,4}",
        ) {
            for rule in [Rule::new(&subject, &object, &action).unwrap(), Rule::new(&subject, &role, "").unwrap()] {
                prop_assert_eq!(Rule::from_stored(&rule.to_stored()), Ok(rule));
            }
        }
    }
}
