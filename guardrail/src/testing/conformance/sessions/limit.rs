//! Few enough sessions a user.

use std::{collections::HashSet, sync::Arc};

use super::{
    LIFETIME, NO_LIMIT, RevokeReason, SessionId, SessionStore as _, SharedSessions, at, found, race, reason,
    rotation, session, start,
};

/// A session beyond the limit ends the user's oldest, used or not, and nobody else's.
pub async fn the_oldest_sessions_give_way_to_the_limit(store: impl SharedSessions) {
    let other = session("bob", start());
    store.create(other.clone(), 3).await.unwrap();
    let mut sessions = Vec::new();
    for second in 1..=5 {
        let new = session("ada", at(second));
        store.create(new.clone(), 3).await.unwrap();
        if second == 1 {
            store.rotate(&rotation(&new, 0, at(2))).await.unwrap().unwrap();
        }
        sessions.push(new.id);
    }
    assert_eq!(found(&store, sessions[0]).await.revoked, Some((at(4), RevokeReason::SessionLimit)));
    assert_eq!(found(&store, sessions[1]).await.revoked, Some((at(5), RevokeReason::SessionLimit)));
    for id in [sessions[2], sessions[3], sessions[4], other.id] {
        assert_eq!(reason(&store, id).await, None);
    }
}

/// What is revoked or expired takes no place.
pub async fn dead_sessions_do_not_count_to_the_limit(store: impl SharedSessions) {
    let (expired, revoked, live) = (session("ada", at(0)), session("ada", at(10)), session("ada", at(20)));
    for new in [&expired, &revoked, &live] {
        store.create(new.clone(), 3).await.unwrap();
    }
    store.revoke(revoked.id, RevokeReason::Logout, at(30)).await.unwrap();
    let newest = session("ada", at(LIFETIME));
    store.create(newest.clone(), 2).await.unwrap();
    for id in [expired.id, live.id, newest.id] {
        assert_eq!(reason(&store, id).await, None);
    }
    assert_eq!(reason(&store, revoked.id).await, Some(RevokeReason::Logout));
}

/// Log-ins at the same time leave no more than the limit, and the newest of them.
pub async fn concurrent_log_ins_stay_within_the_limit(store: impl SharedSessions) {
    const LIMIT: usize = 5;
    let store = Arc::new(store);
    for round in 0..5 {
        let created = race(&store, 40, |store, task| async move {
            let new = session("ada", at(round * 100 + i64::try_from(task).unwrap()));
            store.create(new.clone(), LIMIT).await.unwrap();
            (new.created_at, new.id)
        })
        .await;
        let user = found(&*store, created[0].1).await.user_id;
        let live: HashSet<SessionId> =
            store.list(&user, at(500)).await.unwrap().iter().map(|session| session.id).collect();
        let mut newest_first = created;
        newest_first.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(live, newest_first.iter().take(LIMIT).map(|(_, id)| *id).collect());
    }
}

/// Log-ins that end old sessions, and revocations of the same sessions, wait for each other: none of them fails.
pub async fn log_ins_beside_revocations_all_succeed(store: impl SharedSessions) {
    const LIMIT: usize = 3;
    let store = Arc::new(store);
    let user = session("ada", start()).user_id;
    for round in 0..20 {
        let begin = round * 40;
        for second in 0..20 {
            store.create(session("ada", at(begin + second)), NO_LIMIT).await.unwrap();
        }
        race(&store, 12, |store, task| {
            let user = user.clone();
            async move {
                let now = at(begin + 20 + i64::try_from(task).unwrap());
                match task % 4 {
                    0 => {
                        store.revoke_all(RevokeReason::Everything, now).await.unwrap();
                    }
                    1 => {
                        store.revoke_user(&user, None, RevokeReason::LogoutAll, now).await.unwrap();
                    }
                    _ => drop(store.create(session("ada", now), LIMIT).await.unwrap()),
                }
            }
        })
        .await;
        let live = store.list(&user, at(begin + 39)).await.unwrap();
        assert!(live.len() <= LIMIT, "{} sessions", live.len());
    }
}
