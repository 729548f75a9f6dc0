//! What happens, counted for whoever watches the program: through the facade of the crate `metrics`, where the feature
//! of that name is on.
//!
//! The handles are made once, when Guardrail is built. A count is then an atomic addition: nothing is looked up by its
//! name and nothing is allocated. Without the feature there is nothing here, and nothing happens. Every value of a
//! label stands in this file or is a [`RevokeReason`]: no client makes series of its own.

use std::sync::Arc;

#[cfg(feature = "metrics")]
use ::metrics::{Counter, Gauge, Histogram};

use crate::{Clock, storage::RevokeReason};

/// A value of the label of one counter: what is counted.
pub(crate) trait Counted {
    #[cfg(feature = "metrics")]
    fn counter(self, counters: &Counters) -> Option<&Counter>;
}

/// Counters by outcome: the type of an outcome is what chooses the counter.
macro_rules! counters {
    ($($What:ident in $field:ident, $name:literal, $help:literal: $($Outcome:ident = $text:literal)+;)+) => {
        $(
            #[doc = $help]
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub(crate) enum $What {
                $($Outcome),+
            }

            impl Counted for $What {
                #[cfg(feature = "metrics")]
                fn counter(self, counters: &Counters) -> Option<&Counter> {
                    counters.$field.get(self as usize)
                }
            }
        )+

        /// A counter for each value of each label.
        #[cfg(feature = "metrics")]
        pub(crate) struct Counters {
            $($field: [Counter; [$($text),+].len()],)+
            sessions_revoked: [Counter; RevokeReason::ALL.len()],
        }

        #[cfg(feature = "metrics")]
        impl Counters {
            fn new() -> Self {
                $(::metrics::describe_counter!($name, $help);)+
                ::metrics::describe_counter!("guardrail_sessions_revoked_total", "Sessions that were ended, by why");
                Self {
                    $($field: [$($text),+].map(|text| ::metrics::counter!($name, "outcome" => text)),)+
                    sessions_revoked: RevokeReason::ALL.map(|(_, text)| {
                        ::metrics::counter!("guardrail_sessions_revoked_total", "reason" => text)
                    }),
                }
            }
        }
    };
}

counters! {
    LogIn in log_ins, "guardrail_log_ins_total", "Log-ins, by what came of them":
        Ok = "ok" Refused = "refused" Throttled = "throttled" Busy = "busy" Error = "error";
    Refresh in refreshes, "guardrail_refreshes_total", "Refreshes, by what came of them":
        Rotated = "rotated" Repeated = "repeated" Refused = "refused" Reuse = "reuse" Theft = "theft"
        Throttled = "throttled" Error = "error";
    Authentication in requests_authenticated, "guardrail_requests_authenticated_total",
        "Requests whose caller was asked for, by who it was found to be":
        Ok = "ok" TokenMissing = "token_missing" TokenInvalid = "token_invalid" TokenExpired = "token_expired"
        FingerprintMissing = "fingerprint_missing" SessionEnded = "session_ended" Error = "error";
    Decision in decisions, "guardrail_decisions_total", "Decisions by the rules":
        Allowed = "allowed" Denied = "denied" Error = "error";
    SessionCache in session_cache, "guardrail_session_cache_total",
        "Requests with a good token, by whether its session and user were remembered":
        Hit = "hit" Miss = "miss";
    TokenCache in token_cache, "guardrail_token_cache_total",
        "Requests with a good token, by whether it was remembered as verified":
        Hit = "hit" Miss = "miss";
    Reload in policy_reloads, "guardrail_policy_reloads_total", "Readings of all rules after the first one":
        Ok = "ok" Error = "error";
}

impl Counted for RevokeReason {
    #[cfg(feature = "metrics")]
    fn counter(self, counters: &Counters) -> Option<&Counter> {
        let index = Self::ALL.iter().position(|(reason, _)| *reason == self)?;
        counters.sessions_revoked.get(index)
    }
}

/// What one Guardrail counts with. Clones count together.
#[derive(Clone)]
pub(crate) struct Metrics {
    #[cfg(feature = "metrics")]
    handles: Arc<Handles>,
}

#[cfg(feature = "metrics")]
struct Handles {
    counters: Counters,
    audit_events_lost: Counter,
    hashing_queue: Gauge,
    hashing_seconds: Histogram,
    policy_rules: Gauge,
    clock: Arc<dyn Clock>,
}

#[cfg(feature = "metrics")]
impl Metrics {
    /// Makes the handles, with the recorder that the program has by now.
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        use ::metrics::{
            Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
        };

        describe_counter!(
            "guardrail_audit_events_lost_total",
            "Audit events that found the queue full, and are in the log only"
        );
        describe_gauge!("guardrail_hashing_queue", "Passwords that wait for a thread to hash them");
        describe_histogram!(
            "guardrail_hashing_seconds",
            Unit::Seconds,
            "How long the hashing of a password takes, once it is its turn"
        );
        describe_gauge!("guardrail_policy_rules", "Rules in force");
        let handles = Handles {
            counters: Counters::new(),
            audit_events_lost: counter!("guardrail_audit_events_lost_total"),
            hashing_queue: gauge!("guardrail_hashing_queue"),
            hashing_seconds: histogram!("guardrail_hashing_seconds"),
            policy_rules: gauge!("guardrail_policy_rules"),
            clock: Arc::clone(clock),
        };
        Self { handles: Arc::new(handles) }
    }

    /// Counts so many of the same.
    pub(crate) fn count_many(&self, what: impl Counted, count: u64) {
        if let Some(counter) = what.counter(&self.handles.counters) {
            counter.increment(count);
        }
    }

    /// Counts an audit event that no store will have.
    pub(crate) fn audit_event_lost(&self) {
        self.handles.audit_events_lost.increment(1);
    }

    /// Takes note of how many rules there are.
    pub(crate) fn policy_rules(&self, rules: usize) {
        self.handles.policy_rules.set(u32::try_from(rules).unwrap_or(u32::MAX));
    }

    /// Somebody waits for a thread that hashes, until what is returned is dropped.
    pub(crate) fn waiting(&self) -> Waiting {
        self.handles.hashing_queue.increment(1.0);
        Waiting { queue: self.handles.hashing_queue.clone() }
    }

    /// Takes the time of `hash`.
    pub(crate) fn time_hash<T>(&self, hash: impl FnOnce() -> T) -> T {
        let Handles { clock, hashing_seconds, .. } = &*self.handles;
        let begun = clock.monotonic();
        let result = hash();
        hashing_seconds.record(clock.monotonic().saturating_sub(begun));
        result
    }
}

/// The same, of which nothing comes.
#[cfg(not(feature = "metrics"))]
#[allow(clippy::unused_self)]
impl Metrics {
    pub(crate) fn new(_: &Arc<dyn Clock>) -> Self {
        Self {}
    }

    pub(crate) fn count_many(&self, _: impl Counted, _: u64) {}

    pub(crate) fn audit_event_lost(&self) {}

    pub(crate) fn policy_rules(&self, _: usize) {}

    pub(crate) fn waiting(&self) -> Waiting {
        Waiting {}
    }

    pub(crate) fn time_hash<T>(&self, hash: impl FnOnce() -> T) -> T {
        hash()
    }
}

impl Metrics {
    /// Counts one.
    pub(crate) fn count(&self, what: impl Counted) {
        self.count_many(what, 1);
    }
}

#[cfg(test)]
impl Default for Metrics {
    fn default() -> Self {
        Self::new(&(Arc::new(crate::SystemClock) as Arc<dyn Clock>))
    }
}

/// Somebody who waits for a thread that hashes, or has gone away.
pub(crate) struct Waiting {
    #[cfg(feature = "metrics")]
    queue: Gauge,
}

#[cfg(feature = "metrics")]
impl Drop for Waiting {
    fn drop(&mut self) {
        self.queue.decrement(1.0);
    }
}
