//! Asking the rules, and changing them.

use tokio::sync::OwnedSemaphorePermit;

use crate::{
    AuthUser, Domain, Error, Forbidden, Guardrail, Principal, UserId,
    audit::AuditEvent,
    policy::{Changed, Object, Rule, RuleSet, Written},
    storage::PolicyChange,
};

impl<U: AuthUser> Guardrail<U> {
    /// Whether a caller may do `action` to `object` by the rules at present.
    pub fn is_allowed(&self, who: &Principal, object: &str, action: &str) -> Result<bool, Error> {
        Ok(self.inner.policies.decide(&who.subjects(), None, Object::Named(object), action)?)
    }

    /// The same in a domain, where the application's [own model](crate::policy::PolicyModel) has them.
    pub fn is_allowed_in(
        &self,
        who: &Principal,
        domain: &Domain,
        object: &str,
        action: &str,
    ) -> Result<bool, Error> {
        let domain = Some(domain.as_str());
        Ok(self.inner.policies.decide(&who.subjects(), domain, Object::Named(object), action)?)
    }

    /// Demands that a caller may do what its request turned out to need: for what only the handler knows, such as whose
    /// a thing is. A denial is audited as one of `#[require]` is. Say [`asks!`](crate::asks) of what is demanded so.
    ///
    /// ```
    /// # use guardrail::{Error, Guardrail, Principal};
    /// guardrail::asks!("/api/posts/{id}", "edit");
    ///
    /// fn edit_another_ones(guard: &Guardrail, who: &Principal, post: u64) -> Result<(), Error> {
    ///     guard.demand(who, &format!("/api/posts/{post}"), "edit")
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// 403 if no rule allows it, and 503 if that cannot be told.
    pub fn demand(&self, who: &Principal, object: &str, action: &str) -> Result<(), Error> {
        if self.is_allowed(who, object, action)? {
            return Ok(());
        }
        self.inner.audit.record(&AuditEvent::denied(who, object, action));
        Err(Forbidden::PermissionDenied.into())
    }

    /// Adds rules in one step, leaving out those that are there; how many were added.
    ///
    /// ```
    /// # use guardrail::{Guardrail, SigningKey, policy::Rule, storage::MemoryStore};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let guard = Guardrail::builder()
    /// #     .signing_key(SigningKey::hs256("only an example, 32 bytes or more")?)
    /// #     .store(MemoryStore::new()).build().await?;
    /// let rule = Rule::new("moderator", "/api/posts/{id}", "edit")?;
    /// assert_eq!(guard.add_rules(vec![rule.clone()]).await?, 1);
    /// assert_eq!(guard.add_rules(vec![rule]).await?, 0);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub async fn add_rules(&self, rules: Vec<Rule>) -> Result<usize, Error> {
        Ok(self.change_rules(RuleChange { add: rules, ..RuleChange::default() }).await?.added)
    }

    /// Removes rules in one step, leaving out those that are not there; how many were removed.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if nobody could write rules any more afterwards, where somebody can: no active user would
    /// have `write` on `/api/policies`. Nothing is removed then.
    pub async fn remove_rules(&self, rules: Vec<Rule>) -> Result<usize, Error> {
        Ok(self.change_rules(RuleChange { remove: rules, ..RuleChange::default() }).await?.removed)
    }

    /// Removes rules as [`remove_rules`](Self::remove_rules) does, also if nobody can write rules any more afterwards
    /// but the application itself.
    pub async fn force_remove_rules(&self, rules: Vec<Rule>) -> Result<usize, Error> {
        let change = RuleChange { remove: rules, force: true, ..RuleChange::default() };
        Ok(self.change_rules(change).await?.removed)
    }

    /// Adds and removes rules of any form in one step, for an application with a [model of its
    /// own](crate::policy::PolicyModel); how many were added and removed.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`] if a rule to add does not fit the model. Nothing is written then.
    pub async fn change_stored_rules(&self, change: PolicyChange) -> Result<(usize, usize), Error> {
        self.finish(async move |guard| {
            let written = guard.inner.policies.turn().await.change_rows(change).await?;
            let Changed { added, removed } = guard.rules_written(written, None).await?;
            Ok((added, removed))
        })
        .await
    }

    /// Makes these the rules: adds those that are not there and removes all others, in one step. How many were added
    /// and removed.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] as with [`remove_rules`](Self::remove_rules).
    pub async fn replace_rules(&self, rules: Vec<Rule>) -> Result<(usize, usize), Error> {
        self.replace(rules, false).await
    }

    /// The same, also if nobody can write rules any more afterwards but the application itself.
    pub async fn force_replace_rules(&self, rules: Vec<Rule>) -> Result<(usize, usize), Error> {
        self.replace(rules, true).await
    }

    async fn replace(&self, rules: Vec<Rule>, force: bool) -> Result<(usize, usize), Error> {
        let change = RuleChange { add: rules, replace: true, force, ..RuleChange::default() };
        let Changed { added, removed } = self.change_rules(change).await?;
        Ok((added, removed))
    }

    /// The rules at present.
    pub fn rules(&self) -> RuleSet {
        RuleSet::from(&*self.inner.policies.current())
    }

    /// Reads the rules again, after another program wrote them. Decisions go on by the rules before until the new
    /// ones are in place.
    pub async fn reload_policies(&self) -> Result<(), Error> {
        self.finish(|guard| async move { Ok(guard.inner.policies.reload().await?) }).await
    }

    /// Adds and removes rules in one step.
    pub(crate) async fn change_rules(&self, change: RuleChange) -> Result<Changed, Error> {
        self.finish(async move |guard| {
            let RuleChange { add, mut remove, replace, by, force, place } = change;
            let turn = guard.inner.policies.turn().await;
            if replace {
                turn.catch_up().await?;
                let wanted: RuleSet = add.iter().cloned().collect();
                remove.extend(guard.rules().iter().filter(|rule| !wanted.contains(rule)));
            }
            if !force {
                guard.keep_a_writer(&turn, &add, &remove, by.as_ref()).await?;
            }
            let written = turn.change(add, remove).await?;
            drop((turn, place));
            guard.rules_written(written, by.as_ref().map(Principal::user_id)).await
        })
        .await
    }

    /// Takes note of a change of rules, also if it could not be followed here: it is made.
    async fn rules_written(&self, written: Written, by: Option<&UserId>) -> Result<Changed, Error> {
        let Written { changed, lines, in_force } = written;
        let Changed { added, removed } = changed;
        if added + removed > 0 {
            let event = AuditEvent::PoliciesChanged { by, added, removed, rules: &lines };
            self.inner.audit.record_now(&event).await?;
        }
        in_force?;
        Ok(changed)
    }
}

/// Rules to add and to remove.
#[derive(Debug, Default)]
pub(crate) struct RuleChange {
    pub(crate) add: Vec<Rule>,
    pub(crate) remove: Vec<Rule>,
    /// Whether every rule that is not to be added is to be removed.
    pub(crate) replace: bool,
    /// Who does it; the application itself if it is nobody.
    pub(crate) by: Option<Principal>,
    /// Also if nobody could write rules any more.
    pub(crate) force: bool,
    /// Kept until it is done.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}
