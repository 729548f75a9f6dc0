//! Who may do what.
//!
//! A [`Rule`] permits a subject an action on objects, or gives a subject a role; nothing else permits anything. The
//! caller's subjects are `user:<id>` and the account's role.

mod defaults;
mod engine;
mod error;
mod index;
mod listing;
mod loader;
pub mod pattern;
mod row;
mod rule;
mod snapshot;
mod subjects;

pub use self::{
    defaults::default_rules,
    error::PolicyError,
    rule::{InvalidRule, RULE_MAX_BYTES, Rule},
};
pub(crate) use self::{
    engine::{Changed, PolicyEngine},
    index::{Object, Reason},
    listing::RuleFilter,
    subjects::Subjects,
};

/// The Casbin model that the rules are read with: role-based access control with object patterns.
///
/// `keyMatch3` is Guardrail's own [`pattern::matches`] under Casbin's name; see [`pattern`] for why.
pub const MODEL: &str = "\
[request_definition]
r = sub, obj, act

[policy_definition]
p = sub, obj, act

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = g(r.sub, p.sub) && keyMatch3(r.obj, p.obj) && (p.act == \"*\" || r.act == p.act)
";
