//! A clock that a test sets.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

use crate::Clock;

/// A clock that stands still until it is moved. Clones share the time.
///
/// ```
/// use std::time::Duration;
/// use guardrail::{Clock, testing::ManualClock};
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!((clock.now() - before).num_seconds(), 60);
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Times>>);

#[derive(Debug)]
struct Times {
    now: DateTime<Utc>,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock that stands at the system's present time.
    pub fn new() -> Self {
        Self::at(Utc::now())
    }

    /// A clock that stands at `time`.
    pub fn at(time: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(Times { now: time.trunc_subsecs(6), monotonic: Duration::ZERO })))
    }

    /// Moves the time forwards.
    pub fn advance(&self, by: Duration) {
        self.shift(TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX));
        let mut times = self.times();
        times.monotonic = times.monotonic.saturating_add(by);
    }

    /// Moves the time backwards, as a corrected system clock does; [`monotonic`](Clock::monotonic) stays.
    pub fn step_back(&self, by: Duration) {
        self.shift(-TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX));
    }

    fn shift(&self, by: TimeDelta) {
        let mut times = self.times();
        times.now = times.now.checked_add_signed(by).unwrap_or(times.now);
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        self.times().now
    }

    fn monotonic(&self) -> Duration {
        self.times().monotonic
    }
}
