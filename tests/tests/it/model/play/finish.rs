//! Running runs: renewed, or not; completed, in time or late, or again.

use std::time::Duration;

use countersign_conformance::scene::{AN_HOUR, Running, failed, json, note};
use countersign_domain::{
    AuthorityFacts, ContinuityRecord, ExecutionContext, JsonText, RunId, RunOutcome, decide,
};
use countersign_ports::{Finish, Finished, Renewal, Renewed, Successor, Work};

use super::super::command::Ending;
use super::super::world::{BRIEF, SOON};
use super::{Play, at};

impl Play {
    pub(super) async fn finish(&mut self, running: u8, ending: Ending) {
        if let Some(running) = self.pick_running(running) {
            self.finish_run(&running, ending).await;
        }
    }

    /// Holds under the run's lease, even late, and again; after a rescue it is lost.
    pub(super) async fn finish_run(&mut self, running: &Running, ending: Ending) {
        let finish = self.completion(running, ending);
        let (finished, during) = self.during(self.scene().finish(finish.clone())).await;
        let known = self.known(running.key.id);
        let Finished::Completed { outcome, successor } = finished else {
            assert_ne!(known.lease, Some(running.lease_id), "lost: {:?}", known.run);
            self.saw("completed too late");
            return;
        };
        if !known.runs_under(running.lease_id) {
            assert_eq!(known.lease, Some(running.lease_id), "held: {:?}", known.run);
            assert_eq!(outcome, known.run.outcome, "what is on record");
            if let Some(entry) = successor {
                assert_eq!(Some(entry.run.id), known.successor, "on record");
                self.named_again(&entry);
            }
            self.saw("completed again");
            return;
        }
        let flagged = known.run.cancel.is_some();
        let expected = came_to(&finish.work, flagged);
        assert_eq!(outcome, expected, "of {finish:?}");
        known.complete(outcome, during);
        known.run.result = finish.result;
        match (finish.work, outcome) {
            (Work::Failed(failure), RunOutcome::Failed) => known.run.failure = Some(failure),
            (Work::Cancelled(note), _) => {
                known.run.cancel.get_or_insert(note);
            }
            (Work::Succeeded | Work::PartiallySucceeded | Work::Failed(_), _) => {}
        }
        let asked = finish.successor.filter(|_| outcome == RunOutcome::Failed);
        assert_eq!(
            successor.as_ref().map(|entry| entry.run.id),
            asked.as_ref().map(|successor| successor.id),
            "after {:?}",
            known.run
        );
        self.saw(if flagged {
            "completed after a cancel"
        } else {
            "completed"
        });
        if let (Some(entry), Some(Successor { wait, .. })) = (successor, asked) {
            self.succeeded(running.key.id, &entry, wait, during);
            self.saw("to be tried again");
        }
    }

    /// A lease that a worker holds, or believes that it does: more often one that it does hold.
    fn pick_running(&self, number: u8) -> Option<Running> {
        let holds = |running: &&Running| {
            let known = &self.runs.known[&running.key.id];
            number >= 176 || known.runs_under(running.lease_id)
        };
        let held: Vec<&Running> = self.running.iter().filter(holds).collect();
        at(&held, number).map(|place| held[place].clone())
    }

    fn completion(&mut self, running: &Running, ending: Ending) -> Finish {
        let run = &self.known(running.key.id).run;
        let may_try_again = run.attempt < 3;
        let again = |wait| match may_try_again {
            true => running.fail_and_retry(wait),
            false => running.finish(failed()),
        };
        match ending {
            Ending::Succeeds => running.finish(Work::Succeeded),
            Ending::SucceedsPartly => Finish {
                result: Some(json(r#"{"done":1,"left":2}"#)),
                ..running.finish(Work::PartiallySucceeded)
            },
            Ending::Fails => running.finish(failed()),
            Ending::FailsForNow { soon: false } => again(Duration::ZERO),
            Ending::FailsForNow { soon: true } => again(SOON),
            Ending::StopsAsTold => {
                running.finish(Work::Cancelled(note("the worker", "it is to stop")))
            }
        }
    }

    /// G7: the run is judged again; the first deny that is found is kept, and raises the flag.
    pub(super) async fn renew(&mut self, running: u8) {
        let lets_end = running % 3 == 2;
        let Some(running) = self.pick_running(running) else {
            return;
        };
        let scene = self.scene();
        let context = scene.context(&self.runs.known[&running.key.id].run);
        let authority = scene.look_up(&context.query()).await;
        let expected = self.authority.decide(&context, authority.facts().as_of);
        let continuity = found(&context, authority.facts());
        assert_eq!(continuity.is_none(), expected.is_allowed(), "{context:?}");
        let cancel = match lets_end {
            true => None,
            false => continuity.as_ref().map(|_| note("continuity", "denied")),
        };
        let renewal = Renewal {
            continuity,
            cancel,
            ..running.renewal(AN_HOUR)
        };
        self.renew_run(renewal).await;
    }

    async fn renew_run(&mut self, renewal: Renewal) {
        let (renewed, during) = self.during(self.scene().renew(renewal.clone())).await;
        let known = self.known(renewal.run.id);
        if !known.runs_under(renewal.lease_id) {
            assert_eq!(renewed, Renewed::LeaseLost, "of {:?}", known.run);
            self.saw("renewed too late");
            return;
        }
        known.lapses = during.plus(renewal.lease_for);
        let denied = renewal.continuity.is_some();
        let run = &mut known.run;
        run.continuity = run.continuity.take().or(renewal.continuity);
        run.cancel = run.cancel.take().or(renewal.cancel);
        let cancel = run.cancel.clone();
        assert_eq!(renewed, Renewed::Held { cancel }, "of {run:?}");
        self.saw(if denied {
            "denied under way"
        } else {
            "renewed"
        });
    }

    pub(super) async fn lapse(&mut self, running: u8) {
        if let Some(running) = self.pick_running(running) {
            self.lapse_run(&running).await;
        }
    }

    /// The lease has lapsed when this returns, unless it was lost before.
    pub(super) async fn lapse_run(&mut self, running: &Running) {
        self.renew_run(running.renewal(BRIEF)).await;
        if self.known(running.key.id).runs_under(running.lease_id) {
            let lapses = self.known(running.key.id).lapses;
            self.pass(lapses.to).await;
        }
    }

    /// The lease that a run runs under, whoever holds it.
    pub(super) fn lease_of(&self, run: RunId) -> Option<Running> {
        let known = &self.runs.known[&run];
        known.lease.map(|lease_id| Running {
            key: known.key(),
            lease_id,
        })
    }
}

fn came_to(work: &Work, flagged: bool) -> RunOutcome {
    match work {
        Work::Cancelled(_) => RunOutcome::Cancelled,
        _ if flagged => RunOutcome::Cancelled,
        Work::Succeeded => RunOutcome::Succeeded,
        Work::PartiallySucceeded => RunOutcome::PartiallySucceeded,
        Work::Failed(_) => RunOutcome::Failed,
    }
}

/// The deny that a renewal found.
fn found(context: &ExecutionContext, facts: &AuthorityFacts) -> Option<JsonText> {
    let record = ContinuityRecord::new(context, facts, &decide(context, facts))?;
    Some(JsonText::of(&record).unwrap())
}
