//! Completions whose line is cut: called again, they answer as the first call would have.

use std::slice::from_ref;

use countersign_conformance::scene::{AN_HOUR, HOME, Scene, json, note};
use countersign_domain::{RunId, RunOutcome, RunStatus};
use countersign_ports::{
    Cancellation, Cancelled, ContextDetail, Finish, Finished, Rescue, Retried, Retry, RunFilter,
    Work, fresh_run_id,
};

use super::fault::Fault;
use super::{Line, on_a_line};

/// The runs that follow this one.
async fn successors(scene: &Scene, run: RunId) -> Vec<RunId> {
    let (all, runs) = (RunFilter::default(), &scene.ports.runs);
    let page = runs.list(&all, None, 10, ContextDetail::Full).await;
    let mut runs = page.unwrap().runs;
    runs.retain(|one| one.retry_of == Some(run));
    runs.iter().map(|run| run.id).collect()
}

impl Line {
    /// Completes over a line that is cut so at the commit, and twice again.
    async fn finish_again(&self, fault: Fault, finish: &Finish) -> Finished {
        let runs = &self.scene.ports.runs;
        self.cut_at_commit(fault, runs.finish(from_ref(finish)))
            .await;
        let again = runs.finish(from_ref(finish)).await.unwrap().remove(0);
        assert_eq!(runs.finish(from_ref(finish)).await.unwrap()[0], again);
        again
    }

    /// A failure that is cut so, and called again, has the one successor that it named.
    async fn assert_fails_once(&self, fault: Fault) {
        let running = self.past.running().await;
        let finish = running.fail_and_retry(AN_HOUR);
        let Finished::Completed { outcome, successor } = self.finish_again(fault, &finish).await
        else {
            panic!("completed under its lease");
        };
        assert_eq!(outcome, RunOutcome::Failed);
        let named = finish.successor.map(|successor| successor.id);
        assert_eq!(successor.map(|entry| entry.run.id), named);
        let found = successors(&self.past, running.key.id).await;
        assert_eq!(found, Vec::from_iter(named));
    }
}

#[tokio::test]
async fn a_finish_cut_after_its_commit_answers_the_same_when_it_is_called_again() {
    on_a_line(|line| async move { line.assert_fails_once(Fault::CutAfterCommit).await }).await;
}

#[tokio::test]
async fn a_finish_cut_before_its_commit_completes_when_it_is_called_again() {
    on_a_line(|line| async move { line.assert_fails_once(Fault::CutBeforeCommit).await }).await;
}

#[tokio::test]
async fn a_success_cut_after_its_commit_keeps_its_result() {
    on_a_line(|line| async move {
        let running = line.past.running().await;
        let finish = Finish {
            result: Some(json("[1]")),
            ..running.finish(Work::Succeeded)
        };
        let finished = line.finish_again(Fault::CutAfterCommit, &finish).await;
        let expected = Finished::Completed {
            outcome: RunOutcome::Succeeded,
            successor: None,
        };
        assert_eq!(finished, expected);
        let run = line.past.load(&running.key).await;
        assert_eq!(run.outcome, RunOutcome::Succeeded);
        assert_eq!(run.result, finish.result);
    })
    .await;
}

#[tokio::test]
async fn a_plain_success_cut_at_its_commit_is_one_when_it_is_called_again() {
    for fault in [Fault::CutBeforeCommit, Fault::CutAfterCommit] {
        on_a_line(|line| async move {
            let running = line.past.running().await;
            let finish = running.finish(Work::Succeeded);
            let expected = Finished::Completed {
                outcome: RunOutcome::Succeeded,
                successor: None,
            };
            assert_eq!(line.finish_again(fault, &finish).await, expected);
            let stands = (RunStatus::Completed, RunOutcome::Succeeded);
            assert_eq!(line.past.stands(&running.key).await, stands);
        })
        .await;
    }
}

#[tokio::test]
async fn a_rescue_cut_after_its_commit_has_queued_one_successor_that_is_received() {
    on_a_line(|line| async move {
        let key = line.past.submit(HOME.sync()).await;
        line.past.start_and_lapse(&key).await;
        let runs = &line.scene.ports.runs;
        let rescue = Rescue { limit: 10 };
        line.cut_at_commit(Fault::CutAfterCommit, runs.rescue(&rescue))
            .await;
        // Nobody was told, and nobody needs to be: its entry is in the queue.
        assert_eq!(runs.rescue(&rescue).await.unwrap(), []);
        let received = line.past.receive_soon().await;
        let found = successors(&line.past, key.id).await;
        assert_eq!(found, [received.run.id]);
    })
    .await;
}

#[tokio::test]
async fn a_retry_cut_after_its_commit_is_answered_with_its_successor() {
    on_a_line(|line| async move {
        let key = line.past.succeeded(HOME.sync()).await.key;
        let runs = &line.scene.ports.runs;
        let retry = Retry {
            run: key.id,
            successor: fresh_run_id(),
            requested_by: "ops".parse().unwrap(),
        };
        line.cut_at_commit(Fault::CutAfterCommit, runs.retry(from_ref(&retry)))
            .await;
        let again = runs.retry(from_ref(&retry)).await.unwrap();
        let id = retry.successor;
        assert_eq!(again, [Retried::Existing { id }]);
        assert_eq!(successors(&line.past, key.id).await, [id]);
    })
    .await;
}

#[tokio::test]
async fn a_cancel_cut_after_its_commit_finds_that_the_run_is_cancelled() {
    on_a_line(|line| async move {
        let key = line.past.submit(HOME.sync()).await;
        let runs = &line.scene.ports.runs;
        let cancellation = Cancellation {
            run: key.id,
            note: note("ops", "no need"),
        };
        line.cut_at_commit(Fault::CutAfterCommit, runs.cancel(from_ref(&cancellation)))
            .await;
        let again = runs.cancel(from_ref(&cancellation)).await.unwrap();
        assert_eq!(again, [Cancelled::AlreadyCompleted(RunOutcome::Cancelled)]);
        let stands = (RunStatus::Completed, RunOutcome::Cancelled);
        assert_eq!(line.past.stands(&key).await, stands);
    })
    .await;
}
