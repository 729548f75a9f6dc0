//! What is revoked stays revoked, for the first reason.

use std::{collections::HashSet, sync::Arc};

use super::{
    LIFETIME, NO_LIMIT, RevokeReason, SessionId, SessionStore as _, SharedSessions, at, digest, found, race,
    reason, session, start, stored,
};

/// The first reason and time stay.
pub async fn the_first_revocation_stays(store: impl SharedSessions) {
    let new = stored(&store).await;
    assert!(store.revoke(new.id, RevokeReason::Reuse, at(1)).await.unwrap());
    assert!(!store.revoke(new.id, RevokeReason::Logout, at(2)).await.unwrap());
    let by_fingerprint = store.revoke_by_fingerprint(&new.fingerprint, RevokeReason::Replaced, at(3)).await;
    assert_eq!(by_fingerprint.unwrap(), None);
    assert_eq!(store.revoke_user(&new.user_id, None, RevokeReason::LogoutAll, at(4)).await.unwrap(), []);
    assert_eq!(store.revoke_all(RevokeReason::Everything, at(5)).await.unwrap(), 0);
    assert_eq!(found(&store, new.id).await.revoked, Some((at(1), RevokeReason::Reuse)));
}

/// Of fifty callers that revoke one session exactly one did, and its reason is the one that is kept.
pub async fn one_of_many_revocations_succeeds(store: impl SharedSessions) {
    let store = Arc::new(store);
    let new = stored(&*store).await;
    let reasons = [RevokeReason::Logout, RevokeReason::Theft, RevokeReason::Reuse, RevokeReason::Replaced];
    let outcomes = race(&store, 50, |store, task| {
        let reason = reasons[task % reasons.len()];
        async move { store.revoke(new.id, reason, at(1)).await.unwrap().then_some(reason) }
    })
    .await;
    let winners: Vec<_> = outcomes.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(reason(&*store, new.id).await, Some(winners[0]));
}

/// Revocation outranks expiry: an expired session is revoked like any other.
pub async fn an_expired_session_can_still_be_revoked(store: impl SharedSessions) {
    let new = stored(&store).await;
    assert!(store.revoke(new.id, RevokeReason::Reuse, at(LIFETIME + 1)).await.unwrap());
    assert_eq!(reason(&store, new.id).await, Some(RevokeReason::Reuse));
}

/// Log-in with a live cookie ends the session that has its fingerprint, and that one only.
pub async fn a_fingerprint_finds_the_session_to_revoke(store: impl SharedSessions) {
    let (first, second) = (stored(&store).await, stored(&store).await);
    let unknown = digest(first.id, "another fingerprint");
    let revoke =
        async |digest| store.revoke_by_fingerprint(digest, RevokeReason::Replaced, at(1)).await.unwrap();
    assert_eq!(revoke(&unknown).await, None);
    assert_eq!(revoke(&first.fingerprint).await, Some(first.id));
    assert_eq!(revoke(&first.fingerprint).await, None);
    assert_eq!(found(&store, first.id).await.revoked, Some((at(1), RevokeReason::Replaced)));
    assert_eq!(reason(&store, second.id).await, None);
}

/// Three sessions of ada's and one of bob's.
async fn four(store: &impl SharedSessions) -> [SessionId; 4] {
    let mut ids = Vec::new();
    for user in ["ada", "ada", "ada", "bob"] {
        let new = session(user, start());
        store.create(new.clone(), NO_LIMIT).await.unwrap();
        ids.push(new.id);
    }
    ids.try_into().unwrap()
}

/// Every session of a user ends, and no one else's.
pub async fn all_sessions_of_a_user_are_revoked(store: impl SharedSessions) {
    let [a, b, c, other] = four(&store).await;
    store.revoke(b, RevokeReason::Logout, at(1)).await.unwrap();
    let user = found(&store, a).await.user_id;
    let revoked = store.revoke_user(&user, None, RevokeReason::LogoutAll, at(2)).await.unwrap();
    assert_eq!(HashSet::from_iter(revoked), HashSet::from([a, c]));
    assert_eq!(found(&store, a).await.revoked, Some((at(2), RevokeReason::LogoutAll)));
    assert_eq!(reason(&store, b).await, Some(RevokeReason::Logout));
    assert_eq!(reason(&store, c).await, Some(RevokeReason::LogoutAll));
    assert_eq!(reason(&store, other).await, None);
}

/// The session that the caller keeps is left alone.
pub async fn all_sessions_but_one_are_revoked(store: impl SharedSessions) {
    let [a, b, c, other] = four(&store).await;
    let user = found(&store, a).await.user_id;
    let revoked = store.revoke_user(&user, Some(b), RevokeReason::PasswordChanged, at(2)).await.unwrap();
    assert_eq!(HashSet::from_iter(revoked), HashSet::from([a, c]));
    assert_eq!(reason(&store, b).await, None);
    // A session of somebody else's excepts nothing.
    let revoked = store.revoke_user(&user, Some(other), RevokeReason::LogoutAll, at(3)).await.unwrap();
    assert_eq!(revoked, [b]);
    assert_eq!(reason(&store, other).await, None);
}

/// Every session of everybody ends; those that had ended keep their reason.
pub async fn every_session_is_revoked(store: impl SharedSessions) {
    let [a, b, c, other] = four(&store).await;
    store.revoke(b, RevokeReason::Logout, at(1)).await.unwrap();
    assert_eq!(store.revoke_all(RevokeReason::Everything, at(2)).await.unwrap(), 3);
    for id in [a, c, other] {
        assert_eq!(found(&store, id).await.revoked, Some((at(2), RevokeReason::Everything)));
    }
    assert_eq!(reason(&store, b).await, Some(RevokeReason::Logout));
}

/// Revocations of many sessions that overlap wait for each other and count each session once.
pub async fn concurrent_revocations_count_each_session_once(store: impl SharedSessions) {
    const SESSIONS: u64 = 30;
    let store = Arc::new(store);
    for _ in 0..5 {
        let mut last = None;
        for second in 0..SESSIONS {
            let new = session("ada", at(i64::try_from(second).unwrap()));
            store.create(new.clone(), NO_LIMIT).await.unwrap();
            last = Some(new);
        }
        let last = last.unwrap();
        let counts = race(&store, 12, |store, task| {
            let last = last.clone();
            async move {
                let now = at(100);
                match task % 4 {
                    0 => store.revoke_all(RevokeReason::Everything, now).await.unwrap(),
                    1 => u64::from(store.revoke(last.id, RevokeReason::Logout, now).await.unwrap()),
                    2 => {
                        let fingerprint = &last.fingerprint;
                        let revoked =
                            store.revoke_by_fingerprint(fingerprint, RevokeReason::Replaced, now).await;
                        u64::from(revoked.unwrap().is_some())
                    }
                    _ => {
                        let revoked =
                            store.revoke_user(&last.user_id, None, RevokeReason::LogoutAll, now).await;
                        revoked.unwrap().len() as u64
                    }
                }
            }
        })
        .await;
        assert_eq!(counts.iter().sum::<u64>(), SESSIONS, "{counts:?}");
    }
}
