//! The list of cases, and the macros that make tests of it.

/// Tests a [`SessionStore`](crate::storage::SessionStore); see [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! session_store_tests {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::__store_tests! { [$(#[$attribute])*] [$make] sessions
            a_new_session_reads_back
            an_unknown_session_is_none
            a_session_is_found_by_its_fingerprint
            times_read_back_to_the_microsecond
            expiry_is_compared_to_the_microsecond
            client_information_reads_back
            a_second_session_with_one_fingerprint_is_refused
            rotation_replaces_the_token
            rotation_with_anything_else_than_the_current_state_changes_nothing
            rotation_at_or_after_expiry_changes_nothing
            the_expiry_never_passes_the_absolute_one
            a_replaced_token_rotates_no_more
            one_of_many_rotations_of_one_token_succeeds
            no_rotation_survives_a_concurrent_revocation
            a_revoked_session_rotates_no_more
            extension_leaves_token_and_rotation_time
            extension_checks_what_rotation_checks
            the_first_revocation_stays
            one_of_many_revocations_succeeds
            an_expired_session_can_still_be_revoked
            a_fingerprint_finds_the_session_to_revoke
            all_sessions_of_a_user_are_revoked
            all_sessions_but_one_are_revoked
            every_session_is_revoked
            the_oldest_sessions_give_way_to_the_limit
            dead_sessions_do_not_count_to_the_limit
            concurrent_log_ins_stay_within_the_limit
            log_ins_beside_revocations_all_succeed
            concurrent_revocations_count_each_session_once
            the_list_has_live_sessions_last_used_first
            expired_sessions_are_deleted_up_to_the_limit
            a_deleted_session_is_gone
        }
    };
}

/// Tests a [`UserStore`](crate::storage::UserStore); see [`conformance`](crate::testing::conformance).
///
/// The function gives the store and an [`ExistingUser`](crate::testing::conformance::ExistingUser) in it.
#[macro_export]
macro_rules! user_store_tests {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::__store_tests! { [$(#[$attribute])*] [$make] users
            a_user_is_found_by_key
            a_user_is_found_for_log_in
            an_unknown_key_is_none
            an_unknown_log_in_is_none
            a_password_hash_is_replaced
            a_password_hash_that_changed_is_not_replaced
            an_unknown_user_gets_no_password_hash
            one_of_many_password_changes_succeeds
        }
    };
}

/// Tests a [`UserAdmin`](crate::storage::UserAdmin); see [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! user_admin_tests {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::__store_tests! { [$(#[$attribute])*] [$make] user_admin
            a_new_user_is_found
            a_taken_email_is_refused
            a_taken_username_is_refused_in_any_letter_case
            a_refused_user_leaves_nothing
            one_of_many_users_with_one_email_is_created
            one_of_many_users_with_one_username_is_created
            the_first_administrator_is_created_once
            one_of_many_bootstraps_creates_the_administrator
            no_bootstrap_beside_an_administrator
            bootstrap_happens_once_even_if_its_user_is_demoted
            bootstrap_refuses_the_email_of_another_user
            a_refused_bootstrap_can_be_repeated
            the_list_has_every_user_once
            pages_stay_in_order_while_users_are_added
            a_role_changes_alone
            activity_changes_alone
            role_and_activity_change_together
            a_change_of_nothing_changes_nothing
            an_unknown_user_is_not_changed
            concurrent_changes_of_different_fields_both_stay
            the_last_one_of_a_role_stays
            of_the_last_two_one_stays
            active_users_with_a_role_are_looked_for
        }
    };
}

/// Tests a store of Guardrail's own [`User`](crate::User); see [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! user_record_tests {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::__store_tests! { [$(#[$attribute])*] [$make] user_records
            every_field_reads_back
            names_in_any_script_read_back
            another_spelling_of_a_key_is_nobody
            odd_log_ins_are_nobody
            the_time_of_the_last_change_moves
            the_time_of_the_last_change_stays_without_a_change
        }
    };
}

/// Tests a [`PolicyStore`](crate::storage::PolicyStore); see [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! policy_store_tests {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::__store_tests! { [$(#[$attribute])*] [$make] policies
            a_new_store_has_no_rules
            permissions_and_roles_load_as_written
            rules_of_any_length_load_as_written
            any_text_loads_as_written
            empty_fields_at_the_end_do_not_count
            a_rule_is_kept_once
            a_rule_is_removed
            removing_a_missing_rule_is_no_error
            a_rule_removed_and_added_is_there
            rules_differ_in_every_field
            a_change_tells_what_it_came_to
            the_revision_moves_with_the_rules
            concurrent_changes_follow_each_other_in_revisions
            an_impossible_rule_takes_the_whole_change_with_it
            many_rules_in_one_change
            many_rules_are_removed_in_one_change
            one_rule_added_by_many_is_there_once
            concurrent_changes_all_apply
            opposite_concurrent_changes_end_in_one_of_them
            no_reader_sees_half_a_change
        }
    };
}

/// Tests an [`AuditStore`](crate::storage::AuditStore); see [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! audit_store_tests {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::__store_tests! { [$(#[$attribute])*] [$make] audit
            events_read_back_newest_first
            events_are_found_by_name_and_user
            an_event_is_kept_once
            concurrent_events_are_all_kept
            old_events_are_deleted_up_to_the_limit
        }
    };
}

/// Tests a [`FailureStore`](crate::storage::FailureStore); see [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! failure_store_tests {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::__store_tests! { [$(#[$attribute])*] [$make] failures
            a_new_key_has_no_failures
            failures_are_counted_by_key
            forgotten_failures_count_from_zero
            concurrent_failures_are_all_counted
            old_failures_are_deleted_up_to_the_limit
        }
    };
}

/// Tests a [`ChangeFeed`](crate::storage::ChangeFeed); see [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! change_feed_tests {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::__store_tests! { [$(#[$attribute])*] [$make] changes
            every_revocation_is_told
            the_end_of_everything_is_told_once
            a_changed_user_is_told
            changed_rules_are_told
            what_is_announced_is_told_to_everybody
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_tests {
    ($attributes:tt $make:tt $suite:ident $($case:ident)*) => {
        $($crate::__store_test! { $attributes $make $suite $case })*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_test {
    ([$($attribute:tt)*] [$make:path] $suite:ident $case:ident) => {
        $($attribute)*
        #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $case() {
            $crate::testing::conformance::$suite::$case($make().await).await;
        }
    };
}

#[cfg(test)]
mod tests {
    /// A case that no list names would never run.
    #[test]
    fn every_case_is_listed() {
        let lists = include_str!("macros.rs");
        for suite in [
            include_str!("sessions/keep.rs"),
            include_str!("sessions/limit.rs"),
            include_str!("sessions/revoke.rs"),
            include_str!("sessions/rotate.rs"),
            include_str!("users.rs"),
            include_str!("user_admin.rs"),
            include_str!("user_records.rs"),
            include_str!("policies.rs"),
            include_str!("failures.rs"),
            include_str!("audit.rs"),
            include_str!("changes.rs"),
        ] {
            for case in suite.split("\npub async fn ").skip(1) {
                let name = case.split(['(', '<']).next().unwrap();
                assert!(lists.lines().any(|line| line.trim() == name), "{name} is in no list");
            }
        }
    }
}
