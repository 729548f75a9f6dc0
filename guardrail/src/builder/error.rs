//! What keeps Guardrail from being set up.

use crate::policy::PolicyError;

/// Why Guardrail could not be set up: what the deployer must change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Users were given without the stores that belong to them.
    #[error("no store for {what}: call `.{what}(…)` on the builder, or `.store(…)` for everything")]
    StoreMissing {
        /// `sessions` or `policies`.
        what: &'static str,
    },
    /// A setting cannot be as it is.
    #[error("{setting} {problem}")]
    Setting {
        /// The builder's method.
        setting: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Signing and verifying a trial token failed.
    #[error("signing a trial token failed: does another crate choose another provider of `jsonwebtoken`?")]
    Cryptography(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The password hasher failed.
    #[error("the password hasher could not make a hash, or its threads could not be started")]
    Hasher(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The rules could not be read or written.
    #[error("the rules could not be read; has the store been migrated?")]
    Policies(#[from] PolicyError),
}
