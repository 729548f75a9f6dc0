//! An application's own Casbin model.

use std::panic::{AssertUnwindSafe, catch_unwind};

use casbin::{DefaultModel, Model as _};

use super::custom::CustomRules;
use crate::{at_once::at_once, storage::StoredRule};

/// A Casbin model in place of [`MODEL`](super::MODEL): denying rules, domains, a matcher of one's own.
///
/// | of a request | what Guardrail gives |
/// |-|-|
/// | `sub` | the caller: `user:<id>` |
/// | `obj`, `act` | object and action of `#[require]`, [`RequireLayer`](crate::RequireLayer) or [`EnforceRoutes`](crate::EnforceRoutes) |
/// | `dom` | the [`Domain`](crate::Domain) that a layer of the application has put into the request's extensions; without one the request is denied |
///
/// The request definition names these, in any order; `dom` may be left out. The role of the caller's account counts
/// as if a `g` rule gave it to the caller, in every domain, so that a denying rule for the role holds whatever else
/// allows. Roles inherit to any depth. `keyMatch3` is [`pattern::matches`](super::pattern::matches); Casbin's other
/// functions are its own.
///
/// Casbin evaluates the model: a decision looks at every rule, and takes milliseconds with a thousand of them, where
/// the model that Guardrail has by itself takes under a microsecond with a hundred thousand. A row that does not fit
/// the model keeps the rules from being loaded, at the start and later, since a denying rule that is passed over would
/// open something. The endpoints that list and change rules know rules of three fields only, and refuse their service
/// with such a model: change rules by [`change_stored_rules`](crate::Guardrail::change_stored_rules) or with Casbin's
/// tools.
///
/// ```
/// use guardrail::policy::PolicyModel;
///
/// let model = PolicyModel::new("
///     [request_definition]
///     r = sub, obj, act
///     [policy_definition]
///     p = sub, obj, act, eft
///     [role_definition]
///     g = _, _
///     [policy_effect]
///     e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
///     [matchers]
///     m = g(r.sub, p.sub) && keyMatch3(r.obj, p.obj) && (p.act == \"*\" || r.act == p.act)
/// ")?;
/// # Ok::<_, guardrail::policy::InvalidModel>(())
/// ```
#[derive(Clone)]
pub struct PolicyModel {
    model: DefaultModel,
    request: Vec<Asked>,
}

/// What stands at a place of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Subject,
    Domain,
    Object,
    Action,
}

impl PolicyModel {
    /// The model that a text defines, as Casbin's `.conf` files do.
    ///
    /// # Errors
    ///
    /// If Casbin cannot read it or cannot evaluate it, or if its request has other fields than `sub`, `dom`, `obj` and
    /// `act`.
    pub fn new(text: &str) -> Result<Self, InvalidModel> {
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        // Casbin reads it from memory: it has nothing to wait for.
        let model = at_once(DefaultModel::from_str(&lines.join("\n")))
            .ok_or_else(|| InvalidModel("it could not be read".to_owned()))?
            .map_err(|error| InvalidModel(error.to_string()))?;
        for (section, name) in [("r", "request"), ("p", "policy"), ("e", "effect"), ("m", "matcher")] {
            if model.get_model().get(section).is_none_or(|definitions| !definitions.contains_key(section)) {
                return Err(InvalidModel(format!("it defines no {name} `{section}`")));
            }
        }
        let request = model.get_model().get("r").and_then(|definitions| definitions.get("r"));
        let request = request.map(|definition| definition.tokens.as_slice()).unwrap_or_default();
        let request = request.iter().map(|token| asked(token)).collect::<Result<Vec<_>, _>>()?;
        for (field, name) in [(Asked::Subject, "sub"), (Asked::Object, "obj"), (Asked::Action, "act")] {
            if request.iter().filter(|asked| **asked == field).count() != 1 {
                return Err(InvalidModel(format!("its request must have `{name}` once")));
            }
        }
        let model = Self { model, request };
        model.try_out()?;
        Ok(model)
    }

    /// Decides once, over a rule that fits: some mistakes are found by that alone, and by a panic of Casbin's.
    fn try_out(&self) -> Result<(), InvalidModel> {
        let fields = self.model.get_model().get("p").and_then(|definitions| definitions.get("p"));
        let value = |token: &String| match token.as_str() {
            "p_sub" => "user:1",
            "p_obj" => "/",
            "p_act" => "read",
            "p_eft" => "allow",
            _ => "domain",
        };
        let values =
            fields.into_iter().flat_map(|it| it.tokens.iter().map(value)).map(str::to_owned).collect();
        let row = StoredRule { ptype: "p".to_owned(), values };
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let rules = at_once(CustomRules::new(self, vec![row]))?;
            let domain = self.has_domain().then_some("domain");
            Some(rules.and_then(|rules| rules.allows(("user:1", Some("role")), domain, "/", "read")))
        }));
        match decided {
            Ok(Some(Ok(_))) => Ok(()),
            Ok(Some(Err(error))) => Err(InvalidModel(chain(&error))),
            Ok(None) | Err(_) => Err(InvalidModel("Casbin cannot evaluate it".to_owned())),
        }
    }

    /// Whether a request has a domain.
    pub(super) fn has_domain(&self) -> bool {
        self.request.contains(&Asked::Domain)
    }

    pub(super) fn request(&self) -> &[Asked] {
        &self.request
    }

    pub(super) fn casbin(&self) -> DefaultModel {
        self.model.clone()
    }
}

fn asked(token: &str) -> Result<Asked, InvalidModel> {
    match token {
        "r_sub" => Ok(Asked::Subject),
        "r_dom" => Ok(Asked::Domain),
        "r_obj" => Ok(Asked::Object),
        "r_act" => Ok(Asked::Action),
        other => {
            let name = other.strip_prefix("r_").unwrap_or(other);
            Err(InvalidModel(format!(
                "its request has `{name}`; Guardrail gives `sub`, `dom`, `obj` and `act`"
            )))
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

impl std::fmt::Debug for PolicyModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyModel").field("request", &self.request).finish_non_exhaustive()
    }
}

/// A text that is no Casbin model, or none that Guardrail can give a request to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy model cannot be used: {0}")]
pub struct InvalidModel(String);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::MODEL;

    fn error(text: &str) -> String {
        PolicyModel::new(text).unwrap_err().to_string()
    }

    #[test]
    fn casbins_models_are_read() {
        let model = PolicyModel::new(MODEL).unwrap();
        assert_eq!(model.request(), [Asked::Subject, Asked::Object, Asked::Action]);
        let domains = MODEL
            .replace("r = sub, obj, act", "r = sub, dom, obj, act")
            .replace("p = sub, obj, act", "p = sub, dom, obj, act")
            .replace("g = _, _", "g = _, _, _")
            .replace("g(r.sub, p.sub)", "g(r.sub, p.sub, r.dom) && r.dom == p.dom");
        assert!(PolicyModel::new(&domains).unwrap().has_domain());
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused_with_the_reason() {
        assert!(error("").contains("defines no request"));
        assert!(error("not a model").contains("cannot be used"));
        assert!(error(&MODEL.replace("r = sub, obj, act", "r = sub, obj")).contains("`act` once"));
        let more = error(&MODEL.replace("r = sub, obj, act", "r = sub, obj, act, time"));
        assert!(more.contains("`time`") && more.contains("`dom`"), "{more}");
        for (from, to) in [
            ("some(where (p.eft == allow))", "some(where (p.eft == maybe))"),
            ("keyMatch3(", "noSuchFunction("),
            ("g(r.sub, p.sub)", "g(r.sub, p.sub"),
            ("[matchers]", "[matches]"),
        ] {
            assert!(!error(&MODEL.replace(from, to)).is_empty(), "{to}");
        }
    }
}
