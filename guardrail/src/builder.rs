//! Setting Guardrail up.

mod build;
mod check;
mod error;

pub use self::error::BuildError;

use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use chrono::TimeDelta;

use crate::{
    Bcrypt, Clock, PasswordHasher, PasswordPolicy, RefreshKey, Role, SameSite, SigningKey, SystemClock,
    TrustedProxies,
    config::{Config, CookieConfig, SessionConfig},
    policy::{PolicyModel, Rule, default_rules},
    storage::{
        AuditStore, ChangeFeed, FailureStore, PolicyStore, SessionStore, Store, StoreParts, UserAdmin,
        UserStore,
    },
};

/// What [`GuardrailBuilder`] lacks until [`signing_key`](GuardrailBuilder::signing_key): there is no `build` before.
#[derive(Debug)]
pub struct MissingSigningKey(());

/// What [`GuardrailBuilder`] lacks until [`store`](GuardrailBuilder::store) or [`users`](GuardrailBuilder::users): there
/// is no `build` before.
#[derive(Debug)]
pub struct MissingStore(());

/// Where users are kept, once the builder has been told.
pub struct Users<U> {
    users: Arc<dyn UserStore<U>>,
    admin: Option<Arc<dyn UserAdmin<U>>>,
}

impl<U> fmt::Debug for Users<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").finish_non_exhaustive()
    }
}

/// Sets a [`Guardrail`](crate::Guardrail) up. Two things cannot be left out: a signing key, and a store or users.
///
/// | setting | default |
/// |-|-|
/// | [`access_token_ttl`](Self::access_token_ttl) | 30 minutes |
/// | [`refresh_token_ttl`](Self::refresh_token_ttl) | 30 days, sliding |
/// | [`session_absolute_ttl`](Self::session_absolute_ttl) | 90 days |
/// | [`refresh_grace`](Self::refresh_grace) | 10 seconds |
/// | [`refresh_rotation`](Self::refresh_rotation) | on |
/// | [`session_limit`](Self::session_limit) | 100 a user |
/// | [`session_cache_ttl`](Self::session_cache_ttl) | 30 seconds |
/// | [`policy_poll_interval`](Self::policy_poll_interval) | half a second |
/// | [`password_hasher`](Self::password_hasher) | bcrypt, cost 12 |
/// | [`rate_limit_auth`](Self::rate_limit_auth) | 30 a minute and address |
/// | [`rate_limit_requests`](Self::rate_limit_requests) | 6,000 a minute and address, where [`RateLimitLayer`](crate::RateLimitLayer) is |
/// | [`trusted_proxies`](Self::trusted_proxies) | none |
/// | [`audit_retention`](Self::audit_retention) | 90 days |
/// | cookie | `user_fingerprint`, `HttpOnly`, `Secure`, `SameSite=Strict`, `Path=/` |
#[must_use = "nothing is set up until `build` is called and awaited"]
pub struct GuardrailBuilder<K, U> {
    key: K,
    users: U,
    previous_keys: Vec<SigningKey>,
    refresh_key: Option<RefreshKey>,
    previous_refresh_keys: Vec<RefreshKey>,
    sessions: Option<Arc<dyn SessionStore>>,
    policies: Option<Arc<dyn PolicyStore>>,
    failures: Option<Arc<dyn FailureStore>>,
    audit: Option<Arc<dyn AuditStore>>,
    changes: Option<Arc<dyn ChangeFeed>>,
    initial_policies: Vec<Rule>,
    policy_model: Option<PolicyModel>,
    hasher: Arc<dyn PasswordHasher>,
    hashing_threads: Option<NonZeroUsize>,
    clock: Arc<dyn Clock>,
    config: Config,
}

impl GuardrailBuilder<MissingSigningKey, MissingStore> {
    pub(crate) fn new() -> Self {
        Self {
            key: MissingSigningKey(()),
            users: MissingStore(()),
            previous_keys: Vec::new(),
            refresh_key: None,
            previous_refresh_keys: Vec::new(),
            sessions: None,
            policies: None,
            failures: None,
            audit: None,
            changes: None,
            initial_policies: Vec::new(),
            policy_model: None,
            hasher: Arc::new(Bcrypt::default()),
            hashing_threads: None,
            clock: Arc::new(SystemClock),
            config: Config {
                issuer: "guardrail".to_owned(),
                audience: "guardrail".to_owned(),
                sessions: SessionConfig {
                    access_token_ttl: TimeDelta::minutes(30),
                    refresh_token_ttl: TimeDelta::days(30),
                    absolute_ttl: TimeDelta::days(90),
                    grace: TimeDelta::seconds(10),
                    rotation: true,
                    family_logout: true,
                    limit: 100,
                },
                cookie: CookieConfig {
                    name: "user_fingerprint".to_owned(),
                    secure: true,
                    same_site: SameSite::Strict,
                    path: "/".to_owned(),
                    domain: None,
                },
                password_policy: PasswordPolicy::default(),
                registration: true,
                record_client: false,
                trusted_proxies: TrustedProxies::default(),
                rate_limit_auth: 30,
                rate_limit_requests: 6_000,
                default_role: Role::known("user"),
                admin_role: Role::known("admin"),
                audit_retention: TimeDelta::days(90),
                sweep_interval: Duration::from_hours(1),
                session_cache_ttl: Duration::from_secs(30),
                session_cache_capacity: 50_000,
                policy_poll_interval: Duration::from_millis(500),
            },
        }
    }
}

impl<U> GuardrailBuilder<MissingSigningKey, U> {
    /// The key that signs access tokens.
    pub fn signing_key(self, key: SigningKey) -> GuardrailBuilder<SigningKey, U> {
        self.with(|_, users| (key, users))
    }
}

impl<K> GuardrailBuilder<K, MissingStore> {
    /// A store that keeps users, sessions and rules. Parts given by themselves, before or after, take the place of
    /// the store's.
    pub fn store<S: Store>(self, store: S) -> GuardrailBuilder<K, Users<S::User>> {
        let StoreParts { users, user_admin, sessions, policies, failures, audit, changes } = store.parts();
        let mut builder = self.with(|key, _| (key, Users { users, admin: user_admin }));
        builder.sessions.get_or_insert(sessions);
        builder.policies.get_or_insert(policies);
        builder.failures = builder.failures.or(failures);
        builder.audit = builder.audit.or(audit);
        builder.changes = builder.changes.or(changes);
        builder
    }

    /// The application's own users. Give [`sessions`](Self::sessions) and [`policies`](Self::policies) too, and
    /// [`user_admin`](GuardrailBuilder::user_admin) if the store can create and change users.
    pub fn users<U>(self, users: impl UserStore<U>) -> GuardrailBuilder<K, Users<U>> {
        self.with(|key, _| (key, Users { users: Arc::new(users), admin: None }))
    }
}

impl<K, U> GuardrailBuilder<K, U> {
    fn with<K2, U2>(self, change: impl FnOnce(K, U) -> (K2, U2)) -> GuardrailBuilder<K2, U2> {
        let (key, users) = change(self.key, self.users);
        GuardrailBuilder {
            key,
            users,
            previous_keys: self.previous_keys,
            refresh_key: self.refresh_key,
            previous_refresh_keys: self.previous_refresh_keys,
            sessions: self.sessions,
            policies: self.policies,
            failures: self.failures,
            audit: self.audit,
            changes: self.changes,
            initial_policies: self.initial_policies,
            policy_model: self.policy_model,
            hasher: self.hasher,
            hashing_threads: self.hashing_threads,
            clock: self.clock,
            config: self.config,
        }
    }

    /// Where sessions are kept.
    pub fn sessions(mut self, sessions: impl SessionStore) -> Self {
        self.sessions = Some(Arc::new(sessions));
        self
    }

    /// Where rules are kept; any Casbin adapter fits as [`AdapterStore`](crate::storage::AdapterStore).
    pub fn policies(mut self, policies: impl PolicyStore) -> Self {
        self.policies = Some(Arc::new(policies));
        self
    }

    /// Where failed attempts are counted. Without a store they are counted in memory, by each node for itself, and
    /// begin anew when it starts.
    pub fn failures(mut self, failures: impl FailureStore) -> Self {
        self.failures = Some(Arc::new(failures));
        self
    }

    /// Where it is kept what happens, for `/audit`. Without a store it is in the log only.
    pub fn audit(mut self, audit: impl AuditStore) -> Self {
        self.audit = Some(Arc::new(audit));
        self
    }

    /// For how long audit events are kept: 90 days, if not set.
    pub fn audit_retention(mut self, kept: Duration) -> Self {
        self.config.audit_retention = delta(kept);
        self
    }

    /// How this node hears what others change, where sessions and rules are given by themselves.
    pub fn changes(mut self, changes: impl ChangeFeed) -> Self {
        self.changes = Some(Arc::new(changes));
        self
    }

    /// A Casbin model in place of Guardrail's own; see there for what it can do and what it costs.
    pub fn policy_model(mut self, model: PolicyModel) -> Self {
        self.policy_model = Some(model);
        self
    }

    /// Writes the [default rules](crate::policy::default_rules), but only into an empty rule set.
    pub fn default_policies(self) -> Self {
        self.initial_policies(default_rules())
    }

    /// Writes these rules, with those of other calls, but only into an empty rule set: what an application with
    /// routes of its own starts with, beside [`default_policies`](Self::default_policies).
    pub fn initial_policies(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.initial_policies.extend(rules);
        self
    }

    /// A key that signed tokens before: they are accepted until they expire, or the key is retired.
    pub fn previous_signing_key(mut self, key: SigningKey) -> Self {
        self.previous_keys.push(key);
        self
    }

    /// The key that refresh tokens are made with; otherwise one is derived from the signing key.
    pub fn refresh_key(mut self, key: RefreshKey) -> Self {
        self.refresh_key = Some(key);
        self
    }

    /// A key that refresh tokens were made with before: they are accepted, and replaced by tokens of the current
    /// key. Leave it in for as long as a session may last.
    pub fn previous_refresh_key(mut self, key: RefreshKey) -> Self {
        self.previous_refresh_keys.push(key);
        self
    }

    /// `iss`: who issues access tokens (RFC 7519 §4.1.1). Tokens of another issuer are refused.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.config.issuer = issuer.into();
        self
    }

    /// `aud`: whom access tokens are for (RFC 7519 §4.1.3). Tokens for another audience are refused.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.config.audience = audience.into();
        self
    }

    /// How long an access token lasts, at least a second.
    pub fn access_token_ttl(mut self, ttl: Duration) -> Self {
        self.config.sessions.access_token_ttl = delta(ttl);
        self
    }

    /// How long a session lasts without use.
    pub fn refresh_token_ttl(mut self, ttl: Duration) -> Self {
        self.config.sessions.refresh_token_ttl = delta(ttl);
        self
    }

    /// How long a session lasts with any use.
    pub fn session_absolute_ttl(mut self, ttl: Duration) -> Self {
        self.config.sessions.absolute_ttl = delta(ttl);
        self
    }

    /// How long after a rotation its parent token still gets the same successor, for clients whose answer got lost
    /// or whose tabs refresh at once: 0 to 60 seconds. Zero makes every repetition a reuse.
    pub fn refresh_grace(mut self, grace: Duration) -> Self {
        self.config.sessions.grace = delta(grace);
        self
    }

    /// Whether a refresh replaces the refresh token. Without it, a stolen one is found out less often.
    pub fn refresh_rotation(mut self, rotation: bool) -> Self {
        self.config.sessions.rotation = rotation;
        self
    }

    /// Whether `logout_family` is served; otherwise it is 403.
    pub fn family_logout(mut self, family_logout: bool) -> Self {
        self.config.sessions.family_logout = family_logout;
        self
    }

    /// How many live sessions a user may have, at least 1; the oldest gives way to a new one.
    pub fn session_limit(mut self, limit: NonZeroUsize) -> Self {
        self.config.sessions.limit = limit.get();
        self
    }

    /// The name of the fingerprint's cookie. With `__Host-` in front, which browsers tie to this very host, it must
    /// stay `Secure`, with the path `/` and no domain; do so in production.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.config.cookie.name = name.into();
        self
    }

    /// The cookie's `SameSite`.
    pub fn cookie_same_site(mut self, same_site: SameSite) -> Self {
        self.config.cookie.same_site = same_site;
        self
    }

    /// The cookie's `Path`.
    pub fn cookie_path(mut self, path: impl Into<String>) -> Self {
        self.config.cookie.path = path.into();
        self
    }

    /// The cookie's `Domain`. Every host of the domain then sees the cookie; without it only this one does.
    pub fn cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.config.cookie.domain = Some(domain.into());
        self
    }

    /// Leaves `Secure` out of the cookie, so that it travels over plain http. **For development only**: whoever
    /// listens has the fingerprint.
    pub fn with_insecure_cookies(mut self) -> Self {
        self.config.cookie.secure = false;
        self
    }

    /// Which passwords are accepted.
    pub fn password_policy(mut self, policy: PasswordPolicy) -> Self {
        self.config.password_policy = policy;
        self
    }

    /// How passwords are hashed.
    pub fn password_hasher(mut self, hasher: impl PasswordHasher) -> Self {
        self.hasher = Arc::new(hasher);
        self
    }

    /// How many passwords are hashed at a time: one core less than there are, if not set, so that log-ins leave
    /// room for everything else.
    pub fn hashing_threads(mut self, threads: NonZeroUsize) -> Self {
        self.hashing_threads = Some(threads);
        self
    }

    /// Whether anybody may register; otherwise `/register` is 403.
    pub fn registration(mut self, open: bool) -> Self {
        self.config.registration = open;
        self
    }

    /// Whether sessions keep the address and user agent of their log-in, for `/sessions` to show.
    pub fn record_client(mut self, record: bool) -> Self {
        self.config.record_client = record;
        self
    }

    /// How often a minute one address (an IPv6 /64) may log in, register, change a password and present a refresh
    /// token that is none, each by itself; and so often one account may be registered and one session refreshed. Beyond
    /// it the answer is 429. 0 is any number. Failed log-ins have bounds of their own, whatever this says.
    pub fn rate_limit_auth(mut self, per_minute: u32) -> Self {
        self.config.rate_limit_auth = per_minute;
        self
    }

    /// How often a minute one address may ask for anything, where a [`RateLimitLayer`](crate::RateLimitLayer) is. 0
    /// is any number.
    pub fn rate_limit_requests(mut self, per_minute: u32) -> Self {
        self.config.rate_limit_requests = per_minute;
        self
    }

    /// The proxies that are believed where a request comes from. Without them it is the peer of the connection.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.config.trusted_proxies = proxies;
        self
    }

    /// The role of users who register.
    pub fn default_role(mut self, role: Role) -> Self {
        self.config.default_role = role;
        self
    }

    /// The role of the first administrator.
    pub fn admin_role(mut self, role: Role) -> Self {
        self.config.admin_role = role;
        self
    }

    /// For how long a session and its user are believed to be as they were read; zero asks the store for every
    /// request.
    ///
    /// What is changed through this node holds from the next request on, and what other nodes change as soon as the
    /// store's [`ChangeFeed`] tells of it. This is the longest that a revocation, a role or a disabled user can go
    /// unnoticed if nothing tells: with a store without a feed, while the feed is interrupted, or for changes past
    /// Guardrail in an application's own users table ([`user_changed`](crate::Guardrail::user_changed) tells of those). It
    /// is also how long known sessions are served while the store is away.
    pub fn session_cache_ttl(mut self, ttl: Duration) -> Self {
        self.config.session_cache_ttl = ttl;
        self
    }

    /// How many sessions, and how many users, are remembered at most. A session with its user takes some 400 bytes.
    pub fn session_cache_capacity(mut self, capacity: NonZeroUsize) -> Self {
        self.config.session_cache_capacity = capacity.get();
        self
    }

    /// How often it is looked whether somebody else changed the rules, besides when the store's [`ChangeFeed`] tells
    /// so. A look reads one number.
    pub fn policy_poll_interval(mut self, interval: Duration) -> Self {
        self.config.policy_poll_interval = interval;
        self
    }

    /// How often expired sessions are deleted.
    pub fn sweep_interval(mut self, interval: Duration) -> Self {
        self.config.sweep_interval = interval;
        self
    }

    /// Where the time comes from; tests give a clock that they set.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl<K, U> GuardrailBuilder<K, Users<U>> {
    /// What creates and changes users, where the users are the application's own. With it the endpoints for
    /// registration and administration are mounted.
    pub fn user_admin(mut self, admin: impl UserAdmin<U>) -> Self {
        self.users.admin = Some(Arc::new(admin));
        self
    }
}

impl<K, U> fmt::Debug for GuardrailBuilder<K, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardrailBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A duration as the calendar counts; one that it cannot hold is as long as it can.
fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Guardrail, storage::MemoryStore};

    #[tokio::test]
    async fn a_part_given_by_itself_counts_before_and_after_the_store() {
        for before in [true, false] {
            let (part, store) = (MemoryStore::new(), MemoryStore::new());
            let builder = Guardrail::builder()
                .signing_key(SigningKey::hs256("a secret of the tests, 32 bytes or more").unwrap());
            let builder = if before {
                builder.policies(part.clone()).store(store.clone())
            } else {
                builder.store(store.clone()).policies(part.clone())
            };
            builder.default_policies().build().await.unwrap();
            assert!(!part.load().await.unwrap().rules.is_empty(), "before: {before}");
            assert!(store.load().await.unwrap().rules.is_empty(), "before: {before}");
        }
    }
}
