//! Guessing passwords: failures in a row are counted, and after a few of them each further attempt has to wait.
//!
//! They are counted twice: for the account from one network, where a few are enough to make whoever guesses there
//! wait, and for the account from everywhere, where it takes many. What is counted under says nothing of whether the
//! account exists. A device that the account has signed in on, told by its cookie, is counted by itself: whoever
//! guesses from elsewhere does not keep its owner out.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use smallvec::{SmallVec, smallvec};

use super::Network;
use crate::{
    Clock, Error, Sha256Digest, UserId,
    audit::AuditEvent,
    secret::Secret32,
    storage::{FailureStore, Failures, StoreError},
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
/// After so long without another failure they are forgotten.
const KEPT: TimeDelta = TimeDelta::days(30);

/// What is being guessed at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attempted<'a> {
    /// A log-in from a device that is not known.
    LogIn { account: Account<'a>, network: Option<Network> },
    /// A log-in from a device that the account is signed in on, or was: the digest of its fingerprint.
    FromDevice(&'a Sha256Digest),
    /// The current password of somebody who is signed in.
    Change(&'a UserId),
}

/// An account, whether it exists or not.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Account<'a> {
    Of(&'a UserId),
    /// Nobody's log-in name.
    Nobody(&'a str),
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
pub(crate) struct Attempt<'a> {
    attempts: &'a Attempts,
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
    pub(crate) async fn begin(&self, attempted: Attempted<'_>) -> Result<Attempt<'_>, Error> {
        let mut attempt = Attempt { attempts: self, keys: SmallVec::new() };
        for (key, free) in self.keys(attempted) {
            let failures = self.store.failures(&key).await?;
            let before = failures.map_or(0, |failures| failures.count);
            if let Some(retry_after) = failures.and_then(|failures| wait(failures, free, self.clock.now())) {
                return Err(refused(retry_after));
            }
            if !self.enter(&key, if before < free { MOST - before } else { 1 }) {
                return Err(refused(Duration::from_secs(1)));
            }
            attempt.keys.push(Counted { key, before });
        }
        Ok(attempt)
    }

    /// Takes one of `places` on this node.
    fn enter(&self, key: &Sha256Digest, places: u32) -> bool {
        let mut under_way = self.under_way.lock();
        let taken = under_way.entry(*key.as_bytes()).or_default();
        let free = *taken < places;
        *taken += u32::from(free);
        free
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
    pub(crate) async fn forgive(&self, user: &UserId) -> Result<(), StoreError> {
        self.store.forget_failures(&self.everywhere(Account::Of(user))).await
    }

    /// Deletes counts that are long past; how many.
    pub(crate) async fn sweep(&self, limit: usize) -> Result<u64, StoreError> {
        self.store.delete_failures(self.clock.now() - KEPT, limit).await
    }

    /// What it is counted under, and how many are free there.
    fn keys(&self, attempted: Attempted<'_>) -> SmallVec<[(Sha256Digest, u32); 2]> {
        match attempted {
            Attempted::LogIn { account, network } => {
                let (kind, name) = account.parts();
                let network = network.map(|network| network.to_string()).unwrap_or_default();
                let here = self.mac(&["from", &network, kind, name]);
                smallvec![(here, FREE), (self.everywhere(account), FREE_EVERYWHERE)]
            }
            Attempted::FromDevice(fingerprint) => {
                let digest = self.key.hmac(&[b"device", fingerprint.as_bytes()]);
                smallvec![(Sha256Digest::from_mac(&digest), FREE)]
            }
            Attempted::Change(user) => smallvec![(self.mac(&["change", user.as_str()]), FREE)],
        }
    }

    fn everywhere(&self, account: Account<'_>) -> Sha256Digest {
        let (kind, name) = account.parts();
        self.mac(&["everywhere", kind, name])
    }

    /// What a store keeps in place of a name: people type passwords into the wrong field. No part but the last holds
    /// a NUL.
    fn mac(&self, parts: &[&str]) -> Sha256Digest {
        let parts = parts.join("\0");
        Sha256Digest::from_mac(&self.key.hmac(&[parts.as_bytes()]))
    }
}

impl<'a> Account<'a> {
    fn parts(self) -> (&'static str, &'a str) {
        match self {
            Self::Of(user) => ("user", user.as_str()),
            Self::Nobody(login) => ("nobody", login),
        }
    }
}

impl Attempt<'_> {
    /// It was wrong.
    pub(crate) async fn failed(self) -> Result<(), StoreError> {
        let Attempts { store, clock, .. } = self.attempts;
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

impl Drop for Attempt<'_> {
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
    AuditEvent::Throttled { action: "password", by: "failures" }.record();
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

    fn attempts(clock: &ManualClock) -> Attempts {
        let store = Arc::new(MemoryStore::new());
        Attempts::new(store, Secret32::derive(b"of the tests", b"attempts"), Arc::new(clock.clone()))
    }

    fn at(account: &str, network: u32) -> Attempted<'_> {
        let address = std::net::Ipv4Addr::from(network).into();
        Attempted::LogIn { account: Account::Nobody(account), network: Some(Network::of(address)) }
    }

    async fn fail(attempts: &Attempts, attempted: Attempted<'_>) -> Option<Duration> {
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
        assert_eq!(fail(&attempts, Attempted::FromDevice(&Sha256Digest::of(b"ada's"))).await, None);
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
        let user = UserId::from(1_i64);
        let from = |network: u32| Attempted::LogIn {
            account: Account::Of(&user),
            network: Some(Network::of(std::net::Ipv4Addr::from(network).into())),
        };
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
        assert_eq!(rest, DAY - LONGEST);
        clock.advance(rest);
        assert_eq!(fail(&attempts, from(1_000)).await, None);
        assert_eq!(fail(&attempts, from(1_001)).await, Some(DAY));
        attempts.forgive(&user).await.unwrap();
        assert_eq!(fail(&attempts, from(1_001)).await, None);
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
    async fn attempts_at_once_are_never_more_than_may_fail() {
        let attempts = attempts(&ManualClock::new());
        fail(&attempts, at("ada", 1)).await;
        let mut at_once = Vec::new();
        for network in 2..=MOST {
            at_once.push(attempts.begin(at("ada", network)).await.unwrap());
        }
        assert!(attempts.begin(at("ada", 1_000)).await.is_err());
        at_once.pop();
        assert!(attempts.begin(at("ada", 1_000)).await.is_ok());
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
