//! What a presented refresh token means: the state machine of a refresh family, as a pure function.
//!
//! | presented | verdict |
//! |-|-|
//! | the current generation, the device's fingerprint | [`Current`](Verdict::Current): it may be replaced |
//! | its immediate parent within grace, the device's fingerprint | [`Repeat`](Verdict::Repeat): the same successor again |
//! | anything older, the parent after grace, or ahead of the store | [`Reuse`](Verdict::Reuse) |
//! | the right token with another fingerprint | [`Theft`](Verdict::Theft) |
//! | the right token without a fingerprint | [`FingerprintMissing`](Verdict::FingerprintMissing) |
//! | the right token with more fingerprints than are compared | [`FingerprintsTooMany`](Verdict::FingerprintsTooMany) |
//! | anything of a revoked or expired family | [`Ended`](Verdict::Ended) |
//! | authentic by its tag, yet not what the store's digest says | [`Forged`](Verdict::Forged) |
//!
//! A verdict on a row that has changed meanwhile still stands: `Reuse` and `Theft` never become harmless, and what
//! `Current` and `Repeat` allow is checked by the store's own step.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Sha256Digest, fingerprint::PresentedFingerprints, storage::SessionRecord};

/// What is known of a presented token whose tag holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented {
    pub(crate) generation: u64,
    pub(crate) digest: Sha256Digest,
    /// The digest of its successor, made with the key that the row names; `None` if that key is gone.
    pub(crate) successor: Option<Sha256Digest>,
}

/// What a presented refresh token means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Current,
    Repeat,
    Reuse,
    Theft,
    FingerprintMissing,
    FingerprintsTooMany,
    Ended,
    Forged,
}

/// Judges a presented token against its family's row.
pub(crate) fn judge(
    row: &SessionRecord,
    presented: &Presented,
    fingerprints: &PresentedFingerprints,
    now: DateTime<Utc>,
    grace: TimeDelta,
) -> Verdict {
    // Revoked outranks everything, grace above all: a revocation never reopens it.
    if !row.is_live(now) {
        return Verdict::Ended;
    }
    let verdict = match row.generation.checked_sub(presented.generation) {
        Some(0) if presented.digest == row.token => Verdict::Current,
        // Our key made the tag, but this is not the token we stored: the key is known to somebody else.
        Some(0) => Verdict::Forged,
        Some(1) if presented.successor != Some(row.token) => Verdict::Forged,
        Some(1) if in_grace(row, now, grace) => Verdict::Repeat,
        // Older, or ahead of a store that was restored from a backup.
        _ => return Verdict::Reuse,
    };
    match verdict {
        Verdict::Current | Verdict::Repeat if fingerprints.is_missing() => Verdict::FingerprintMissing,
        // A sibling host can toss cookies in: that must not end the session.
        Verdict::Current | Verdict::Repeat if fingerprints.are_too_many() => Verdict::FingerprintsTooMany,
        Verdict::Current | Verdict::Repeat if fingerprints.matching(&row.fingerprint).is_none() => {
            Verdict::Theft
        }
        verdict => verdict,
    }
}

/// Whether the last rotation is at most `grace` away, in either direction: a clock that was set back opens nothing.
fn in_grace(row: &SessionRecord, now: DateTime<Utc>, grace: TimeDelta) -> bool {
    row.rotated_at.is_some_and(|rotated| (now - rotated).abs() < grace)
}

/// Whether a token presented for logging out is the current one or its parent, which end the session, or an older
/// one, which is a reuse. No fingerprint is asked for: who holds the token may throw it away.
pub(crate) fn judge_logout(row: &SessionRecord, presented: &Presented, now: DateTime<Utc>) -> Verdict {
    if !row.is_live(now) {
        return Verdict::Ended;
    }
    match row.generation.checked_sub(presented.generation) {
        Some(0) if presented.digest == row.token => Verdict::Current,
        Some(1) if presented.successor == Some(row.token) => Verdict::Current,
        Some(0 | 1) => Verdict::Forged,
        _ => Verdict::Reuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        KeyId, SessionId,
        fingerprint::Fingerprint,
        storage::{ClientInfo, NewSession, RevokeReason},
    };
    use proptest::prelude::*;

    const GRACE: TimeDelta = TimeDelta::seconds(10);

    /// A family at generation 5, rotated at `at(0)`; the token of generation `n` has the digest `token(n)`.
    struct Family {
        row: SessionRecord,
        device: Fingerprint,
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn token(generation: u64) -> Sha256Digest {
        Sha256Digest::of(&generation.to_be_bytes())
    }

    fn family() -> Family {
        let device = Fingerprint::generate().unwrap();
        let mut row = SessionRecord::begin(NewSession {
            id: SessionId::generate(),
            user_id: 1_i64.into(),
            fingerprint: device.digest(),
            token: token(5),
            key_id: KeyId::from_slice(&[0; 8]).unwrap(),
            created_at: at(-100),
            expires_at: at(1000),
            absolute_expires_at: at(2000),
            client: ClientInfo::default(),
        });
        row.generation = 5;
        row.rotated_at = Some(at(0));
        Family { row, device }
    }

    fn presented(generation: u64) -> Presented {
        Presented {
            generation,
            digest: token(generation),
            successor: Some(token(generation.saturating_add(1))),
        }
    }

    impl Family {
        fn judge(&self, generation: u64, now: i64) -> Verdict {
            let own = PresentedFingerprints::new([self.device.cookie_value()]);
            judge(&self.row, &presented(generation), &own, at(now), GRACE)
        }

        fn judge_with(&self, generation: u64, cookies: &[&str]) -> Verdict {
            let cookies = PresentedFingerprints::new(cookies.iter().copied());
            judge(&self.row, &presented(generation), &cookies, at(1), GRACE)
        }
    }

    #[test]
    fn the_current_token_may_be_replaced_at_any_time_of_its_life() {
        assert_eq!(family().judge(5, 1), Verdict::Current);
        assert_eq!(family().judge(5, 999), Verdict::Current);
        assert_eq!(family().judge(5, 1000), Verdict::Ended);
    }

    #[test]
    fn the_parent_repeats_within_grace_and_is_reuse_after_it() {
        assert_eq!(family().judge(4, 9), Verdict::Repeat);
        assert_eq!(family().judge(4, 10), Verdict::Reuse);
    }

    #[test]
    fn a_clock_set_back_opens_no_grace() {
        assert_eq!(family().judge(4, -9), Verdict::Repeat);
        assert_eq!(family().judge(4, -10), Verdict::Reuse);
    }

    /// django-oauth-toolkit #1617.
    #[test]
    fn a_grandparent_in_grace_is_reuse() {
        assert_eq!(family().judge(3, 1), Verdict::Reuse);
    }

    #[test]
    fn a_generation_ahead_of_the_store_is_reuse() {
        assert_eq!(family().judge(6, 1), Verdict::Reuse);
        assert_eq!(family().judge(u64::MAX, 1), Verdict::Reuse);
    }

    /// django-oauth-toolkit #702, Supabase #52614.
    #[test]
    fn a_revoked_family_is_ended_also_within_grace() {
        let mut family = family();
        family.row.revoked = Some((at(1), RevokeReason::Logout));
        for generation in 0..8 {
            assert_eq!(family.judge(generation, 1), Verdict::Ended);
        }
    }

    #[test]
    fn another_device_is_theft_and_no_device_is_not() {
        let other = Fingerprint::generate().unwrap();
        for generation in [4, 5] {
            assert_eq!(family().judge_with(generation, &[other.cookie_value()]), Verdict::Theft);
            assert_eq!(family().judge_with(generation, &["no fingerprint"]), Verdict::Theft);
            assert_eq!(family().judge_with(generation, &[]), Verdict::FingerprintMissing);
        }
        assert_eq!(family().judge_with(3, &[]), Verdict::Reuse, "an old token is reuse from anywhere");
    }

    #[test]
    fn a_tossed_cookie_beside_the_devices_own_changes_nothing() {
        let family = family();
        let other = Fingerprint::generate().unwrap();
        let both = [other.cookie_value(), family.device.cookie_value()];
        assert_eq!(family.judge_with(5, &both), Verdict::Current);
        let flood = [other.cookie_value(); 5];
        assert_eq!(family.judge_with(5, &flood), Verdict::FingerprintsTooMany);
        assert_eq!(family.judge_with(3, &flood), Verdict::Reuse);
    }

    #[test]
    fn a_token_that_only_its_tag_vouches_for_revokes_nothing() {
        let family = family();
        let own = PresentedFingerprints::new([family.device.cookie_value()]);
        for generation in [4, 5] {
            let forged = Presented { generation, digest: token(99), successor: Some(token(99)) };
            assert_eq!(judge(&family.row, &forged, &own, at(1), GRACE), Verdict::Forged);
        }
    }

    proptest! {
        /// The table at the top, restated without regard to the order of the code above.
        #[test]
        fn the_table_holds(generation in 0_u64..9, now in -20_i64..1020, revoked in any::<bool>(), cookie in 0_u8..3) {
            let mut family = family();
            family.row.revoked = revoked.then(|| (at(0), RevokeReason::Logout));
            let other = Fingerprint::generate().unwrap();
            let cookies = match cookie {
                0 => PresentedFingerprints::new([]),
                1 => PresentedFingerprints::new([family.device.cookie_value()]),
                _ => PresentedFingerprints::new([other.cookie_value()]),
            };
            let verdict = judge(&family.row, &presented(generation), &cookies, at(now), GRACE);
            let live = !revoked && now < 1000;
            let good = generation == 5 || (generation == 4 && (-9..=9).contains(&now));
            let expected = match (live, good, cookie) {
                (false, ..) => Verdict::Ended,
                (true, false, _) => Verdict::Reuse,
                (true, true, 0) => Verdict::FingerprintMissing,
                (true, true, 1) if generation == 5 => Verdict::Current,
                (true, true, 1) => Verdict::Repeat,
                (true, true, _) => Verdict::Theft,
            };
            prop_assert_eq!(verdict, expected);
        }
    }
}
