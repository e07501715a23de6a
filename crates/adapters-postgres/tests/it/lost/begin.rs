//! A begin whose line is cut: known to have come to nothing, or read back.

use std::slice::from_ref;

use countersign_conformance::scene::{Came, HOME};
use countersign_domain::{ReasonCode, RunOutcome, RunStatus};
use countersign_ports::{Begun, ReadBack, RetryClass, RunKey, Start};
use countersign_postgres::sqlx::{AssertSqlSafe, Executor};

use super::fault::Fault;
use super::{Line, on_a_line};

impl Line {
    /// Begins a start over a line that is cut so at the commit, and reads back what became of it.
    async fn begin_and_read_back(&self, fault: Fault, start: &Start) -> ReadBack {
        let runs = &self.scene.ports.runs;
        self.cut_at_commit(fault, runs.begin(from_ref(start))).await;
        self.read_back(start).await
    }

    /// Reads one start back through the proxy.
    pub(super) async fn read_back(&self, start: &Start) -> ReadBack {
        let found = self.scene.ports.runs.read_back(from_ref(start)).await;
        found.unwrap().remove(0)
    }

    /// That nothing was begun: the run is queued, without decision and with its entry.
    pub(super) async fn assert_untouched(&self, key: &RunKey) {
        let run = self.past.load(key).await;
        let stands = (run.status, run.started_at, run.decision);
        assert_eq!(stands, (RunStatus::Queued, None, None));
    }

    /// That the run was started by this start.
    pub(super) async fn assert_running(&self, start: &Start) {
        let run = self.past.load(start.run()).await;
        assert_eq!(run.status, RunStatus::Running);
        assert!(run.started_at.is_some());
        assert_eq!(run.decision, Some(start.record()));
    }
}

#[tokio::test]
async fn a_begin_cut_before_its_commit_is_still_queued_and_never_yields_a_permit() {
    on_a_line(|line| async move {
        let key = line.past.submit(HOME.sync()).await;
        let start = line.scene.judge(&key).await;
        let read = line
            .begin_and_read_back(Fault::CutBeforeCommit, &start)
            .await;
        assert!(matches!(read, ReadBack::StillQueued), "{read:?}");
        line.assert_untouched(&key).await;

        // Whoever takes the start for committed after that gets no permit.
        let now = line.past.clock().await;
        assert!(matches!(start.committed(now), Begun::NotQueued));
        assert!(matches!(
            line.read_back(&start).await,
            ReadBack::StillQueued
        ));
        // By another decision the run starts, once.
        assert_eq!(line.scene.try_start(&key).await, Came::Started);
        assert!(matches!(line.read_back(&start).await, ReadBack::NotQueued));
        assert_eq!(line.past.begin_one(&start).await, Came::NotQueued);
    })
    .await;
}

/// Nobody is to send it again. Whoever does has no handler to enter.
#[tokio::test]
async fn a_start_that_was_found_queued_yields_no_permit_should_it_be_sent_again() {
    on_a_line(|line| async move {
        let key = line.past.submit(HOME.sync()).await;
        let start = line.scene.judge(&key).await;
        let read = line
            .begin_and_read_back(Fault::CutBeforeCommit, &start)
            .await;
        assert!(matches!(read, ReadBack::StillQueued), "{read:?}");
        assert_eq!(line.scene.begin_one(&start).await, Came::NotQueued);
        let permit = matches!(
            line.read_back(&start).await,
            ReadBack::Committed(Begun::Started(_))
        );
        assert!(!permit, "a permit for a decision that was given up");
    })
    .await;
}

#[tokio::test]
async fn a_begin_cut_after_its_commit_is_read_back_with_one_permit() {
    on_a_line(|line| async move {
        let key = line.past.submit(HOME.sync()).await;
        let start = line.scene.judge(&key).await;
        let read = line
            .begin_and_read_back(Fault::CutAfterCommit, &start)
            .await;
        let ReadBack::Committed(Begun::Started(permit)) = read else {
            panic!("committed, with a permit: {read:?}");
        };
        line.assert_running(&start).await;
        let entry = permit.enter().unwrap();
        assert_eq!(entry.run(), &key);
        assert_eq!(entry.lease_id(), start.lease_id());
        let started_at = line.past.load(&key).await.started_at;
        assert_eq!(Some(entry.started_at()), started_at);

        // One start, one permit (G3).
        let again = line.read_back(&start).await;
        assert!(matches!(again, ReadBack::Committed(Begun::NotQueued)));
        assert_eq!(line.past.begin_one(&start).await, Came::NotQueued);
        assert!(line.past.receive(10).await.is_empty(), "its entry is gone");
    })
    .await;
}

#[tokio::test]
async fn a_blocked_start_cut_after_its_commit_is_read_back_as_blocked() {
    on_a_line(|line| async move {
        let key = line.past.submit(HOME.denied()).await;
        let start = line.scene.judge(&key).await;
        let read = line
            .begin_and_read_back(Fault::CutAfterCommit, &start)
            .await;
        assert!(
            matches!(read, ReadBack::Committed(Begun::Blocked)),
            "{read:?}"
        );
        let run = line.past.load(&key).await;
        assert_eq!(
            (run.status, run.outcome),
            (RunStatus::Completed, RunOutcome::Blocked)
        );
        assert_eq!(run.started_at, None);
        assert_eq!(
            start.decision().reason(),
            Some(ReasonCode::MissingCapability)
        );
        assert_eq!(run.decision, Some(start.record()));
    })
    .await;
}

#[tokio::test]
async fn a_blocked_start_cut_before_its_commit_is_still_queued() {
    on_a_line(|line| async move {
        let key = line.past.submit(HOME.denied()).await;
        let start = line.scene.judge(&key).await;
        let read = line
            .begin_and_read_back(Fault::CutBeforeCommit, &start)
            .await;
        assert!(matches!(read, ReadBack::StillQueued), "{read:?}");
        line.assert_untouched(&key).await;
        assert_eq!(line.scene.try_start(&key).await, Came::Blocked);
    })
    .await;
}

/// It is one call, and whoever has sent any of it cannot know.
#[tokio::test]
async fn a_begin_cut_at_any_message_is_read_back_as_not_made() {
    on_a_line(|line| async move {
        let mut cuts = 0;
        for message in 1.. {
            let key = line.past.submit(HOME.sync()).await;
            let start = line.past.judge(&key).await;
            let scene = line.open_again().await;
            line.proxy.set(Fault::CutAtMessage(message));
            let begun = scene.ports.runs.begin(from_ref(&start)).await;
            let Err(error) = begun else {
                assert!(!line.proxy.has_cut(), "answered over a line that was cut");
                line.assert_running(&start).await;
                break;
            };
            assert_eq!(error.retry(), RetryClass::ReadBack, "{message}: {error}");
            let read = line.read_back(&start).await;
            assert!(matches!(read, ReadBack::StillQueued), "{read:?}");
            line.assert_untouched(&key).await;
            assert_eq!(line.scene.try_start(&key).await, Came::Started);
            cuts += 1;
        }
        assert!(cuts > 2, "to be parsed, bound and executed: {cuts}");
    })
    .await;
}

/// More than one call begins where it has to let a change in.
const MANY: usize = 300;

/// A change of this workspace waits as soon as a start was moved.
const SOMEBODY_WAITS: &str = "
    CREATE FUNCTION countersign.wait() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(countersign.announcement('home'));
        RETURN NULL;
    END $$;
    CREATE TRIGGER somebody_waits AFTER UPDATE ON countersign.run_states
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.wait()";

/// Nothing is moved any more once something runs.
const AND_THE_NEXT_CALL_FAILS: &str = "
    CREATE FUNCTION countersign.fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM countersign.run_states WHERE status = 'running') THEN
            RAISE EXCEPTION 'not now' USING ERRCODE = 'lock_not_available';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER the_next_call_fails BEFORE UPDATE ON countersign.run_states
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.fail()";

impl Line {
    /// Starts of so many runs, after statements in which `countersign.` stands for the store's schema.
    async fn many_judged(&self, statements: &str) -> Vec<Start> {
        let schema = format!("{}.", self.site.schema());
        let statements = AssertSqlSafe(statements.replace("countersign.", &schema));
        let done = self.site.connect().await.execute(statements).await;
        done.expect("the statements are run");
        let keys = self.past.submit_all((0..MANY).map(|_| HOME.sync())).await;
        self.scene.judge_all(&keys).await
    }
}

#[tokio::test]
async fn a_batch_that_is_cut_after_it_let_a_change_in_is_read_back_whole() {
    on_a_line(|line| async move {
        let starts = line.many_judged(SOMEBODY_WAITS).await;
        let runs = &line.scene.ports.runs;
        let begin = runs.begin(&starts);
        line.cut_at_commit(Fault::CutAfterSecondCommit, begin).await;
        let found = runs.read_back(&starts).await.unwrap();
        let is_started = |found: &ReadBack| matches!(found, ReadBack::Committed(Begun::Started(_)));
        let started = found.iter().filter(|found| is_started(found)).count();
        assert_eq!(started, MANY);
    })
    .await;
}

#[tokio::test]
async fn starts_that_were_made_before_a_change_was_let_in_stand_whatever_becomes_of_the_rest() {
    on_a_line(|line| async move {
        let statements = [SOMEBODY_WAITS, AND_THE_NEXT_CALL_FAILS].join(";");
        let starts = line.many_judged(&statements).await;
        let begun = line.scene.ports.runs.begin(&starts).await.unwrap();
        let count = |is: fn(&Begun) -> bool| begun.iter().filter(|begun| is(begun)).count();
        let started = count(|begun| matches!(begun, Begun::Started(_)));
        let busy = count(|begun| matches!(begun, Begun::AuthorityBusy));
        assert!(started > 0 && busy > 0, "{started} started, {busy} busy");
        assert_eq!(started + busy, MANY);
    })
    .await;
}
