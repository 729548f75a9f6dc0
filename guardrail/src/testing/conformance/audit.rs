//! The cases of an [`AuditStore`].

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::{
    SharedAudit,
    fixture::{at, race},
};
use crate::storage::{AuditFilter, AuditRecord, AuditStore};

fn event(number: i64, event: &str, user: Option<&str>, by: Option<&str>) -> AuditRecord {
    AuditRecord {
        id: Uuid::from_u128(u128::try_from(number).unwrap()),
        at: at(number),
        event: event.to_owned(),
        user: user.map(|user| user.parse().unwrap()),
        session: (number % 2 == 0).then(|| Uuid::from_u128(7).into()),
        by: by.map(|by| by.parse().unwrap()),
        detail: json!({ "cause": "line\nbreak, \"quotes\" and ünïcode" }),
    }
}

async fn all(store: &impl SharedAudit) -> Vec<AuditRecord> {
    store.events(&AuditFilter::default(), 1_000).await.unwrap()
}

/// What is written reads back, the newest first, and no more of it than is asked for.
pub async fn events_read_back_newest_first(store: impl SharedAudit) {
    assert_eq!(all(&store).await, []);
    let events: Vec<_> = (1..=5).map(|number| event(number, "log_in", Some("ada"), None)).collect();
    store.append(&events[..2]).await.unwrap();
    store.append(&events[2..]).await.unwrap();
    store.append(&[]).await.unwrap();
    let newest: Vec<_> = events.iter().rev().cloned().collect();
    assert_eq!(all(&store).await, newest);
    assert_eq!(store.events(&AuditFilter::default(), 2).await.unwrap(), newest[..2]);
    let before = AuditFilter { before: Some(newest[1].id), ..AuditFilter::default() };
    assert_eq!(store.events(&before, 2).await.unwrap(), newest[2..4]);
}

/// Events are found by name, and by whom they happened to or who did it.
pub async fn events_are_found_by_name_and_user(store: impl SharedAudit) {
    let events = [
        event(1, "log_in", Some("ada"), None),
        event(2, "user_changed", Some("bob"), Some("ada")),
        event(3, "log_in", Some("bob"), None),
        event(4, "policies_changed", None, None),
    ];
    store.append(&events).await.unwrap();
    let find = async |event: Option<&str>, user: Option<&str>| -> Vec<u128> {
        let filter = AuditFilter {
            event: event.map(str::to_owned),
            user: user.map(|user| user.parse().unwrap()),
            before: None,
        };
        let found = store.events(&filter, 10).await.unwrap();
        found.iter().map(|event| event.id.as_u128()).collect()
    };
    assert_eq!(find(Some("log_in"), None).await, [3, 1]);
    assert_eq!(find(None, Some("ada")).await, [2, 1]);
    assert_eq!(find(Some("log_in"), Some("ada")).await, [1]);
    assert_eq!(find(Some("' OR 1=1 --"), None).await, []);
}

/// An event that is sent again, after an acknowledgement that got lost, is there once.
pub async fn an_event_is_kept_once(store: impl SharedAudit) {
    let events = [event(1, "log_in", Some("ada"), None), event(2, "log_in", Some("bob"), None)];
    store.append(&events[..1]).await.unwrap();
    store.append(&events).await.unwrap();
    assert_eq!(all(&store).await.len(), 2);
}

/// Writers at the same time lose nothing.
pub async fn concurrent_events_are_all_kept(store: impl SharedAudit) {
    let store = Arc::new(store);
    race(&store, 20, |store, number| async move {
        let first = i64::try_from(number).unwrap() * 10;
        let events: Vec<_> = (first..first + 10).map(|n| event(n + 1, "log_in", None, None)).collect();
        store.append(&events).await.unwrap();
    })
    .await;
    assert_eq!(store.events(&AuditFilter::default(), 1_000).await.unwrap().len(), 200);
}

/// Old events are deleted, a few at a time, and the others stay.
pub async fn old_events_are_deleted_up_to_the_limit(store: impl SharedAudit) {
    let events: Vec<_> = (1..=5).map(|number| event(number, "log_in", None, None)).collect();
    store.append(&events).await.unwrap();
    let delete = async |limit| store.delete_events(at(4), limit).await.unwrap();
    assert_eq!((delete(2).await, delete(2).await, delete(2).await), (2, 1, 0));
    let left: Vec<_> = all(&store).await.iter().map(|event| event.id.as_u128()).collect();
    assert_eq!(left, [5, 4]);
}
