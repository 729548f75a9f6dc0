//! Who asks.

/// The subjects of one caller: `user:<id>` and the role of the account. What either may, the caller may.
///
/// A check on behalf of a role has the role as `subject` and no `role`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subjects<'a> {
    /// `user:<id>`. If it is empty, everything is denied.
    pub(crate) subject: &'a str,
    /// The role of the account, where it has one.
    pub(crate) role: Option<&'a str>,
}

impl<'a> Subjects<'a> {
    /// The subject, and the role if it is one.
    pub(super) fn both(&self) -> (&'a str, Option<&'a str>) {
        (self.subject, self.role.filter(|role| is_role(role)))
    }

    /// The names to ask for; none if the caller has no name.
    ///
    /// An account's role comes from the application's own table: one that is empty or looks like a user counts as
    /// none, whatever that table holds.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let named = !self.subject.is_empty();
        let (_, role) = self.both();
        named.then_some(self.subject).into_iter().chain(role.filter(|_| named))
    }
}

/// Whether a name can be a role's, as far as a decision depends on it: users have a colon in theirs.
pub(super) fn is_role(name: &str) -> bool {
    !name.is_empty() && !name.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(subject: &'a str, role: Option<&'a str>) -> Vec<&'a str> {
        Subjects { subject, role }.names().collect()
    }

    #[test]
    fn a_role_that_looks_like_a_user_is_not_asked_for() {
        assert_eq!(names("user:1", Some("admin")), ["user:1", "admin"]);
        assert_eq!(names("user:1", Some("user:2")), ["user:1"]);
        assert_eq!(names("user:1", Some("")), ["user:1"]);
        assert_eq!(names("user:1", None), ["user:1"]);
    }

    #[test]
    fn whoever_has_no_name_has_no_role_either() {
        assert!(names("", Some("admin")).is_empty());
    }
}
