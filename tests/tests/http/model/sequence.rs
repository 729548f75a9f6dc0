//! What is asked, at random: likely what clients do, now and then what they should not.

use proptest::{collection::vec, prelude::*, sample::select};

use super::reference::{ABSOLUTE, ACCESS, Change, GRACE, IDLE, Request, SKEW};

/// Whose the devices are.
pub(super) const OWNERS: [usize; 5] = [0, 0, 1, 1, 2];
pub(super) const USERS: usize = 3;

/// Shorter than the fifty log-ins of a disabled user after which its account would have to wait.
const STEPS: std::ops::Range<usize> = 1..48;

#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    /// With the access token of so many issues ago, or the first. A session to end is that of a device.
    Ask {
        device: usize,
        age: usize,
        cookies: Cookies,
        what: Request,
    },
    /// With the refresh token of so many generations ago, or the first.
    Refresh {
        device: usize,
        age: usize,
        cookies: Cookies,
    },
    LogIn {
        device: usize,
        cookies: Cookies,
    },
    LogOut {
        device: usize,
        age: usize,
    },
    Change {
        user: usize,
        change: Change,
    },
    /// Moves the clock, also backwards.
    Wait(i64),
}

/// Which cookies come along.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cookies {
    Own,
    /// That of the next device.
    Other,
    Both,
    Nothing,
    TooMany,
}

/// What is first in each list is what shrinking tends to.
pub(super) fn sequences() -> impl Strategy<Value = Vec<Op>> {
    let device = || 0..OWNERS.len();
    let age = || prop_oneof![8 => Just(0_usize), 4 => Just(1_usize), 1 => Just(2_usize), 1 => 3_usize..9];
    let cookies = || {
        prop_oneof![
            16 => Just(Cookies::Own),
            1 => Just(Cookies::Other),
            2 => Just(Cookies::Both),
            1 => Just(Cookies::Nothing),
            1 => Just(Cookies::TooMany),
        ]
    };
    let what = prop_oneof![
        8 => Just(Request::Profile),
        2 => Just(Request::Users),
        1 => Just(Request::LogOutEverywhere),
        2 => device().prop_map(Request::End),
        1 => Just(Request::ChangePassword),
    ];
    let change = prop_oneof![
        select(vec!["user", "admin", "guest"]).prop_map(Change::Role),
        any::<bool>().prop_map(Change::Active),
    ];
    // Back in small steps: where a moment comes again after days, what was remembered at the first is believed again.
    let wait = prop_oneof![
        4 => select(vec![0, 1, GRACE - 1, GRACE]),
        2 => select(vec![ACCESS - 1, ACCESS, IDLE / 2, IDLE, ABSOLUTE]),
        2 => select(vec![-1, -GRACE, -SKEW - 1, -2 * ACCESS]),
    ];
    let op = prop_oneof![
        6 => (device(), age(), cookies(), what)
            .prop_map(|(device, age, cookies, what)| Op::Ask { device, age, cookies, what }),
        8 => (device(), age(), cookies())
            .prop_map(|(device, age, cookies)| Op::Refresh { device, age, cookies }),
        4 => (device(), cookies()).prop_map(|(device, cookies)| Op::LogIn { device, cookies }),
        1 => (device(), age()).prop_map(|(device, age)| Op::LogOut { device, age }),
        2 => (0..USERS, change).prop_map(|(user, change)| Op::Change { user, change }),
        5 => wait.prop_map(Op::Wait),
    ];
    vec(op, STEPS)
}
