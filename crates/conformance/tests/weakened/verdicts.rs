//! Which cases tell which weakness. If the cases named here did not fail, they would prove nothing of
//! any other adapter.

use std::sync::Arc;
use std::time::Duration;

use countersign_conformance::{Case, cases};
use countersign_domain::ChangeKind;

use super::{Weakened, Weakness};
use crate::memory::Memory;

fn case(name: &str) -> &'static Case {
    let named = cases().iter().find(|case| case.to_string() == name);
    named.unwrap_or_else(|| panic!("`{name}` is no case"))
}

/// Runs the cases on an adapter with that weakness; those that failed, with what they said.
fn failures(weakness: Weakness, cases: &[&'static Case]) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut failures = Vec::new();
        for case in cases {
            let harness = Arc::new(Weakened {
                inner: Memory::with_queue(),
                weakness,
            });
            let ended = case.run(harness, Duration::from_secs(30)).await;
            failures.extend(ended.err().map(|failure| failure.case));
        }
        failures
    })
}

/// The configuration that is not weakened, through the same wrapper: no case fails.
#[test]
fn nothing_wrong_fails_no_case() {
    let all: Vec<_> = cases().iter().collect();
    assert_eq!(failures(Weakness::None, &all), Vec::<String>::new());
}

/// Nor does a line on which answers come late and may be lost: what becomes of a start then is found out
/// by reading back.
#[test]
fn late_answers_fail_no_case() {
    let themes = ["begin", "read_back", "revisions", "races"];
    let of_themes = cases().iter().filter(|case| themes.contains(&case.theme()));
    let of_themes: Vec<_> = of_themes.collect();
    assert_eq!(
        failures(Weakness::AnswersLate, &of_themes),
        Vec::<String>::new()
    );
}

/// One test for each weakness: the named cases fail, all of them.
macro_rules! weakened {
    ($($name:ident: $weakness:expr => [$($case:literal),+ $(,)?];)+) => {$(
        #[test]
        fn $name() {
            let named = [$($case),+];
            let failed = failures($weakness, &named.map(case));
            assert_eq!(failed, named, "the cases that tell an adapter weakened so");
        }
    )+};
}

weakened! {
    revisions_not_compared: Weakness::RevisionsNotCompared => [
        "fence::a_redefined_role_between_decision_and_start_moves_the_authority",
        "fence::a_switched_workspace_between_decision_and_start_moves_the_authority",
        "fence::a_changed_tenant_between_decision_and_start_moves_the_authority",
        "fence::a_disabled_user_between_decision_and_start_moves_the_authority",
        "fence::a_removed_user_between_decision_and_start_moves_the_authority",
        "fence::a_grant_between_decision_and_start_moves_the_authority",
        "fence::a_revoked_grant_between_decision_and_start_moves_the_authority",
        "fence::a_changed_connection_between_decision_and_start_moves_the_authority",
        "fence::a_write_gate_set_between_decision_and_start_moves_the_authority",
        "fence::a_prerequisite_set_between_decision_and_start_moves_the_authority",
        "revisions::a_stale_fence_does_not_fail_its_neighbours",
        "races::nothing_starts_after_a_revocation_has_returned",
    ];
    nonces_not_compared: Weakness::NoncesNotCompared => [
        "revisions::a_revision_with_another_nonce_is_another_revision",
    ];
    counters_not_compared: Weakness::CountersNotCompared => [
        "revisions::a_revision_with_another_counter_is_another_revision",
    ];
    denies_not_fenced: Weakness::DeniesNotFenced => [
        "fence::a_grant_between_decision_and_start_moves_the_authority",
        "spanning::a_tenant_that_arrives_is_allowed_where_it_was_denied",
    ];
    one_scope_compared: Weakness::OneScopeCompared => [
        "revisions::every_scope_of_a_fence_is_compared",
    ];
    scopes_without_record_pass: Weakness::ScopesWithoutRecordPass => [
        "revisions::a_scope_without_record_starts_nothing",
    ];
    no_scope_needed: Weakness::NoScopeNeeded => [
        "revisions::a_fence_of_no_scope_starts_nothing",
    ];
    store_not_compared: Weakness::StoreNotCompared => [
        "revisions::a_fence_of_another_store_starts_nothing",
    ];
    lapse_not_checked: Weakness::LapseNotChecked => [
        "lapses::an_allow_that_lapses_before_its_start_moves_the_authority",
        "lapses::a_membership_that_ends_before_the_start_moves_the_authority",
        "lapses::an_allow_that_lapses_does_not_fail_its_neighbours",
    ];
    bound_not_checked: Weakness::BoundNotChecked => [
        "bounded::a_start_past_its_bound_moves_the_authority",
        "bounded::a_bound_passes_by_the_run_store_s_clock",
    ];
    checked_before_the_lock: Weakness::CheckedBeforeTheLock => [
        "races::nothing_starts_after_a_revocation_has_returned",
    ];
    facts_read_before_their_revision: Weakness::FactsReadBeforeTheirRevision => [
        "authority::a_reader_sees_all_of_a_batch_or_nothing_of_it",
    ];

    role_not_raised: Weakness::NotRaisedFor(ChangeKind::DefineRole) => [
        "fence::a_redefined_role_between_decision_and_start_moves_the_authority",
        "spanning::a_redefined_role_moves_the_authority_wherever_it_is_granted",
    ];
    workspace_not_raised: Weakness::NotRaisedFor(ChangeKind::SetWorkspace) => [
        "fence::a_switched_workspace_between_decision_and_start_moves_the_authority",
    ];
    tenant_not_raised: Weakness::NotRaisedFor(ChangeKind::SetTenant) => [
        "fence::a_changed_tenant_between_decision_and_start_moves_the_authority",
    ];
    user_not_raised: Weakness::NotRaisedFor(ChangeKind::SetUser) => [
        "fence::a_disabled_user_between_decision_and_start_moves_the_authority",
        "spanning::a_disabled_user_moves_the_authority_of_each_of_their_workspaces",
    ];
    removed_user_not_raised: Weakness::NotRaisedFor(ChangeKind::RemoveUser) => [
        "fence::a_removed_user_between_decision_and_start_moves_the_authority",
        "spanning::a_removed_user_moves_the_authority_of_each_of_their_workspaces",
    ];
    grant_not_raised: Weakness::NotRaisedFor(ChangeKind::Grant) => [
        "fence::a_grant_between_decision_and_start_moves_the_authority",
    ];
    revoke_not_raised: Weakness::NotRaisedFor(ChangeKind::Revoke) => [
        "fence::a_revoked_grant_between_decision_and_start_moves_the_authority",
        "races::nothing_starts_after_a_revocation_has_returned",
    ];
    connection_not_raised: Weakness::NotRaisedFor(ChangeKind::SetConnection) => [
        "fence::a_changed_connection_between_decision_and_start_moves_the_authority",
        "spanning::a_connection_that_moves_moves_both_its_tenants_workspaces",
    ];
    gate_not_raised: Weakness::NotRaisedFor(ChangeKind::SetWriteGate) => [
        "fence::a_write_gate_set_between_decision_and_start_moves_the_authority",
    ];
    prerequisite_not_raised: Weakness::NotRaisedFor(ChangeKind::SetPrerequisite) => [
        "fence::a_prerequisite_set_between_decision_and_start_moves_the_authority",
    ];
    one_workspace_raised: Weakness::OneWorkspaceRaised => [
        "spanning::a_disabled_user_moves_the_authority_of_each_of_their_workspaces",
        "spanning::a_tenant_that_moves_moves_its_old_and_its_new_workspace",
        "spanning::a_connection_that_moves_moves_both_its_tenants_workspaces",
    ];
    every_workspace_raised: Weakness::EveryWorkspaceRaised => [
        "spanning::a_change_in_another_workspace_moves_nothing_here",
        "authority::a_change_raises_the_scopes_that_it_touches_and_no_other",
    ];
    nonce_kept: Weakness::NonceKept => [
        "authority::no_two_revisions_are_the_same",
    ];
    batch_applied_in_parts: Weakness::BatchAppliedInParts => [
        "authority::a_reader_sees_all_of_a_batch_or_nothing_of_it",
    ];
    batch_applied_backwards: Weakness::BatchAppliedBackwards => [
        "authority::the_changes_of_a_batch_are_applied_in_order",
        "log::every_change_is_in_the_log",
    ];
    log_forgets_revisions: Weakness::LogForgetsRevisions => [
        "log::every_entry_tells_the_revisions_that_it_made",
        "log::the_log_of_a_workspace_has_what_touched_it",
    ];
    log_not_filtered: Weakness::LogNotFiltered => [
        "log::the_log_of_a_workspace_has_what_touched_it",
    ];
    log_pages_overlap: Weakness::LogPagesOverlap => [
        "log::pages_of_the_log_have_neither_gaps_nor_doubles",
    ];
    answers_backwards: Weakness::AnswersBackwards => [
        "look_up::queries_are_answered_in_input_order",
    ];
    grants_of_every_workspace: Weakness::GrantsOfEveryWorkspace => [
        "look_up::an_answer_holds_nothing_of_others",
        "isolation::a_grant_reaches_no_other_workspace_or_tenant",
    ];
    grants_of_every_tenant: Weakness::GrantsOfEveryTenant => [
        "look_up::an_answer_holds_nothing_of_others",
        "isolation::a_grant_reaches_no_other_workspace_or_tenant",
    ];
    record_not_kept: Weakness::RecordNotKept => [
        "look_up::a_scope_has_one_revision_until_it_is_changed",
        "look_up::many_first_look_ups_agree_on_the_revision",
    ];
    roles_sorted: Weakness::RolesSorted => [
        "look_up::roles_are_told_in_input_order",
    ];
    shows_grants_of_every_workspace: Weakness::ShowsGrantsOfEveryWorkspace => [
        "show::nothing_of_another_workspace_is_shown",
        "show::what_is_shown_stands_in_its_order",
    ];
    shows_users_active: Weakness::ShowsUsersActive => [
        "show::a_disabled_user_is_shown_disabled",
        "show::what_is_shown_makes_the_same_facts",
    ];
    shows_backwards: Weakness::ShowsBackwards => [
        "show::what_is_shown_stands_in_its_order",
    ];
    show_forgets_gates: Weakness::ShowForgetsGates => [
        "show::what_is_shown_makes_the_same_facts",
    ];
    show_not_narrowed: Weakness::ShowNotNarrowed => [
        "show::what_is_shown_of_one_makes_the_same_facts",
    ];
    log_forgets_who: Weakness::LogForgetsWho => [
        "log::every_change_is_in_the_log",
        "log::the_log_keeps_words_to_the_letter",
    ];
    grant_enables: Weakness::GrantEnables => [
        "authority::a_grant_does_not_enable_a_disabled_user",
        "authority::facts_are_those_of_the_reference",
    ];

    starts_twice: Weakness::StartsTwice => [
        "begin::a_run_that_runs_does_not_begin_again",
        "races::eight_workers_at_fifty_runs_start_each_once",
        "queue_upkeep::a_run_that_is_delivered_twice_starts_once",
    ];
    starts_what_was_blocked: Weakness::StartsWhatWasBlocked => [
        "begin::a_blocked_run_never_starts",
    ];
    starts_twice_in_a_batch: Weakness::StartsTwiceInABatch => [
        "begin::a_batch_that_names_a_run_twice_starts_it_once",
        "bounded::a_bounded_start_starts_once",
    ];
    decision_not_recorded: Weakness::DecisionNotRecorded => [
        "begin::an_allowed_run_is_running_with_its_decision_on_record",
        "begin::a_denied_run_is_blocked_and_has_no_start",
        "sources::a_run_without_the_capability_is_blocked_and_its_handler_never_runs",
    ];
    deny_has_a_start: Weakness::DenyHasAStart => [
        "begin::a_denied_run_is_blocked_and_has_no_start",
        "sources::a_run_behind_a_closed_write_gate_is_blocked_before_it_runs",
    ];
    unknown_run_fails_the_batch: Weakness::UnknownRunFailsTheBatch => [
        "begin::an_unknown_run_does_not_fail_its_neighbours",
    ];
    any_workspace_finds_a_run: Weakness::AnyWorkspaceFindsARun => [
        "isolation::a_run_is_not_read_in_another_workspace",
        "begin::a_run_does_not_begin_under_another_workspace",
        "isolation::a_run_is_not_touched_in_another_workspace",
    ];
    undecided_for_ever: Weakness::UndecidedForEver => [
        "undecided::a_decision_ends_the_undecided_time",
    ];
    undecided_forgotten: Weakness::UndecidedForgotten => [
        "undecided::an_undecided_run_waits_longer_each_time",
        "undecided::a_run_that_is_undecided_for_too_long_fails",
    ];
    read_back_believes: Weakness::ReadBackBelieves => [
        "read_back::a_start_that_was_never_sent_is_still_queued",
        "read_back::a_start_that_was_overtaken_is_not_queued",
    ];

    lease_ignored_on_finish: Weakness::LeaseIgnoredOnFinish => [
        "finish::a_lease_of_another_run_completes_nothing",
    ];
    lease_ignored_on_renewal: Weakness::LeaseIgnoredOnRenewal => [
        "leases::a_lease_of_another_run_does_not_hold",
    ];
    late_finish_refused: Weakness::LateFinishRefused => [
        "finish::a_late_completion_is_accepted_before_a_rescue",
    ];
    completion_not_idempotent: Weakness::CompletionNotIdempotent => [
        "finish::a_completion_that_is_repeated_is_answered_with_what_is_on_record",
    ];
    flag_ignored: Weakness::FlagIgnored => [
        "finish::work_that_ends_after_the_cancel_flag_is_cancelled",
        "cancel::a_running_run_is_asked_to_stop",
    ];
    successor_of_cancelled: Weakness::SuccessorOfCancelled => [
        "finish::work_that_ends_after_the_cancel_flag_is_cancelled",
    ];
    successor_in_a_second_commit: Weakness::SuccessorInASecondCommit => [
        "successors::a_successor_is_there_with_the_completion",
        "unique_keys::no_submission_slips_in_before_a_successor",
    ];
    later_deny_kept: Weakness::LaterDenyKept => [
        "leases::the_first_deny_that_is_found_stays",
    ];
    rescues_the_living: Weakness::RescuesTheLiving => [
        "rescue::only_a_lapsed_lease_is_rescued",
        "leases::a_renewed_lease_runs_on",
    ];
    rescue_leaves_the_lease: Weakness::RescueLeavesTheLease => [
        "finish::a_completion_after_a_rescue_has_lost_its_lease",
    ];
    rescues_without_limit: Weakness::RescuesWithoutLimit => [
        "rescue::a_rescue_at_the_limit_of_attempts_has_no_successor",
        "retry::a_retry_may_exceed_the_limit_of_attempts",
    ];
    second_successor: Weakness::SecondSuccessor => [
        "retry::a_run_has_one_successor",
        "retry::an_automatic_successor_is_the_one",
    ];
    cancel_leaves_it_queued: Weakness::CancelLeavesItQueued => [
        "cancel::a_queued_run_is_cancelled_before_it_starts",
        "cancel::a_cancel_and_a_start_agree_on_which_came_first",
    ];

    later_flag_kept: Weakness::LaterFlagKept => [
        "leases::the_first_cancel_flag_stays",
    ];
    lease_never_lost: Weakness::LeaseNeverLost => [
        "leases::a_lease_is_lost_after_a_rescue",
        "leases::a_run_that_is_not_running_has_no_lease",
    ];
    result_dropped: Weakness::ResultDropped => [
        "finish::result_and_output_are_kept_to_the_letter",
        "hostile::any_json_is_a_result",
    ];
    successor_forgets_priority: Weakness::SuccessorForgetsPriority => [
        "successors::a_successor_copies_what_was_asked_for",
        "retry::a_retry_copies_what_was_asked_for",
    ];
    successor_of_the_system: Weakness::SuccessorOfTheSystem => [
        "successors::a_successor_copies_what_was_asked_for",
        "retry::a_retry_runs_on_the_authority_of_the_first_run",
    ];
    successor_keeps_the_decision: Weakness::SuccessorKeepsTheDecision => [
        "successors::a_successor_copies_what_was_asked_for",
        "retry::a_retry_copies_what_was_asked_for",
    ];
    rescues_newest_first: Weakness::RescuesNewestFirst => [
        "rescue::rescues_are_limited_oldest_first_and_once",
    ];
    rescue_ignores_the_flag: Weakness::RescueIgnoresTheFlag => [
        "rescue::a_rescued_run_with_the_cancel_flag_is_cancelled",
    ];
    rescues_in_two_steps: Weakness::RescuesInTwoSteps => [
        "rescue::rescuers_at_once_share_no_run",
    ];
    longest_wait_ignored: Weakness::LongestWaitIgnored => [
        "undecided::no_wait_is_longer_than_the_longest",
    ];

    prunes_the_young: Weakness::PrunesTheYoung => [
        "retention::a_run_stays_until_it_is_old_enough",
    ];
    prunes_the_unfinished: Weakness::PrunesTheUnfinished => [
        "retention::a_run_that_is_not_completed_is_never_removed",
        "retention::pages_of_any_length_remove_the_same",
    ];
    prunes_the_blocked: Weakness::PrunesTheBlocked => [
        "retention::blocked_runs_stay_where_that_is_asked_for",
        "retention::a_run_stays_as_long_as_its_predecessor",
    ];
    prunes_successors_first: Weakness::PrunesSuccessorsFirst => [
        "retention::a_run_stays_as_long_as_its_predecessor",
    ];
    prunes_one_page: Weakness::PrunesOnePage => [
        "retention::pages_of_any_length_remove_the_same",
    ];
    prune_keeps_the_rest: Weakness::PruneKeepsTheRest => [
        "retention::a_completed_run_goes_with_all_that_belonged_to_it",
    ];

    key_not_enforced: Weakness::KeyNotEnforced => [
        "unique_keys::a_key_that_is_held_is_answered_with_its_holder",
        "unique_keys::a_key_twice_in_one_batch_is_held_by_the_first",
    ];
    key_across_tenants: Weakness::KeyAcrossTenants => [
        "unique_keys::a_key_is_held_per_workspace_tenant_and_type",
    ];
    keys_folded: Weakness::KeysFolded => [
        "hostile::names_that_look_alike_are_told_apart",
    ];
    id_not_idempotent: Weakness::IdNotIdempotent => [
        "run_ids::an_id_that_is_submitted_again_is_the_same_run",
        "run_ids::an_id_twice_in_one_batch_is_queued_once",
    ];
    id_taken_not_told: Weakness::IdTakenNotTold => [
        "run_ids::an_id_is_taken_for_any_other_identity",
    ];
    context_read_and_written: Weakness::ContextReadAndWritten => [
        "hostile::any_context_is_kept_to_the_letter",
    ];
    reason_not_filtered: Weakness::ReasonNotFiltered => [
        "listing::only_blocked_runs_have_a_reason",
        "listing::filters_leave_what_matches_each_of_them",
    ];
    pages_by_time_alone: Weakness::PagesByTimeAlone => [
        "listing::pages_have_neither_gaps_nor_doubles",
    ];
    everybody_elected: Weakness::EverybodyElected => [
        "elections::the_first_to_stand_holds_the_office",
        "elections::of_many_who_stand_at_once_one_is_elected",
    ];
    later_counted_as_due: Weakness::LaterCountedAsDue => [
        "backlog::each_unfinished_run_is_counted_once",
    ];

    times_in_milliseconds: Weakness::TimesInMilliseconds => [
        "submit::a_submission_with_a_time_keeps_it_to_the_microsecond",
    ];
    listed_oldest_first: Weakness::ListedOldestFirst => [
        "listing::runs_are_listed_newest_first",
    ];
    contexts_never_omitted: Weakness::ContextsNeverOmitted => [
        "listing::contexts_are_left_out_where_they_are_not_wanted",
    ];
    workspace_not_filtered: Weakness::WorkspaceNotFiltered => [
        "isolation::a_listing_has_no_run_of_another_workspace",
        "listing::a_listing_of_nothing_is_empty",
    ];
    entries_skip_one: Weakness::EntriesSkipOne => [
        "queue_upkeep::pages_of_entries_have_neither_gaps_nor_doubles",
    ];
    clock_jumps: Weakness::ClockJumps => [
        "submit::the_clock_does_not_run_backwards",
    ];

    visibility_ignored: Weakness::VisibilityIgnored => [
        "queue::an_entry_is_delivered_with_what_it_is_about",
        "queue::receivers_at_once_share_no_entry",
    ];
    priority_ignored: Weakness::PriorityIgnored => [
        "queue_order::entries_are_delivered_by_priority_then_due_then_id",
        "queue_order::the_order_holds_over_many_deliveries",
    ];
    due_ignored: Weakness::DueIgnored => [
        "queue_time::an_entry_is_not_delivered_before_it_is_due",
        "queue_upkeep::a_successor_that_waits_is_not_delivered_before_its_time",
    ];
    push_starts_over: Weakness::PushStartsOver => [
        "queue::a_push_leaves_an_entry_that_is_invisible_alone",
        "queue::a_push_leaves_an_entry_that_was_put_off_alone",
    ];
    old_receipt_accepted: Weakness::OldReceiptAccepted => [
        "queue_time::the_receipt_of_an_earlier_delivery_is_stale",
        "queue_time::a_receipt_that_was_never_given_is_stale",
    ];
    operations_ignored: Weakness::OperationsIgnored => [
        "queue::entries_of_other_operations_are_left_alone",
    ];
    entry_stays_after_the_start: Weakness::EntryStaysAfterTheStart => [
        "queue_upkeep::a_run_that_has_left_the_queue_is_not_delivered_again",
    ];
    entry_in_a_second_commit: Weakness::EntryForgotten => [
        "queue_upkeep::a_run_is_queued_by_whom_the_upkeep_says",
        "queue::an_entry_is_delivered_to_another_process",
    ];
    waits_for_ever: Weakness::WaitsForEver => [
        "queue_time::waiting_ends_when_its_time_is_up",
    ];
    never_wakes: Weakness::NeverWakes => [
        "queue_time::waiting_ends_early_when_entries_come",
        "queue_time::waiting_ends_early_when_entries_come_from_elsewhere",
    ];
    never_waits: Weakness::NeverWaits => [
        "queue_time::waiting_takes_time_where_nothing_comes",
    ];
    pieces_out_of_order: Weakness::PiecesOutOfOrder => [
        "queue_order::many_are_received_in_order_and_settled_together",
    ];
}
