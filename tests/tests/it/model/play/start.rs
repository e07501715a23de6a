//! Starts: looked up and judged at one time, begun at another, with whatever came between.

use std::collections::BTreeSet;
use std::slice::from_ref;

use countersign_conformance::scene::{AN_HOUR, Running, patiently};
use countersign_domain::{ExecutionContext, RunId, RunOutcome, RunStatus};
use countersign_ports::{Begun, Permit, ReadBack, Start};

use super::super::authority::Marks;
use super::super::runs::Time;
use super::super::window::{Come, Window};
use super::super::world::BRIEF;
use super::{Play, at, take};

/// So many starts are kept at the most.
const KEPT: usize = 6;

/// A start, and what it rests on.
pub(super) struct Judged {
    start: Start,
    rests_on: Basis,
}

struct Basis {
    context: ExecutionContext,
    marks: Marks,
}

/// What has to become of a start.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    NotQueued,
    Moved,
    Decided,
    /// The allow lapses while it is begun.
    MovedOrDecided,
}

impl Play {
    pub(super) async fn judge(&mut self, run: u8, brief_lease: bool) {
        if let Some(run) = self.runs.pick(run, |known| known.is(RunStatus::Queued)) {
            self.judge_run(run, brief_lease).await;
        }
    }

    /// The verdict is the reference's; where the facts are the workspace's own, its reason is, too.
    pub(super) async fn judge_run(&mut self, run: RunId, brief_lease: bool) {
        let scene = self.scene();
        let context = scene.context(&self.runs.known[&run].run);
        let authority = scene.look_up(&context.query()).await;
        let lease_for = if brief_lease { BRIEF } else { AN_HOUR };
        let start = scene.judge_by(&context, &authority, lease_for, None);
        let expected = self.authority.decide(&context, authority.facts().as_of);
        let decision = start.decision();
        assert_eq!(decision.is_allowed(), expected.is_allowed(), "{context:?}");
        if decision.is_allowed() || self.authority.belongs(&context.query()) {
            assert_eq!(*decision, expected, "{context:?}");
        }
        let marks = self.authority.marks(authority.fence());
        let rests_on = Basis { context, marks };
        self.starts.push(Judged { start, rests_on });
        if self.starts.len() > KEPT {
            self.starts.remove(0);
        }
    }

    /// Sends some of the starts that were kept, as one batch.
    pub(super) async fn begin(&mut self, start: u8, count: u8, keep: bool) {
        let Some(last) = at(&self.starts, start) else {
            return;
        };
        let first = (last + 1).saturating_sub(count.into());
        let batch = self.starts.drain(first..=last);
        let (starts, rest_on): (Vec<_>, Vec<_>) =
            batch.map(|judged| (judged.start, judged.rests_on)).unzip();
        let spent: Vec<bool> = starts.iter().map(Start::is_spent).collect();
        let begin = patiently(|| self.scene().ports.runs.begin(&starts));
        let (begun, during) = self.during(begin).await;
        assert_eq!(begun.len(), starts.len(), "an answer for each");
        let mut named = BTreeSet::new();
        for (number, begun) in begun.into_iter().enumerate() {
            let (start, rests_on) = (&starts[number], &rest_on[number]);
            let may_begin = named.insert(start.run().id) && !spent[number];
            let expected = match may_begin {
                true => self.expected(start, rests_on, during),
                false => Expected::NotQueued,
            };
            self.came(start, rests_on, begun, &expected, during).await;
        }
        if keep {
            let kept = starts.into_iter().zip(rest_on);
            let kept = kept.map(|(start, rests_on)| Judged { start, rests_on });
            self.starts.extend(kept.take(KEPT));
        }
    }

    /// G2: moved, where a scope that it rests on was touched, or the allow has lapsed; decided otherwise.
    fn expected(&self, start: &Start, rests_on: &Basis, during: Window) -> Expected {
        if !self.runs.known[&start.run().id].is(RunStatus::Queued) {
            return Expected::NotQueued;
        }
        if self.authority.marks(start.fence()) != rests_on.marks {
            return Expected::Moved;
        }
        let lapses = start.decision().lapses_at();
        match lapses.map(|lapses| Window::at(lapses).has_come_by(during)) {
            Some(Come::Yes) => Expected::Moved,
            Some(Come::Perhaps) => Expected::MovedOrDecided,
            Some(Come::No) | None => Expected::Decided,
        }
    }

    async fn came(
        &mut self,
        start: &Start,
        rests_on: &Basis,
        begun: Begun,
        expected: &Expected,
        during: Window,
    ) {
        let run = start.run().id;
        match (begun, expected) {
            (Begun::Started(permit), Expected::Decided | Expected::MovedOrDecided) => {
                self.started(start, rests_on, permit, during).await;
            }
            (Begun::Blocked, Expected::Decided) => self.blocked(start, rests_on, during),
            (Begun::AuthorityMoved, Expected::Moved | Expected::MovedOrDecided) => {
                self.known(run).run.undecided_since = None;
                let touched = self.authority.marks(start.fence()) != rests_on.marks;
                self.saw(if touched { "moved" } else { "lapsed" });
            }
            (Begun::NotQueued, Expected::NotQueued) => self.saw("not queued"),
            (begun, expected) => panic!(
                "{begun:?}, expected {expected:?}, of {start:?} that rests on {:?}, of {:?}",
                rests_on.marks, self.runs.known[&run].run
            ),
        }
    }

    /// G2: authorised at the instant that it started. G3: entered once.
    async fn started(&mut self, start: &Start, rests_on: &Basis, permit: Permit, during: Window) {
        let run = start.run().id;
        assert!(
            start.decision().is_allowed(),
            "started by a deny: {start:?}"
        );
        let known = self.known(run);
        known.run.status = RunStatus::Running;
        known.run.decision = Some(start.record());
        known.run.undecided_since = None;
        known.chooses(Time::Started, during);
        known.lease = Some(start.lease_id());
        known.lapses = during.plus(start.lease_for());
        known.max_attempts = start.max_attempts();
        self.left(run);
        self.saw("started");
        self.running.push(Running {
            key: start.run().clone(),
            lease_id: start.lease_id(),
        });
        if start.lease_for() == AN_HOUR {
            let entry = permit.enter().unwrap();
            assert_eq!(entry.run(), start.run());
            assert_eq!(entry.decision_id(), start.decision_id());
            assert_eq!(entry.lease_id(), start.lease_id());
            let at = entry.started_at();
            assert!(during.holds(at), "started at {at}, not during {during:?}");
            let then = self.authority.decide(&rests_on.context, at);
            assert!(
                then.is_allowed(),
                "started, and was denied at {at}: {then:?}"
            );
            assert!(self.entered.insert(run), "entered twice: {run}");
        } else {
            // Nobody enters: the run is lost to whoever sweeps.
            drop(permit);
            self.pass(during.to.plus(BRIEF)).await;
        }
    }

    /// G1, and that nothing is blocked that is authorised.
    fn blocked(&mut self, start: &Start, rests_on: &Basis, during: Window) {
        let run = start.run().id;
        assert!(
            !start.decision().is_allowed(),
            "blocked by an allow: {start:?}"
        );
        let now = self.authority.decide(&rests_on.context, during.from);
        assert!(!now.is_allowed(), "blocked, and was allowed: {start:?}");
        let known = self.known(run);
        known.run.decision = Some(start.record());
        known.run.undecided_since = None;
        known.complete(RunOutcome::Blocked, during);
        self.left(run);
        self.saw("blocked");
    }

    /// Nothing that was not begun is found committed, and what is found queued never begins.
    pub(super) async fn read_back(&mut self, start: u8) {
        let Some(Judged { start, rests_on }) = take(&mut self.starts, start) else {
            return;
        };
        let known = &self.runs.known[&start.run().id];
        let is_on_record = known.run.decision.as_ref() == Some(&start.record());
        let is_queued = known.is(RunStatus::Queued);
        let read_back = patiently(|| self.scene().ports.runs.read_back(from_ref(&start)));
        let mut read = read_back.await;
        match read.remove(0) {
            // Its permit was taken when it was begun.
            ReadBack::Committed(Begun::NotQueued) if is_on_record => self.saw("found on record"),
            ReadBack::StillQueued if is_queued => {
                assert!(start.is_spent());
                self.saw("found queued");
            }
            ReadBack::NotQueued if !is_queued && !is_on_record => self.saw("found decided"),
            other => panic!("{other:?} of {start:?}"),
        }
        self.starts.push(Judged { start, rests_on });
    }
}
