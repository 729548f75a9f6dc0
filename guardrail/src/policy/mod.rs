//! Who may do what.
//!
//! A [`Rule`] permits a subject an action on objects, or gives a subject a role; nothing else permits anything. The
//! caller's subjects are `user:<id>` and the account's role.

pub mod csv;
mod custom;
mod defaults;
mod engine;
mod error;
mod index;
mod listing;
mod loader;
mod model;
pub mod pattern;
mod requirement;
mod review;
mod row;
mod rule;
mod rule_set;
mod snapshot;
mod subjects;

pub use self::{
    defaults::default_rules,
    error::PolicyError,
    model::{InvalidModel, PolicyModel},
    requirement::{Declaration, Declared, Requirement, permissions},
    rule::{InvalidRule, RULE_MAX_BYTES, Rule},
    rule_set::RuleSet,
};
pub(crate) use self::{
    engine::{Changed, PolicyEngine, Turn, Written},
    index::{Lack, Object, Reason},
    listing::RuleFilter,
    snapshot::Snapshot,
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
