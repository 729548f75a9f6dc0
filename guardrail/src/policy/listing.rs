//! Listing rules, a page at a time.

use std::collections::BinaryHeap;

use super::rule::{Rule, RuleRef};

/// Which rules to list: those whose fields equal the ones given. An empty `action` asks for assigned roles.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleFilter {
    /// The subject to look for.
    pub(crate) subject: Option<String>,
    /// The object, or the role that is assigned, to look for.
    pub(crate) object: Option<String>,
    /// The action to look for.
    pub(crate) action: Option<String>,
}

impl RuleFilter {
    fn lets_through(&self, rule: RuleRef<'_>) -> bool {
        let equal =
            |wanted: &Option<String>, field: &str| wanted.as_ref().is_none_or(|wanted| wanted == field);
        equal(&self.subject, rule.subject())
            && equal(&self.object, rule.object())
            && equal(&self.action, rule.action())
    }
}

/// Some rules in their order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RulePage {
    /// The rules of this page.
    pub(crate) rules: Vec<Rule>,
    /// Whether there are more after them.
    pub(crate) more: bool,
}

/// The first `limit` rules that come after `after`, of rules in any order. The rule `after` need not be there.
pub(super) fn page<'a>(
    rules: impl Iterator<Item = RuleRef<'a>>,
    filter: &RuleFilter,
    after: Option<&Rule>,
    limit: usize,
) -> RulePage {
    let after = after.map(RuleRef::from);
    let wanted = rules.filter(|rule| after.is_none_or(|after| *rule > after) && filter.lets_through(*rule));
    // One more than the page has, the greatest on top to be thrown out by a smaller one.
    let mut first = BinaryHeap::with_capacity(limit + 2);
    for rule in wanted {
        first.push(rule);
        if first.len() > limit + 1 {
            first.pop();
        }
    }
    let more = first.len() > limit;
    let rules = first.into_sorted_vec().into_iter().take(limit).map(RuleRef::to_rule).collect();
    RulePage { rules, more }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Vec<Rule> {
        [("user:1", "a", ""), ("b", "/x", "read"), ("a", "/x", "read"), ("b", "a", ""), ("a", "/y", "*")]
            .map(|(subject, object, action)| Rule::new(subject, object, action).unwrap())
            .into()
    }

    fn page_of(rules: &[Rule], filter: &RuleFilter, after: Option<&Rule>, limit: usize) -> RulePage {
        page(rules.iter().map(RuleRef::from), filter, after, limit)
    }

    #[test]
    fn pages_follow_each_other_to_the_end_in_order() {
        let rules = rules();
        let mut sorted = rules.clone();
        sorted.sort();
        for limit in 1..=6 {
            let mut seen: Vec<Rule> = Vec::new();
            loop {
                let page = page_of(&rules, &RuleFilter::default(), seen.last(), limit);
                assert!(!page.rules.is_empty() && page.rules.len() <= limit);
                seen.extend(page.rules);
                if !page.more {
                    break;
                }
            }
            assert_eq!(seen, sorted, "limit {limit}");
        }
    }

    #[test]
    fn a_filter_looks_at_every_field() {
        let rules = rules();
        let found = |subject: Option<&str>, object: Option<&str>, action: Option<&str>| {
            let filter = RuleFilter {
                subject: subject.map(Into::into),
                object: object.map(Into::into),
                action: action.map(Into::into),
            };
            page_of(&rules, &filter, None, 10).rules.iter().map(Rule::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found(Some("a"), None, None), ["a can read on /x", "a can * on /y"]);
        assert_eq!(found(None, Some("a"), None), ["b has the role a", "user:1 has the role a"]);
        assert_eq!(found(None, None, Some("")), found(None, Some("a"), None));
        assert_eq!(found(Some("b"), None, Some("read")), ["b can read on /x"]);
        assert!(found(Some("c"), None, None).is_empty());
    }

    #[test]
    fn a_cursor_outlives_its_rule() {
        let gone = Rule::new("a", "/xx", "read").unwrap();
        let page = page_of(&rules(), &RuleFilter::default(), Some(&gone), 1);
        assert_eq!(page.rules, [Rule::new("a", "/y", "*").unwrap()]);
    }
}
