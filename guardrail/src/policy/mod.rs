//! Who may do what.
//!
//! A [`Rule`] permits a subject an action on objects, or gives a subject a role; nothing else permits anything. The
//! caller's subjects are `user:<id>` and the account's role.

mod casbin_enforcer;
mod change;
mod defaults;
mod engine;
mod error;
mod listing;
mod loader;
pub mod pattern;
mod roles;
mod row;
mod rule;
mod snapshot;
mod subjects;

pub(crate) use self::{
    change::Changed,
    engine::PolicyEngine,
    listing::{RuleFilter, page},
    subjects::Subjects,
};
pub use self::{
    defaults::default_rules,
    error::PolicyError,
    rule::{InvalidRule, RULE_MAX_BYTES, Rule},
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
