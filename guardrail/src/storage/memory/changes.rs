//! Telling others who share the store.

use async_trait::async_trait;
use tokio::sync::broadcast::{self, error::RecvError};

use super::MemoryStore;
use crate::storage::{Change, ChangeFeed, ChangeListener, StoreError};

/// How many changes may wait for one who listens. Whoever gets behind is told that it missed some.
const WAITING: usize = 256;

pub(super) struct Changes(broadcast::Sender<Change>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }
}

impl Changes {
    pub(super) fn tell(&self, change: Change) {
        // An error says that nobody listens.
        let _ = self.0.send(change);
    }
}

#[async_trait]
impl ChangeFeed for MemoryStore {
    async fn follow(&self, listener: &dyn ChangeListener) -> StoreError {
        let mut changes = self.changes().0.subscribe();
        listener.listening();
        loop {
            match changes.recv().await {
                Ok(change) => listener.changed(change),
                Err(RecvError::Lagged(_)) => listener.listening(),
                Err(error @ RecvError::Closed) => return StoreError::new("listening for changes", error),
            }
        }
    }

    async fn announce(&self, change: Change) -> Result<(), StoreError> {
        self.changes().tell(change);
        Ok(())
    }
}
