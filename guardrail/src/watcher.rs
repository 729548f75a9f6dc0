//! Follows what other nodes change.
//!
//! The store's feed tells of it within moments. It can fail, and then nothing is wrong for longer than a setting says:
//! entries are believed for `session_cache_ttl`, and the revision of the rules is looked at every
//! `policy_poll_interval`.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{
    entries::Entries,
    policy::PolicyEngine,
    storage::{Change, ChangeFeed, ChangeListener},
};

/// Changes of rules that come this close together are read together.
const TOGETHER: Duration = Duration::from_millis(10);
/// How soon a lost feed is followed again at first, and at the latest.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// What follows changes for one node.
pub(crate) struct Watcher {
    entries: Arc<Entries>,
    policies: Arc<PolicyEngine>,
    rules_moved: Notify,
}

impl Watcher {
    pub(crate) fn new(entries: Arc<Entries>, policies: Arc<PolicyEngine>) -> Self {
        Self { entries, policies, rules_moved: Notify::new() }
    }

    /// Follows the feed, and follows it again whenever it is lost.
    pub(crate) async fn follow(self: Arc<Self>, feed: Arc<dyn ChangeFeed>) {
        let listener = Listener { watcher: self, heard: std::sync::atomic::AtomicBool::new(false) };
        let (mut pause, longest) = RETRY;
        loop {
            let error = feed.follow(&listener).await;
            if listener.take_heard() {
                pause = RETRY.0;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "changes of other nodes are not heard of at present; they are in effect here a little later"
                );
            } else {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "still nothing is heard of other nodes"
                );
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Reads the rules again whenever they have moved, as far as anybody tells, and looks every `period` itself.
    pub(crate) async fn watch_rules(self: Arc<Self>, period: Duration) {
        let mut failed = false;
        loop {
            let told = tokio::time::timeout(period, self.rules_moved.notified()).await.is_ok();
            if told {
                tokio::time::sleep(TOGETHER).await;
            }
            let caught_up = self.policies.catch_up(told).await;
            match &caught_up {
                Ok(true) => tracing::info!(rules = self.policies.len(), "the rules were changed elsewhere"),
                // Once an outage: the next look is a moment away.
                Err(error) if !failed => tracing::error!(
                    error = error as &dyn std::error::Error,
                    "whether the rules were changed elsewhere is not known; those of before decide"
                ),
                _ => {}
            }
            failed = caught_up.is_err();
        }
    }
}

struct Listener {
    watcher: Arc<Watcher>,
    /// Whether the feed has begun since it was last lost.
    heard: std::sync::atomic::AtomicBool,
}

impl Listener {
    fn take_heard(&self) -> bool {
        self.heard.swap(false, std::sync::atomic::Ordering::Relaxed)
    }
}

impl ChangeListener for Listener {
    fn listening(&self) {
        // What was missed is not known. From here on nothing is, so that what is read now stays right.
        self.watcher.entries.forget_everything();
        self.watcher.rules_moved.notify_one();
        if !self.heard.swap(true, std::sync::atomic::Ordering::Relaxed) {
            tracing::debug!("changes of other nodes are heard of");
        }
    }

    fn changed(&self, change: Change) {
        match change {
            Change::Policies => self.watcher.rules_moved.notify_one(),
            Change::Session(id) => self.watcher.entries.forget_session(id),
            Change::User(id) => self.watcher.entries.forget_user(&id),
            Change::Everything => self.watcher.entries.forget_everything(),
        }
    }
}
