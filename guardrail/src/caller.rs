//! Who a request is from.
//!
//! What is remembered of the session and its user decides at once; the stores are asked where nothing is.

use chrono::{DateTime, Utc};

use crate::{
    AuthUser, Guardrail, Principal,
    entries::{KnownSession, KnownUser},
    fingerprint::FingerprintCookies,
    metrics::SessionCache,
    session::Denial,
    storage::RevokeReason,
    token::VerifiedClaims,
};

impl<U: AuthUser> Guardrail<U> {
    /// The caller that a bearer token and the device's cookies stand for, or why they stand for nobody; `None` if a
    /// store has to be asked.
    pub(crate) fn recognise_at_once(
        &self,
        bearer: &str,
        fingerprints: &FingerprintCookies<'_>,
    ) -> Option<Result<Principal, Denial>> {
        let inner = self.inner();
        let now = inner.sessions.now();
        let claims = match inner.sessions.claims(bearer, fingerprints, now) {
            Ok((claims, cache)) => {
                inner.metrics.count(cache);
                claims
            }
            Err(denial) => return Some(Err(denial)),
        };
        let session = inner.entries.session(claims.session_id(), now)?;
        let recognised = match judge(&claims, &session, now) {
            Ok(()) => Ok(principal(&claims, inner.entries.user(claims.user_id(), now)?)),
            Err(denial) => Err(denial),
        };
        inner.metrics.count(SessionCache::Hit);
        Some(recognised)
    }

    /// The same, with the stores at hand.
    pub(crate) async fn recognise(
        &self,
        bearer: &str,
        fingerprints: &FingerprintCookies<'_>,
    ) -> Result<Principal, Denial> {
        let inner = self.inner();
        let now = inner.sessions.now();
        // Whether the token was remembered has been counted at once.
        let (claims, _) = inner.sessions.claims(bearer, fingerprints, now)?;
        inner.metrics.count(SessionCache::Miss);
        let session = if let Some(session) = inner.entries.session(claims.session_id(), now) {
            session
        } else {
            let (id, user) = (claims.session_id(), claims.user_id());
            inner.sessions.read(id, Some(user), now).await?
        };
        judge(&claims, &session, now)?;
        let user = match inner.entries.user(claims.user_id(), now) {
            Some(user) => Some(user),
            None => inner.accounts.read(claims.user_id(), now).await?,
        };
        let Some(user) = user else {
            // Perhaps it was disabled without Guardrail: enabling it again is not to bring its sessions back.
            self.end_all(claims.user_id().clone(), RevokeReason::UserDisabled).await?;
            return Err(Denial::ended("the user is disabled or does not exist"));
        };
        Ok(principal(&claims, user))
    }
}

/// Whether the session is live, and the token's.
fn judge(claims: &VerifiedClaims, session: &KnownSession, now: DateTime<Utc>) -> Result<(), Denial> {
    match session {
        KnownSession::Ended(cause) => Err(Denial::ended(cause)),
        KnownSession::Live { expires_at, .. } if *expires_at <= now => {
            Err(Denial::ended("the session has expired"))
        }
        KnownSession::Live { user, fingerprint, .. }
            if user != claims.user_id() || fingerprint != claims.fingerprint() =>
        {
            Err(Denial::ended("the token is not of its session"))
        }
        KnownSession::Live { .. } => Ok(()),
    }
}

fn principal(claims: &VerifiedClaims, user: KnownUser) -> Principal {
    Principal::new(user.id, claims.session_id(), user.role)
}
