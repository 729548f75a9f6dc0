//! What is stored reads back; what is dead is not listed, and deleted in the end.

use super::{
    ClientInfo, LIFETIME, NO_LIMIT, RevokeReason, SessionId, SessionRecord, SessionStore as _,
    SharedSessions, at, found, rotation, session, start, stored,
};

/// A session reads back as it was given, at generation 0, never rotated and not revoked.
pub async fn a_new_session_reads_back(store: impl SharedSessions) {
    let new = stored(&store).await;
    stored(&store).await;
    assert_eq!(found(&store, new.id).await, SessionRecord::begin(new));
}

/// No method invents a session.
pub async fn an_unknown_session_is_none(store: impl SharedSessions) {
    stored(&store).await;
    let unknown = session("eve", start());
    assert_eq!(store.find(unknown.id).await.unwrap(), None);
    assert_eq!(store.rotate(&rotation(&unknown, 0, at(1))).await.unwrap(), None);
    assert_eq!(store.extend(&rotation(&unknown, 0, at(1))).await.unwrap(), None);
    assert!(!store.revoke(unknown.id, RevokeReason::Logout, at(1)).await.unwrap());
    assert!(store.revoke_user(&unknown.user_id, None, RevokeReason::Logout, at(1)).await.unwrap().is_empty());
    assert!(store.list(&unknown.user_id, at(1)).await.unwrap().is_empty());
}

/// A session is found by its fingerprint, also when it is over, and by no other.
pub async fn a_session_is_found_by_its_fingerprint(store: impl SharedSessions) {
    let (ada, eve) = (stored(&store).await, session("eve", start()));
    let id = |found: Option<SessionRecord>| found.map(|record| record.id);
    assert_eq!(id(store.find_by_fingerprint(&ada.fingerprint).await.unwrap()), Some(ada.id));
    assert_eq!(id(store.find_by_fingerprint(&eve.fingerprint).await.unwrap()), None);
    assert_eq!(id(store.find_by_fingerprint(&ada.token).await.unwrap()), None);
    store.revoke(ada.id, RevokeReason::Logout, at(1)).await.unwrap();
    let record = store.find_by_fingerprint(&ada.fingerprint).await.unwrap().unwrap();
    assert_eq!(record, found(&store, ada.id).await);
}

/// Every time reads back equal: no store rounds one to milliseconds, or moves it to another time zone.
pub async fn times_read_back_to_the_microsecond(store: impl SharedSessions) {
    for micros in [0, 1, 10, 999, 1_000, 120_000, 999_999] {
        let begin = start() + chrono::TimeDelta::microseconds(micros);
        let new = session("ada", begin);
        store.create(new.clone(), NO_LIMIT).await.unwrap();
        let now = begin + chrono::TimeDelta::microseconds(1);
        let rotated = store.rotate(&rotation(&new, 0, now)).await.unwrap().unwrap();
        store.revoke(new.id, RevokeReason::Logout, now).await.unwrap();

        let record = found(&store, new.id).await;
        assert_eq!((record.created_at, record.absolute_expires_at), (begin, new.absolute_expires_at));
        assert_eq!((record.rotated_at, record.last_used_at), (Some(now), now));
        assert_eq!(record.expires_at, now + chrono::TimeDelta::seconds(LIFETIME));
        assert_eq!(record.revoked, Some((now, RevokeReason::Logout)));
        assert_eq!(SessionRecord { revoked: None, ..record }, rotated);
    }
}

/// Times compare as times, however many digits their fractions have.
pub async fn expiry_is_compared_to_the_microsecond(store: impl SharedSessions) {
    let second = at(0) - chrono::TimeDelta::microseconds(i64::from(at(0).timestamp_subsec_micros()));
    let micros = chrono::TimeDelta::microseconds;
    for (number, fraction) in (0_i64..).zip([0, 1, 10, 999, 1_000, 1_001, 120_000, 500_000, 999_000, 999_999])
    {
        let expiry = second + micros(fraction);
        let new = super::NewSession {
            created_at: second - chrono::TimeDelta::days(1),
            expires_at: expiry,
            ..session(&format!("user{number}"), start())
        };
        store.create(new.clone(), NO_LIMIT).await.unwrap();
        for before in [1, 10, 100, 1_000, 10_000, 100_000, 500_000] {
            let live = store.list(&new.user_id, expiry - micros(before)).await.unwrap();
            assert_eq!(live.len(), 1, "{before} µs before the expiry at {expiry}");
        }
        for after in [0, 1, 10, 100, 1_000, 10_000, 100_000, 500_000] {
            let live = store.list(&new.user_id, expiry + micros(after)).await.unwrap();
            assert!(live.is_empty(), "{after} µs after the expiry at {expiry}");
        }
    }
}

/// Address and user agent read back, whatever their text, and absent ones stay absent.
pub async fn client_information_reads_back(store: impl SharedSessions) {
    let texts =
        ["", "203.0.113.7", "2001:db8::7", "Ωmega/1.0 (ラップトップ; \u{1f512}) 'quoted' \"; --\\ %s $1 ?1"];
    for text in texts {
        for client in [
            ClientInfo { address: Some(text.to_owned()), user_agent: None },
            ClientInfo { address: None, user_agent: Some(text.repeat(2)) },
        ] {
            let new = super::NewSession { client, ..session("ada", start()) };
            store.create(new.clone(), NO_LIMIT).await.unwrap();
            assert_eq!(found(&store, new.id).await.client, new.client);
        }
    }
}

/// A fingerprint names one session: a second one with it is an error, and the first stays as it was.
pub async fn a_second_session_with_one_fingerprint_is_refused(store: impl SharedSessions) {
    let first = stored(&store).await;
    let second = super::NewSession { fingerprint: first.fingerprint, ..session("eve", start()) };
    assert!(store.create(second.clone(), NO_LIMIT).await.is_err());
    assert_eq!(store.find(second.id).await.unwrap(), None);
    assert_eq!(found(&store, first.id).await, SessionRecord::begin(first));
}

/// The list has a user's live sessions, the last used first, and nobody else's.
pub async fn the_list_has_live_sessions_last_used_first(store: impl SharedSessions) {
    let mut sessions = Vec::new();
    for begin in [at(0), at(10), at(20), at(30)] {
        let new = session("ada", begin);
        store.create(new.clone(), NO_LIMIT).await.unwrap();
        sessions.push(new);
    }
    store.create(session("bob", at(40)), NO_LIMIT).await.unwrap();
    let rotated = store.rotate(&rotation(&sessions[0], 0, at(50))).await.unwrap().unwrap();
    store.revoke(sessions[2].id, RevokeReason::Logout, at(50)).await.unwrap();

    let list = store.list(&sessions[0].user_id, at(60)).await.unwrap();
    let ids: Vec<SessionId> = list.iter().map(|session| session.id).collect();
    assert_eq!(ids, [sessions[0].id, sessions[3].id, sessions[1].id]);
    assert_eq!(list[0], rotated);

    // Expired from the very time of its expiry on.
    let list = store.list(&sessions[0].user_id, sessions[1].expires_at).await.unwrap();
    assert_eq!(list.iter().map(|session| session.id).collect::<Vec<_>>(), [sessions[0].id, sessions[3].id]);
}

/// Deletion takes what expired or was revoked before the given time, no more than the limit at a time.
pub async fn expired_sessions_are_deleted_up_to_the_limit(store: impl SharedSessions) {
    let mut ids = Vec::new();
    for begin in 0..7 {
        let new = session("ada", at(begin));
        store.create(new.clone(), NO_LIMIT).await.unwrap();
        ids.push(new.id);
    }
    store.revoke(ids[1], RevokeReason::Logout, at(8)).await.unwrap();
    store.revoke(ids[6], RevokeReason::Logout, at(LIFETIME + 5)).await.unwrap();

    // The second was revoked long before.
    assert_eq!(store.delete_ended(at(9), 10).await.unwrap(), 1);
    // Of the others the first five expired before; the sixth expires, and the last was revoked, at that very time.
    let before = at(LIFETIME + 5);
    assert_eq!(store.delete_ended(before, 0).await.unwrap(), 0);
    assert_eq!(store.delete_ended(before, 2).await.unwrap(), 2);
    assert_eq!(store.delete_ended(before, 2).await.unwrap(), 2);
    assert_eq!(store.delete_ended(before, 2).await.unwrap(), 0);
    for (number, id) in ids.into_iter().enumerate() {
        assert_eq!(store.find(id).await.unwrap().is_some(), number >= 5, "session {number}");
    }
}

/// A deleted session leaves nothing: no method finds it, and its fingerprint is free.
pub async fn a_deleted_session_is_gone(store: impl SharedSessions) {
    let old = stored(&store).await;
    assert_eq!(store.delete_ended(at(LONG_AFTER), 10).await.unwrap(), 1);
    assert_eq!(store.find(old.id).await.unwrap(), None);
    let by_fingerprint = store.revoke_by_fingerprint(&old.fingerprint, RevokeReason::Replaced, at(1)).await;
    assert_eq!(by_fingerprint.unwrap(), None);
    let again = super::NewSession { fingerprint: old.fingerprint, ..session("ada", at(LONG_AFTER)) };
    store.create(again.clone(), NO_LIMIT).await.unwrap();
    let ids: Vec<_> = store.list(&old.user_id, at(LONG_AFTER)).await.unwrap().iter().map(|s| s.id).collect();
    assert_eq!(ids, [again.id]);
}

/// A time at which a session of the start has long expired, in seconds.
const LONG_AFTER: i64 = 10 * LIFETIME;
