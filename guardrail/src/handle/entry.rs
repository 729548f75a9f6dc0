//! Getting in, staying in, and leaving.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::{
    AuthUser, Email, Error, Guardrail, NewUser, Principal, UserId, Username,
    fingerprint::PresentedFingerprints,
    metrics::{LogIn, Refresh},
    session::{Advanced, Begun, RefreshError},
    storage::ClientInfo,
    throttle::{Action, Network, Whose},
    token::IssuedToken,
};

impl<U: AuthUser> Guardrail<U> {
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

/// What a request tells of the device that it comes from.
#[derive(Debug, Default)]
pub(crate) struct Device {
    pub(crate) fingerprints: PresentedFingerprints,
    pub(crate) network: Option<Network>,
    pub(crate) client: ClientInfo,
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
    pub(crate) access: IssuedToken,
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
    pub(crate) access: IssuedToken,
    pub(crate) advanced: Advanced,
}
