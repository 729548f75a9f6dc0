//! Guessing passwords: failures in a row are counted, and after a few of them each further attempt has to wait.
//!
//! They are counted twice: for the account from one network, where a few are enough to make whoever guesses there
//! wait, and for the account from everywhere, where it takes many. An account is the name that it is asked for by: what
//! is counted under says nothing of whether it exists. A device that the account has signed in on, told by its cookie,
//! is counted by itself, and all of them together: whoever guesses from elsewhere does not keep its owner out.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use smallvec::{SmallVec, smallvec};

use super::Network;
use crate::{
    Clock, Error, Sha256Digest, UserId,
    audit::AuditEvent,
    secret::Secret32,
    storage::{FailureStore, Failures, StoreError, in_bites},
};

/// So many failures in a row from one network are slips.
const FREE: u32 = 5;
/// And so many from everywhere, before everybody has to wait.
const FREE_EVERYWHERE: u32 = 50;
/// From so many on (NIST SP 800-63B-4 §3.2.2: at most 100), one attempt a day is left.
const MOST: u32 = 100;
/// The longest wait before that.
const LONGEST: Duration = Duration::from_mins(15);
const DAY: Duration = Duration::from_hours(24);
/// After so long without another failure they are forgotten, a few of them sooner: anybody can make up names.
const KEPT: TimeDelta = TimeDelta::days(30);
const FEW_KEPT: TimeDelta = TimeDelta::days(1);

/// What is being guessed at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attempted<'a> {
    /// A log-in by this name, normalized, from a device that is not known. Where no network is known, those of
    /// everybody are not counted together: a few would keep all waiting.
    LogIn { login: &'a str, network: Option<Network> },
    /// A log-in from a device that the user is signed in on, or was: the digest of its fingerprint.
    FromDevice { user: &'a UserId, device: &'a Sha256Digest },
    /// The current password of somebody who is signed in.
    Change(&'a UserId),
}

/// The counting.
pub(crate) struct Attempts {
    store: Arc<dyn FailureStore>,
    key: Secret32,
    clock: Arc<dyn Clock>,
    /// How many are under way. At once they all see the same count, so those that have used up what is free are made
    /// one at a time, and never so many that they could fail more often than is left.
    under_way: Mutex<HashMap<[u8; 32], u32>>,
}

/// An attempt under way.
pub(crate) struct Attempt {
    attempts: Arc<Attempts>,
    keys: SmallVec<[Counted; 2]>,
}

struct Counted {
    key: Sha256Digest,
    before: u32,
}

impl Attempts {
    pub(crate) fn new(store: Arc<dyn FailureStore>, key: Secret32, clock: Arc<dyn Clock>) -> Self {
        Self { store, key, clock, under_way: Mutex::default() }
    }

    /// Begins an attempt, unless it comes too soon after others that failed.
    pub(crate) async fn begin(self: &Arc<Self>, attempted: Attempted<'_>) -> Result<Attempt, Error> {
        let mut attempt = Attempt { attempts: Arc::clone(self), keys: SmallVec::new() };
        for (key, free) in self.keys(attempted) {
            // Entered before the count is read: of two at once, one knows of the other.
            let under_way = self.enter(&key);
            attempt.keys.push(Counted { key, before: 0 });
            let failures = self.store.failures(&key).await?;
            let before = failures.map_or(0, |failures| failures.count);
            if let Some(retry_after) = failures.and_then(|failures| wait(failures, free, self.clock.now())) {
                return Err(refused(retry_after));
            }
            if under_way > free.saturating_sub(before).max(1) {
                return Err(refused(Duration::from_secs(1)));
            }
            if let Some(counted) = attempt.keys.last_mut() {
                counted.before = before;
            }
        }
        Ok(attempt)
    }

    /// How many are under way on this node, this one included.
    fn enter(&self, key: &Sha256Digest) -> u32 {
        let mut under_way = self.under_way.lock();
        let count = under_way.entry(*key.as_bytes()).or_default();
        *count += 1;
        *count
    }

    fn leave(&self, key: &Sha256Digest) {
        let mut under_way = self.under_way.lock();
        if let Some(taken) = under_way.get_mut(key.as_bytes()) {
            *taken -= 1;
            if *taken == 0 {
                under_way.remove(key.as_bytes());
            }
        }
    }

    /// Forgets what has failed at an account from everywhere.
    pub(crate) async fn forgive(&self, login: &str) -> Result<(), StoreError> {
        self.store.forget_failures(&self.mac(&["everywhere", login])).await
    }

    /// Forgets what has failed by a user: on its devices together, and over its current password. What failed on one
    /// device or from one network stays: which they were is not known.
    pub(crate) async fn forgive_user(&self, user: &UserId) -> Result<(), StoreError> {
        for place in ["devices", "change"] {
            self.store.forget_failures(&self.mac(&[place, user.as_str()])).await?;
        }
        Ok(())
    }

    /// Deletes counts that are long past, in bites; how many.
    pub(crate) async fn sweep(&self) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for (kept, most) in [(KEPT, u32::MAX), (FEW_KEPT, 1)] {
            let before = self.clock.now() - kept;
            deleted += in_bites(|limit| self.store.delete_failures(before, most, limit)).await?;
        }
        Ok(deleted)
    }

    /// What it is counted under, and how many are free there.
    fn keys(&self, attempted: Attempted<'_>) -> SmallVec<[(Sha256Digest, u32); 2]> {
        match attempted {
            Attempted::LogIn { login, network } => {
                let here = network.map(|network| (self.mac(&["from", &network.to_string(), login]), FREE));
                here.into_iter().chain([(self.mac(&["everywhere", login]), FREE_EVERYWHERE)]).collect()
            }
            Attempted::FromDevice { user, device } => {
                let digest = self.key.hmac(&[b"device", device.as_bytes()]);
                let all = self.mac(&["devices", user.as_str()]);
                smallvec![(Sha256Digest::from_mac(&digest), FREE), (all, FREE_EVERYWHERE)]
            }
            Attempted::Change(user) => smallvec![(self.mac(&["change", user.as_str()]), FREE)],
        }
    }

    /// What a store keeps in place of a name: people type passwords into the wrong field. No part but the last holds
    /// a NUL.
    fn mac(&self, parts: &[&str]) -> Sha256Digest {
        let parts = parts.join("\0");
        Sha256Digest::from_mac(&self.key.hmac(&[parts.as_bytes()]))
    }
}

impl Attempt {
    /// It was wrong.
    pub(crate) async fn failed(self) -> Result<(), StoreError> {
        let Attempts { store, clock, .. } = &*self.attempts;
        for Counted { key, .. } in &self.keys {
            store.count_failure(key, clock.now()).await?;
        }
        Ok(())
    }

    /// It was right: failures are in a row no more.
    pub(crate) async fn succeeded(self) -> Result<(), StoreError> {
        for Counted { key, .. } in self.keys.iter().filter(|counted| counted.before > 0) {
            self.attempts.store.forget_failures(key).await?;
        }
        Ok(())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        for Counted { key, .. } in &self.keys {
            self.attempts.leave(key);
        }
    }
}

impl std::fmt::Debug for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempts").finish_non_exhaustive()
    }
}

fn refused(retry_after: Duration) -> Error {
    AuditEvent::Throttled { action: "password", by: "failures" }.log();
    Error::TooManyRequests { retry_after }
}

/// How long it is until the next attempt where `free` cost nothing; `None` if that is now.
///
/// A clock that differs between nodes, or was set back, makes a wait shorter at worst: the distance in time counts,
/// in either direction.
fn wait(failures: Failures, free: u32, now: DateTime<Utc>) -> Option<Duration> {
    let whole = match failures.count {
        count if count < free => return None,
        MOST.. => DAY,
        count => Duration::from_secs(1 << (count - free).min(20)).min(LONGEST),
    };
    let since = (now - failures.last_at).abs().to_std().unwrap_or(Duration::MAX);
    whole.checked_sub(since).filter(|rest| !rest.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{storage::MemoryStore, testing::ManualClock};
    use proptest::prelude::*;

    fn attempts(clock: &ManualClock) -> Arc<Attempts> {
        let store = Arc::new(MemoryStore::new());
        let key = Secret32::derive(b"of the tests", b"attempts");
        Arc::new(Attempts::new(store, key, Arc::new(clock.clone())))
    }

    fn at(login: &str, network: u32) -> Attempted<'_> {
        let address = std::net::Ipv4Addr::from(network).into();
        Attempted::LogIn { login, network: Some(Network::of(address)) }
    }

    async fn fail(attempts: &Arc<Attempts>, attempted: Attempted<'_>) -> Option<Duration> {
        match attempts.begin(attempted).await {
            Ok(attempt) => {
                attempt.failed().await.unwrap();
                None
            }
            Err(Error::TooManyRequests { retry_after }) => Some(retry_after),
            Err(error) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn each_failure_after_the_fifth_doubles_the_wait() {
        let clock = ManualClock::new();
        let attempts = attempts(&clock);
        for _ in 0..FREE {
            assert_eq!(fail(&attempts, at("ada", 1)).await, None);
        }
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(fail(&attempts, at("ada", 1)).await, Some(Duration::from_secs(seconds)));
            clock.advance(Duration::from_secs(seconds));
            assert_eq!(fail(&attempts, at("ada", 1)).await, None);
        }
        // Whoever else is not concerned: another account, the same from elsewhere, a device that is known.
        assert_eq!(fail(&attempts, at("bob", 1)).await, None);
        assert_eq!(fail(&attempts, at("ada", 2)).await, None);
        let (user, device) = (&UserId::from(1_i64), &Sha256Digest::of(b"ada's"));
        assert_eq!(fail(&attempts, Attempted::FromDevice { user, device }).await, None);
    }

    #[tokio::test]
    async fn a_success_ends_the_row() {
        let clock = ManualClock::new();
        let attempts = attempts(&clock);
        for _ in 0..4 {
            fail(&attempts, at("ada", 1)).await;
        }
        attempts.begin(at("ada", 1)).await.unwrap().succeeded().await.unwrap();
        for _ in 0..FREE {
            assert_eq!(fail(&attempts, at("ada", 1)).await, None);
        }
        assert!(fail(&attempts, at("ada", 1)).await.is_some());
    }

    #[tokio::test]
    async fn guesses_from_everywhere_are_counted_together_and_end_at_a_hundred() {
        let clock = ManualClock::new();
        let attempts = attempts(&clock);
        let from = |network: u32| at("ada", network);
        for network in 0..FREE_EVERYWHERE {
            assert_eq!(fail(&attempts, from(network)).await, None);
        }
        assert_eq!(fail(&attempts, from(1_000)).await, Some(Duration::from_secs(1)));
        for network in FREE_EVERYWHERE..MOST {
            clock.advance(LONGEST);
            assert_eq!(fail(&attempts, from(network)).await, None);
        }
        clock.advance(LONGEST);
        let rest = fail(&attempts, from(1_000)).await.unwrap();
        assert_eq!(rest + LONGEST, DAY);
        clock.advance(rest);
        assert_eq!(fail(&attempts, from(1_000)).await, None);
        assert_eq!(fail(&attempts, from(1_001)).await, Some(DAY));
        attempts.forgive("ada").await.unwrap();
        assert_eq!(fail(&attempts, from(1_001)).await, None);
    }

    #[tokio::test]
    async fn known_devices_are_counted_together_too() {
        let clock = ManualClock::new();
        let attempts = attempts(&clock);
        let user = UserId::from(1_i64);
        let devices: Vec<_> = (0..=FREE_EVERYWHERE).map(|n| Sha256Digest::of(&n.to_be_bytes())).collect();
        let (last, others) = devices.split_last().unwrap();
        for device in others {
            assert_eq!(fail(&attempts, Attempted::FromDevice { user: &user, device }).await, None);
        }
        assert!(fail(&attempts, Attempted::FromDevice { user: &user, device: last }).await.is_some());
    }

    #[tokio::test]
    async fn without_a_network_five_do_not_keep_everybody_waiting() {
        let attempts = attempts(&ManualClock::new());
        let nowhere = Attempted::LogIn { login: "ada", network: None };
        for _ in 0..FREE_EVERYWHERE {
            assert_eq!(fail(&attempts, nowhere).await, None);
        }
        assert!(fail(&attempts, nowhere).await.is_some());
    }

    #[tokio::test]
    async fn few_failures_are_forgotten_sooner_than_many() {
        let clock = ManualClock::new();
        let attempts = attempts(&clock);
        for network in 0..6 {
            fail(&attempts, at("ada", network)).await;
        }
        clock.advance(DAY + Duration::from_secs(1));
        assert_eq!(attempts.sweep().await.unwrap(), 6, "each network's one, and not the six from everywhere");
        clock.advance(29 * DAY);
        assert_eq!(attempts.sweep().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn attempts_at_once_do_not_share_a_wait() {
        let clock = ManualClock::new();
        let attempts = attempts(&clock);
        for _ in 0..FREE {
            fail(&attempts, at("ada", 1)).await;
        }
        clock.advance(Duration::from_secs(1));
        let first = attempts.begin(at("ada", 1)).await.unwrap();
        assert!(attempts.begin(at("ada", 1)).await.is_err(), "one at a time");
        drop(first);
        assert!(attempts.begin(at("ada", 1)).await.is_ok(), "one that was given up leaves its turn");
        assert!(attempts.under_way.lock().is_empty());
    }

    #[tokio::test]
    async fn attempts_at_once_are_never_more_than_are_free() {
        let attempts = attempts(&ManualClock::new());
        fail(&attempts, at("ada", 1)).await;
        let mut at_once = Vec::new();
        for network in 2..=FREE_EVERYWHERE {
            at_once.push(attempts.begin(at("ada", network)).await.unwrap());
        }
        assert!(attempts.begin(at("ada", 1_000)).await.is_err());
        at_once.pop();
        assert!(attempts.begin(at("ada", 1_000)).await.is_ok());
        at_once.clear();
        for _ in 1..FREE {
            at_once.push(attempts.begin(at("ada", 1)).await.unwrap());
        }
        assert!(attempts.begin(at("ada", 1)).await.is_err(), "one of five has failed, four are under way");
    }

    proptest! {
        #[test]
        fn a_wait_is_bounded_and_grows_with_failures(
            count in 0u32..1_000_000, free in 1u32..60, seconds in -200_000i64..200_000,
        ) {
            let now = Utc::now();
            let failures = |count| Failures { count, last_at: now - TimeDelta::seconds(seconds) };
            let this = wait(failures(count), free, now).unwrap_or_default();
            let most = if count < MOST { LONGEST } else { DAY };
            prop_assert!(this <= most);
            prop_assert!(wait(failures(count + 1), free, now).unwrap_or_default() >= this);
        }
    }
}
