//! What is told of a run: to the queue, and to the store that it moves to.
#![expect(clippy::unwrap_used, reason = "a text that does not read has failed")]

use countersign_domain::{
    AuthorityChange, CancelNote, Failure, FailureCode, LeaseId, OperationRun, RunId, RunOutcome,
    RunStatus, Submission, Timestamp,
};
use countersign_ports::{
    Moved, MovedRun, QueueEntry, RunKey, Submitted, fresh_lease_id, fresh_run_id,
};

const LINE: &str = r#"{"workspace":"w","tenant":"t","user":"u","type":"sync","queue_name":"nightly","priority":7}"#;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

fn run(status: RunStatus, started_at: Option<Timestamp>) -> OperationRun {
    let submission = Submission::parse(LINE).unwrap();
    let id = fresh_run_id();
    OperationRun {
        id,
        workspace_id: submission.workspace_id,
        tenant_id: submission.tenant_id,
        initiator: submission.initiator,
        authority_mode: submission.authority_mode,
        operation_type: submission.operation_type,
        provider_connection_id: None,
        status,
        outcome: RunOutcome::Pending,
        context: submission.context,
        decision: None,
        continuity: None,
        result: None,
        output: None,
        failure: None,
        cancel: None,
        priority: submission.priority,
        unique_key: None,
        chain_id: id,
        attempt: 1,
        retry_of: None,
        requested_by: None,
        queue_name: submission.queue_name,
        queued_at: at(1),
        due_at: at(2),
        started_at,
        completed_at: None,
        undecided_since: None,
    }
}

fn entry(id: RunId) -> QueueEntry {
    QueueEntry {
        run: RunKey {
            workspace_id: "w".parse().unwrap(),
            id,
        },
        operation_type: "sync".parse().unwrap(),
        queue_name: "nightly".parse().unwrap(),
        priority: 7,
        due_at: at(2),
    }
}

#[test]
fn the_queue_is_told_what_orders_a_run_and_finds_it() {
    let run = run(RunStatus::Queued, None);
    assert_eq!(QueueEntry::of(&run), entry(run.id));
}

#[test]
fn the_queue_is_told_of_a_submitted_run_where_it_was_created() {
    let (submission, id) = (Submission::parse(LINE).unwrap(), fresh_run_id());
    let created = Submitted::Created { id, due_at: at(2) };
    let told = QueueEntry::submitted(&submission, &created);
    assert_eq!(told, Some(entry(id)));
    for not_created in [Submitted::Existing { id }, Submitted::IdTaken { id }] {
        assert_eq!(QueueEntry::submitted(&submission, &not_created), None);
    }
}

/// Put off until, lease, its end and limit of attempts, of those that a store has.
type Besides = (
    Option<Timestamp>,
    Option<LeaseId>,
    Option<Timestamp>,
    Option<u32>,
);

fn moved(run: OperationRun, put_off_until: Timestamp, lease: LeaseId) -> Besides {
    let moved = MovedRun::of(
        run,
        Some(put_off_until),
        Some((lease, Some(at(9)))),
        Some(3),
    );
    (
        moved.put_off_until,
        moved.lease_id,
        moved.lease_expires_at,
        moved.max_attempts,
    )
}

#[test]
fn a_run_moves_with_what_means_something_in_its_state() {
    let (until, lease, started) = (at(5), fresh_lease_id(), Some(at(3)));
    let queued = run(RunStatus::Queued, None);
    assert_eq!(
        moved(queued.clone(), until, lease),
        (Some(until), None, None, None)
    );
    // The first moment there is is how some stores write that it was not put off.
    assert_eq!(
        moved(queued, Timestamp::UNIX_EPOCH, lease),
        (None, None, None, None)
    );
    assert_eq!(
        moved(run(RunStatus::Running, started), until, lease),
        (None, Some(lease), Some(at(9)), Some(3))
    );
    assert_eq!(
        moved(run(RunStatus::Completed, started), until, lease),
        (None, Some(lease), None, Some(3))
    );
    assert_eq!(
        moved(run(RunStatus::Completed, None), until, lease),
        (None, None, None, None)
    );
}

/// Not every store can keep U+0000, and a name never has it.
#[test]
fn free_texts_move_in_words_that_every_store_can_keep() {
    let run = run(RunStatus::Running, Some(at(3)));
    let saying = |message: &str, reason: &str| {
        let run = OperationRun {
            failure: Some(Failure {
                code: FailureCode::HandlerFailed,
                message: message.to_owned(),
            }),
            cancel: Some(CancelNote {
                by: "ops".parse().unwrap(),
                reason: Some(reason.to_owned()),
            }),
            ..run.clone()
        };
        Moved::Run(Box::new(MovedRun::of(run, None, None, None)))
    };
    let kept = saying("a\u{fffd}b", "c\u{fffd}");
    assert_eq!(saying("a\0b", "c\0").storable(), kept);
    assert_eq!(kept.clone().storable(), kept);

    let gate = |reason: &str| {
        Moved::Fact(AuthorityChange::SetWriteGate {
            workspace: "w".parse().unwrap(),
            tenant: None,
            open: false,
            reason: Some(reason.to_owned()),
        })
    };
    assert_eq!(gate("\0").storable(), gate("\u{fffd}"));
}
