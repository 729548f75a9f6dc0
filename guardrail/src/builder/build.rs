//! From settings to a Guardrail.

use std::{num::NonZeroUsize, sync::Arc};

use super::{BuildError, GuardrailBuilder, Users, check};
use crate::{
    AuthUser, Guardrail, RefreshKey, SigningKey,
    account::AccountService,
    audit::Audit,
    config::Config,
    entries::Entries,
    handle::Inner,
    metrics::Metrics,
    password::{HashingError, HashingQueue},
    policy::{PolicyEngine, PolicyError, Rule, RuleSet, permissions},
    secret::Secret32,
    session::{RefreshKeys, SessionService},
    storage::MemoryStore,
    tasks::Tasks,
    throttle::{Attempts, RateLimits},
    token::{AccessTokens, KeyRing},
};

impl<U: AuthUser> GuardrailBuilder<SigningKey, Users<U>> {
    /// Checks the settings, tries the cryptography, reads the rules and starts the background work. It needs a
    /// Tokio runtime.
    pub async fn build(self) -> Result<Guardrail<U>, BuildError> {
        check::settings(&self.config)?;
        let store = self.sessions.ok_or(BuildError::StoreMissing { what: "sessions" })?;
        let policies = self.policies.ok_or(BuildError::StoreMissing { what: "policies" })?;
        let metrics = Metrics::new(&self.clock);

        let refresh_key = self.refresh_key.unwrap_or_else(|| RefreshKey::derive(self.key.secret()));
        // Tokens whose key was derived from a previous signing key stay good as long as that one is configured.
        let derived = self.previous_keys.iter().map(|key| RefreshKey::derive(key.secret()));
        let previous = self.previous_refresh_keys.into_iter().chain(derived).collect();
        let keys = RefreshKeys::new(refresh_key, previous);
        let attempts_key = Secret32::derive(self.key.secret(), b"attempts");
        let ring = KeyRing::new(self.key, self.previous_keys);
        let (issuer, audience) = (self.config.issuer.clone(), self.config.audience.clone());
        let capacity = self.config.session_cache_capacity;
        let tokens = AccessTokens::new(ring, issuer, audience, capacity)
            .map_err(|error| BuildError::Cryptography(error.into()))?;
        let entries = Arc::new(Entries::new(capacity, self.config.session_cache_ttl));
        let config = self.config.sessions.clone();
        let clock = Arc::clone(&self.clock);
        let audit = Audit::new(self.audit, Arc::clone(&self.clock), metrics.clone());
        let known = Arc::clone(&entries);
        let sessions = SessionService::new(store, tokens, keys, clock, known, config, audit.clone());
        let sessions = Arc::new(sessions);

        let engine = PolicyEngine::load(policies, self.policy_model, metrics.clone()).await?;
        write_initial(&engine, self.initial_policies).await?;
        // Guardrail's own endpoints are looked at when they are mounted.
        engine.review(permissions().into_iter().filter(|declared| !declared.is_own()).collect());

        let threads = self.hashing_threads.unwrap_or_else(default_hashing_threads);
        let hashing = HashingQueue::new(self.hasher, threads, metrics.clone())
            .await
            .map_err(|error: HashingError| BuildError::Hasher(error.into()))?;
        let Users { users, admin } = self.users;
        let policy = self.config.password_policy.clone();
        let Config { rate_limit_auth, rate_limit_requests, .. } = self.config;
        let limits = Arc::new(RateLimits::new(rate_limit_auth, rate_limit_requests, &self.clock));
        let tasks = Tasks::default();
        let failures = self.failures.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let accounts = AccountService {
            users,
            admin,
            sessions: Arc::clone(&sessions),
            entries: Arc::clone(&entries),
            hashing,
            policy,
            attempts: Arc::new(Attempts::new(failures, attempts_key, self.clock)),
            limits: Arc::clone(&limits),
            to_end: tasks.to_end(),
            audit: audit.clone(),
        };

        if !self.config.cookie.secure {
            tracing::warn!(
                "the fingerprint's cookie is not Secure: for development only; leave out `with_insecure_cookies()` in \
                 production"
            );
        }
        Ok(Guardrail::assemble(Inner {
            config: self.config,
            accounts,
            sessions,
            policies: Arc::new(engine),
            entries,
            limits,
            audit,
            metrics,
            changes: self.changes,
            tasks,
        }))
    }
}

/// Writes the initial policies into a rule set without any; what of them is missing in another one is said in the log.
async fn write_initial(engine: &PolicyEngine, rules: Vec<Rule>) -> Result<(), PolicyError> {
    if engine.turn().await.insert_defaults(rules.clone()).await? {
        tracing::info!("the initial policies were written into an empty rule set");
        return Ok(());
    }
    let present = RuleSet::from(&*engine.current());
    let missing: Vec<_> = rules.iter().filter(|rule| !present.contains(rule)).collect();
    if let Some(first) = missing.first() {
        tracing::info!(
            "the rule set is not empty, so the initial policies were not written; {} of them are not there, such as \
             \"{first}\": whoever wants them back adds them by `add_rules` or `POST /policies`",
            missing.len()
        );
    }
    Ok(())
}

fn default_hashing_threads() -> NonZeroUsize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(cores.saturating_sub(1)).unwrap_or(NonZeroUsize::MIN)
}
