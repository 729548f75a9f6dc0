//! How often within a minute: token buckets (GCRA), in memory, so many at most.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock as _,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};
use quick_cache::sync::Cache;

use super::Network;
use crate::{Clock, Error, Sha256Digest, audit::AuditEvent};

/// How many buckets are kept. Beyond that the ones longest without use make room: whoever comes from more addresses
/// than this has as many full buckets anyway.
const BUCKETS_MAX: usize = 65_536;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    LogIn,
    Register,
    Refresh,
    ChangePassword,
    /// Any request at all.
    Request,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::LogIn => "log_in",
            Self::Register => "register",
            Self::Refresh => "refresh",
            Self::ChangePassword => "change_password",
            Self::Request => "request",
        }
    }
}

/// Whose bucket it is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    Network(Network),
    /// An account or a session, by the first half of a digest of its name.
    Account([u8; 16]),
}

impl Whose {
    pub(crate) fn account(name: &str) -> Self {
        let mut short = [0; 16];
        for (place, byte) in short.iter_mut().zip(Sha256Digest::of(name.as_bytes()).as_bytes()) {
            *place = *byte;
        }
        Self::Account(short)
    }
}

type Bucket = (Action, Whose);
type Limiter = RateLimiter<Bucket, Buckets, Ticks, NoOpMiddleware<Duration>>;

/// The bounds; none where none is set.
pub(crate) struct RateLimits {
    authentication: Option<Limiter>,
    requests: Option<Limiter>,
    warned: AtomicBool,
}

impl RateLimits {
    /// So many a minute, and as many at once.
    pub(crate) fn new(authentication: u32, requests: u32, clock: &Arc<dyn Clock>) -> Self {
        let limiter = |per_minute| {
            let quota = Quota::per_minute(NonZeroU32::new(per_minute)?);
            Some(RateLimiter::new(quota, Buckets(Cache::new(BUCKETS_MAX)), Ticks(Arc::clone(clock))))
        };
        let warned = AtomicBool::new(false);
        Self { authentication: limiter(authentication), requests: limiter(requests), warned }
    }

    /// Says, once, that requests come without an address.
    pub(crate) fn warn_without_address(&self) {
        let bounded = self.authentication.is_some() || self.requests.is_some();
        if bounded && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "requests come without their peer's address, so nothing is bounded by address: serve the \
                 application by `into_make_service_with_connect_info::<SocketAddr>()`"
            );
        }
    }

    /// Takes one from the bucket, or says when there is one again.
    pub(crate) fn take(&self, action: Action, whose: Whose) -> Result<(), Error> {
        let limiter = match action {
            Action::Request => &self.requests,
            _ => &self.authentication,
        };
        let Some(limiter) = limiter else { return Ok(()) };
        limiter.check_key(&(action, whose)).map_err(|until| {
            let by = match whose {
                Whose::Network(_) => "address",
                Whose::Account(_) => "account",
            };
            AuditEvent::Throttled { action: action.as_str(), by }.log();
            Error::TooManyRequests { retry_after: until.wait_time_from(limiter.clock().now()) }
        })
    }
}

impl std::fmt::Debug for RateLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RateLimits").finish_non_exhaustive()
    }
}

/// The state of so many buckets.
struct Buckets(Cache<Bucket, Arc<InMemoryState>>);

impl StateStore for Buckets {
    type Key = Bucket;

    fn measure_and_replace<T, F, E>(&self, key: &Bucket, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let new = || Ok::<_, std::convert::Infallible>(Arc::default());
        let Ok(state) = self.0.get_or_insert_with(key, new);
        state.measure_and_replace(&NotKeyed::NonKey, f)
    }
}

/// Time that no setting of the clock moves: one set back would empty every bucket for as long.
#[derive(Clone)]
struct Ticks(Arc<dyn Clock>);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    fn limits(clock: &ManualClock, authentication: u32) -> RateLimits {
        RateLimits::new(authentication, 0, &(Arc::new(clock.clone()) as Arc<dyn Clock>))
    }

    fn network(number: u32) -> Whose {
        Whose::Network(Network::of(std::net::Ipv4Addr::from(number).into()))
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let clock = ManualClock::new();
        let limits = limits(&clock, 6);
        let take = || limits.take(Action::LogIn, network(1));
        for _ in 0..6 {
            take().unwrap();
        }
        let Err(Error::TooManyRequests { retry_after }) = take() else { panic!("the seventh passed") };
        assert_eq!(retry_after.as_secs(), 10);
        // Others, and other actions, have buckets of their own.
        limits.take(Action::LogIn, network(2)).unwrap();
        limits.take(Action::Refresh, network(1)).unwrap();
        clock.advance(Duration::from_secs(10));
        take().unwrap();
        assert!(take().is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_blocks_nobody() {
        let clock = ManualClock::new();
        let limits = limits(&clock, 6);
        limits.take(Action::LogIn, network(1)).unwrap();
        clock.step_back(Duration::from_hours(1));
        limits.take(Action::LogIn, network(1)).unwrap();
    }

    #[test]
    fn zero_is_no_bound() {
        let limits = limits(&ManualClock::new(), 0);
        for _ in 0..10_000 {
            limits.take(Action::LogIn, network(1)).unwrap();
        }
    }

    #[test]
    fn a_million_addresses_take_no_more_room_than_the_bound() {
        let limits = limits(&ManualClock::new(), 1);
        for number in 0..1_000_000 {
            let _ = limits.take(Action::LogIn, network(number));
        }
        let Some(limiter) = limits.authentication else { panic!() };
        assert!(limiter.into_state_store().0.len() <= BUCKETS_MAX + BUCKETS_MAX / 10);
    }
}
