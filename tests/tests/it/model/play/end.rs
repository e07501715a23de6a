//! The end of every sequence: some worker lives, so all that was accepted is completed (G5).

use std::collections::BTreeSet;

use countersign_conformance::scene::patiently;
use countersign_domain::{RunId, RunStatus};
use countersign_ports::{ContextDetail, RunFilter};

use super::super::command::Ending;
use super::Play;

/// No chain is longer: at the limit of attempts a rescue queues nothing.
const ROUNDS: usize = 12;

/// How much is listed at once.
const PAGE: u32 = 9;

impl Play {
    pub(super) async fn end(&mut self) {
        for _ in 0..ROUNDS {
            for run in self.standing(RunStatus::Running) {
                let running = self.lease_of(run).unwrap();
                self.lapse_run(&running).await;
            }
            self.sweep(1000).await;
            self.work_off().await;
            self.check("at the end").await;
        }
        let left = |status| self.standing(status);
        assert_eq!(left(RunStatus::Queued), [], "accepted, and left queued");
        assert_eq!(left(RunStatus::Running), [], "started, and left running");
        self.lists_what_is_known().await;
    }

    fn standing(&self, status: RunStatus) -> Vec<RunId> {
        let known = self.runs.known.values();
        let such = known.filter(|known| known.is(status));
        such.map(|known| known.run.id).collect()
    }

    /// Starts what is queued, one run at a time, and lets it succeed.
    async fn work_off(&mut self) {
        for run in self.standing(RunStatus::Queued) {
            self.judge_run(run, false).await;
            self.begin(0, 1, false).await;
            if self.runs.known[&run].is(RunStatus::Running) {
                let running = self.lease_of(run).unwrap();
                self.finish_run(&running, Ending::Succeeds).await;
            }
        }
    }

    /// Every run that was accepted is there, and no other.
    async fn lists_what_is_known(&self) {
        let runs = &self.scene().ports.runs;
        let all = RunFilter::default();
        let mut listed = BTreeSet::new();
        let mut after = None;
        loop {
            let page = patiently(|| runs.list(&all, after, PAGE, ContextDetail::Full)).await;
            for run in page.runs {
                assert!(listed.insert(run.id), "listed twice: {run:?}");
                assert_eq!(run, self.runs.known[&run.id].run, "as it was loaded");
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let known: BTreeSet<_> = self.runs.known.keys().copied().collect();
        assert_eq!(listed, known, "listed is what was accepted");
    }
}
