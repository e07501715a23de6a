//! The start of a run: a decision with its fence, and the permit that a committed start yields.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use countersign_domain::{
    AuthorityStamp, Consistency, Decision, DecisionId, DecisionRecord, ExecutionContext, JsonError,
    JsonText, LeaseId, RecordContext, RunId, Timestamp, WorkerName, decide,
};
use uuid::Uuid;

use crate::{Authority, Bound, Fence, RunKey, fresh_lease_id};

/// The terms on which a worker asks for a start.
#[derive(Debug, Clone)]
pub struct StartTerms<'a> {
    /// Who asks.
    pub worker: &'a WorkerName,
    /// The fingerprint of the catalog that is judged by.
    pub catalog: &'a str,
    /// How long the lease runs before it must be renewed.
    pub lease_for: Duration,
    /// Set where runs and authority live apart and an age was agreed to by name.
    pub bound: Option<Bound>,
}

/// A judged run on its way to [`RunRepository::begin`](crate::RunRepository::begin).
///
/// Made by [`Start::judge`] alone, which calls [`decide`] itself: what the store is given is always
/// the verdict on the facts it is fenced with. Each has a decision id of its own, never used again.
pub struct Start {
    run: RunKey,
    decision: Decision,
    decision_id: DecisionId,
    record: JsonText,
    fence: Fence,
    bound: Option<Bound>,
    lease_id: LeaseId,
    lease_for: Duration,
    worker: WorkerName,
    max_attempts: u32,
    judged_at: Instant,
    spent: AtomicBool,
}

impl Start {
    /// Judges a run against the authority that was looked up for it.
    ///
    /// The permit's deadline counts from here, which is before `begin` can have been sent.
    ///
    /// # Errors
    /// [`JudgeError`] when the authority answers another query than the run's, or the record cannot be
    /// written; nothing may start from it.
    pub fn judge(
        context: &ExecutionContext,
        authority: &Authority,
        terms: &StartTerms<'_>,
    ) -> Result<Self, JudgeError> {
        let judged_at = Instant::now();
        if *authority.query() != context.query() {
            return Err(JudgeError::OtherQuery { run: context.run });
        }
        let decision = decide(context, authority.facts());
        let decision_id = DecisionId::from(Uuid::new_v4());
        let record = DecisionRecord::new(
            context,
            authority.facts(),
            &decision,
            RecordContext {
                decision_id,
                authority: AuthorityStamp {
                    consistency: match terms.bound {
                        None => Consistency::Fenced,
                        Some(_) => Consistency::Bounded,
                    },
                    scopes: authority.fence().scopes.clone(),
                    max_age_ms: terms
                        .bound
                        .map(|bound| u64::try_from(bound.max_age.as_millis()).unwrap_or(u64::MAX)),
                },
                worker: terms.worker,
                catalog: terms.catalog,
            },
        );
        Ok(Self {
            run: RunKey {
                workspace_id: context.workspace_id().clone(),
                id: context.run,
            },
            decision,
            decision_id,
            record: JsonText::of(&record)?,
            fence: authority.fence().clone(),
            bound: terms.bound,
            lease_id: fresh_lease_id(),
            lease_for: terms.lease_for,
            worker: terms.worker.clone(),
            max_attempts: context.operation.retry.max_attempts,
            judged_at,
            spent: AtomicBool::new(false),
        })
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &RunKey {
        &self.run
    }

    /// The verdict.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The id of the decision, by which an unknown commit is read back.
    #[must_use]
    pub fn decision_id(&self) -> DecisionId {
        self.decision_id
    }

    /// The record to write in the same commit (G4).
    #[must_use]
    pub fn record(&self) -> &JsonText {
        &self.record
    }

    /// The revisions to compare (G2). Not to be compared where [`Start::bound`] says otherwise.
    #[must_use]
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// The age limit that takes the place of the fence, where there is one.
    #[must_use]
    pub fn bound(&self) -> Option<Bound> {
        self.bound
    }

    /// The lease that an allow takes.
    #[must_use]
    pub fn lease_id(&self) -> LeaseId {
        self.lease_id
    }

    /// How long that lease runs, from the store's clock at the commit.
    #[must_use]
    pub fn lease_for(&self) -> Duration {
        self.lease_for
    }

    /// Who will run it.
    #[must_use]
    pub fn worker(&self) -> &WorkerName {
        &self.worker
    }

    /// The operation's limit of attempts, kept with the run so that a rescue knows it.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// Gives the start up: whoever calls [`Start::committed`] after this gets no permit. For a start
    /// whose commit is known not to have happened: its decision id is never used again.
    pub fn abandon(&self) {
        self.spent.store(true, Ordering::Release);
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
        if !self.decision.is_allowed() {
            return Begun::Blocked;
        }
        Begun::Started(Permit {
            run: self.run.clone(),
            decision_id: self.decision_id,
            lease_id: self.lease_id,
            started_at,
            // An instant that cannot be told is one that has passed.
            deadline: self
                .judged_at
                .checked_add(self.lease_for)
                .unwrap_or(self.judged_at),
        })
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start")
            .field("run", &self.run.id)
            .field("decision_id", &self.decision_id)
            .field("reason", &self.decision.reason())
            .finish_non_exhaustive()
    }
}

/// Why a run could not be judged; it stays queued (G6).
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The authority answers the query of another run (G8).
    #[error("the authority looked up for run `{run}` answers another query")]
    OtherQuery {
        /// The run.
        run: RunId,
    },
    /// The record cannot be written.
    #[error("the decision record cannot be written")]
    Record(#[from] JsonError),
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
