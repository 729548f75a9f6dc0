//! Rules under an application's own model: Casbin evaluates them.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use casbin::{
    CoreApi as _, Enforcer, NullAdapter, RoleManager,
    function_map::{OperatorFunction, dynamic_to_str},
    rhai::Dynamic,
};
use parking_lot::RwLock;

use super::{
    error::PolicyError,
    model::{Asked, PolicyModel},
    pattern,
};
use crate::storage::StoredRule;

/// Rules and the enforcer that decides by them.
pub(crate) struct CustomRules {
    enforcer: Enforcer,
    roles: Arc<RwLock<CallerRoles>>,
    request: Vec<Asked>,
    rows: BTreeSet<StoredRule>,
}

impl CustomRules {
    /// All of `rows` under the model; an error if one does not fit it.
    pub(super) async fn new(model: &PolicyModel, rows: Vec<StoredRule>) -> Result<Self, PolicyError> {
        let mut enforcer = Enforcer::new_raw(model.casbin(), NullAdapter).await?;
        let roles = Arc::new(RwLock::new(CallerRoles::default()));
        enforcer.set_role_manager(Arc::clone(&roles) as Arc<RwLock<dyn RoleManager>>)?;
        enforcer.add_function("keyMatch3", OperatorFunction::Arg2(key_match));
        let rows: BTreeSet<_> = rows.into_iter().map(StoredRule::trimmed).collect();
        for StoredRule { ptype, values } in &rows {
            let section = ptype.get(..1).unwrap_or_default();
            let fields = match enforcer.get_model().get_model().get(section).and_then(|all| all.get(ptype)) {
                Some(definition) if section == "p" => definition.tokens.len(),
                Some(definition) if section == "g" => definition.value.matches('_').count(),
                _ => return Err(PolicyError::Model(format!("there is a rule of the type {ptype:?}"))),
            };
            if values.len() != fields {
                let found = values.len();
                let row =
                    format!("a rule of the type {ptype:?} has {found} fields where the model has {fields}");
                return Err(PolicyError::Model(row));
            }
            enforcer.get_mut_model().add_policy(section, ptype, values.clone());
        }
        enforcer.build_role_links()?;
        Ok(Self { enforcer, roles, request: model.request().to_vec(), rows })
    }

    pub(super) fn rows(&self) -> &BTreeSet<StoredRule> {
        &self.rows
    }

    /// Whether the model lets the caller do `action` on `object`, as the user and with the role of the account.
    /// Without a domain that it asks for it does not.
    pub(super) fn allows(
        &self,
        (subject, role): (&str, Option<&str>),
        domain: Option<&str>,
        object: &str,
        action: &str,
    ) -> Result<bool, PolicyError> {
        let mut request = Vec::with_capacity(self.request.len());
        for asked in &self.request {
            request.push(Dynamic::from(match asked {
                Asked::Subject => subject.to_owned(),
                Asked::Object => object.to_owned(),
                Asked::Action => action.to_owned(),
                Asked::Domain => match domain {
                    Some(domain) => domain.to_owned(),
                    None => return Ok(false),
                },
            }));
        }
        let _caller = Caller::set(subject, role);
        // Some of Casbin's functions panic on a rule that they cannot read, as one that is no regular expression.
        let decision = catch_unwind(AssertUnwindSafe(|| self.enforcer.enforce(request)));
        decision
            .map_err(|_| PolicyError::Model("Casbin panicked over a rule".to_owned()))?
            .map_err(Into::into)
    }

    /// Whether the caller has `role` outside of any domain.
    pub(super) fn holds_role(&self, (subject, role): (&str, Option<&str>), wanted: &str) -> bool {
        let _caller = Caller::set(subject, role);
        self.roles.read().has_link(subject, wanted, None)
    }
}

#[allow(clippy::needless_pass_by_value)] // the signature is Casbin's
fn key_match(object: Dynamic, pattern: Dynamic) -> Dynamic {
    pattern::matches(&dynamic_to_str(&object), &dynamic_to_str(&pattern)).into()
}

thread_local! {
    /// Who is being decided about, and the role of its account. Casbin's `g` takes nothing but names.
    static CALLER: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// Who is being decided about, for as long as this lives.
struct Caller;

impl Caller {
    fn set(subject: &str, role: Option<&str>) -> Self {
        let caller = role.map(|role| (subject.to_owned(), role.to_owned()));
        CALLER.with_borrow_mut(|it| *it = caller);
        Self
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        CALLER.with_borrow_mut(|it| *it = None);
    }
}

/// Who has which role, in each domain; the role of the caller's account is one that the caller has in all.
#[derive(Default)]
struct CallerRoles {
    domains: HashMap<Option<String>, HashMap<String, HashSet<String>>>,
}

impl CallerRoles {
    fn of<'a>(&'a self, name: &str, domain: Option<&str>) -> impl Iterator<Item = &'a String> {
        let domain = self.domains.get(&domain.map(str::to_owned));
        domain.and_then(|links| links.get(name)).into_iter().flatten()
    }
}

impl RoleManager for CallerRoles {
    fn clear(&mut self) {
        self.domains.clear();
    }

    fn add_link(&mut self, name1: &str, name2: &str, domain: Option<&str>) {
        let links = self.domains.entry(domain.map(str::to_owned)).or_default();
        links.entry(name1.to_owned()).or_default().insert(name2.to_owned());
    }

    /// Not asked for: patterns of names are no part of what Guardrail supports.
    fn matching_fn(&mut self, _: Option<fn(&str, &str) -> bool>, _: Option<fn(&str, &str) -> bool>) {}

    fn delete_link(&mut self, name1: &str, name2: &str, domain: Option<&str>) -> casbin::Result<()> {
        if let Some(links) = self.domains.get_mut(&domain.map(str::to_owned))
            && let Some(roles) = links.get_mut(name1)
        {
            roles.remove(name2);
        }
        Ok(())
    }

    fn has_link(&self, name1: &str, name2: &str, domain: Option<&str>) -> bool {
        let own = CALLER.with_borrow(|caller| {
            caller.as_ref().filter(|(subject, _)| subject == name1).map(|(_, role)| role.clone())
        });
        let mut visited: HashSet<&str> = HashSet::from([name1]);
        let mut unvisited = vec![name1];
        if let Some(own) = &own {
            visited.insert(own);
            unvisited.push(own);
        }
        while let Some(name) = unvisited.pop() {
            if name == name2 {
                return true;
            }
            for role in self.of(name, domain) {
                if visited.insert(role) {
                    unvisited.push(role);
                }
            }
        }
        false
    }

    fn get_roles(&self, name: &str, domain: Option<&str>) -> Vec<String> {
        self.of(name, domain).cloned().collect()
    }

    fn get_users(&self, name: &str, domain: Option<&str>) -> Vec<String> {
        let domain = self.domains.get(&domain.map(str::to_owned));
        let having = domain.into_iter().flatten().filter(|(_, roles)| roles.contains(name));
        having.map(|(subject, _)| subject.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::policy::MODEL;

    fn row(line: &str) -> StoredRule {
        let mut fields = line.split(", ").map(str::to_owned);
        StoredRule { ptype: fields.next().unwrap(), values: fields.collect() }
    }

    fn rules(model: &str, lines: &[&str]) -> Result<CustomRules, PolicyError> {
        let model = PolicyModel::new(model).unwrap();
        block_on(CustomRules::new(&model, lines.iter().map(|line| row(line)).collect()))
    }

    fn denying() -> String {
        MODEL.replace("p = sub, obj, act", "p = sub, obj, act, eft").replace(
            "some(where (p.eft == allow))",
            "some(where (p.eft == allow)) && !some(where (p.eft == deny))",
        )
    }

    fn domains() -> String {
        MODEL
            .replace("r = sub, obj, act", "r = sub, dom, obj, act")
            .replace("p = sub, obj, act", "p = sub, dom, obj, act")
            .replace("g = _, _", "g = _, _, _")
            .replace("g(r.sub, p.sub)", "g(r.sub, p.sub, r.dom) && r.dom == p.dom")
    }

    #[test]
    fn a_denying_rule_outranks_whatever_allows() {
        let lines = [
            "p, user:1, /posts/*, edit, allow",
            "p, banned, /posts/*, *, deny",
            "p, editor, *, *, allow",
            "g, user:2, editor",
            "g, user:2, suspended",
            "g, suspended, banned",
        ];
        let rules = rules(&denying(), &lines).unwrap();
        let may = |subject, role| rules.allows((subject, role), None, "/posts/7", "edit").unwrap();
        assert!(may("user:1", None) && may("user:3", Some("editor")));
        // By the account's role, by a rule, and by a role's role.
        assert!(!may("user:1", Some("banned")) && !may("user:1", Some("suspended")) && !may("user:2", None));
        assert!(!may("user:3", None), "what was decided before leaves nothing behind");
        assert!(
            rules.holds_role(("user:2", None), "banned") && !rules.holds_role(("user:1", None), "banned")
        );
    }

    #[test]
    fn a_role_counts_in_its_domain() {
        let lines = ["p, admin, acme, /data, read", "p, admin, other, /data, read", "g, user:1, admin, acme"];
        let rules = rules(&domains(), &lines).unwrap();
        let may = |role, domain| rules.allows(("user:1", role), domain, "/data", "read").unwrap();
        assert!(may(None, Some("acme")) && !may(None, Some("other")) && !may(None, Some("")));
        assert!(!may(None, None), "without a domain nothing is allowed");
        assert!(may(Some("admin"), Some("other")), "the account's role counts everywhere");
    }

    #[test]
    fn roles_inherit_to_any_depth() {
        let mut lines: Vec<_> = (0..40).map(|depth| format!("g, r{depth}, r{}", depth + 1)).collect();
        lines.push("p, r40, /deep, read, allow".to_owned());
        lines.push("g, r40, r0".to_owned());
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let rules = rules(&denying(), &lines).unwrap();
        assert!(rules.allows(("user:1", Some("r0")), None, "/deep", "read").unwrap());
    }

    #[test]
    fn a_row_that_does_not_fit_loads_nothing() {
        for line in [
            "p, a, /x, read",
            "p, a, /x, read, deny, more",
            "p2, a, /x, read, deny",
            "g, a",
            "x, a, b, c, deny",
            "",
        ] {
            let lines = ["p, a, /x, read, allow", line];
            assert!(matches!(rules(&denying(), &lines), Err(PolicyError::Model(_))), "{line:?}");
        }
    }

    #[test]
    fn a_rule_that_casbin_panics_over_allows_nothing() {
        let model = MODEL.replace("keyMatch3(r.obj, p.obj)", "regexMatch(r.obj, p.obj)");
        let rules = rules(&model, &["p, a, (, read", "p, a, /x, read"]).unwrap();
        assert!(rules.allows(("a", None), None, "/x", "read").is_err());
        // The pattern function of ours takes anything.
        let rules = self::rules(MODEL, &["p, a, (, read", "p, a, /x, read"]).unwrap();
        assert!(rules.allows(("a", None), None, "/x", "read").unwrap());
    }
}
