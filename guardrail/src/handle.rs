//! The handle that an application holds.

mod entry;
mod rules;

use std::{fmt, sync::Arc, time::Duration};

use secrecy::SecretString;

pub(crate) use self::{
    entry::{Device, LoggedIn, Registration},
    rules::RuleChange,
};
use crate::{
    AuthUser, Email, Error, FieldErrors, GuardrailBuilder, KeyId, NewUser, RefreshKey, SessionId, User,
    UserId, Username,
    account::AccountService,
    audit::{Audit, AuditEvent},
    builder::{MissingSigningKey, MissingStore},
    config::Config,
    entries::Entries,
    metrics::Metrics,
    policy::PolicyEngine,
    secret::Secret32,
    session::SessionService,
    storage::{Bootstrap, Change, ChangeFeed, RevokeReason, UserChange},
    tasks::Tasks,
    throttle::RateLimits,
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
    pub fn builder() -> GuardrailBuilder<MissingSigningKey, MissingStore> {
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

    /// Sets a user's password without the one before: for a reset, once your application is sure that it is the user, by
    /// a link sent to it, say.
    ///
    /// Every session of the user ends, and nobody is signed in. Failed log-ins at the account are forgotten, but for those
    /// of single networks and devices, which go on waiting: [`sign_in`](Self::sign_in) lets the owner in at once. The event
    /// is `password_reset`, without who asked for it: should that be somebody else than the user, write it down yourself.
    ///
    /// ```
    /// # use guardrail::{Guardrail, SigningKey, storage::{Bootstrap, MemoryStore}};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let guard = Guardrail::builder()
    /// #     .signing_key(SigningKey::hs256("only an example, 32 bytes or more")?)
    /// #     .store(MemoryStore::new()).build().await?;
    /// # let email = "ada@example.com".parse()?;
    /// # let made = guard.bootstrap_admin(email, "correct horse".to_owned().into()).await?;
    /// # let Bootstrap::Created(user) = made else { unreachable!() };
    /// guard.reset_password(&user.id.into(), "battery staple".to_owned().into()).await?;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// 422 with the field `new_password` if the [`PasswordPolicy`](crate::PasswordPolicy) refuses it, 404 if there is no
    /// such user, and 409 if the account has no password at all. After 503 the password may be the new one, with sessions
    /// of before alive: try again.
    pub async fn reset_password(&self, user: &UserId, new: SecretString) -> Result<(), Error> {
        let user = user.clone();
        self.finish(|guard| async move { guard.inner.accounts.reset_password(&user, new).await }).await
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
