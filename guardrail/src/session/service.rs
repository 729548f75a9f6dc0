//! Fetches what the decisions on sessions need, and carries their outcomes out.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    RefreshKeys, RefreshToken,
    family::{self, Presented, Verdict},
    outcome::{Advanced, Begun, Breach, Denial, RefreshError},
};
use crate::{
    Clock, Error, SessionId, Sha256Digest, Unauthenticated, UserId,
    audit::{Audit, AuditEvent},
    config::SessionConfig,
    entries::{Entries, KnownSession},
    fingerprint::{Fingerprint, FingerprintCookies, PresentedFingerprints},
    metrics::TokenCache,
    storage::{
        ClientInfo, NewSession, RevokeReason, Rotation, SessionRecord, SessionStore, StoreError, in_bites,
    },
    token::{AccessTokens, Claims, IssuedToken, TokenError, VerifiedClaims},
};

/// How often a refresh looks again when others change its row at the same time. Each look means that another caller
/// got ahead; two are enough to meet the outcome of a race, the third is for one clock that is behind another.
const REFRESH_LOOKS: usize = 3;

/// Sessions and their tokens.
pub(crate) struct SessionService {
    store: Arc<dyn SessionStore>,
    tokens: AccessTokens,
    keys: RefreshKeys,
    clock: Arc<dyn Clock>,
    entries: Arc<Entries>,
    config: SessionConfig,
    audit: Audit,
}

impl SessionService {
    pub(crate) fn new(
        store: Arc<dyn SessionStore>,
        tokens: AccessTokens,
        keys: RefreshKeys,
        clock: Arc<dyn Clock>,
        entries: Arc<Entries>,
        config: SessionConfig,
        audit: Audit,
    ) -> Self {
        Self { store, tokens, keys, clock, entries, config, audit }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn keys(&self) -> &RefreshKeys {
        &self.keys
    }

    pub(crate) fn access_tokens(&self) -> &AccessTokens {
        &self.tokens
    }

    /// Begins a session for a user who has just proved who it is.
    pub(crate) async fn begin(&self, user: &UserId, client: ClientInfo) -> Result<Begun, Error> {
        let now = self.now();
        let id = SessionId::generate();
        let key = self.keys.current();
        let refresh_token = RefreshToken::begin(id, &key)?;
        let fingerprint = Fingerprint::generate()?;
        let absolute_expires_at = later(now, self.config.absolute_ttl);
        let expires_at = later(now, self.config.refresh_token_ttl).min(absolute_expires_at);
        let session = NewSession {
            id,
            user_id: user.clone(),
            fingerprint: fingerprint.digest(),
            token: refresh_token.digest(),
            key_id: key.id(),
            created_at: now,
            expires_at,
            absolute_expires_at,
            client,
        };
        for beyond in self.store.create(session, self.config.limit).await? {
            self.ended(beyond, Some(user), RevokeReason::SessionLimit);
        }
        Ok(Begun { id, refresh_token, fingerprint, expires_at })
    }

    /// A fresh access token for a session. It never outlives the session.
    pub(crate) fn access_token(
        &self,
        user: &UserId,
        role: &str,
        session: SessionId,
        fingerprint: &Sha256Digest,
        session_expires_at: DateTime<Utc>,
    ) -> Result<IssuedToken, Error> {
        let now = self.now();
        let exp = later(now, self.config.access_token_ttl).min(session_expires_at);
        let claims = Claims {
            iss: self.tokens.issuer().to_owned(),
            aud: self.tokens.audience().to_owned(),
            sub: user.clone(),
            sid: session,
            fgp: *fingerprint,
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: exp.timestamp(),
            jti: Uuid::now_v7(),
            role: (!role.is_empty()).then(|| role.to_owned()),
        };
        self.tokens.sign(&claims).map_err(|error| Error::backend("signing an access token", error))
    }

    /// What an access token says, if it holds and belongs to the device; and whether it was remembered. Whoever sends
    /// anything else costs no store anything.
    pub(crate) fn claims(
        &self,
        bearer: &str,
        fingerprints: &FingerprintCookies<'_>,
        now: DateTime<Utc>,
    ) -> Result<(Arc<VerifiedClaims>, TokenCache), Denial> {
        let (claims, cache) = self.tokens.verify(bearer, now).map_err(|error| match error {
            TokenError::Expired => Denial::refused(Unauthenticated::TokenExpired, "the token has expired"),
            error => {
                tracing::debug!(%error, "access token refused");
                Denial::refused(Unauthenticated::TokenInvalid, token_cause(error))
            }
        })?;
        if fingerprints.is_missing() {
            return Err(Denial::refused(Unauthenticated::FingerprintMissing, "the cookie is missing"));
        }
        if !fingerprints.hold(claims.fingerprint()) {
            return Err(Denial::ended("the cookie is of another device"));
        }
        Ok((claims, cache))
    }

    /// What the store says of a session, remembered for the next request.
    pub(crate) async fn read(
        &self,
        id: SessionId,
        claimed_by: Option<&UserId>,
        now: DateTime<Utc>,
    ) -> Result<KnownSession, StoreError> {
        let place = self.entries.session_place(id, now);
        let known = KnownSession::of(self.store.find(id).await?, claimed_by);
        place.remember(&known);
        Ok(known)
    }

    /// The refresh token that a client presents for refreshing, if it was made here.
    pub(crate) fn authentic(&self, token: &str) -> Result<RefreshToken, Error> {
        RefreshToken::parse(token, &self.keys)
            .map_err(|_| self.refused(None, "forged", Unauthenticated::TokenInvalid))
    }

    /// Which of these fingerprints is of a device that the user is signed in on, or was, until its row is swept. It
    /// takes as long for nobody.
    pub(crate) async fn device_of(
        &self,
        user: Option<&UserId>,
        fingerprints: &PresentedFingerprints,
    ) -> Result<Option<Sha256Digest>, StoreError> {
        let mut device = None;
        for fingerprint in fingerprints.iter() {
            let record = self.store.find_by_fingerprint(&fingerprint.digest()).await?;
            let known = record.filter(|record| {
                // Ended by its own user's use, or not at all. Whatever else ended it may have been against whoever has
                // the cookie.
                let fine = [RevokeReason::Logout, RevokeReason::Replaced];
                let revoked = record.revoked.map(|(_, reason)| reason);
                user == Some(&record.user_id) && revoked.is_none_or(|reason| fine.contains(&reason))
            });
            device = device.or(known.map(|record| record.fingerprint));
        }
        Ok(device)
    }

    /// The user whose session a refresh token belongs to; `None` if the session is over.
    pub(crate) async fn owner(&self, token: &RefreshToken) -> Result<Option<UserId>, Error> {
        let (id, now) = (token.session(), self.now());
        let known = match self.entries.session(id, now) {
            Some(known) => known,
            None => self.read(id, None, now).await?,
        };
        match known {
            KnownSession::Live { user, .. } => Ok(Some(user)),
            KnownSession::Ended(_) => Ok(None),
        }
    }

    /// Exchanges a refresh token: [`family`] says what for.
    ///
    /// Whoever hangs up ends this where it stands. Gone on with, it would come to look at the row after its client's
    /// next tries, and take its own token for one in other hands.
    pub(crate) async fn refresh(
        &self,
        token: &RefreshToken,
        fingerprints: &PresentedFingerprints,
    ) -> Result<Advanced, RefreshError> {
        // The common case is decided by the store's one step alone.
        let mut fingerprint = fingerprints.only().cloned();
        for _ in 0..REFRESH_LOOKS {
            if let Some(fingerprint) = fingerprint.take()
                && let Some(advanced) = self.advance(token, fingerprint).await?
            {
                return Ok(advanced);
            }
            let now = self.now();
            let Some(row) = self.store.find(token.session()).await? else {
                return Err(self
                    .refused(Some(token.session()), "unknown", Unauthenticated::TokenInvalid)
                    .into());
            };
            let successor = self.successor_of(token, &row);
            let presented = presented(token, successor.as_ref());
            let refused = |cause, told| self.refused_to(Some(&row.user_id), Some(row.id), cause, told).into();
            match family::judge(&row, &presented, fingerprints, now, self.config.grace) {
                Verdict::Current => fingerprint = fingerprints.matching(&row.fingerprint).cloned(),
                Verdict::Repeat => {
                    let fingerprint = fingerprints.matching(&row.fingerprint).cloned();
                    if let (Some(successor), Some(fingerprint)) = (successor, fingerprint) {
                        let generation = row.generation;
                        let (user, session) = (&row.user_id, row.id);
                        self.audit.record(&AuditEvent::RefreshRepeated { user, session, generation });
                        return Ok(Advanced {
                            record: row,
                            refresh_token: Some(successor),
                            fingerprint,
                            repeated: true,
                        });
                    }
                }
                Verdict::Reuse => return Err(RefreshError::Breach(Breach::of(row, RevokeReason::Reuse))),
                Verdict::Theft => return Err(RefreshError::Breach(Breach::of(row, RevokeReason::Theft))),
                Verdict::FingerprintsTooMany => {
                    return Err(refused("too many cookies", Unauthenticated::SessionEnded));
                }
                Verdict::FingerprintMissing => {
                    return Err(refused("no cookie", Unauthenticated::FingerprintMissing));
                }
                Verdict::Ended => {
                    return Err(refused("ended", Unauthenticated::SessionEnded));
                }
                Verdict::Forged => {
                    return Err(refused("not the stored token", Unauthenticated::TokenInvalid));
                }
            }
        }
        Err(Error::backend("refreshing", "the session changed faster than it could be read").into())
    }

    /// The store's step; `None` if the row is not as the token says.
    async fn advance(
        &self,
        token: &RefreshToken,
        fingerprint: Fingerprint,
    ) -> Result<Option<Advanced>, Error> {
        let now = self.now();
        let key = self.keys.current();
        let successor = token.successor(&key);
        let rotation = Rotation {
            id: token.session(),
            generation: token.generation(),
            token: token.digest(),
            fingerprint: fingerprint.digest(),
            now,
            next_token: successor.digest(),
            next_key_id: key.id(),
            expires_at: later(now, self.config.refresh_token_ttl),
        };
        let record = if self.config.rotation {
            self.store.rotate(&rotation).await?
        } else {
            self.store.extend(&rotation).await?
        };
        Ok(record.map(|record| {
            let (user, session, generation) = (&record.user_id, record.id, record.generation);
            self.audit.record(&AuditEvent::Refreshed { user, session, generation });
            let refresh_token = self.config.rotation.then_some(successor);
            Advanced { record, refresh_token, fingerprint, repeated: false }
        }))
    }

    /// The successor of `token` as it was made when the row was rotated.
    fn successor_of(&self, token: &RefreshToken, row: &SessionRecord) -> Option<RefreshToken> {
        self.keys.find(row.key_id).map(|key| token.successor(&key))
    }

    /// The error of a refresh that is refused. What was not made here is in the log only: anybody can send that.
    fn refused(&self, session: Option<SessionId>, cause: &'static str, told: Unauthenticated) -> Error {
        self.refused_to(None, session, cause, told)
    }

    fn refused_to(
        &self,
        user: Option<&UserId>,
        session: Option<SessionId>,
        cause: &'static str,
        told: Unauthenticated,
    ) -> Error {
        let event = AuditEvent::RefreshRefused { user, session, cause };
        match session {
            Some(_) => self.audit.record(&event),
            None => event.log(),
        }
        told.into()
    }

    /// Ends a family one of whose tokens is in other hands; the error to answer with.
    pub(crate) async fn end_breached(&self, breach: Breach) -> Error {
        let Breach { session, user, reason } = breach;
        if let Err(error) = self.revoke(session, Some(&user), reason).await {
            return error;
        }
        let cause = if reason == RevokeReason::Theft { "theft" } else { "reuse" };
        self.refused_to(Some(&user), Some(session), cause, Unauthenticated::SessionEnded)
    }

    /// Ends the session of a refresh token. A session that has ended already is fine; a token that is older than
    /// the parent is a reuse.
    pub(crate) async fn log_out(&self, token: &str) -> Result<(), Error> {
        let Ok(token) = RefreshToken::parse(token, &self.keys) else {
            return Err(self.refused(None, "forged, for logging out", Unauthenticated::TokenInvalid));
        };
        let Some(row) = self.store.find(token.session()).await? else {
            // It was ours, and its row is gone: expired and swept.
            return Ok(());
        };
        let successor = self.successor_of(&token, &row);
        match family::judge_logout(&row, &presented(&token, successor.as_ref()), self.now()) {
            Verdict::Ended => Ok(()),
            Verdict::Reuse => Err(self.end_breached(Breach::of(row, RevokeReason::Reuse)).await),
            Verdict::Forged => {
                let told = Unauthenticated::TokenInvalid;
                Err(self.refused_to(Some(&row.user_id), Some(row.id), "not the stored token", told))
            }
            _ => self.revoke(row.id, Some(&row.user_id), RevokeReason::Logout).await.map(|_| ()),
        }
    }

    /// Revokes a session, whose user is told where it is known; whether it was not revoked yet.
    pub(crate) async fn revoke(
        &self,
        id: SessionId,
        user: Option<&UserId>,
        reason: RevokeReason,
    ) -> Result<bool, Error> {
        let revoked = self.store.revoke(id, reason, self.now()).await;
        // Also if it failed: the acknowledgement may have got lost.
        self.entries.forget_session(id);
        let revoked = revoked?;
        if revoked {
            self.ended(id, user, reason);
        }
        Ok(revoked)
    }

    /// Takes note of a session that was revoked.
    fn ended(&self, session: SessionId, user: Option<&UserId>, reason: RevokeReason) {
        self.entries.forget_session(session);
        self.audit.record(&AuditEvent::Revoked { session, user, reason });
    }

    /// Revokes the sessions of a device that has just logged in again.
    pub(crate) async fn replace(&self, fingerprints: &PresentedFingerprints) -> Result<(), Error> {
        for fingerprint in fingerprints.iter() {
            let reason = RevokeReason::Replaced;
            let digest = fingerprint.digest();
            let replaced = self.store.revoke_by_fingerprint(&digest, reason, self.now()).await;
            if let Some(session) = self.sure(replaced)? {
                self.ended(session, None, reason);
            }
        }
        Ok(())
    }

    /// Revokes every session of a user; how many.
    pub(crate) async fn revoke_user(&self, user: &UserId, reason: RevokeReason) -> Result<usize, Error> {
        let revoked = self.sure(self.store.revoke_user(user, None, reason, self.now()).await)?;
        for id in &revoked {
            self.entries.forget_session(*id);
        }
        let count = revoked.len();
        if count > 0 {
            self.audit.record(&AuditEvent::SessionsRevoked { user, reason, count });
        }
        Ok(count)
    }

    /// The outcome of a revocation. If it failed, it may have happened all the same, and to which sessions is not
    /// known.
    fn sure<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if outcome.is_err() {
            self.entries.forget_everything();
        }
        outcome
    }

    pub(crate) async fn revoke_all(&self) -> Result<u64, Error> {
        let count = self.store.revoke_all(RevokeReason::Everything, self.now()).await;
        self.entries.forget_everything();
        let count = count?;
        self.audit.record_now(&AuditEvent::EverythingRevoked { count }).await?;
        Ok(count)
    }

    pub(crate) async fn find(&self, id: SessionId) -> Result<Option<SessionRecord>, Error> {
        Ok(self.store.find(id).await?)
    }

    pub(crate) async fn list(&self, user: &UserId) -> Result<Vec<SessionRecord>, Error> {
        Ok(self.store.list(user, self.now()).await?)
    }

    /// Deletes sessions that have ended a while ago, in bites; how many.
    pub(crate) async fn sweep(&self) -> Result<u64, Error> {
        /// For a day their tokens are told from forged ones, and a replay is told from an unknown token.
        const KEPT: chrono::TimeDelta = chrono::TimeDelta::days(1);
        let before = self.now() - KEPT;
        Ok(in_bites(|limit| self.store.delete_ended(before, limit)).await?)
    }
}

impl std::fmt::Debug for SessionService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionService").field("config", &self.config).finish_non_exhaustive()
    }
}

fn presented(token: &RefreshToken, successor: Option<&RefreshToken>) -> Presented {
    Presented {
        generation: token.generation(),
        digest: token.digest(),
        successor: successor.map(RefreshToken::digest),
    }
}

/// `time` and `by` later, or as late as the calendar goes.
fn later(time: DateTime<Utc>, by: chrono::TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn token_cause(error: TokenError) -> &'static str {
    match error {
        TokenError::Malformed(cause) => cause,
        TokenError::WrongType => "the token is of another type",
        TokenError::UnknownKey => "the token's key is not configured",
        TokenError::WrongAlgorithm => "the token's algorithm is not its key's",
        TokenError::BadSignature => "the token's signature does not hold",
        TokenError::WrongIssuer => "the token is of another issuer",
        TokenError::WrongAudience => "the token is for another audience",
        TokenError::Expired => "the token has expired",
        TokenError::NotYetValid => "the token is not valid yet",
    }
}
