//! Every interleaving of the protocol keeps G1 to G6; and without any one of its steps, one does not.

#![expect(
    clippy::print_stdout,
    reason = "how many states there were is what a reader asks for"
)]
#![expect(clippy::panic, reason = "a test fails")]

use countersign_proof::protocol::{Omission, Protocol, World};
use stateright::{Checker, DiscoveryClassification, HasDiscoveries, Model};

/// Visits every state there is.
fn holds_in(world: World) {
    let world = match std::env::var_os("COUNTERSIGN_LARGER_WORLDS") {
        Some(_) => world.larger(),
        None => world,
    };
    let checker = Protocol::whole(world)
        .checker()
        .threads(2)
        .spawn_bfs()
        .join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{states} states, up to {depth} steps: G1 to G6 hold in all of them");
    checker.assert_properties();
}

#[test]
fn every_interleaving_of_changes_and_starts_keeps_the_guarantees() {
    holds_in(World::of_changes());
}

#[test]
fn every_loss_of_workers_and_messages_keeps_the_guarantees() {
    holds_in(World::of_losses());
}

#[test]
fn every_worker_that_is_late_or_gone_keeps_the_guarantees() {
    holds_in(World::of_late_workers());
}

#[test]
fn expiry_restored_backups_and_lost_scopes_keep_the_guarantees() {
    holds_in(World::of_time_and_damage());
}

/// What the protocol without one of its steps comes to: the first counterexample, in the fewest steps.
fn is_missed(omission: Omission, world: World) {
    let checker = Protocol::without(omission, world)
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let found = checker.discoveries().into_iter().find(|(property, _)| {
        matches!(
            checker.discovery_classification(property),
            DiscoveryClassification::Counterexample
        )
    });
    let states = checker.unique_state_count();
    let (property, path) =
        found.unwrap_or_else(|| panic!("nobody misses {omission:?} in {states} states"));
    let steps = path.into_actions();
    println!(
        "found after {states} states: {property:?} fails within {} steps\n{steps:#?}",
        steps.len()
    );
}

/// A test a step, so that none is left out, named after what is done without it.
macro_rules! missed {
    ($($test:ident: $omission:ident in $world:ident,)+) => {
        $(
            #[test]
            fn $test() {
                is_missed(Omission::$omission, World::$world());
            }
        )+

        #[test]
        fn every_step_is_taken_away_once() {
            assert_eq!(Omission::ALL, [$(Omission::$omission),+]);
        }
    };
}

missed! {
    a_begin_that_compares_no_revision_is_found: CompareRevisions in of_changes,
    a_begin_that_compares_counters_alone_is_found: CompareNonces in of_time_and_damage,
    a_begin_that_does_not_lock_its_scope_is_found: LockScopeForStart in of_changes,
    a_deny_without_a_fence_is_found: FenceDenies in of_changes,
    an_allow_that_does_not_lapse_is_found: LapseAllows in of_time_and_damage,
    a_begin_that_moves_what_is_not_queued_is_found: StartQueuedOnly in of_losses,
    a_look_up_that_is_no_snapshot_is_found: LookUpInOneSnapshot in of_changes,
    a_change_that_looks_before_it_locks_is_found: LockSubjectsFirst in of_changes,
    a_change_of_a_user_that_raises_nothing_is_found: RaiseForUsers in of_changes,
    a_grant_that_raises_nothing_is_found: RaiseForGrants in of_changes,
    a_revocation_that_raises_nothing_is_found: RaiseForRevocations in of_changes,
    a_missing_scope_that_passes_is_found: RecordOfScope in of_time_and_damage,
    a_decision_in_a_commit_of_its_own_is_found: DecideInTheStart in of_losses,
    a_permit_that_is_not_consumed_is_found: ConsumePermits in of_losses,
    an_entry_after_the_deadline_is_found: KeepDeadlines in of_late_workers,
    a_decision_that_is_not_barred_is_found: BarDecisions in of_losses,
    a_completion_without_a_lease_is_found: FinishUnderLease in of_late_workers,
    a_rescue_before_the_lease_lapses_is_found: RescueLapsedOnly in of_late_workers,
    a_rescue_without_a_successor_is_found: QueueSuccessors in of_late_workers,
    a_store_that_nobody_sweeps_is_found: Sweep in of_late_workers,
}
