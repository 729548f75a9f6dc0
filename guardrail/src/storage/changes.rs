//! News of what other nodes change.

use async_trait::async_trait;

use super::StoreError;
use crate::{SessionId, UserId};

/// Something in a store that has changed, so that what a node remembers of it no longer holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// Rules were added or removed.
    Policies,
    /// A session was revoked.
    Session(SessionId),
    /// A user's role or activity changed, or the user is gone.
    User(UserId),
    /// Any number of sessions and users.
    Everything,
}

/// Who is told of changes.
pub trait ChangeListener: Send + Sync {
    /// From now on nothing is missed; what happened before may have been.
    fn listening(&self);

    /// Something has changed.
    fn changed(&self, change: Change);
}

/// How the nodes on one store tell each other what has changed.
///
/// A change is told once it is committed, whichever node or program makes it; a node may be told of its own.
/// Guardrail asks the store again at the latest after
/// [`session_cache_ttl`](crate::GuardrailBuilder::session_cache_ttl) and
/// [`policy_poll_interval`](crate::GuardrailBuilder::policy_poll_interval): the feed makes it faster, and its failure
/// makes nothing wrong.
#[async_trait]
pub trait ChangeFeed: Send + Sync + 'static {
    /// Tells `listener` of changes until the connection is lost, and returns why it was. Guardrail then calls it
    /// again.
    async fn follow(&self, listener: &dyn ChangeListener) -> StoreError;

    /// Tells every node of a change that the store cannot see, as that of a user in the application's own table.
    async fn announce(&self, change: Change) -> Result<(), StoreError>;
}
