//! What can keep the policies from being decided or changed.

use crate::storage::StoreError;

/// No decision, or no change: never an allow. Clients get 503 and nothing of the cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The store did not answer; what was decided from before still is.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Casbin failed to read the model or to evaluate it.
    #[error("the policy engine failed")]
    Engine(#[from] casbin::Error),
    /// A rule does not fit the application's own model, or Casbin could not read it.
    #[error("the rules do not fit the policy model: {0}")]
    Model(String),
    /// The rules are not of Guardrail's own model, which the operation is for.
    #[error("the rules follow a model of the application's own, and are changed by its own means")]
    OwnModel,
    /// The task that did the work panicked, or the runtime is shutting down.
    #[error("a policy change was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}
