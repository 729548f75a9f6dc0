//! Listing rules, a page at a time.

use std::{
    collections::BTreeSet,
    ops::Bound::{Excluded, Unbounded},
};

use super::rule::Rule;

/// Which rules to list: those whose fields equal the ones given. An empty `action` asks for assigned roles.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RuleFilter<'a> {
    /// The subject to look for.
    pub(crate) subject: Option<&'a str>,
    /// The object, or the role that is assigned, to look for.
    pub(crate) object: Option<&'a str>,
    /// The action to look for.
    pub(crate) action: Option<&'a str>,
}

impl RuleFilter<'_> {
    fn lets_through(&self, rule: &Rule) -> bool {
        let equal = |wanted: Option<&str>, field: &str| wanted.is_none_or(|wanted| wanted == field);
        equal(self.subject, rule.subject())
            && equal(self.object, rule.object())
            && equal(self.action, rule.action())
    }
}

/// Some rules in their order.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    /// The rules of this page.
    pub(crate) rules: Vec<&'a Rule>,
    /// Where the next page goes on (its `after`); `None` if this is the last one.
    pub(crate) next: Option<&'a Rule>,
}

/// Up to `limit` rules that come after `after`. The rule `after` need not be there any more.
pub(crate) fn page<'a>(
    rules: &'a BTreeSet<Rule>,
    filter: &RuleFilter<'_>,
    after: Option<&Rule>,
    limit: usize,
) -> Page<'a> {
    let from = after.map_or(Unbounded, Excluded);
    let mut found = rules.range((from, Unbounded)).filter(|rule| filter.lets_through(rule));
    let rules: Vec<_> = found.by_ref().take(limit).collect();
    let next = found.next().and_then(|_| rules.last().copied());
    Page { rules, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> BTreeSet<Rule> {
        [("b", "/x", "read"), ("a", "/x", "read"), ("a", "/y", "*"), ("user:1", "a", ""), ("b", "a", "")]
            .map(|(subject, object, action)| Rule::new(subject, object, action).unwrap())
            .into()
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let rules = rules();
        for limit in 1..=6 {
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = page(&rules, &RuleFilter::default(), after, limit);
                assert!(!page.rules.is_empty() && page.rules.len() <= limit);
                seen.extend(page.rules);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert!(seen.into_iter().eq(&rules), "limit {limit}");
        }
    }

    #[test]
    fn a_filter_looks_at_every_field() {
        let rules = rules();
        let found = |subject, object, action| {
            let filter = RuleFilter { subject, object, action };
            page(&rules, &filter, None, 10).rules.into_iter().map(Rule::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found(Some("a"), None, None), ["a can read on /x", "a can * on /y"]);
        assert_eq!(found(None, Some("a"), None), ["b has the role a", "user:1 has the role a"]);
        assert_eq!(found(None, None, Some("")), found(None, Some("a"), None));
        assert_eq!(found(Some("b"), None, Some("read")), ["b can read on /x"]);
        assert!(found(Some("c"), None, None).is_empty());
    }

    #[test]
    fn a_cursor_outlives_its_rule() {
        let rules = rules();
        let gone = Rule::new("a", "/xx", "read").unwrap();
        let page = page(&rules, &RuleFilter::default(), Some(&gone), 1);
        assert_eq!(page.rules.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a can * on /y"]);
    }
}
