//! Sequences that have failed once, or that would if a guard were missing: each on every store.

use super::changes::Change;
use super::command::{Command, Ending};
use super::store::KINDS;
use super::world::Ask;
use super::{play, runtime};

/// Plays a sequence on every store there is.
fn holds(commands: &[Command]) {
    let runtime = runtime();
    for kind in KINDS {
        if let Err(failed) = play(&runtime, kind, commands.to_vec()) {
            panic!("on {kind:?}: {failed}");
        }
    }
}

/// Ada's run, which is allowed at first.
const SYNC: Command = Command::Submit {
    ask: Ask::Sync,
    who: 0,
    unique: false,
    priority: 0,
    soon: false,
};

const JUDGE: Command = Command::Judge {
    run: 0,
    brief_lease: false,
};

const BEGIN: Command = Command::Begin {
    start: 0,
    count: 1,
    late: false,
    keep: true,
};

/// Without a comparison of revisions the start goes by what was, and ada's account is disabled.
#[test]
fn a_start_in_flight_is_moved_by_a_user_who_is_disabled() {
    let disabled = Command::Change(Change::SetUser {
        user: 0,
        active: false,
    });
    holds(&[SYNC, JUDGE, disabled, BEGIN, JUDGE, BEGIN]);
}

/// The tenant is in another workspace: old and new one are touched, and the run is denied.
#[test]
fn a_start_in_flight_is_moved_by_a_tenant_that_moves() {
    let moved = Command::Change(Change::SetTenant {
        tenant: 0,
        workspace: 1,
        lifecycle: 0,
    });
    holds(&[SYNC, JUDGE, moved, BEGIN, JUDGE, BEGIN]);
}

/// A batch that names a run twice, sent twice: one start, one permit.
#[test]
fn starts_of_one_run_that_are_sent_twice_start_it_once() {
    let both = Command::Begin {
        start: 0,
        count: 2,
        late: false,
        keep: true,
    };
    holds(&[SYNC, JUDGE, JUDGE, both, both, Command::Crash]);
}

/// A lease lapses, the run is rescued, and the worker that was lost comes back with its result.
#[test]
fn a_completion_that_comes_after_the_rescue_changes_nothing() {
    let late = Command::Finish {
        running: 0,
        work: Ending::Succeeds,
    };
    let lapse = Command::Lapse { running: 0 };
    holds(&[SYNC, JUDGE, BEGIN, lapse, Command::Sweep { limit: 3 }, late]);
}

/// A completion is sent again and names the successor that an operator has asked for: its entry, which the queue
/// had lost, is there again.
#[test]
fn a_successor_that_is_named_again_is_queued_again() {
    let finish = Command::Finish {
        running: 255,
        work: Ending::Succeeds,
    };
    let receive = Command::Receive {
        limit: 1,
        briefly: false,
    };
    holds(&[
        SYNC,
        JUDGE,
        BEGIN,
        receive,
        Command::Ack { delivery: 0 },
        finish,
        Command::Retry { run: 0 },
        receive,
        Command::Ack { delivery: 0 },
        finish,
        Command::Sweep { limit: 1 },
    ]);
}
