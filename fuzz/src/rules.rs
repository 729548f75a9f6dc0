//! Rules as text.

use guardrail::{
    policy::{Rule, csv, pattern::matches},
    testing::principal,
};

use crate::app::{Spoilt, with_fixture};

/// The object and the action of a rule, and those that are asked for, a line each.
pub fn pattern(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut lines = text.splitn(4, '\n');
    let (Some(object), Some(action)) = (lines.next(), lines.next()) else { return };
    let (asked_object, asked_action) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok(rule) = Rule::new("tester", object, action) else { return };
    assert_eq!(csv::read(&csv::write([&rule])).as_deref(), Ok(std::slice::from_ref(&rule)));
    with_fixture(|fixture| {
        let guard = &fixture.app.guard;
        fixture.run(guard.add_rules(vec![rule.clone()])).unwrap();
        let who = principal(1_i64, "tester".parse().unwrap());
        let allowed = guard.is_allowed(&who, asked_object, asked_action);
        fixture.run(guard.remove_rules(vec![rule])).unwrap();
        // A rule without an action gives a role, whose rules count.
        if !action.is_empty() {
            let covered = matches(asked_object, object) && (action == "*" || action == asked_action);
            // Nothing is never allowed.
            let something = !asked_object.is_empty() && !asked_action.is_empty();
            assert_eq!(allowed.unwrap(), something && covered);
        }
        Spoilt::No
    });
}

/// A file of rules.
pub fn policy_csv(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(rules) = csv::read(text) else { return };
    let again = csv::read(&csv::write(&rules)).unwrap();
    assert_eq!(again, rules);
}
