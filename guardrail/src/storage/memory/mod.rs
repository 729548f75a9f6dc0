//! Everything in memory.

mod audit;
mod changes;
mod failures;
mod policies;
mod sessions;
mod users;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use self::{
    audit::Events, changes::Changes, failures::Counts, policies::Policies, sessions::Sessions, users::Users,
};
use super::{ChangeFeed, Store, StoreParts};
use crate::User;

/// Users, sessions and rules in memory: for tests, and for a first look without a database.
///
/// It passes the same conformance suite as the SQL stores, keeps nothing over a restart, and is not shared between
/// processes. Clones are handles to the same contents.
///
/// ```
/// # async fn example() -> Result<(), guardrail::storage::StoreError> {
/// use guardrail::{UserId, storage::{MemoryStore, UserStore as _}};
///
/// let store = MemoryStore::new();
/// assert!(store.find(&UserId::from(1_i64)).await?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Tables>);

/// One lock a table. Each is held for one step of one method, and never across an `.await`.
#[derive(Default)]
struct Tables {
    users: Mutex<Users>,
    sessions: Mutex<Sessions>,
    policies: Mutex<Policies>,
    failures: Mutex<Counts>,
    events: Mutex<Events>,
    changes: Changes,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        lock(&self.0.users)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        lock(&self.0.sessions)
    }

    fn policies(&self) -> MutexGuard<'_, Policies> {
        lock(&self.0.policies)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        lock(&self.0.failures)
    }

    fn audit(&self) -> MutexGuard<'_, Events> {
        lock(&self.0.events)
    }

    fn changes(&self) -> &Changes {
        &self.0.changes
    }
}

/// The steps below leave a table whole wherever they could stop, so one that a panicking thread held is still good.
fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    type User = User;

    fn parts(self) -> StoreParts<User> {
        let store = Arc::new(self);
        StoreParts::of(&store).with_changes(store as Arc<dyn ChangeFeed>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::conformance::ExistingUser;

    async fn store() -> Arc<MemoryStore> {
        Arc::default()
    }

    async fn store_with_user() -> (Arc<MemoryStore>, ExistingUser) {
        let store = store().await;
        let user = ExistingUser::create(&*store).await;
        (store, user)
    }

    mod sessions {
        crate::session_store_tests!(super::store);
    }
    mod users {
        crate::user_store_tests!(super::store_with_user);
    }
    mod user_admin {
        crate::user_admin_tests!(super::store);
    }
    mod user_records {
        crate::user_record_tests!(super::store);
    }
    mod policies {
        crate::policy_store_tests!(super::store);
    }
    mod audit {
        crate::audit_store_tests!(super::store);
    }
    mod failures {
        crate::failure_store_tests!(super::store);
    }
    mod changes {
        crate::change_feed_tests!(super::store);
    }
}
