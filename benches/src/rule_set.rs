//! Rules in any number, and questions about them.

use casbin::{DefaultModel, MemoryAdapter};
use guardrail::policy::{MODEL, Rule};

/// So many rules: a tenth as many roles, and one object in ten a pattern.
#[derive(Debug, Clone, Copy)]
pub struct RuleSet {
    rules: usize,
}

impl RuleSet {
    pub fn of(rules: usize) -> Self {
        Self { rules }
    }

    pub fn count(self) -> usize {
        self.rules
    }

    /// How many roles the rules name.
    pub fn roles(self) -> usize {
        (self.rules / 10).max(1)
    }

    /// The role that rule `index` is for.
    pub fn role(self, index: usize) -> String {
        format!("role-{}", index % self.roles())
    }

    /// Whom, what and how rule `index` allows.
    pub fn rule(self, index: usize) -> [String; 3] {
        let object = match index % 10 {
            0 => format!("/api/area-{index}/items/{{id}}"),
            _ => format!("/api/area-{index}/items"),
        };
        [self.role(index), object, "read".to_owned()]
    }

    /// What rule `index` is asked for.
    pub fn object(self, index: usize) -> String {
        match index % 10 {
            0 => format!("/api/area-{index}/items/77"),
            _ => format!("/api/area-{index}/items"),
        }
    }

    pub fn texts(self) -> impl Iterator<Item = [String; 3]> {
        (0..self.rules).map(move |index| self.rule(index))
    }

    pub fn rules(self) -> anyhow::Result<Vec<Rule>> {
        self.texts().map(|[role, object, action]| Ok(Rule::new(&role, &object, &action)?)).collect()
    }

    /// An enforcer with these rules, by Casbin's own loading.
    pub async fn enforcer<E: casbin::CoreApi + casbin::MgmtApi>(self) -> anyhow::Result<E> {
        let mut enforcer = E::new(DefaultModel::from_str(MODEL).await?, MemoryAdapter::default()).await?;
        let rules = self.texts().map(Vec::from).collect();
        enforcer.add_policies(rules).await?;
        Ok(enforcer)
    }
}
