//! Where the hashing runs: on threads of its own, a few at a time, behind a bounded queue.
//!
//! A flood of log-ins must neither take the cores from the protected routes nor pile up without bound.

use std::{num::NonZeroUsize, sync::Arc};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::{PasswordHasher, PasswordHasherError, threads::HashingThreads};
use crate::{PasswordHash, metrics::Metrics};

/// How many callers may wait for each thread that hashes.
const WAITING_PER_THREAD: usize = 32;

/// Hashes and verifies passwords, `threads` at a time.
pub(crate) struct HashingQueue {
    hasher: Arc<dyn PasswordHasher>,
    decoy: PasswordHash,
    /// A place in the queue, those who hash included; none left: busy.
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    threads: HashingThreads,
    metrics: Metrics,
}

impl HashingQueue {
    /// Makes the decoy, which takes as long as one hash.
    pub(crate) async fn new(
        hasher: Arc<dyn PasswordHasher>,
        threads: NonZeroUsize,
        metrics: Metrics,
    ) -> Result<Self, HashingError> {
        let pool = HashingThreads::new(threads).map_err(HashingError::Threads)?;
        let maker = Arc::clone(&hasher);
        let decoy = pool
            .run(move || maker.decoy())
            .ok_or(HashingError::Stopped)?
            .await
            .map_err(|_| HashingError::Stopped)?
            .map_err(HashingError::Hasher)?;
        let places = threads.get().saturating_mul(1 + WAITING_PER_THREAD).min(Semaphore::MAX_PERMITS);
        Ok(Self {
            hasher,
            decoy,
            places: Arc::new(Semaphore::new(places)),
            turns: Arc::new(Semaphore::new(threads.get().min(Semaphore::MAX_PERMITS))),
            threads: pool,
            metrics,
        })
    }

    pub(crate) fn max_bytes(&self) -> usize {
        self.hasher.max_bytes()
    }

    pub(crate) fn is_outdated(&self, hash: &str) -> bool {
        self.hasher.is_outdated(hash)
    }

    pub(crate) async fn hash(&self, password: SecretString) -> Result<PasswordHash, HashingError> {
        self.run(move |hasher| hasher.hash(password.expose_secret())).await
    }

    /// Whether `hash` is of `password`. Without a hash, or with a password that cannot have been set, the decoy is
    /// verified in its place: the answer is `false` after the same time.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        hash: Option<PasswordHash>,
    ) -> Result<bool, HashingError> {
        let text = password.expose_secret();
        let possible = text.len() <= self.hasher.max_bytes() && !text.contains('\0');
        let (password, hash, real) = match hash {
            Some(hash) if possible => (password, hash, true),
            _ => (SecretString::from("decoy"), self.decoy.clone(), false),
        };
        let decoy = self.decoy.clone();
        let equal = self.run(move |hasher| {
            let equal = hasher.verify(password.expose_secret(), hash.as_str());
            if equal.is_err() {
                // A stored text that is no hash must not be told from a hash by the time it takes.
                let _ = hasher.verify("decoy", decoy.as_str());
            }
            equal
        });
        Ok(equal.await? && real)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn PasswordHasher) -> Result<T, PasswordHasherError> + Send + 'static,
    ) -> Result<T, HashingError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| HashingError::Busy)?;
        // Whoever goes away while waiting for a turn costs no hash.
        let turn = {
            let _waiting = self.metrics.waiting();
            Arc::clone(&self.turns).acquire_owned().await.map_err(|_| HashingError::Stopped)?
        };
        let (hasher, metrics) = (Arc::clone(&self.hasher), self.metrics.clone());
        // Whoever asked may be gone by now; the permits stay with the thread until it is done.
        let running = self.threads.run(move || {
            let result = metrics.time_hash(|| work(&*hasher));
            drop((turn, place));
            result
        });
        running
            .ok_or(HashingError::Stopped)?
            .await
            .map_err(|_| HashingError::Stopped)?
            .map_err(HashingError::Hasher)
    }
}

impl std::fmt::Debug for HashingQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HashingQueue").finish_non_exhaustive()
    }
}

/// A password was neither hashed nor compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashingError {
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    #[error("the thread that hashes stopped")]
    Stopped,
    #[error("the threads that hash could not be made")]
    Threads(#[source] std::io::Error),
    #[error("hashing a password failed")]
    Hasher(#[source] PasswordHasherError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bcrypt;
    use std::sync::mpsc;

    async fn queue() -> HashingQueue {
        let hasher = Arc::new(Bcrypt::with_insecure_cost(4));
        HashingQueue::new(hasher, NonZeroUsize::MIN, Metrics::default()).await.unwrap()
    }

    #[tokio::test]
    async fn a_password_that_cannot_have_been_set_is_wrong() {
        let queue = queue().await;
        let hash = queue.hash("correct horse".into()).await.unwrap();
        assert!(queue.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        for password in ["correct horses".to_owned(), "x".repeat(73), "correct\0horse".to_owned()] {
            assert!(!queue.verify(password.into(), Some(hash.clone())).await.unwrap());
        }
        assert!(!queue.verify("decoy".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_and_recovers() {
        let queue = Arc::new(queue().await);
        let (release, wait) = mpsc::channel::<()>();
        let blocked = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move {
                queue
                    .run(move |_| {
                        let _ = wait.recv();
                        Ok(())
                    })
                    .await
            }
        });
        while queue.turns.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let waiting: Vec<_> = (0..WAITING_PER_THREAD)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move { queue.run(|_| Ok(())).await })
            })
            .collect();
        while queue.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(queue.hash("correct horse".into()).await, Err(HashingError::Busy)));
        release.send(()).unwrap();
        blocked.await.unwrap().unwrap();
        for task in waiting {
            task.await.unwrap().unwrap();
        }
        assert!(queue.hash("correct horse".into()).await.is_ok());
    }
}
