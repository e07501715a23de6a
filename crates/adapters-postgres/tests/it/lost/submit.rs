//! Submissions whose line is cut: with ids of their own they may be called again, whatever became of them.

use std::collections::HashSet;

use countersign_conformance::scene::HOME;
use countersign_domain::{RunId, Submission};
use countersign_ports::{ContextDetail, RunFilter, Submitted, fresh_run_id};

use super::fault::Fault;
use super::{Line, on_a_line};

/// Submissions that name their ids, one of them under a unique key.
fn submissions() -> [Submission; 2] {
    let with_id = |submission| Submission {
        id: Some(fresh_run_id()),
        ..submission
    };
    let unique = Submission {
        unique_key: Some("nightly".parse().unwrap()),
        ..HOME.sync()
    };
    [with_id(HOME.sync()), with_id(unique)]
}

impl Line {
    /// Submits over a line that is cut so at the commit, and again.
    async fn submit_again(&self, fault: Fault, submissions: &[Submission]) -> Vec<Submitted> {
        let runs = &self.scene.ports.runs;
        self.cut_at_commit(fault, runs.submit(submissions)).await;
        runs.submit(submissions).await.unwrap()
    }

    /// That there are these runs and no others, each with one entry.
    async fn assert_once(&self, submissions: &[Submission]) {
        let asked: HashSet<RunId> = submissions.iter().filter_map(|one| one.id).collect();
        let (all, runs) = (RunFilter::default(), &self.past.ports.runs);
        let page = runs.list(&all, None, 10, ContextDetail::Full).await;
        let listed: Vec<RunId> = page.unwrap().runs.iter().map(|run| run.id).collect();
        let received = self.past.receive(10).await;
        let received: Vec<RunId> = received.iter().map(|one| one.run.id).collect();
        for found in [listed, received] {
            assert_eq!(found.len(), asked.len(), "each once");
            assert_eq!(found.into_iter().collect::<HashSet<_>>(), asked);
        }
    }
}

#[tokio::test]
async fn a_submit_cut_before_its_commit_creates_its_runs_when_it_is_called_again() {
    on_a_line(|line| async move {
        let asked = submissions();
        let answers = line.submit_again(Fault::CutBeforeCommit, &asked).await;
        for (one, answer) in asked.iter().zip(answers) {
            assert!(
                matches!(answer, Submitted::Created { id, .. } if Some(id) == one.id),
                "{answer:?}"
            );
        }
        line.assert_once(&asked).await;
    })
    .await;
}

#[tokio::test]
async fn a_submit_cut_after_its_commit_finds_its_runs_when_it_is_called_again() {
    on_a_line(|line| async move {
        let asked = submissions();
        let answers = line.submit_again(Fault::CutAfterCommit, &asked).await;
        for (one, answer) in asked.iter().zip(answers) {
            assert!(
                matches!(answer, Submitted::Existing { id } if Some(id) == one.id),
                "{answer:?}"
            );
        }
        line.assert_once(&asked).await;
    })
    .await;
}
