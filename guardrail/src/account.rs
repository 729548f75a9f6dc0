//! Accounts: registering, logging in, passwords, and what administrators change.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    AuthUser, Error, FieldErrors, NewUser, PasswordHash, PasswordPolicy, Principal, Role, Unauthenticated,
    UserId,
    audit::{Audit, AuditEvent},
    entries::{Entries, KnownUser},
    fingerprint::PresentedFingerprints,
    password::{HashingError, HashingQueue},
    session::{Advanced, Begun, RefreshError, SessionService},
    storage::{
        Bootstrap, ClientInfo, CreateUser, RevokeReason, StoreError, UpdateUser, UserAdmin, UserChange,
        UserStore,
    },
    tasks::ToEnd,
    throttle::{Action, Attempted, Attempts, Network, RateLimits, Whose},
    user::EMAIL_MAX_BYTES,
};

/// How often a reset tries to replace a hash that others replace at the same time.
const RESET_LOOKS: usize = 3;

/// Accounts of the user type `U`.
pub(crate) struct AccountService<U> {
    pub(crate) users: Arc<dyn UserStore<U>>,
    pub(crate) admin: Option<Arc<dyn UserAdmin<U>>>,
    pub(crate) sessions: Arc<SessionService>,
    pub(crate) entries: Arc<Entries>,
    pub(crate) hashing: HashingQueue,
    pub(crate) policy: PasswordPolicy,
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) limits: Arc<RateLimits>,
    pub(crate) to_end: ToEnd,
    pub(crate) audit: Audit,
}

/// A user who has been found to be who it says, with the hash that its password was compared with.
pub(crate) struct Verified<U> {
    user: U,
    hash: PasswordHash,
}

impl<U: AuthUser> AccountService<U> {
    /// Deletes counts of failed attempts that are long past; how many.
    pub(crate) async fn sweep(&self) -> Result<u64, Error> {
        Ok(self.attempts.sweep().await?)
    }

    /// Forgets what has failed at an account.
    pub(crate) async fn forgive(&self, login: &str) -> Result<(), Error> {
        Ok(self.attempts.forgive(&normalized(login)).await?)
    }

    pub(crate) fn can_administer(&self) -> bool {
        self.admin.is_some()
    }

    fn admin(&self) -> Result<&dyn UserAdmin<U>, Error> {
        self.admin.as_deref().ok_or_else(|| {
            let told =
                "the users store implements no UserAdmin: give one to the builder with `.user_admin(…)`";
            Error::Misconfigured(told.into())
        })
    }

    /// The user, if it exists and may be signed in.
    pub(crate) async fn active(&self, id: &UserId) -> Result<Option<U>, StoreError> {
        Ok(self.users.find(id).await?.filter(U::is_active))
    }

    pub(crate) async fn find(&self, id: &UserId) -> Result<Option<U>, StoreError> {
        self.users.find(id).await
    }

    /// What the store says of a user who may be signed in, remembered for the next request; `None` if there is no
    /// such user, or no longer.
    pub(crate) async fn read(
        &self,
        id: &UserId,
        now: DateTime<Utc>,
    ) -> Result<Option<KnownUser>, StoreError> {
        let place = self.entries.user_place(id, now);
        let known = self.active(id).await?.map(|user| KnownUser::of(id.clone(), &user));
        if let Some(known) = &known {
            place.remember(known);
        }
        Ok(known)
    }

    /// Whether an active user, other than `but`, has one of the roles, as far as the store can tell: one without
    /// `UserAdmin` is believed to have some.
    pub(crate) async fn is_any_active(
        &self,
        roles: &[Role],
        but: Option<&UserId>,
    ) -> Result<bool, StoreError> {
        match &self.admin {
            Some(admin) => admin.any_active(roles, but).await,
            None => Ok(!roles.is_empty()),
        }
    }

    /// Whether the users store answers.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        self.users.find_for_login("probe").await.map(|_| ())
    }

    /// Signs in a user who was found to be who it says.
    pub(crate) async fn log_in(
        &self,
        verified: Verified<U>,
        password: SecretString,
        fingerprints: &PresentedFingerprints,
        client: ClientInfo,
    ) -> Result<(U, Begun), Error> {
        let verified = self.renew_hash(verified, password.clone()).await;
        let still_stands = || self.still_stands(&verified, password);
        let id = verified.user.id();
        let begun = self.begin(&id, client, still_stands).await?;
        self.replace(fingerprints, &id, &begun).await?;
        Ok((verified.user, begun))
    }

    /// Begins a session for a user who has proved who it is by other means.
    pub(crate) async fn sign_in(
        &self,
        id: &UserId,
        fingerprints: &PresentedFingerprints,
        client: ClientInfo,
    ) -> Result<(U, Begun), Error> {
        let Some(user) = self.active(id).await? else {
            let cause = "there is no such account, or it is disabled";
            self.audit.record(&AuditEvent::LogInRefused { user: Some(id), cause });
            return Err(Error::InvalidCredentials);
        };
        let still_active = async || Ok(self.active(id).await?.is_some());
        let begun = self.begin(id, client, still_active).await?;
        self.replace(fingerprints, id, &begun).await?;
        Ok((user, begun))
    }

    /// Ends the device's former session, now that there is another one.
    async fn replace(
        &self,
        fingerprints: &PresentedFingerprints,
        user: &UserId,
        begun: &Begun,
    ) -> Result<(), Error> {
        self.sessions.replace(fingerprints).await?;
        self.audit.record(&AuditEvent::LogIn { user, session: begun.id });
        Ok(())
    }

    /// The user that a log-in proves. Every way to fail takes the time of one password comparison and has one
    /// answer, and so has every way to come too soon after others that failed. Whoever hangs up meanwhile gives its
    /// place in the queue to the next, learns nothing, and is counted for nothing.
    pub(crate) async fn verify(
        &self,
        login: &str,
        password: SecretString,
        fingerprints: &PresentedFingerprints,
        network: Option<Network>,
    ) -> Result<Verified<U>, Error> {
        let login = normalized(login);
        let possible = login.len() <= EMAIL_MAX_BYTES && !login.chars().any(char::is_control);
        let user = if possible { self.users.find_for_login(&login).await? } else { None };
        let id = user.as_ref().map(U::id);
        let device = self.sessions.device_of(id.as_ref(), fingerprints).await?;
        let attempted = match (&id, &device) {
            (Some(user), Some(device)) => Attempted::FromDevice { user, device },
            _ => Attempted::LogIn { login: &login, network },
        };
        let attempt = self.attempts.begin(attempted).await?;
        let hash = user.as_ref().and_then(|user| user.password_hash());
        let hash = hash.map(|hash| PasswordHash::from(hash.to_owned()));
        let correct = match self.hashing.verify(password, hash.clone()).await {
            // One account's unreadable hash is that account's trouble, and told like any other refusal.
            Err(HashingError::Hasher(error)) => {
                tracing::error!(
                    user = ?id,
                    error = &error as &dyn std::error::Error,
                    "a stored password hash cannot be read: nobody logs in to this account by password until it is \
                     replaced"
                );
                false
            }
            other => other?,
        };
        let cause = match (user, hash) {
            (Some(user), Some(hash)) if correct && user.is_active() => {
                self.to_end.finish(attempt.succeeded()).await?;
                return Ok(Verified { user, hash });
            }
            (None, _) => "there is no such account",
            (Some(_), None) => "the account has no password",
            (Some(_), Some(_)) if correct => "the account is disabled",
            (Some(_), Some(_)) => "the password is wrong",
        };
        self.audit.record(&AuditEvent::LogInRefused { user: id.as_ref(), cause });
        // Whoever hangs up now is counted all the same.
        self.to_end.finish(attempt.failed()).await?;
        Err(Error::InvalidCredentials)
    }

    /// Replaces a hash that was made with a lower cost, now that the password is at hand. A log-in does not fail
    /// for it.
    async fn renew_hash(&self, verified: Verified<U>, password: SecretString) -> Verified<U> {
        if !self.hashing.is_outdated(verified.hash.as_str()) {
            return verified;
        }
        let renewed = async {
            let hash = self.hashing.hash(password).await?;
            let set = self
                .users
                .set_password_hash(&verified.user.id(), verified.hash.as_str(), hash.clone())
                .await?;
            Ok::<_, Error>(set.then_some(hash))
        };
        match renewed.await {
            Ok(Some(hash)) => Verified { hash, ..verified },
            // Somebody else changed it in between; `begin` finds out whether the log-in still stands.
            Ok(None) => verified,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a password hash was not renewed");
                verified
            }
        }
    }

    /// Stores the session, then asks once more whether its user may have it: whoever has changed that since it was
    /// read may have looked for sessions before this one was there.
    async fn begin<F>(
        &self,
        id: &UserId,
        client: ClientInfo,
        still_stands: impl FnOnce() -> F,
    ) -> Result<Begun, Error>
    where
        F: Future<Output = Result<bool, Error>>,
    {
        let begun = self.sessions.begin(id, client).await?;
        let stands = still_stands().await;
        if !matches!(stands, Ok(true)) {
            self.sessions.revoke(begun.id, Some(id), RevokeReason::LoginVoid).await?;
            stands?;
            let cause = "the account changed during the log-in";
            self.audit.record(&AuditEvent::LogInRefused { user: Some(id), cause });
            return Err(Error::InvalidCredentials);
        }
        Ok(begun)
    }

    /// Whether the user is still active with the password that was verified. Another log-in may have renewed the
    /// hash at the same time: a new hash of the same password is as good.
    async fn still_stands(&self, verified: &Verified<U>, password: SecretString) -> Result<bool, Error> {
        let Some(user) = self.active(&verified.user.id()).await? else { return Ok(false) };
        match user.password_hash() {
            Some(hash) if hash == verified.hash.as_str() => Ok(true),
            Some(hash) => Ok(self.hashing.verify(password, Some(hash.to_owned().into())).await?),
            None => Ok(false),
        }
    }

    /// Refreshes a session, if its user may still be signed in.
    pub(crate) async fn refresh(
        &self,
        token: &str,
        fingerprints: &PresentedFingerprints,
        network: Option<Network>,
    ) -> Result<(U, Advanced), RefreshError> {
        // The user is read before anything is replaced: while users cannot be read, a client's retries must not turn
        // into a reuse of its own token. Whoever disables the user meanwhile revokes the sessions afterwards, and
        // then nothing is replaced any more.
        let token = self.sessions.authentic(token).or_else(|error| {
            // By address only what was not made here is bounded, or one client could keep its neighbours from
            // refreshing.
            if let Some(network) = network {
                self.limits.take(Action::Refresh, Whose::Network(network))?;
            }
            Err(error)
        })?;
        let session = Whose::Account(*token.session().as_uuid().as_bytes());
        self.limits.take(Action::Refresh, session)?;
        let user = match self.sessions.owner(&token).await? {
            Some(owner) => {
                let user = self.active(&owner).await?;
                if user.is_none() {
                    // Whoever hangs up meanwhile.
                    let sessions = Arc::clone(&self.sessions);
                    let end = async move { sessions.revoke_user(&owner, RevokeReason::UserDisabled).await };
                    self.to_end.finish(end).await?;
                }
                user
            }
            None => None,
        };
        let advanced = self.sessions.refresh(&token, fingerprints).await?;
        let user = user.ok_or(Unauthenticated::SessionEnded)?;
        Ok((user, advanced))
    }

    /// Checks a new password against the policy, for a user with these names and addresses, and hashes it. `field` is
    /// what to blame in the errors.
    pub(crate) async fn hash_new(
        &self,
        field: &'static str,
        password: SecretString,
        own: &[&str],
    ) -> Result<PasswordHash, Error> {
        self.check_password(password.expose_secret(), own)
            .map_err(|message| FieldErrors::one(field, message))?;
        Ok(self.hashing.hash(password).await?)
    }

    /// Whether a password may be set by a user with these names and addresses.
    pub(crate) fn check_password(&self, password: &str, own: &[&str]) -> Result<(), String> {
        self.policy.check(password, self.hashing.max_bytes(), own)
    }

    /// Creates a user.
    pub(crate) async fn register(&self, user: NewUser) -> Result<U, Error> {
        let taken = |field: &'static str, detail: &'static str| {
            Err(Error::Conflict { field: Some(field), detail: detail.into() })
        };
        match self.admin()?.create(user).await? {
            CreateUser::Created(user) => {
                self.audit.record(&AuditEvent::Registered { user: &user.id() });
                Ok(user)
            }
            CreateUser::EmailTaken => taken("email", "an account with this e-mail address exists"),
            CreateUser::UsernameTaken => taken("username", "the user name is taken"),
        }
    }

    pub(crate) async fn needs_bootstrap(&self, role: &Role) -> Result<bool, Error> {
        Ok(self.admin()?.needs_bootstrap(role).await?)
    }

    pub(crate) async fn bootstrap(&self, user: NewUser) -> Result<Bootstrap<U>, Error> {
        let outcome = self.admin()?.bootstrap(user).await?;
        if let Bootstrap::Created(user) = &outcome {
            self.audit.record(&AuditEvent::AdministratorCreated { user: &user.id() });
        }
        Ok(outcome)
    }

    /// Sets a new password, ends every session of the user, and begins a fresh one.
    ///
    /// Sessions are revoked before the hash is replaced, so that a failure in between leaves no session of a password
    /// that no longer holds; and once more after it, for log-ins in between. A log-in stores its session before it
    /// looks at the hash again: whichever of the two comes first, no session of the old password is left.
    pub(crate) async fn change_password(
        &self,
        principal: &Principal,
        current: SecretString,
        new: SecretString,
        client: ClientInfo,
    ) -> Result<(U, Begun), Error> {
        let id = principal.user_id();
        let user = self.active(id).await?.ok_or(Unauthenticated::SessionEnded)?;
        self.check_password(new.expose_secret(), user.email().as_slice())
            .map_err(|message| FieldErrors::one("new_password", message))?;
        let attempt = self.attempts.begin(Attempted::Change(id)).await?;
        let wrong = |cause| {
            self.audit.record(&AuditEvent::PasswordChangeRefused { user: id, cause });
            Error::from(FieldErrors::one("current_password", "is not the current password"))
        };
        let old = user.password_hash().map(|hash| PasswordHash::from(hash.to_owned()));
        if !self.hashing.verify(current, old.clone()).await? {
            attempt.failed().await?;
            return Err(wrong("the current password is wrong"));
        }
        attempt.succeeded().await?;
        let old = old.ok_or_else(|| wrong("the account has no password"))?;
        let hash = self.hashing.hash(new.clone()).await?;
        let recorded = async {
            self.audit.record(&AuditEvent::PasswordChanged { user: id });
            Ok(())
        };
        if !self.replace_hash(&user, old.as_str(), &hash, recorded).await? {
            return Err(wrong("the password was changed at the same time"));
        }
        let verified = Verified { user, hash };
        let still_stands = || self.still_stands(&verified, new);
        let begun = self.begin(id, client, still_stands).await?;
        Ok((verified.user, begun))
    }

    /// Sets a password for a user who could not say the one before.
    pub(crate) async fn reset_password(&self, id: &UserId, new: SecretString) -> Result<(), Error> {
        let mut user = self.users.find(id).await?.ok_or(Error::NotFound)?;
        let hash = self.hash_new("new_password", new, user.email().as_slice()).await?;
        for _ in 0..RESET_LOOKS {
            let Some(old) = user.password_hash() else {
                let detail = "the account has no password that could be replaced";
                return Err(Error::Conflict { field: None, detail: detail.into() });
            };
            let event = AuditEvent::PasswordReset { user: id };
            if self.replace_hash(&user, old, &hash, self.audit.record_now(&event)).await? {
                return Ok(());
            }
            // It was changed, or its hash renewed, at the same time: this one holds.
            user = self.users.find(id).await?.ok_or(Error::NotFound)?;
        }
        Err(Error::backend(
            "resetting a password",
            "the store did not replace the hash that it had just given",
        ))
    }

    /// Puts a hash in the place of `old`, ends every session, also those that begin meanwhile, and forgets what others
    /// guessed at; `false` if `old` is not the user's any more. It is `recorded` once the password is another one.
    async fn replace_hash(
        &self,
        user: &U,
        old: &str,
        hash: &PasswordHash,
        recorded: impl Future<Output = Result<(), Error>>,
    ) -> Result<bool, Error> {
        let id = &user.id();
        self.sessions.revoke_user(id, RevokeReason::PasswordChanged).await?;
        if !self.users.set_password_hash(id, old, hash.clone()).await? {
            return Ok(false);
        }
        // What is to happen now happens, whichever of it fails.
        let revoked = self.sessions.revoke_user(id, RevokeReason::PasswordChanged).await;
        let recorded = recorded.await;
        if let Err(error) = self.forgive_owner(user).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "failed log-ins were not forgotten");
        }
        revoked?;
        recorded?;
        Ok(true)
    }

    async fn forgive_owner(&self, user: &U) -> Result<(), Error> {
        if let Some(email) = user.email() {
            self.forgive(email).await?;
        }
        Ok(self.attempts.forgive_user(&user.id()).await?)
    }

    pub(crate) async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<U>, Error> {
        Ok(self.admin()?.list(after, limit).await?)
    }

    /// Changes a user's role or activity, for `by`; the sessions of a user who is disabled end.
    pub(crate) async fn update(&self, id: &UserId, change: UserChange, by: &UserId) -> Result<U, Error> {
        let disabled = change.is_active == Some(false);
        let (role, is_active) = (change.role.as_ref().map(|role| role.as_str().to_owned()), change.is_active);
        if disabled {
            // Before as well: if the second one failed, a later enabling would bring the sessions back.
            self.sessions.revoke_user(id, RevokeReason::UserDisabled).await?;
        }
        let user = self.admin()?.update(id, change).await;
        // Also if it failed: the acknowledgement may have got lost.
        self.entries.forget_user(id);
        let user = match user? {
            UpdateUser::Updated(user) => user,
            UpdateUser::Unknown => return Err(Error::NotFound),
            UpdateUser::LastOne => return Err(Error::nobody_could_write_rules()),
        };
        // Neither waits for the other to succeed.
        let revoked =
            if disabled { self.sessions.revoke_user(id, RevokeReason::UserDisabled).await } else { Ok(0) };
        let event = AuditEvent::UserChanged { user: id, by, role, is_active };
        self.audit.record_now(&event).await?;
        revoked?;
        Ok(user)
    }
}

/// A log-in name as stores have it.
fn normalized(login: &str) -> String {
    login.trim().to_lowercase()
}

impl<U> std::fmt::Debug for AccountService<U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountService").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
