//! A password hasher that a test can hold up between its comparison and its answer.

use std::sync::{Arc, Mutex, mpsc};

use guardrail::{Bcrypt, PasswordHash, PasswordHasher, PasswordHasherError};
use tokio::sync::oneshot;

/// Bcrypt with a gate: the first comparison after [`close`](Self::close) waits there.
#[derive(Clone)]
pub struct GatedHasher {
    bcrypt: Bcrypt,
    gate: Arc<Mutex<Option<Closed>>>,
}

/// A closed gate, from the side of who waits at it.
struct Closed {
    reach: oneshot::Sender<()>,
    opened: mpsc::Receiver<()>,
}

/// A gate that somebody will wait at.
pub struct Gate {
    reached: oneshot::Receiver<()>,
    opens: mpsc::Sender<()>,
}

impl GatedHasher {
    /// A hasher whose gate is open.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { bcrypt: Bcrypt::with_insecure_cost(4), gate: Arc::default() }
    }

    /// Closes the gate for the next comparison alone.
    pub fn close(&self) -> Gate {
        let (reach, reached) = oneshot::channel();
        let (opens, opened) = mpsc::channel();
        *self.gate.lock().unwrap() = Some(Closed { reach, opened });
        Gate { reached, opens }
    }
}

impl Gate {
    /// Waits until a comparison has been made and is held.
    pub async fn reached(&mut self) {
        (&mut self.reached).await.unwrap();
    }

    /// Lets it go on.
    pub fn open(self) {
        self.opens.send(()).unwrap();
    }
}

impl PasswordHasher for GatedHasher {
    fn hash(&self, password: &str) -> Result<PasswordHash, PasswordHasherError> {
        self.bcrypt.hash(password)
    }

    fn verify(&self, password: &str, hash: &str) -> Result<bool, PasswordHasherError> {
        let equal = self.bcrypt.verify(password, hash);
        let gate = self.gate.lock().unwrap().take();
        if let Some(Closed { reach, opened }) = gate {
            reach.send(()).unwrap();
            opened.recv().unwrap();
        }
        equal
    }

    fn is_outdated(&self, hash: &str) -> bool {
        self.bcrypt.is_outdated(hash)
    }

    fn max_bytes(&self) -> usize {
        self.bcrypt.max_bytes()
    }
}
