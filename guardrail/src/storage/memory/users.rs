//! Users in memory.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use async_trait::async_trait;
use chrono::{SubsecRound as _, Utc};
use uuid::Uuid;

use super::MemoryStore;
use crate::{
    Email, NewUser, PasswordHash, Role, User, UserId,
    storage::{Bootstrap, Change, CreateUser, StoreError, UpdateUser, UserAdmin, UserChange, UserStore},
};

/// Users by key, and by what is unique among them.
#[derive(Default)]
pub(super) struct Users {
    by_id: BTreeMap<Uuid, User>,
    by_email: HashMap<Email, Uuid>,
    by_username: HashMap<String, Uuid>,
    bootstrapped: bool,
}

impl Users {
    fn insert(&mut self, user: NewUser) -> CreateUser<User> {
        if self.by_email.contains_key(&user.email) {
            return CreateUser::EmailTaken;
        }
        if self.by_username.contains_key(&user.username.key()) {
            return CreateUser::UsernameTaken;
        }
        let (id, now) = (Uuid::now_v7(), Utc::now().trunc_subsecs(6));
        self.by_email.insert(user.email.clone(), id);
        self.by_username.insert(user.username.key(), id);
        let user = User {
            id,
            email: user.email,
            username: user.username.as_str().to_owned(),
            first_name: user.first_name,
            last_name: user.last_name,
            role: user.role,
            is_active: true,
            created_at: now,
            updated_at: now,
            password_hash: user.password_hash,
        };
        self.by_id.insert(id, user.clone());
        CreateUser::Created(user)
    }

    fn needs_bootstrap(&self, role: &Role) -> bool {
        !self.bootstrapped && !self.by_id.values().any(|user| user.role == *role)
    }
}

/// Notes that something of the user changed; a clock set back does not take the time back.
fn touch(user: &mut User) {
    user.updated_at = user.updated_at.max(Utc::now().trunc_subsecs(6));
}

/// The key, if it is spelled as the store spells it: another spelling would be another subject in policies.
fn key(id: &UserId) -> Option<Uuid> {
    id.as_uuid().filter(|uuid| UserId::from(*uuid) == *id)
}

#[async_trait]
impl UserStore<User> for MemoryStore {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        Ok(key(id).and_then(|id| self.users().by_id.get(&id).cloned()))
    }

    async fn find_for_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        // A text that is no address belongs to nobody.
        let Ok(email) = login.parse::<Email>() else { return Ok(None) };
        let users = self.users();
        Ok(users.by_email.get(&email).and_then(|id| users.by_id.get(id)).cloned())
    }

    async fn set_password_hash(
        &self,
        id: &UserId,
        replaces: &str,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        let mut users = self.users();
        match key(id).and_then(|id| users.by_id.get_mut(&id)) {
            Some(user) if user.password_hash.as_str() == replaces => {
                user.password_hash = hash;
                touch(user);
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

#[async_trait]
impl UserAdmin<User> for MemoryStore {
    async fn create(&self, user: NewUser) -> Result<CreateUser<User>, StoreError> {
        Ok(self.users().insert(user))
    }

    async fn bootstrap(&self, user: NewUser) -> Result<Bootstrap<User>, StoreError> {
        let mut users = self.users();
        if !users.needs_bootstrap(&user.role) {
            return Ok(Bootstrap::NotNeeded);
        }
        Ok(match users.insert(user) {
            CreateUser::Created(user) => {
                users.bootstrapped = true;
                Bootstrap::Created(user)
            }
            CreateUser::EmailTaken | CreateUser::UsernameTaken => Bootstrap::Taken,
        })
    }

    async fn needs_bootstrap(&self, role: &Role) -> Result<bool, StoreError> {
        Ok(self.users().needs_bootstrap(role))
    }

    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, StoreError> {
        let from = match after.map(key) {
            None => Bound::Unbounded,
            Some(Some(id)) => Bound::Excluded(id),
            // No key of this store, so no place in its order.
            Some(None) => return Ok(Vec::new()),
        };
        let users = self.users();
        Ok(users.by_id.range((from, Bound::Unbounded)).take(limit).map(|(_, user)| user.clone()).collect())
    }

    async fn update(&self, id: &UserId, change: UserChange) -> Result<UpdateUser<User>, StoreError> {
        let mut users = self.users();
        let Some(id) = key(id) else { return Ok(UpdateUser::Unknown) };
        let UserChange { role, is_active, keep } = change;
        let another =
            users.by_id.values().any(|user| user.id != id && user.is_active && keep.contains(&user.role));
        let Some(user) = users.by_id.get_mut(&id) else { return Ok(UpdateUser::Unknown) };
        let before = (user.role.clone(), user.is_active);
        let after = (role.as_ref().unwrap_or(&before.0), is_active.unwrap_or(before.1));
        let keeps = |role: &Role, is_active: bool| is_active && keep.contains(role);
        if keeps(&before.0, before.1) && !keeps(after.0, after.1) && !another {
            return Ok(UpdateUser::LastOne);
        }
        if role.is_some() || is_active.is_some() {
            touch(user);
        }
        user.role = role.unwrap_or_else(|| user.role.clone());
        user.is_active = is_active.unwrap_or(user.is_active);
        if (&before.0, before.1) != (&user.role, user.is_active) {
            self.changes().tell(Change::User(user.id.into()));
        }
        Ok(UpdateUser::Updated(user.clone()))
    }

    async fn any_active(&self, roles: &[Role], but: Option<&UserId>) -> Result<bool, StoreError> {
        let but = but.and_then(key);
        let is_one = |user: &User| user.is_active && roles.contains(&user.role) && Some(user.id) != but;
        Ok(self.users().by_id.values().any(is_one))
    }
}
