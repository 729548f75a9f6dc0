//! The handle that an application holds.

use std::{fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::{
    AuthUser, Domain, Email, Error, FieldErrors, Forbidden, GuardrailBuilder, KeyId, NewUser, Principal,
    RefreshKey, SessionId, User, UserId, Username,
    account::AccountService,
    audit::{Audit, AuditEvent},
    builder::Missing,
    config::Config,
    entries::Entries,
    fingerprint::PresentedFingerprints,
    metrics::{LogIn, Metrics, Refresh},
    policy::{Changed, Object, PolicyEngine, Rule, RuleSet, Written},
    secret::Secret32,
    session::{Begun, RefreshError, SessionService},
    storage::{Bootstrap, Change, ChangeFeed, PolicyChange, RevokeReason, UserChange},
    tasks::Tasks,
    throttle::{Action, Network, RateLimits, Whose},
    watcher::Watcher,
};

/// How long a shutdown waits for the last audit events to be written.
const FLUSH_PATIENCE: Duration = Duration::from_secs(5);

/// Log-in, sessions and permissions for users of the type `U`: one handle, cheap to clone.
///
/// Make one with [`Guardrail::builder`], give it to [`AuthLayer`](crate::AuthLayer), and mount
/// [`routes`](Guardrail::routes). Its own methods are what those endpoints do, for an application that has endpoints
/// of its own or no HTTP at hand.
///
/// ```
/// use axum::{Router, routing::get};
/// use guardrail::{AuthLayer, Authenticated, Guardrail, SigningKey, User, require, storage::MemoryStore};
///
/// #[require("/api/hello", "read")]
/// async fn hello(user: Authenticated<User>) -> String {
///     format!("Hello {}", user.username)
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let guard = Guardrail::builder()
///     .signing_key(SigningKey::hs256("only an example, 32 bytes or more")?)
///     .store(MemoryStore::new())
///     .default_policies()
///     .build()
///     .await?;
///
/// let app: Router = Router::new()
///     .route("/api/hello", get(hello))
///     .nest("/api", guard.routes())
///     .layer(AuthLayer::new(guard));
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
pub struct Guardrail<U = User> {
    inner: Arc<Inner<U>>,
}

pub(crate) struct Inner<U> {
    pub(crate) config: Config,
    pub(crate) accounts: AccountService<U>,
    pub(crate) sessions: Arc<SessionService>,
    pub(crate) policies: Arc<PolicyEngine>,
    pub(crate) entries: Arc<Entries>,
    pub(crate) limits: Arc<RateLimits>,
    pub(crate) audit: Audit,
    pub(crate) metrics: Metrics,
    pub(crate) changes: Option<Arc<dyn ChangeFeed>>,
    pub(crate) tasks: Tasks,
}

impl<U: AuthUser> Inner<U> {
    async fn sweep(&self) -> Result<u64, Error> {
        let kept = self.config.audit_retention;
        Ok(self.sessions.sweep().await? + self.accounts.sweep().await? + self.audit.sweep(kept).await?)
    }
}

impl<U> Clone for Guardrail<U> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<U> fmt::Debug for Guardrail<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guardrail")
            .field("user", &std::any::type_name::<U>())
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

impl Guardrail<User> {
    /// Begins a set-up. The user type is that of the store or the users given to it.
    pub fn builder() -> GuardrailBuilder<Missing, Missing> {
        GuardrailBuilder::new()
    }
}

impl<U: AuthUser> Guardrail<U> {
    /// Puts the parts together, and starts the sweeping of expired sessions and what follows other nodes.
    pub(crate) fn assemble(inner: Inner<U>) -> Self {
        let inner = Arc::new(inner);
        inner.audit.start(&inner.tasks);
        let watcher = Arc::new(Watcher::new(Arc::clone(&inner.entries), Arc::clone(&inner.policies)));
        if let Some(feed) = &inner.changes {
            inner.tasks.run(Arc::clone(&watcher).follow(Arc::clone(feed)));
        }
        inner.tasks.run(watcher.watch_rules(inner.config.policy_poll_interval));
        let weak = Arc::downgrade(&inner);
        inner.tasks.repeat(inner.config.sweep_interval, move || {
            let weak = weak.clone();
            async move {
                let Some(inner) = weak.upgrade() else { return false };
                match inner.sweep().await {
                    Ok(0) => {}
                    Ok(deleted) => tracing::info!(deleted, "ended sessions and old counts swept"),
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "sweeping ended sessions failed; it is tried again after `sweep_interval`"
                        );
                    }
                }
                true
            }
        });
        Self { inner }
    }

    pub(crate) fn inner(&self) -> &Inner<U> {
        &self.inner
    }

    /// Runs `work` with a handle of its own to its end, also when the caller stops waiting.
    async fn finish<T, F>(&self, work: impl FnOnce(Self) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.inner.tasks.finish(work(self.clone())).await
    }

    pub(crate) async fn log_in(
        &self,
        login: String,
        password: SecretString,
        device: Device,
    ) -> Result<LoggedIn, Error> {
        let Device { fingerprints, network, client } = device;
        let accounts = &self.inner.accounts;
        let verified = accounts.verify(&login, password.clone(), &fingerprints, network).await;
        let verified = verified.inspect_err(|error| self.inner.metrics.count(failed_log_in(error)))?;
        self.finish(|guard| async move {
            guard.counted(guard.inner.accounts.log_in(verified, password, &fingerprints, client).await)
        })
        .await
    }

    /// Begins a session for a user who needs no password.
    pub(crate) async fn begin_for(&self, user: UserId, device: Device) -> Result<LoggedIn, Error> {
        let Device { fingerprints, client, .. } = device;
        self.finish(|guard| async move {
            guard.counted(guard.inner.accounts.sign_in(&user, &fingerprints, client).await)
        })
        .await
    }

    /// The outcome of a log-in, once it has been counted.
    fn counted(&self, begun: Result<(U, Begun), Error>) -> Result<LoggedIn, Error> {
        let logged_in = begun.and_then(|(user, begun)| self.logged_in(&user, begun));
        self.inner.metrics.count(logged_in.as_ref().map_or_else(failed_log_in, |_| LogIn::Ok));
        logged_in
    }

    fn logged_in(&self, user: &U, begun: Begun) -> Result<LoggedIn, Error> {
        let digest = begun.fingerprint.digest();
        let access =
            self.inner.sessions.access_token(&user.id(), user.role(), begun.id, &digest, begun.expires_at)?;
        Ok(LoggedIn { access, begun })
    }

    pub(crate) async fn refresh(&self, token: SecretString, device: Device) -> Result<Refreshed, Error> {
        let Device { fingerprints, network, .. } = device;
        let refreshed = self.inner.accounts.refresh(token.expose_secret(), &fingerprints, network).await;
        let outcome = match &refreshed {
            Ok((_, advanced)) if advanced.repeated => Refresh::Repeated,
            Ok(_) => Refresh::Rotated,
            Err(error) => error.outcome(),
        };
        let (user, advanced) = match refreshed {
            Ok(refreshed) => refreshed,
            Err(RefreshError::Refused(error)) => {
                self.inner.metrics.count(outcome);
                return Err(error);
            }
            Err(RefreshError::Breach(breach)) => {
                return Err(self
                    .finish(|guard| async move {
                        let told = guard.inner.sessions.end_breached(breach).await;
                        let ended = matches!(told, Error::Unauthenticated(_));
                        guard.inner.metrics.count(if ended { outcome } else { Refresh::Error });
                        told
                    })
                    .await);
            }
        };
        self.inner.metrics.count(outcome);
        let record = &advanced.record;
        let access = self.inner.sessions.access_token(
            &record.user_id,
            user.role(),
            record.id,
            &record.fingerprint,
            record.expires_at,
        )?;
        Ok(Refreshed { access, advanced })
    }

    pub(crate) async fn log_out(&self, token: SecretString) -> Result<(), Error> {
        self.finish(|guard| async move { guard.inner.sessions.log_out(token.expose_secret()).await }).await
    }

    pub(crate) async fn change_password(
        &self,
        principal: Principal,
        current: SecretString,
        new: SecretString,
        device: Device,
    ) -> Result<LoggedIn, Error> {
        self.finish(|guard| async move {
            let (user, begun) =
                guard.inner.accounts.change_password(&principal, current, new, device.client).await?;
            guard.logged_in(&user, begun)
        })
        .await
    }

    pub(crate) async fn register(&self, new: Registration) -> Result<U, Error> {
        self.inner.limits.take(Action::Register, Whose::account(new.email.as_str()))?;
        self.finish(|guard| async move {
            let hash = {
                let own = [new.email.as_str(), new.username.as_str()];
                guard.inner.accounts.hash_new("password", new.password, &own).await?
            };
            let role = guard.inner.config.default_role.clone();
            let mut user = NewUser::new(new.email, new.username, role, hash);
            user.first_name = new.first_name;
            user.last_name = new.last_name;
            guard.inner.accounts.register(user).await
        })
        .await
    }

    /// Changes a user on behalf of `by`. Unless it is forced, it is refused if nobody could write rules afterwards.
    pub(crate) async fn update_user(
        &self,
        id: UserId,
        mut change: UserChange,
        by: UserId,
        force: bool,
    ) -> Result<U, Error> {
        self.finish(async move |guard| {
            if !force {
                change.keep = guard.keep_a_writer_besides(&id, &change).await?;
            }
            guard.inner.accounts.update(&id, change, &by).await
        })
        .await
    }

    /// Demands that a caller may do what its request turned out to need: for what only the handler knows, such as whose
    /// a thing is. A denial is audited as one of `#[require]` is. Say [`asks!`](crate::asks) of what is demanded so.
    ///
    /// ```
    /// # use guardrail::{Error, Guardrail, Principal};
    /// guardrail::asks!("/api/posts/{id}", "edit");
    ///
    /// fn edit_another_ones(guard: &Guardrail, who: &Principal, post: u64) -> Result<(), Error> {
    ///     guard.demand(who, &format!("/api/posts/{post}"), "edit")
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// 403 if no rule allows it, and 503 if that cannot be told.
    pub fn demand(&self, who: &Principal, object: &str, action: &str) -> Result<(), Error> {
        if self.is_allowed(who, object, action)? {
            return Ok(());
        }
        self.inner.audit.record(&AuditEvent::denied(who, object, action));
        Err(Forbidden::PermissionDenied.into())
    }

    /// Adds and removes rules in one step.
    pub(crate) async fn change_rules(&self, change: RuleChange) -> Result<Changed, Error> {
        self.finish(async move |guard| {
            let RuleChange { add, mut remove, replace, by, force, place } = change;
            let turn = guard.inner.policies.turn().await;
            if replace {
                turn.catch_up().await?;
                let wanted: RuleSet = add.iter().cloned().collect();
                remove.extend(guard.rules().iter().filter(|rule| !wanted.contains(rule)));
            }
            if !force {
                guard.keep_a_writer(&turn, &add, &remove, by.as_ref()).await?;
            }
            let written = turn.change(add, remove).await?;
            drop((turn, place));
            guard.rules_written(written, by.as_ref().map(Principal::user_id)).await
        })
        .await
    }

    /// Takes note of a change of rules, also if it could not be followed here: it is made.
    async fn rules_written(&self, written: Written, by: Option<&UserId>) -> Result<Changed, Error> {
        let Written { changed, lines, in_force } = written;
        let Changed { added, removed } = changed;
        if added + removed > 0 {
            let event = AuditEvent::PoliciesChanged { by, added, removed, rules: &lines };
            self.inner.audit.record_now(&event).await?;
        }
        in_force?;
        Ok(changed)
    }

    /// Whether no administrator exists and none has ever been made by
    /// [`bootstrap_admin`](Self::bootstrap_admin).
    pub async fn needs_admin(&self) -> Result<bool, Error> {
        self.inner.accounts.needs_bootstrap(&self.inner.config.admin_role).await
    }

    /// Makes the first administrator: once in the store's life, also when several nodes start together.
    ///
    /// It creates the user if none has the administrators' role and it never created one before; otherwise it
    /// changes nothing. The password follows the policy.
    ///
    /// ```
    /// # use guardrail::{Guardrail, SigningKey, storage::{Bootstrap, MemoryStore}};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let guard = Guardrail::builder()
    /// #     .signing_key(SigningKey::hs256("only an example, 32 bytes or more")?)
    /// #     .store(MemoryStore::new()).build().await?;
    /// let email: guardrail::Email = "admin@example.com".parse()?;
    /// let first = guard.bootstrap_admin(email.clone(), "correct horse".to_owned().into()).await?;
    /// assert!(matches!(first, Bootstrap::Created(_)));
    /// let second = guard.bootstrap_admin(email, "battery staple".to_owned().into()).await?;
    /// assert_eq!(second, Bootstrap::NotNeeded);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub async fn bootstrap_admin(&self, email: Email, password: SecretString) -> Result<Bootstrap<U>, Error> {
        self.finish(|guard| async move {
            let hash = guard.inner.accounts.hash_new("password", password, &[email.as_str()]).await?;
            let role = guard.inner.config.admin_role.clone();
            // The role's name serves as the user name: it has at most 64 characters and no control character.
            let username = role
                .as_str()
                .parse::<Username>()
                .map_err(|error| Error::from(FieldErrors::one("username", error.to_string())))?;
            guard.inner.accounts.bootstrap(NewUser::new(email, username, role, hash)).await
        })
        .await
    }

    /// Whether a caller may do `action` to `object` by the rules at present.
    pub fn is_allowed(&self, who: &Principal, object: &str, action: &str) -> Result<bool, Error> {
        Ok(self.inner.policies.decide(&who.subjects(), None, Object::Named(object), action)?)
    }

    /// The same in a domain, where the application's [own model](crate::policy::PolicyModel) has them.
    pub fn is_allowed_in(
        &self,
        who: &Principal,
        domain: &Domain,
        object: &str,
        action: &str,
    ) -> Result<bool, Error> {
        let domain = Some(domain.as_str());
        Ok(self.inner.policies.decide(&who.subjects(), domain, Object::Named(object), action)?)
    }

    /// Adds rules in one step, leaving out those that are there; how many were added.
    ///
    /// ```
    /// # use guardrail::{Guardrail, SigningKey, policy::Rule, storage::MemoryStore};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let guard = Guardrail::builder()
    /// #     .signing_key(SigningKey::hs256("only an example, 32 bytes or more")?)
    /// #     .store(MemoryStore::new()).build().await?;
    /// let rule = Rule::new("moderator", "/api/posts/{id}", "edit")?;
    /// assert_eq!(guard.add_rules(vec![rule.clone()]).await?, 1);
    /// assert_eq!(guard.add_rules(vec![rule]).await?, 0);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub async fn add_rules(&self, rules: Vec<Rule>) -> Result<usize, Error> {
        Ok(self.change_rules(RuleChange { add: rules, ..RuleChange::default() }).await?.added)
    }

    /// Removes rules in one step, leaving out those that are not there; how many were removed.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if nobody could write rules any more afterwards, where somebody can: no active user would
    /// have `write` on `/api/policies`. Nothing is removed then.
    pub async fn remove_rules(&self, rules: Vec<Rule>) -> Result<usize, Error> {
        Ok(self.change_rules(RuleChange { remove: rules, ..RuleChange::default() }).await?.removed)
    }

    /// Removes rules as [`remove_rules`](Self::remove_rules) does, also if nobody can write rules any more afterwards
    /// but the application itself.
    pub async fn force_remove_rules(&self, rules: Vec<Rule>) -> Result<usize, Error> {
        let change = RuleChange { remove: rules, force: true, ..RuleChange::default() };
        Ok(self.change_rules(change).await?.removed)
    }

    /// Adds and removes rules of any form in one step, for an application with a [model of its
    /// own](crate::policy::PolicyModel); how many were added and removed.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`] if a rule to add does not fit the model. Nothing is written then.
    pub async fn change_stored_rules(&self, change: PolicyChange) -> Result<(usize, usize), Error> {
        self.finish(async move |guard| {
            let written = guard.inner.policies.turn().await.change_rows(change).await?;
            let Changed { added, removed } = guard.rules_written(written, None).await?;
            Ok((added, removed))
        })
        .await
    }

    /// Makes these the rules: adds those that are not there and removes all others, in one step. How many were added
    /// and removed.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] as with [`remove_rules`](Self::remove_rules).
    pub async fn replace_rules(&self, rules: Vec<Rule>) -> Result<(usize, usize), Error> {
        self.replace(rules, false).await
    }

    /// The same, also if nobody can write rules any more afterwards but the application itself.
    pub async fn force_replace_rules(&self, rules: Vec<Rule>) -> Result<(usize, usize), Error> {
        self.replace(rules, true).await
    }

    async fn replace(&self, rules: Vec<Rule>, force: bool) -> Result<(usize, usize), Error> {
        let change = RuleChange { add: rules, replace: true, force, ..RuleChange::default() };
        let Changed { added, removed } = self.change_rules(change).await?;
        Ok((added, removed))
    }

    /// The rules at present.
    pub fn rules(&self) -> RuleSet {
        RuleSet::from(&*self.inner.policies.current())
    }

    /// Reads the rules again, after another program wrote them. Decisions go on by the rules before until the new
    /// ones are in place.
    pub async fn reload_policies(&self) -> Result<(), Error> {
        self.finish(|guard| async move { Ok(guard.inner.policies.reload().await?) }).await
    }

    /// Says that a user's role or activity was changed, or the user deleted, by other means than Guardrail: it holds
    /// on this node from the next request on, and on the others once they hear of it. Without it, a change is in
    /// effect after [`session_cache_ttl`](GuardrailBuilder::session_cache_ttl) at the latest. For users in
    /// `guardrail-sqlx`'s own table on PostgreSQL the database says so itself.
    ///
    /// # Errors
    ///
    /// If the other nodes could not be told. This one knows.
    pub async fn user_changed(&self, user: &UserId) -> Result<(), Error> {
        self.inner.entries.forget_user(user);
        match &self.inner.changes {
            Some(changes) => Ok(changes.announce(Change::User(user.clone())).await?),
            None => Ok(()),
        }
    }

    /// Ends every session of a user; how many.
    pub async fn end_sessions_of(&self, user: &UserId) -> Result<usize, Error> {
        self.end_all(user.clone(), RevokeReason::EndedByAdmin).await
    }

    /// The same, for an administrator.
    pub(crate) async fn end_sessions_by(&self, user: UserId, by: UserId) -> Result<usize, Error> {
        self.finish(|guard| async move {
            let count = guard.inner.sessions.revoke_user(&user, RevokeReason::EndedByAdmin).await?;
            let event = AuditEvent::SessionsEnded { user: &user, by: &by, count };
            guard.inner.audit.record_now(&event).await?;
            Ok(count)
        })
        .await
    }

    /// Ends a session for its user; whether it was live.
    pub(crate) async fn end_session(&self, id: SessionId, user: UserId) -> Result<bool, Error> {
        let end = |guard: Self| async move {
            guard.inner.sessions.revoke(id, Some(&user), RevokeReason::EndedByUser).await
        };
        self.finish(end).await
    }

    pub(crate) async fn end_all(&self, user: UserId, reason: RevokeReason) -> Result<usize, Error> {
        self.finish(|guard| async move { guard.inner.sessions.revoke_user(&user, reason).await }).await
    }

    /// Ends every session of every user; how many. For the day a database copy or a key got into other hands.
    pub async fn revoke_all(&self) -> Result<u64, Error> {
        self.finish(|guard| async move { guard.inner.sessions.revoke_all().await }).await
    }

    /// Refuses access tokens signed with a previous key, from the next request on. `false` if it is the current
    /// key, which cannot be refused: configure another current key first.
    pub fn retire_signing_key(&self, id: KeyId) -> bool {
        let retired = self.inner.sessions.access_tokens().retire(id);
        if retired {
            self.inner.audit.record(&AuditEvent::KeyRetired { key: id, kind: "signing" });
        }
        retired
    }

    /// Refuses refresh tokens made with a key that got into other hands, from the next request on; whether there
    /// was such a key. If it is the current one, a random key takes its place until the configured one is changed,
    /// which should be soon: other nodes do not know the random one.
    pub fn compromise_refresh_key(&self, id: KeyId) -> Result<bool, Error> {
        let replacement = || Ok(RefreshKey::derive(Secret32::random()?.as_bytes()));
        let dropped = self.inner.sessions.keys().drop_key(id, replacement)?;
        if dropped {
            self.inner.audit.record(&AuditEvent::KeyRetired { key: id, kind: "refresh" });
        }
        Ok(dropped)
    }

    /// The name of the key that refresh tokens are made with at present.
    pub fn refresh_key_id(&self) -> KeyId {
        self.inner.sessions.keys().current().id()
    }

    /// Deletes sessions that ended more than a day ago, counts of failed attempts that are older than thirty, and audit
    /// events that are older than they are kept, as happens in the background anyway; how many.
    pub async fn sweep(&self) -> Result<u64, Error> {
        self.inner.sweep().await
    }

    /// Forgets the failed log-ins from everywhere at the account that is signed in to by `login`: for an owner without
    /// a device that is known, once you are sure that it is the owner. Single networks that guessed go on waiting.
    pub async fn forgive_failures(&self, login: &str) -> Result<(), Error> {
        self.inner.accounts.forgive(login).await?;
        self.inner.audit.record(&AuditEvent::FailuresForgiven);
        Ok(())
    }

    /// Stops background work and waits for what is in flight: a change that was begun is finished. Call it when
    /// the server has drained its connections.
    pub async fn shutdown(&self) {
        self.inner.tasks.shutdown().await;
        if tokio::time::timeout(FLUSH_PATIENCE, self.inner.audit.flush()).await.is_err() {
            tracing::error!("the last audit events could not be written in time; they are in the log only");
        }
    }
}

/// What a log-in that came to nothing is counted as.
fn failed_log_in(error: &Error) -> LogIn {
    match error {
        Error::InvalidCredentials => LogIn::Refused,
        Error::TooManyRequests { .. } => LogIn::Throttled,
        Error::Busy { .. } => LogIn::Busy,
        _ => LogIn::Error,
    }
}

/// Rules to add and to remove.
#[derive(Debug, Default)]
pub(crate) struct RuleChange {
    pub(crate) add: Vec<Rule>,
    pub(crate) remove: Vec<Rule>,
    /// Whether every rule that is not to be added is to be removed.
    pub(crate) replace: bool,
    /// Who does it; the application itself if it is nobody.
    pub(crate) by: Option<Principal>,
    /// Also if nobody could write rules any more.
    pub(crate) force: bool,
    /// Kept until it is done.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// What a request tells of the device that it comes from.
#[derive(Debug, Default)]
pub(crate) struct Device {
    pub(crate) fingerprints: PresentedFingerprints,
    pub(crate) network: Option<Network>,
    pub(crate) client: crate::storage::ClientInfo,
}

/// A user about to be registered: every field checked but the password.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) email: Email,
    pub(crate) username: Username,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) password: SecretString,
}

/// A log-in's outcome.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    pub(crate) access: crate::token::IssuedToken,
    pub(crate) begun: Begun,
}

impl LoggedIn {
    pub(crate) fn family_id(&self) -> Uuid {
        self.begun.id.as_uuid()
    }

    pub(crate) fn expires_at(&self) -> DateTime<Utc> {
        self.begun.expires_at
    }
}

/// A refresh's outcome.
#[derive(Debug)]
pub(crate) struct Refreshed {
    pub(crate) access: crate::token::IssuedToken,
    pub(crate) advanced: crate::session::Advanced,
}
