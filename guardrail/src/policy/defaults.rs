//! The rules to start with.

use super::rule::Rule;

/// The rules that `default_policies()` puts into an empty rule set: the role `admin` may do everything below `/api`,
/// and the role `user` may use the endpoints that concern the caller's own account.
pub fn default_rules() -> Vec<Rule> {
    [
        ("admin", "/api/*", "*"),
        ("user", "/api/profile", "read"),
        ("user", "/api/sessions", "read"),
        ("user", "/api/sessions/{id}", "delete"),
        ("user", "/api/password", "write"),
        ("user", "/api/logout/all", "write"),
    ]
    .map(|(subject, object, action)| Rule::Permission {
        subject: subject.into(),
        object: object.into(),
        action: action.into(),
    })
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_them_could_be_written_by_hand() {
        for rule in default_rules() {
            assert_eq!(Rule::new(rule.subject(), rule.object(), rule.action()), Ok(rule));
        }
    }
}
