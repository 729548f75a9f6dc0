//! The cases of a [`FailureStore`].

use std::sync::Arc;

use super::{
    SharedFailures,
    fixture::{at, race},
};
use crate::{
    Sha256Digest,
    storage::{FailureStore, Failures},
};

fn key(name: &str) -> Sha256Digest {
    Sha256Digest::of(name.as_bytes())
}

/// A key without failures has none.
pub async fn a_new_key_has_no_failures(store: impl SharedFailures) {
    assert_eq!(store.failures(&key("ada")).await.unwrap(), None);
}

/// Each failure is counted, with the time of the last, under its own key.
pub async fn failures_are_counted_by_key(store: impl SharedFailures) {
    for second in [3, 1, 2] {
        store.count_failure(&key("ada"), at(second)).await.unwrap();
    }
    store.count_failure(&key("bob"), at(4)).await.unwrap();
    let ada = store.failures(&key("ada")).await.unwrap();
    assert_eq!(ada, Some(Failures { count: 3, last_at: at(2) }));
    let bob = store.failures(&key("bob")).await.unwrap();
    assert_eq!(bob, Some(Failures { count: 1, last_at: at(4) }));
}

/// What is forgotten counts from zero, and nothing else is.
pub async fn forgotten_failures_count_from_zero(store: impl SharedFailures) {
    for name in ["ada", "ada", "bob"] {
        store.count_failure(&key(name), at(0)).await.unwrap();
    }
    store.forget_failures(&key("ada")).await.unwrap();
    store.forget_failures(&key("nobody")).await.unwrap();
    assert_eq!(store.failures(&key("ada")).await.unwrap(), None);
    assert_eq!(store.failures(&key("bob")).await.unwrap().unwrap().count, 1);
    store.count_failure(&key("ada"), at(9)).await.unwrap();
    assert_eq!(store.failures(&key("ada")).await.unwrap(), Some(Failures { count: 1, last_at: at(9) }));
}

/// Of callers at the same time each is counted.
pub async fn concurrent_failures_are_all_counted(store: impl SharedFailures) {
    let store = Arc::new(store);
    race(&store, 20, |store, number| async move {
        let second = i64::try_from(number).unwrap();
        store.count_failure(&key("ada"), at(second)).await.unwrap();
    })
    .await;
    assert_eq!(store.failures(&key("ada")).await.unwrap().unwrap().count, 20);
}

/// Old counts are deleted, a few at a time, and the others stay.
pub async fn old_failures_are_deleted_up_to_the_limit(store: impl SharedFailures) {
    for second in 0..5 {
        store.count_failure(&key(&second.to_string()), at(second)).await.unwrap();
    }
    store.count_failure(&key("1"), at(1)).await.unwrap();
    let delete = async |most, limit| store.delete_failures(at(3), most, limit).await.unwrap();
    assert_eq!(delete(1, 1).await, 1);
    assert_eq!(delete(1, 5).await, 1);
    assert_eq!(delete(1, 5).await, 0, "the one of two failures stays");
    assert_eq!(delete(2, 5).await, 1);
    for second in 3..5 {
        assert!(store.failures(&key(&second.to_string())).await.unwrap().is_some());
    }
}
