//! Beginning, and reading back what nobody was told of.

use std::sync::Arc;

use countersign::Passage;
use countersign_domain::DecisionId;
use countersign_ports::{PortErrorKind, ReadBack, Start};
use mockall::Sequence;

use super::{Mocks, Sent, assert_distinct, committed, failure, note, queued, queued_in};

impl Mocks {
    /// The next begin notes what was sent, and nobody is told what became of it.
    fn begin_to_an_unknown_end(&mut self, sent: &Sent, order: &mut Sequence) {
        let noted = Arc::clone(sent);
        self.runs
            .expect_begin()
            .times(1)
            .in_sequence(order)
            .returning(move |starts| {
                note(&noted, starts);
                Err(failure(PortErrorKind::CommitUnknown))
            });
    }
}

#[tokio::test]
async fn an_unknown_commit_is_read_back_before_anything_else_is_done() {
    let (mut mocks, mut order) = (Mocks::new().with_authority(), Sequence::new());
    let sent = Sent::default();
    mocks.begin_to_an_unknown_end(&sent, &mut order);
    mocks
        .runs
        .expect_read_back()
        .times(1)
        .in_sequence(&mut order)
        .returning(|_| Err(failure(PortErrorKind::Unavailable)));
    let asked = Arc::clone(&sent);
    mocks
        .runs
        .expect_read_back()
        .times(1)
        .in_sequence(&mut order)
        .returning(move |starts| {
            // By the ids that were sent.
            let ids: Vec<DecisionId> = starts.iter().map(Start::decision_id).collect();
            assert_eq!(ids, *asked.lock().unwrap());
            Ok(committed(starts)
                .into_iter()
                .map(ReadBack::Committed)
                .collect())
        });
    let passages = mocks.pass(&[queued("7"), queued("8")]).await;
    assert!(
        matches!(&passages[..], [Passage::Started(_), Passage::Blocked(_)]),
        "{passages:?}"
    );
}

#[tokio::test]
async fn a_decision_that_is_read_back_as_not_committed_is_never_used_again() {
    let (mut mocks, mut order) = (Mocks::new().with_authority(), Sequence::new());
    let sent = Sent::default();
    mocks.begin_to_an_unknown_end(&sent, &mut order);
    mocks
        .runs
        .expect_read_back()
        .times(1)
        .in_sequence(&mut order)
        .returning(|_| Ok(vec![ReadBack::StillQueued, ReadBack::NotQueued]));
    let noted = Arc::clone(&sent);
    mocks
        .runs
        .expect_begin()
        .times(1)
        .in_sequence(&mut order)
        .returning(move |starts| {
            note(&noted, starts);
            Ok(committed(starts))
        });
    let passages = mocks.pass(&[queued("7"), queued("7")]).await;
    assert!(
        matches!(&passages[..], [Passage::Started(_), Passage::NotQueued]),
        "{passages:?}"
    );
    assert_distinct(&sent, 3);
}

/// It is read back for about three seconds, less often each time.
#[tokio::test(start_paused = true)]
async fn a_start_whose_end_cannot_be_found_out_yields_no_permit_and_is_not_sent_again() {
    let mut mocks = Mocks::new().with_authority();
    mocks
        .runs
        .expect_begin()
        .times(1)
        .returning(|_| Err(failure(PortErrorKind::CommitUnknown)));
    let begun = tokio::time::Instant::now();
    let mut times = vec![50, 150, 350, 750, 1550, 3150].into_iter();
    mocks.runs.expect_read_back().times(6).returning(move |_| {
        assert_eq!(times.next(), Some(begun.elapsed().as_millis()));
        Err(failure(PortErrorKind::Unavailable))
    });
    let passages = mocks.pass(&[queued("7")]).await;
    assert!(
        matches!(&passages[..], [Passage::Failed(_)]),
        "{passages:?}"
    );
}

/// As in a cluster one of whose nodes is away.
#[tokio::test(start_paused = true)]
async fn a_workspace_that_cannot_be_read_back_keeps_no_permit_from_another() {
    let mut mocks = Mocks::new().with_authority();
    mocks
        .runs
        .expect_begin()
        .times(1)
        .returning(|_| Err(failure(PortErrorKind::CommitUnknown)));
    let is_there = |start: &Start| start.run().workspace_id.as_str() == "1";
    // Together six times; then each of the one, and the first of the other.
    mocks
        .runs
        .expect_read_back()
        .times(6 + 2 + 1)
        .returning(move |starts| {
            if !starts.iter().all(is_there) {
                return Err(failure(PortErrorKind::Unavailable));
            }
            Ok(committed(starts)
                .into_iter()
                .map(ReadBack::Committed)
                .collect())
        });
    let runs = ["1", "2", "2", "1"].map(|workspace| queued_in(workspace, "7"));
    let passages = mocks.pass(&runs).await;
    assert!(
        matches!(
            &passages[..],
            [
                Passage::Started(_),
                Passage::Failed(_),
                Passage::Failed(_),
                Passage::Started(_)
            ]
        ),
        "{passages:?}"
    );
}

#[tokio::test]
async fn one_start_that_the_store_refuses_does_not_fail_its_neighbours() {
    let mut mocks = Mocks::new().with_authority();
    let (bad, good) = (queued("7"), queued("7"));
    let bad_id = bad.id;
    mocks.runs.expect_begin().times(3).returning(move |starts| {
        if starts.iter().any(|start| start.run().id == bad_id) {
            return Err(failure(PortErrorKind::Refused));
        }
        Ok(committed(starts))
    });
    let passages = mocks.pass(&[bad, good]).await;
    assert!(
        matches!(&passages[..], [Passage::Failed(_), Passage::Started(_)]),
        "{passages:?}"
    );
}

/// It may work later, for all of them.
#[tokio::test]
async fn a_begin_that_fails_for_now_fails_for_all_of_its_runs_and_is_sent_once() {
    let mut mocks = Mocks::new().with_authority();
    let away = |_: &[Start]| Err(failure(PortErrorKind::Unavailable));
    mocks.runs.expect_begin().times(1).returning(away);
    let passages = mocks.pass(&[queued("7"), queued("8")]).await;
    assert!(
        matches!(&passages[..], [Passage::Failed(_), Passage::Failed(_)]),
        "{passages:?}"
    );
}

#[tokio::test]
async fn a_lone_start_that_the_store_refuses_is_sent_once() {
    let mut mocks = Mocks::new().with_authority();
    let refused = |_: &[Start]| Err(failure(PortErrorKind::Refused));
    mocks.runs.expect_begin().times(1).returning(refused);
    let passages = mocks.pass(&[queued("7")]).await;
    assert!(
        matches!(&passages[..], [Passage::Failed(_)]),
        "{passages:?}"
    );
}
