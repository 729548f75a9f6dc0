//! One token, one rotation.

use std::sync::Arc;

use super::{
    ABSOLUTE_LIFETIME, LIFETIME, NO_LIMIT, NewSession, RevokeReason, Rotation, SessionRecord,
    SessionStore as _, SharedSessions, at, digest, found, key, race, reason, rotation, session, start,
    stored,
};

/// A rotation moves generation, token, key, times and expiry, and nothing else.
pub async fn rotation_replaces_the_token(store: impl SharedSessions) {
    let new = stored(&store).await;
    let rotated = store.rotate(&rotation(&new, 0, at(10))).await.unwrap().unwrap();
    let expected = SessionRecord {
        generation: 1,
        token: digest(new.id, "token 1"),
        key_id: key(1),
        rotated_at: Some(at(10)),
        last_used_at: at(10),
        expires_at: at(10 + LIFETIME),
        ..SessionRecord::begin(new.clone())
    };
    assert_eq!(rotated, expected);
    assert_eq!(found(&store, new.id).await, expected);

    let again = store.rotate(&rotation(&new, 1, at(20))).await.unwrap().unwrap();
    assert_eq!((again.generation, again.rotated_at), (2, Some(at(20))));
}

/// Generation, token and fingerprint are compared, each of them.
pub async fn rotation_with_anything_else_than_the_current_state_changes_nothing(store: impl SharedSessions) {
    let (new, other) = (stored(&store).await, stored(&store).await);
    store.rotate(&rotation(&new, 0, at(1))).await.unwrap().unwrap();
    let before = found(&store, new.id).await;
    for wrong in wrong_rotations(&new, &other) {
        assert_eq!(store.rotate(&wrong).await.unwrap(), None, "{wrong:?}");
    }
    assert_eq!(found(&store, new.id).await, before);
    assert!(store.rotate(&rotation(&new, 1, at(2))).await.unwrap().is_some(), "the right one still works");
}

/// The rotation of generation 1, each with one thing wrong.
fn wrong_rotations(session: &NewSession, other: &NewSession) -> Vec<Rotation> {
    let right = rotation(session, 1, at(2));
    vec![
        Rotation { generation: 0, ..right.clone() },
        Rotation { generation: 2, ..right.clone() },
        Rotation { generation: u64::MAX, ..right.clone() },
        Rotation { token: digest(session.id, "token 0"), ..right.clone() },
        Rotation { token: digest(session.id, "token 2"), ..right.clone() },
        Rotation { fingerprint: other.fingerprint, ..right.clone() },
        Rotation { id: other.id, ..right },
    ]
}

/// A session is live until its expiry, and not at it.
pub async fn rotation_at_or_after_expiry_changes_nothing(store: impl SharedSessions) {
    let new = stored(&store).await;
    let before = found(&store, new.id).await;
    for now in [at(LIFETIME), at(LIFETIME + 1), at(ABSOLUTE_LIFETIME + 1)] {
        assert_eq!(store.rotate(&rotation(&new, 0, now)).await.unwrap(), None);
    }
    assert_eq!(found(&store, new.id).await, before);
    let last_moment = at(LIFETIME) - chrono::TimeDelta::microseconds(1);
    assert!(store.rotate(&rotation(&new, 0, last_moment)).await.unwrap().is_some());
}

/// Use extends a session up to its absolute expiry, and not beyond.
pub async fn the_expiry_never_passes_the_absolute_one(store: impl SharedSessions) {
    let new = NewSession { absolute_expires_at: at(LIFETIME + 500), ..session("ada", start()) };
    store.create(new.clone(), NO_LIMIT).await.unwrap();
    let expiry = |record: Option<SessionRecord>| record.unwrap().expires_at;
    assert_eq!(expiry(store.rotate(&rotation(&new, 0, at(499))).await.unwrap()), at(LIFETIME + 499));
    assert_eq!(expiry(store.rotate(&rotation(&new, 1, at(501))).await.unwrap()), at(LIFETIME + 500));
    assert_eq!(expiry(store.extend(&rotation(&new, 2, at(502))).await.unwrap()), at(LIFETIME + 500));
    assert_eq!(store.rotate(&rotation(&new, 2, at(LIFETIME + 500))).await.unwrap(), None);
}

/// A token rotates once.
pub async fn a_replaced_token_rotates_no_more(store: impl SharedSessions) {
    let new = stored(&store).await;
    store.rotate(&rotation(&new, 0, at(1))).await.unwrap().unwrap();
    assert_eq!(store.rotate(&rotation(&new, 0, at(1))).await.unwrap(), None);
    assert_eq!(found(&store, new.id).await.generation, 1);
}

/// Of a hundred callers with one token exactly one gets the session, twenty times in a row.
pub async fn one_of_many_rotations_of_one_token_succeeds(store: impl SharedSessions) {
    let store = Arc::new(store);
    let new = stored(&*store).await;
    for generation in 0..20 {
        let rotation = rotation(&new, generation, at(1));
        let outcomes = race(&store, 100, |store, _| {
            let rotation = rotation.clone();
            async move { store.rotate(&rotation).await.unwrap() }
        })
        .await;
        let winners: Vec<_> = outcomes.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "at generation {generation}");
        assert_eq!(winners[0], found(&*store, new.id).await);
        assert_eq!(winners[0].generation, generation + 1);
    }
}

/// However a rotation and a revocation meet, the session is revoked in the end and its newest token rotates no more.
pub async fn no_rotation_survives_a_concurrent_revocation(store: impl SharedSessions) {
    let store = Arc::new(store);
    for round in 0..50 {
        let new = stored(&*store).await;
        let both = race(&store, 2, |store, task| {
            let new = new.clone();
            async move {
                if task == round % 2 {
                    store.rotate(&rotation(&new, 0, at(1))).await.unwrap().is_some()
                } else {
                    store.revoke(new.id, RevokeReason::Theft, at(1)).await.unwrap()
                }
            }
        })
        .await;
        assert!(both[1 - round % 2], "the revocation was the first");
        assert_eq!(reason(&*store, new.id).await, Some(RevokeReason::Theft));
        for generation in [0, 1] {
            assert_eq!(store.rotate(&rotation(&new, generation, at(1))).await.unwrap(), None);
        }
    }
}

/// Revocation ends a session for good, also for the token that is current.
pub async fn a_revoked_session_rotates_no_more(store: impl SharedSessions) {
    let new = stored(&store).await;
    assert!(store.revoke(new.id, RevokeReason::Logout, at(1)).await.unwrap());
    let before = found(&store, new.id).await;
    // Also for a caller whose clock is behind the revocation's.
    for now in [at(0), at(1), at(2)] {
        assert_eq!(store.rotate(&rotation(&new, 0, now)).await.unwrap(), None);
        assert_eq!(store.extend(&rotation(&new, 0, now)).await.unwrap(), None);
    }
    assert_eq!(found(&store, new.id).await, before);
}

/// Extension moves expiry and last use, and leaves the token to be used again.
pub async fn extension_leaves_token_and_rotation_time(store: impl SharedSessions) {
    let new = stored(&store).await;
    store.rotate(&rotation(&new, 0, at(10))).await.unwrap().unwrap();
    for seconds in [20, 30] {
        let extended = store.extend(&rotation(&new, 1, at(seconds))).await.unwrap().unwrap();
        let expected = SessionRecord {
            generation: 1,
            token: digest(new.id, "token 1"),
            key_id: key(1),
            rotated_at: Some(at(10)),
            last_used_at: at(seconds),
            expires_at: at(seconds + LIFETIME),
            ..SessionRecord::begin(new.clone())
        };
        assert_eq!(extended, expected);
        assert_eq!(found(&store, new.id).await, expected);
    }
}

/// Extension compares what rotation compares.
pub async fn extension_checks_what_rotation_checks(store: impl SharedSessions) {
    let (new, other) = (stored(&store).await, stored(&store).await);
    store.rotate(&rotation(&new, 0, at(1))).await.unwrap().unwrap();
    let before = found(&store, new.id).await;
    let late = rotation(&new, 1, before.expires_at);
    for wrong in wrong_rotations(&new, &other).iter().chain([&late]) {
        assert_eq!(store.extend(wrong).await.unwrap(), None, "{wrong:?}");
    }
    assert_eq!(found(&store, new.id).await, before);
}
