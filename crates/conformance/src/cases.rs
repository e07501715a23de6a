//! The cases: what every adapter claims when it runs the suite.
//!
//! Each is a claim about the ports, by name, played on a store of its own. The names and their themes
//! are written down once, in the table at the end of this file; tests, [`cases()`](crate::cases()) and
//! the list below all come from it. A case that is missing there is reached by nothing, and the lints
//! refuse it as dead code.

mod authority;
mod backlog;
mod begin;
mod bounded;
mod cancel;
mod elections;
mod fence;
mod finish;
mod hostile;
mod isolation;
mod lapses;
mod leases;
mod listing;
mod log;
mod look_up;
mod moving;
mod queue;
mod queue_order;
mod queue_time;
mod queue_upkeep;
mod races;
mod read_back;
mod rescue;
mod retention;
mod retry;
mod revisions;
mod run_ids;
mod show;
mod sources;
mod spanning;
mod submit;
mod successors;
mod undecided;
mod unique_keys;

/// The one table: every case, by theme. Hands it to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __table {
    ($($callback:tt)+) => {
        $($callback)+! {
            sources {
                a_run_without_the_capability_is_blocked_and_its_handler_never_runs
                a_legitimate_run_is_running_before_its_handler_and_succeeds
                a_run_behind_a_closed_write_gate_is_blocked_before_it_runs
            }
            submit {
                a_submission_is_queued_as_it_was_given
                a_submission_without_a_time_is_due_when_it_was_accepted
                a_submission_with_a_time_keeps_it_to_the_microsecond
                authority_is_not_judged_at_submission
                a_system_run_has_no_initiator
                a_submitted_run_is_seen_by_another_process
                a_thousand_runs_are_queued_in_one_batch
                runs_are_found_by_id_alone
                an_empty_batch_is_answered_with_nothing
                the_clock_does_not_run_backwards
            }
            run_ids {
                an_id_that_is_submitted_again_is_the_same_run
                the_id_of_a_completed_run_queues_nothing
                an_id_is_taken_for_any_other_identity
                an_id_twice_in_one_batch_is_queued_once
                an_id_that_was_not_queued_is_left_to_the_next
                a_taken_id_does_not_fail_its_neighbours
                an_id_that_many_submit_at_once_is_queued_once
            }
            unique_keys {
                a_key_that_is_held_is_answered_with_its_holder
                a_key_is_held_while_its_holder_runs
                a_key_is_free_once_its_holder_is_completed
                a_key_is_held_per_workspace_tenant_and_type
                runs_without_a_key_share_none
                a_key_twice_in_one_batch_is_held_by_the_first
                an_id_is_looked_for_before_its_key
                a_key_passes_to_the_successor
                a_key_passes_to_the_successor_of_a_rescued_run
                no_submission_slips_in_before_a_successor
                a_key_that_many_submit_at_once_has_one_holder
            }
            begin {
                an_allowed_run_is_running_with_its_decision_on_record
                a_denied_run_is_blocked_and_has_no_start
                a_run_that_runs_does_not_begin_again
                a_start_that_is_sent_twice_yields_one_permit
                a_blocked_run_never_starts
                a_completed_run_never_begins
                a_batch_that_names_a_run_twice_starts_it_once
                a_batch_that_names_a_denied_run_twice_blocks_it_once
                an_unknown_run_does_not_fail_its_neighbours
                a_run_does_not_begin_under_another_workspace
                five_hundred_runs_begin_in_one_batch
                the_answers_of_a_mixed_batch_stand_in_input_order
                a_system_run_starts_where_the_operation_accepts_it
                a_run_without_its_initiator_never_runs_as_the_system
                a_start_is_seen_by_another_process
            }
            read_back {
                a_start_that_was_answered_yields_no_second_permit
                a_start_is_found_after_its_run_was_completed
                a_start_that_was_never_sent_is_still_queued
                a_start_that_was_found_queued_begins_nothing_any_more
                a_start_that_was_overtaken_is_not_queued
                starts_are_read_back_in_input_order
                a_start_whose_answer_was_lost_is_found_by_reading_back
            }
            fence {
                a_redefined_role_between_decision_and_start_moves_the_authority
                a_switched_workspace_between_decision_and_start_moves_the_authority
                a_changed_tenant_between_decision_and_start_moves_the_authority
                a_disabled_user_between_decision_and_start_moves_the_authority
                a_removed_user_between_decision_and_start_moves_the_authority
                a_grant_between_decision_and_start_moves_the_authority
                a_revoked_grant_between_decision_and_start_moves_the_authority
                a_changed_connection_between_decision_and_start_moves_the_authority
                a_write_gate_set_between_decision_and_start_moves_the_authority
                a_prerequisite_set_between_decision_and_start_moves_the_authority
                a_change_that_changes_nothing_moves_the_authority_all_the_same
            }
            revisions {
                a_fence_of_another_store_starts_nothing
                a_fence_of_no_scope_starts_nothing
                a_revision_with_another_nonce_is_another_revision
                a_revision_with_another_counter_is_another_revision
                a_scope_without_record_starts_nothing
                every_scope_of_a_fence_is_compared
                a_run_whose_authority_moved_starts_when_judged_again
                a_stale_fence_does_not_fail_its_neighbours
                old_and_new_decisions_of_one_workspace_are_told_apart
                a_change_by_another_process_moves_the_authority
                a_kept_answer_is_stale_after_a_change
            }
            lapses {
                a_grant_that_has_ended_is_no_grant
                an_allow_that_lapses_before_its_start_moves_the_authority
                a_membership_that_ends_before_the_start_moves_the_authority
                an_allow_that_lapses_does_not_fail_its_neighbours
                a_deny_never_lapses
                an_allow_starts_as_long_as_it_holds
                a_system_run_does_not_lapse
                facts_are_judged_at_the_store_s_clock
            }
            bounded {
                a_start_within_its_bound_is_begun
                a_start_past_its_bound_moves_the_authority
                a_bound_passes_by_the_run_store_s_clock
                a_bound_compares_no_revisions
                a_bounded_start_starts_once
            }
            spanning {
                a_disabled_user_moves_the_authority_of_each_of_their_workspaces
                a_removed_user_moves_the_authority_of_each_of_their_workspaces
                a_redefined_role_moves_the_authority_wherever_it_is_granted
                a_tenant_that_moves_moves_its_old_and_its_new_workspace
                a_tenant_that_arrives_is_allowed_where_it_was_denied
                a_connection_that_moves_moves_both_its_tenants_workspaces
                a_change_in_another_workspace_moves_nothing_here
                a_grant_in_a_new_workspace_does_not_escape_a_disabled_user
            }
            leases {
                a_renewed_lease_runs_on
                a_lease_that_is_renewed_for_a_moment_lapses
                a_late_renewal_holds_while_nobody_has_rescued_the_run
                a_lease_is_lost_after_a_rescue
                a_lease_of_another_run_does_not_hold
                a_run_that_is_not_running_has_no_lease
                a_renewal_sees_the_cancel_flag
                a_deny_that_is_found_at_a_renewal_is_kept
                the_first_deny_that_is_found_stays
                a_renewal_raises_the_cancel_flag
                the_first_cancel_flag_stays
                renewals_are_answered_in_input_order
            }
            finish {
                each_work_is_an_outcome
                result_and_output_are_kept_to_the_letter
                a_completion_that_is_repeated_is_answered_with_what_is_on_record
                a_late_completion_is_accepted_before_a_rescue
                a_completion_after_a_rescue_has_lost_its_lease
                a_lease_of_another_run_completes_nothing
                a_run_that_is_not_running_is_not_completed
                work_that_ends_after_the_cancel_flag_is_cancelled
                a_flag_after_the_completion_changes_nothing
                completions_are_answered_in_input_order
            }
            successors {
                a_successor_copies_what_was_asked_for
                a_chain_counts_its_attempts
                a_successor_passes_the_gate_afresh
                only_a_failure_has_a_successor
                a_successor_is_there_with_the_completion
                a_successor_keeps_the_mode
            }
            cancel {
                a_queued_run_is_cancelled_before_it_starts
                a_cancel_without_a_reason_is_kept_as_such
                a_running_run_is_asked_to_stop
                a_completed_run_is_not_cancelled
                an_unknown_run_is_not_cancelled
                cancels_are_answered_in_input_order
                a_cancel_and_a_start_agree_on_which_came_first
                a_cancel_and_a_completion_agree_on_which_came_first
            }
            retry {
                a_retry_copies_what_was_asked_for
                any_completed_run_is_retried
                a_retry_of_a_blocked_run_passes_the_gate_afresh
                a_retry_runs_on_the_authority_of_the_first_run
                a_run_has_one_successor
                an_automatic_successor_is_the_one
                many_who_ask_at_once_get_one_successor
                only_completed_runs_are_retried
                a_retry_does_not_take_a_key_that_is_held
                retries_of_one_batch_see_each_other
                a_retry_may_exceed_the_limit_of_attempts
            }
            rescue {
                only_a_lapsed_lease_is_rescued
                a_rescued_run_has_failed_and_has_a_successor
                a_rescue_at_the_limit_of_attempts_has_no_successor
                a_rescued_run_with_the_cancel_flag_is_cancelled
                rescues_are_limited_oldest_first_and_once
                another_worker_does_what_a_lost_one_left
                rescuers_at_once_share_no_run
                a_rescue_and_a_late_completion_agree_on_which_came_first
            }
            undecided {
                an_undecided_run_stays_queued_and_is_put_off
                an_undecided_run_is_not_delivered_before_its_time
                an_undecided_run_waits_longer_each_time
                no_wait_is_longer_than_the_longest
                a_run_that_is_undecided_for_too_long_fails
                a_decision_ends_the_undecided_time
                only_queued_runs_are_put_off
                an_undecided_run_may_be_cancelled
            }
            elections {
                the_first_to_stand_holds_the_office
                the_holder_renews_its_term
                a_term_that_is_over_frees_the_office
                only_the_holder_steps_down
                offices_do_not_concern_each_other
                of_many_who_stand_at_once_one_is_elected
            }
            backlog {
                an_empty_store_has_no_backlog
                each_unfinished_run_is_counted_once
                completed_runs_are_not_counted
                a_run_moves_from_later_to_due
            }
            listing {
                runs_are_listed_newest_first
                a_listing_of_nothing_is_empty
                filters_leave_what_matches_each_of_them
                only_blocked_runs_have_a_reason
                pages_have_neither_gaps_nor_doubles
                pages_stand_still_while_runs_arrive
                a_cursor_holds_everywhere
                contexts_are_left_out_where_they_are_not_wanted
            }
            queue {
                an_entry_is_delivered_with_what_it_is_about
                an_entry_is_delivered_to_another_process
                a_push_leaves_an_entry_that_waits_alone
                a_push_leaves_an_entry_that_is_invisible_alone
                a_push_leaves_an_entry_that_was_put_off_alone
                an_entry_twice_in_one_push_is_added_once
                an_acked_entry_is_gone
                acks_are_answered_in_input_order
                entries_of_other_operations_are_left_alone
                entries_of_other_queues_are_left_alone
                entries_of_several_workspaces_share_a_queue
                receivers_at_once_share_no_entry
            }
            queue_time {
                an_entry_is_not_delivered_before_it_is_due
                an_entry_is_delivered_once_it_is_due
                an_entry_that_is_not_acked_comes_back
                the_receipt_of_an_earlier_delivery_is_stale
                a_receipt_that_was_never_given_is_stale
                a_late_ack_holds_while_nobody_has_the_entry
                an_entry_that_was_put_off_waits
                an_entry_that_was_put_off_comes_back
                waiting_ends_when_its_time_is_up
                waiting_takes_time_where_nothing_comes
                waiting_ends_early_when_entries_come
                waiting_ends_early_when_entries_come_from_elsewhere
            }
            queue_order {
                entries_are_delivered_by_priority_then_due_then_id
                the_order_holds_over_many_deliveries
                entries_that_come_back_keep_their_place
                a_receiver_is_given_no_more_than_it_asked_for
                many_are_received_in_order_and_settled_together
            }
            queue_upkeep {
                a_run_is_queued_by_whom_the_upkeep_says
                a_run_that_has_left_the_queue_is_not_delivered_again
                every_successor_is_delivered
                a_successor_that_waits_is_not_delivered_before_its_time
                a_lost_entry_is_brought_back
                a_run_that_is_delivered_twice_starts_once
                there_is_one_entry_for_every_queued_run
                pages_of_entries_have_neither_gaps_nor_doubles
            }
            authority {
                facts_are_those_of_the_reference
                a_change_raises_the_scopes_that_it_touches_and_no_other
                no_two_revisions_are_the_same
                the_changes_of_a_batch_are_applied_in_order
                a_grant_does_not_enable_a_disabled_user
                a_reader_sees_all_of_a_batch_or_nothing_of_it
                changes_at_once_do_not_lose_each_other
            }
            look_up {
                a_fence_names_the_store_and_the_workspace
                every_process_names_the_same_store
                a_scope_has_one_revision_until_it_is_changed
                many_first_look_ups_agree_on_the_revision
                queries_are_answered_in_input_order
                an_answer_holds_nothing_of_others
                what_has_moved_is_told_where_it_is
                roles_are_told_in_input_order
            }
            log {
                every_change_is_in_the_log
                every_entry_tells_the_revisions_that_it_made
                the_log_of_a_workspace_has_what_touched_it
                pages_of_the_log_have_neither_gaps_nor_doubles
                the_log_keeps_words_to_the_letter
                the_log_is_there_for_every_process
            }
            show {
                what_is_shown_makes_the_same_facts
                what_is_shown_of_one_makes_the_same_facts
                what_is_shown_stands_in_its_order
                nothing_of_another_workspace_is_shown
                a_disabled_user_is_shown_disabled
                what_is_shown_can_be_applied_again
            }
            retention {
                a_completed_run_goes_with_all_that_belonged_to_it
                a_run_stays_until_it_is_old_enough
                a_run_that_is_not_completed_is_never_removed
                a_run_stays_as_long_as_its_predecessor
                a_chain_goes_whole
                blocked_runs_stay_where_that_is_asked_for
                a_decision_stays_as_long_as_a_run_has_it
                pages_of_any_length_remove_the_same
                an_id_is_free_once_its_run_was_removed
                pruners_at_once_remove_each_run_once
                runs_are_removed_beside_those_that_start
            }
            isolation {
                a_run_is_not_read_in_another_workspace
                a_run_is_not_touched_in_another_workspace
                a_grant_reaches_no_other_workspace_or_tenant
                each_run_of_a_batch_keeps_what_is_its_own
                a_listing_has_no_run_of_another_workspace
                what_befalls_one_user_leaves_the_others_alone
            }
            hostile {
                any_id_is_kept_to_the_letter
                ids_that_look_alike_are_told_apart
                names_that_look_alike_are_told_apart
                any_context_is_kept_to_the_letter
                any_result_is_kept_to_the_letter
                the_ends_of_every_range_are_in_range
                any_json_is_a_result
            }
            races {
                eight_workers_at_fifty_runs_start_each_once
                nothing_starts_after_a_revocation_has_returned
                a_run_starts_in_the_end_while_authority_keeps_moving
                a_crowd_of_workers_completes_what_was_submitted
            }
        }
    };
}

/// Makes the cases public by name.
macro_rules! published {
    ($($theme:ident { $($case:ident)+ })+) => {
        $($(pub use $theme::$case;)+)+
    };
}

/// Makes the list of all cases.
macro_rules! listed {
    ($($theme:ident { $($case:ident)+ })+) => {
        /// Every case, by theme, in the order of the table.
        pub(crate) const ALL: &[crate::Case] = &[
            $($(crate::__case!($theme $case),)+)+
        ];
    };
}

__table!(published);
__table!(listed);

/// The table of the cases about moving house, for adapters that have the port. Hands it to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __moving_table {
    ($($callback:tt)+) => {
        $($callback)+! {
            sealed {
                a_sealed_store_queues_nothing
                a_sealed_store_starts_and_blocks_nothing
                a_sealed_store_changes_no_authority
                a_queued_run_in_a_sealed_store_stays_as_it_is
                a_completed_run_in_a_sealed_store_is_not_retried
                a_sealed_store_removes_no_run
                what_runs_in_a_sealed_store_may_end
                what_was_lost_in_a_sealed_store_is_rescued
                a_refusal_says_where_the_store_moves_to
                a_store_is_sealed_for_one_move
                an_unsealed_store_works_as_before
                nothing_changes_in_a_store_that_was_sealed_in_a_storm
            }
            filling {
                a_store_that_holds_anything_is_not_filled
                a_store_that_is_filled_queues_starts_and_changes_nothing
                a_store_opens_for_the_move_that_fills_it_alone
                an_abandoned_store_never_opens
                only_the_move_that_fills_a_store_imports
                a_standing_is_seen_by_another_process
            }
            moved {
                everything_arrives_as_it_was
                look_ups_find_the_same_at_the_new_home
                pages_of_any_length_hold_everything
                what_is_imported_twice_is_there_once
                a_fact_that_is_there_is_left_as_it_is
                what_takes_a_fact_away_is_not_imported
                a_run_that_moved_while_queued_is_judged_anew
                a_moved_run_is_delivered_once_its_store_is_open
                unique_keys_and_successors_hold_at_the_new_home
                a_completion_that_is_sent_again_is_answered_at_the_new_home
                a_moved_grant_makes_no_user_known
                the_log_goes_on_where_it_ended
                a_decision_from_the_old_home_starts_nothing_at_the_new_one
            }
        }
    };
}

/// Makes the cases about moving house public by name.
macro_rules! moves_published {
    ($($theme:ident { $($case:ident)+ })+) => {
        $($(pub use moving::$theme::$case;)+)+
    };
}

/// Makes the list of the cases about moving house.
macro_rules! moves_listed {
    ($($theme:ident { $($case:ident)+ })+) => {
        /// Every case about moving house, by theme, in the order of the table.
        pub(crate) const ALL_MOVES: &[crate::MoveCase] = &[
            $($(crate::__move_case!($theme $case),)+)+
        ];
    };
}

__moving_table!(moves_published);
__moving_table!(moves_listed);
