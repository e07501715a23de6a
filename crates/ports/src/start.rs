//! The start of a run: a decision with its fence, and the permit that a committed start yields.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use countersign_domain::{
    Decision, DecisionId, ExecutionContext, JsonText, LeaseId, RunId, Timestamp,
};
use uuid::Uuid;

use crate::{Authority, Bound, Fence, JudgeError, Ruling, RunKey, StartTerms, fresh_lease_id};

/// A judged run on its way to [`RunRepository::begin`](crate::RunRepository::begin): a ruling on what it
/// asks, and a decision id of its own, never used again.
///
/// Made by [`Ruling::start`] alone, for a run that asks what was ruled on.
pub struct Start {
    run: RunKey,
    ruling: Arc<Ruling>,
    decision_id: DecisionId,
    lease_id: LeaseId,
    spent: AtomicBool,
}

impl Start {
    /// Judges a run by itself, against the authority that was looked up for it.
    ///
    /// # Errors
    /// As [`Ruling::judge`].
    pub fn judge(
        context: &ExecutionContext,
        authority: &Authority,
        terms: &StartTerms<'_>,
    ) -> Result<Self, JudgeError> {
        Ruling::judge(context, authority, terms)?.start(context)
    }

    pub(crate) fn under(ruling: &Arc<Ruling>, context: &ExecutionContext) -> Self {
        Self {
            run: RunKey {
                workspace_id: context.workspace_id().clone(),
                id: context.run,
            },
            ruling: Arc::clone(ruling),
            decision_id: Uuid::new_v4().into(),
            lease_id: fresh_lease_id(),
            spent: AtomicBool::new(false),
        }
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &RunKey {
        &self.run
    }

    /// What was ruled. Starts under one ruling share it: a repository may write it once for all of them.
    #[must_use]
    pub fn ruling(&self) -> &Arc<Ruling> {
        &self.ruling
    }

    /// The verdict.
    pub fn decision(&self) -> &Decision {
        self.ruling.decision()
    }

    /// The id of the decision, by which an unknown commit is read back.
    #[must_use]
    pub fn decision_id(&self) -> DecisionId {
        self.decision_id
    }

    /// The record that the run has from the same commit on (G4): the ruling's, with the decision's id.
    #[must_use]
    pub fn record(&self) -> JsonText {
        self.ruling.text().record(self.decision_id)
    }

    /// The revisions to compare (G2). Not to be compared where [`Start::bound`] says otherwise.
    #[must_use]
    pub fn fence(&self) -> &Fence {
        self.ruling.fence()
    }

    /// The age limit that takes the place of the fence, where there is one.
    #[must_use]
    pub fn bound(&self) -> Option<Bound> {
        self.ruling.bound()
    }

    /// Whether the ruling holds at this time of the run store's: see [`Ruling::holds_at`].
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.ruling.holds_at(now)
    }

    /// The lease that an allow takes.
    #[must_use]
    pub fn lease_id(&self) -> LeaseId {
        self.lease_id
    }

    /// How long that lease runs, from the store's clock at the commit.
    #[must_use]
    pub fn lease_for(&self) -> Duration {
        self.ruling.lease_for()
    }

    /// The operation's limit of attempts, kept with the run so that a rescue knows it.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.ruling.max_attempts()
    }

    /// Gives the start up: whoever calls [`Start::committed`] after this gets no permit. For a start
    /// whose commit is known not to have happened: its decision id is never used again.
    pub fn abandon(&self) {
        self.spent.store(true, Ordering::Release);
    }

    /// Whether it was given up, or has yielded its answer: `begin` leaves such a start out, and answers
    /// [`Begun::NotQueued`].
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Acquire)
    }

    /// What a repository answers once this start **has committed**: for an allow a permit, for a deny
    /// [`Begun::Blocked`]. `started_at` is the store's clock at the commit.
    ///
    /// Only an adapter's `begin` and `read_back` may call this, and only after the commit: for the whole
    /// batch after the last await, so that a dropped call loses no permit. A second
    /// call yields [`Begun::NotQueued`]: one start, one permit (G3).
    pub fn committed(&self, started_at: Timestamp) -> Begun {
        if self.spent.swap(true, Ordering::AcqRel) {
            return Begun::NotQueued;
        }
        if !self.decision().is_allowed() {
            return Begun::Blocked;
        }
        Begun::Started(Permit {
            run: self.run.clone(),
            decision_id: self.decision_id,
            lease_id: self.lease_id,
            started_at,
            deadline: self.ruling.deadline(),
        })
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start")
            .field("run", &self.run.id)
            .field("decision_id", &self.decision_id)
            .field("reason", &self.decision().reason())
            .finish_non_exhaustive()
    }
}

/// What became of one [`Start`].
#[derive(Debug)]
#[must_use]
pub enum Begun {
    /// An allow committed: the run is `running`.
    Started(Permit),
    /// A deny committed: the run is `completed`/`blocked`, with `started_at` null (G1).
    Blocked,
    /// A scope has another revision now, or the allow has lapsed: look up and decide again.
    AuthorityMoved,
    /// A change under way holds a scope: set the run aside and try again soon.
    AuthorityBusy,
    /// The run is not queued (any more), or is not known, or was named earlier in the batch.
    NotQueued,
    /// A cancel was asked for and completes the run instead.
    CancelRequested,
}

/// What reading back found after a commit whose end is not known.
#[derive(Debug)]
#[must_use]
pub enum ReadBack {
    /// It had committed.
    Committed(Begun),
    /// It had not, and the run is still queued. No permit; the decision id is never used again.
    StillQueued,
    /// The run left the queue by another decision.
    NotQueued,
}

/// The right to enter a handler for one run, once.
///
/// Only a committed start makes one; it cannot be copied, and [`Permit::enter`] consumes it. It
/// cannot be put together by hand:
///
/// ```compile_fail
/// use countersign_ports::Permit;
/// fn forge(run: countersign_ports::RunKey) -> Permit {
///     Permit { run, decision_id: todo!(), lease_id: todo!(), started_at: todo!(), deadline: todo!() }
/// }
/// ```
///
/// nor used twice:
///
/// ```compile_fail
/// fn twice(permit: countersign_ports::Permit) {
///     let _first = permit.enter();
///     let _second = permit.enter();
/// }
/// ```
///
/// nor copied:
///
/// ```compile_fail
/// fn copy(permit: &countersign_ports::Permit) -> countersign_ports::Permit {
///     permit.clone()
/// }
/// ```
#[derive(Debug)]
#[must_use = "a run that was started must be entered, or it is lost until its lease lapses"]
pub struct Permit {
    run: RunKey,
    decision_id: DecisionId,
    lease_id: LeaseId,
    started_at: Timestamp,
    deadline: Instant,
}

/// The permit's deadline has passed: the run may have been rescued already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the permit for run `{run}` lapsed before its handler was entered")]
pub struct PermitLapsed {
    /// The run.
    pub run: RunId,
}

impl Permit {
    /// The run that may be entered.
    #[must_use]
    pub fn run(&self) -> &RunKey {
        &self.run
    }

    /// Consumes the permit on the way into the handler.
    ///
    /// # Errors
    /// [`PermitLapsed`] when its deadline has passed on this machine's monotonic clock.
    pub fn enter(self) -> Result<Entry, PermitLapsed> {
        if Instant::now() >= self.deadline {
            return Err(PermitLapsed { run: self.run.id });
        }
        Ok(Entry {
            run: self.run,
            decision_id: self.decision_id,
            lease_id: self.lease_id,
            started_at: self.started_at,
            deadline: self.deadline,
        })
    }
}

/// Proof that a permit was consumed: what a handler's invocation is made from.
#[derive(Debug)]
pub struct Entry {
    run: RunKey,
    decision_id: DecisionId,
    lease_id: LeaseId,
    started_at: Timestamp,
    deadline: Instant,
}

impl Entry {
    /// The run that was entered.
    #[must_use]
    pub fn run(&self) -> &RunKey {
        &self.run
    }

    /// The decision that let it start.
    #[must_use]
    pub fn decision_id(&self) -> DecisionId {
        self.decision_id
    }

    /// The lease to renew and finish under.
    #[must_use]
    pub fn lease_id(&self) -> LeaseId {
        self.lease_id
    }

    /// When it started, by the store's clock.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// When the first lease must have been renewed, on this machine's monotonic clock.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}
