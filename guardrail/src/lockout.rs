//! Somebody stays able to write rules.
//!
//! Whoever may write rules can give and take every other permission. With the last one gone, nobody can be given
//! anything any more but by hand in the store: a change that would come to that is refused, unless it is forced.

use crate::{
    AuthUser, Error, Guardrail, Principal, Role, UserId,
    policy::{Object, Rule, Snapshot, Turn},
    storage::{StoreError, UserChange},
};

/// The permission that somebody must have.
const OBJECT: Object<'_> = Object::Named("/api/policies");
const ACTION: &str = "write";

/// Who may write rules.
#[derive(Default)]
struct Writers {
    users: Vec<UserId>,
    roles: Vec<Role>,
}

impl Writers {
    /// Those who may by these rules; `None` under the application's own model, which nobody can turn round.
    fn of(rules: &Snapshot) -> Option<Self> {
        let mut writers = Self::default();
        for name in rules.holders(OBJECT, ACTION)? {
            match name.strip_prefix("user:") {
                Some(id) => writers.users.extend(id.parse::<UserId>()),
                None => writers.roles.extend(name.parse::<Role>()),
            }
        }
        Some(writers)
    }
}

impl<U: AuthUser> Guardrail<U> {
    /// Refuses a change of rules that would leave nobody able to write rules, where somebody is.
    pub(crate) async fn keep_a_writer(
        &self,
        turn: &Turn<'_>,
        add: &[Rule],
        remove: &[Rule],
        by: Option<&Principal>,
    ) -> Result<(), Error> {
        if remove.is_empty() {
            return Ok(());
        }
        // Another node may have taken the same from others.
        turn.catch_up().await?;
        let after = turn.preview(add, remove).await?;
        // Mostly whoever does it still can.
        if let Some(by) = by
            && after.allows(&by.subjects(), None, OBJECT, ACTION)?
        {
            return Ok(());
        }
        let (Some(after), Some(before)) = (Writers::of(&after), Writers::of(&turn.current())) else {
            return Ok(());
        };
        if !self.is_anybody(&after).await? && self.is_anybody(&before).await? {
            return Err(Error::nobody_could_write_rules());
        }
        Ok(())
    }

    /// Refuses a change of a user that would leave nobody able to write rules. The roles that it returns are to be
    /// kept by the store's own step, should two such changes come at the same time.
    pub(crate) async fn keep_a_writer_besides(
        &self,
        id: &UserId,
        change: &UserChange,
    ) -> Result<Vec<Role>, Error> {
        let accounts = &self.inner().accounts;
        let Some(user) = accounts.find(id).await? else { return Ok(Vec::new()) };
        let Some(Writers { users, roles }) = Writers::of(&self.inner().policies.current()) else {
            return Ok(Vec::new());
        };
        let by_itself = users.contains(id);
        let is_writer = |role: &str, is_active: bool| {
            is_active && (by_itself || roles.iter().any(|writer| writer.as_str() == role))
        };
        let role_after = change.role.as_ref().map_or(user.role(), Role::as_str);
        let loses = is_writer(user.role(), user.is_active())
            && !is_writer(role_after, change.is_active.unwrap_or(user.is_active()));
        if !loses || self.is_any_user(&users, Some(id)).await? {
            return Ok(Vec::new());
        }
        if !accounts.is_any_active(&roles, Some(id)).await? {
            return Err(Error::nobody_could_write_rules());
        }
        Ok(if by_itself { Vec::new() } else { roles })
    }

    /// Whether one of them is a user who may be signed in.
    async fn is_anybody(&self, writers: &Writers) -> Result<bool, StoreError> {
        let by_role = self.inner().accounts.is_any_active(&writers.roles, None).await?;
        Ok(by_role || self.is_any_user(&writers.users, None).await?)
    }

    async fn is_any_user(&self, users: &[UserId], but: Option<&UserId>) -> Result<bool, StoreError> {
        for id in users.iter().filter(|id| Some(*id) != but) {
            if self.inner().accounts.active(id).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
