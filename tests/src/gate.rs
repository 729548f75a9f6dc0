//! A place where a test holds up what passes, until it has done something in between.

use std::sync::{Arc, Mutex};

use guardrail::{Bcrypt, PasswordHash, PasswordHasher, PasswordHasherError};
use tokio::sync::oneshot;

/// A gate, open until it is closed for the next that passes.
#[derive(Clone, Default)]
pub struct Gate(Arc<Mutex<Option<Closed>>>);

/// A closed gate, from the side of who waits at it.
struct Closed {
    reach: oneshot::Sender<()>,
    opened: oneshot::Receiver<()>,
}

/// A closed gate that somebody will wait at, from the side of the test.
pub struct Held {
    reached: oneshot::Receiver<()>,
    opens: oneshot::Sender<()>,
}

impl Gate {
    /// Closes the gate for the next that passes, and for that one alone.
    pub fn close(&self) -> Held {
        let (reach, reached) = oneshot::channel();
        let (opens, opened) = oneshot::channel();
        *self.0.lock().unwrap() = Some(Closed { reach, opened });
        Held { reached, opens }
    }

    /// Passes, or waits first.
    pub async fn pass(&self) {
        if let Some(opened) = self.wait() {
            opened.await.unwrap();
        }
    }

    /// Passes, or blocks this thread first.
    fn pass_blocking(&self) {
        if let Some(opened) = self.wait() {
            opened.blocking_recv().unwrap();
        }
    }

    fn wait(&self) -> Option<oneshot::Receiver<()>> {
        let Closed { reach, opened } = self.0.lock().unwrap().take()?;
        reach.send(()).unwrap();
        Some(opened)
    }
}

impl Held {
    /// Waits until somebody is held.
    pub async fn reached(&mut self) {
        (&mut self.reached).await.unwrap();
    }

    /// Lets it go on, unless it has been dropped meanwhile.
    pub fn open(self) {
        let _ = self.opens.send(());
    }
}

/// Bcrypt with a gate between a comparison and its answer.
#[derive(Clone)]
pub struct GatedHasher {
    bcrypt: Bcrypt,
    gate: Gate,
}

impl GatedHasher {
    /// A hasher whose gate is open.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { bcrypt: Bcrypt::with_insecure_cost(4), gate: Gate::default() }
    }

    /// Closes the gate for the next comparison alone.
    pub fn close(&self) -> Held {
        self.gate.close()
    }
}

impl PasswordHasher for GatedHasher {
    fn hash(&self, password: &str) -> Result<PasswordHash, PasswordHasherError> {
        self.bcrypt.hash(password)
    }

    fn verify(&self, password: &str, hash: &str) -> Result<bool, PasswordHasherError> {
        let equal = self.bcrypt.verify(password, hash);
        self.gate.pass_blocking();
        equal
    }

    fn is_outdated(&self, hash: &str) -> bool {
        self.bcrypt.is_outdated(hash)
    }

    fn max_bytes(&self) -> usize {
        self.bcrypt.max_bytes()
    }
}
