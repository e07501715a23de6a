//! The port to the run repository: the truth about every run.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{
    ActorName, CancelNote, Failure, JsonText, LeaseId, OperationRun, OperationType, QueueName,
    ReasonCode, RunId, RunOutcome, RunStatus, Submission, TenantId, Timestamp, WorkspaceId,
};

use crate::{Begun, PortResult, Prune, Pruned, QueueEntry, ReadBack, Start, StoreIdentity};

/// What finds a run: its id, and the workspace whose partition holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunKey {
    /// The run's workspace.
    pub workspace_id: WorkspaceId,
    /// The run.
    pub id: RunId,
}

/// Who keeps the queue in step with the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueUpkeep {
    /// The repository, in its own commits: whatever queues a run writes its entry, and whatever takes
    /// it out of `queued` removes the entry. Callers neither push nor ack.
    InCommit,
    /// The caller: pushes what was queued and acks what has left `queued`.
    Caller,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// It was queued.
    Created {
        /// Its id, the client's or a fresh one.
        id: RunId,
        /// When it is due, by the store's clock where the submission did not say.
        due_at: Timestamp,
    },
    /// A run with that id, or an unfinished one with that unique key, was there already.
    Existing {
        /// That run.
        id: RunId,
    },
    /// The client's id belongs to a run that was submitted with another workspace, tenant, initiator,
    /// mode, type or connection. Nothing was queued.
    IdTaken {
        /// The id.
        id: RunId,
    },
}

/// Which runs to list. Empty fields match every run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Runs with this status.
    pub status: Option<RunStatus>,
    /// Runs with this outcome.
    pub outcome: Option<RunOutcome>,
    /// Runs blocked for this reason.
    pub reason: Option<ReasonCode>,
    /// Runs of this workspace.
    pub workspace_id: Option<WorkspaceId>,
    /// Runs of this tenant.
    pub tenant_id: Option<TenantId>,
}

/// Whether a listing reads the submitters' contexts, which may be large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContextDetail {
    /// It does.
    #[default]
    Full,
    /// It does not: every run comes with an empty context of its own.
    Omitted,
}

/// A place in a listing, newest first: the run after which the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunCursor {
    /// When that run was queued.
    pub queued_at: Timestamp,
    /// That run.
    pub id: RunId,
}

impl fmt::Display for RunCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.queued_at.as_micros(), self.id)
    }
}

/// A text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a cursor, expected the one that the page before ended with")]
pub struct CursorError {
    found: String,
}

impl FromStr for RunCursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let read = || {
            let (micros, id) = text.split_once('.')?;
            let queued_at = Timestamp::from_micros(micros.parse().ok()?).ok()?;
            Some(Self {
                queued_at,
                id: id.parse().ok()?,
            })
        };
        read().ok_or_else(|| CursorError {
            found: text.chars().take(64).collect(),
        })
    }
}

/// A page of runs, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<OperationRun>,
    /// Where the next page begins; none after the last.
    pub next: Option<RunCursor>,
}

/// Extends a lease.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// The run.
    pub run: RunKey,
    /// The lease it runs under.
    pub lease_id: LeaseId,
    /// How long the lease runs from now on, by the store's clock.
    pub lease_for: Duration,
    /// A deny found while it runs (G7). The first one is kept; later ones change nothing.
    pub continuity: Option<JsonText>,
    /// Set where that deny is to cancel the run: raises the cancel flag in the same commit.
    pub cancel: Option<CancelNote>,
}

/// What became of a renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewed {
    /// The lease was extended.
    Held {
        /// The cancel flag, where one was raised by now.
        cancel: Option<CancelNote>,
    },
    /// The run no longer runs under this lease. Its handler must stop.
    LeaseLost,
}

/// What a handler came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// It did its work.
    Succeeded,
    /// It did part of its work.
    PartiallySucceeded,
    /// It failed.
    Failed(Failure),
    /// It stopped because it was told to; who told it, where no flag in the store says so.
    Cancelled(CancelNote),
}

/// The run to queue after this one, should it fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// The successor's id.
    pub id: RunId,
    /// How long after the completion it is due.
    pub wait: Duration,
}

/// Completes a run.
#[derive(Debug, Clone)]
pub struct Finish {
    /// The run.
    pub run: RunKey,
    /// The lease it ran under.
    pub lease_id: LeaseId,
    /// What its handler came to.
    pub work: Work,
    /// What its handler returned.
    pub result: Option<JsonText>,
    /// What its command printed last.
    pub output: Option<JsonText>,
    /// What to queue if it ends `failed`, in the same commit.
    pub successor: Option<Successor>,
}

/// What became of a completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// The run is completed.
    Completed {
        /// What it came to: `cancelled` where the cancel flag was raised first.
        outcome: RunOutcome,
        /// The entry of its successor, where one was queued.
        successor: Option<QueueEntry>,
    },
    /// The run no longer runs under this lease: it was rescued. Nothing was changed.
    LeaseLost,
}

/// How long to wait for authority that cannot be read, and when to give up (G6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UndecidedPolicy {
    /// The first wait.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// The age past which the run fails with `authority_unavailable`.
    pub give_up_after: Duration,
}

impl Default for UndecidedPolicy {
    /// From one second, doubling, to five minutes; giving up after a day.
    fn default() -> Self {
        Self {
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(300),
            give_up_after: Duration::from_secs(86_400),
        }
    }
}

impl UndecidedPolicy {
    /// How much longer to wait for a run that has been undecided for `age`; none to give up.
    ///
    /// Waiting as long again as it has waited so far doubles each wait without counting them.
    #[must_use]
    pub fn wait_at(&self, age: Duration) -> Option<Duration> {
        if age >= self.give_up_after {
            return None;
        }
        Some(age.max(self.first_wait).min(self.longest_wait))
    }
}

/// Puts a run off whose authority could not be read.
#[derive(Debug, Clone)]
pub struct Undecided {
    /// The run.
    pub run: RunKey,
    /// Why, for the failure it may end with.
    pub cause: String,
}

/// What became of a run that was put off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOff {
    /// It stays queued and is not due before `until`.
    Waiting {
        /// Since when it has been undecided.
        since: Timestamp,
        /// When it is due again.
        until: Timestamp,
    },
    /// It was undecided for too long and is `completed`/`failed` with `authority_unavailable`.
    GaveUp,
    /// It is not queued (any more).
    NotQueued,
}

/// Cancels a run.
#[derive(Debug, Clone)]
pub struct Cancellation {
    /// The run.
    pub run: RunId,
    /// Who asks, and why.
    pub note: CancelNote,
}

/// What became of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It was queued and is `completed`/`cancelled` now; it never starts.
    BeforeStart,
    /// It is running; the flag is raised and its next renewal sees it.
    Requested,
    /// The flag had been raised before.
    AlreadyRequested,
    /// It is completed already, with this outcome.
    AlreadyCompleted(RunOutcome),
    /// There is no such run.
    NotFound,
}

/// Queues a completed run again, as an operator asks.
#[derive(Debug, Clone)]
pub struct Retry {
    /// The run.
    pub run: RunId,
    /// The successor's id.
    pub successor: RunId,
    /// Who asks.
    pub requested_by: ActorName,
}

/// What became of an operator's retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// A successor was queued.
    Created(QueueEntry),
    /// The run had one already: the same one for whoever asks.
    Existing {
        /// That successor.
        id: RunId,
    },
    /// The run is not completed.
    NotCompleted,
    /// Another unfinished run holds its unique key.
    UniqueKeyHeld {
        /// That run.
        holder: RunId,
    },
    /// There is no such run.
    NotFound,
}

/// Rescues running runs whose lease has lapsed.
#[derive(Debug, Clone, Copy)]
pub struct Rescue {
    /// At most this many.
    pub limit: u32,
}

/// A run that was rescued: `completed`/`failed` with `worker_lost`, or `cancelled` where the cancel
/// flag was raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// The run.
    pub run: RunId,
    /// The entry of its successor; none at the limit of attempts, and after a cancel.
    pub successor: Option<QueueEntry>,
}

/// Stands for an office that one worker at a time holds.
#[derive(Debug, Clone)]
pub struct Candidacy<'a> {
    /// The office, such as `sweeper`.
    pub office: &'a str,
    /// Who stands; the same text renews.
    pub holder: &'a str,
    /// For how long, by the store's clock.
    pub term: Duration,
}

/// What became of a candidacy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elected {
    /// The candidate holds the office for the term.
    Holder,
    /// Somebody else does.
    Another,
}

/// What a worker's backlog consists of.
#[derive(Debug, Clone)]
pub struct BacklogQuery<'a> {
    /// In this queue.
    pub queue_name: &'a QueueName,
    /// The operations that the worker knows.
    pub operations: &'a [OperationType],
}

/// How many runs there are, by what stands between them and a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Queued, known, and due.
    pub due: u64,
    /// Queued and known, but scheduled or put off to a later time.
    pub later: u64,
    /// Queued, of operations or queues that the worker does not serve.
    pub unknown: u64,
    /// Running, anywhere.
    pub running: u64,
}

/// The truth about every run.
///
/// # Time
/// Every time written or compared is the store's own clock.
///
/// # Idempotency
/// Where a method's error is [`RetryClass::ReadBack`](crate::RetryClass::ReadBack), calling it again
/// with the same values is safe for every method but [`RunRepository::begin`], whose end is found out
/// with [`RunRepository::read_back`].
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait RunRepository: Send + Sync {
    /// The store that the runs live in.
    fn store(&self) -> &StoreIdentity;

    /// Who keeps the queue in step.
    fn queue_upkeep(&self) -> QueueUpkeep;

    /// The store's clock.
    async fn clock(&self) -> PortResult<Timestamp>;

    /// Queues runs. Authority is not judged here.
    ///
    /// # Guarantees
    /// * A unique key is held by at most one unfinished run per (workspace, tenant, type); a second
    ///   submission is answered with the holder.
    /// * The whole batch is durable when this returns.
    ///
    /// # Idempotency
    /// By run id, for submissions that name one.
    async fn submit(&self, submissions: &[Submission]) -> PortResult<Vec<Submitted>>;

    /// Reads runs that are to be started; none where there is no such run.
    ///
    /// A run whose record is malformed is none too, and the log says so: it must not hold up its neighbours. One that
    /// cannot be reached is not: whoever takes it for none forgets about it.
    async fn load(&self, runs: &[RunKey]) -> PortResult<Vec<Option<OperationRun>>>;

    /// Finds runs by id alone; none where there is no such run.
    async fn find(&self, runs: &[RunId]) -> PortResult<Vec<Option<OperationRun>>>;

    /// Lists runs, newest first: by the time they were queued, then by id.
    async fn list(
        &self,
        filter: &RunFilter,
        after: Option<RunCursor>,
        limit: u32,
        detail: ContextDetail,
    ) -> PortResult<RunPage>;

    /// Starts or blocks judged runs. **This is the fence**: for each run, in one atomic step,
    ///
    /// 1. it is still `queued`;
    /// 2. every scope of its fence still has the fenced revision, read under a lock that excludes
    ///    changes, and the decision has not lapsed by the store's clock, read after the locks are held;
    /// 3. or, where the start has a [`Bound`](crate::Bound) instead, the store's clock has not passed
    ///    it: the lapse is by another machine's clock then, and is not compared;
    ///
    /// and then an allow becomes `running` with `started_at`, lease and decision, a deny becomes
    /// `completed`/`blocked` with its decision and `started_at` null.
    ///
    /// # Guarantees
    /// G1, G2, G3, G4. Denies are fenced like allows. A batch that names a run twice gives the second
    /// [`Begun::NotQueued`]; so does a start that is [spent](Start::is_spent), which moves nothing. A fence of another store or of no
    /// scope, a lapse and a passed bound are [`Begun::AuthorityMoved`]. A scope without
    /// record is [`Begun::AuthorityMoved`]: the next look-up makes or refuses it. A scope held by a
    /// change under way is waited for only so long that it delays no neighbour
    /// ([`Begun::AuthorityBusy`]). `undecided_since` of runs named here is cleared.
    ///
    /// # Cancel safety
    /// Dropped after it was sent, the outcome is unknown: no permit exists, and a run that started is
    /// rescued when its lease lapses.
    ///
    /// # Errors
    /// `Later` and `Never`: nothing was begun. `ReadBack`: call [`RunRepository::read_back`].
    async fn begin(&self, starts: &[Start]) -> PortResult<Vec<Begun>>;

    /// Finds out, by decision id, what became of starts whose commit is unknown.
    ///
    /// # Guarantees
    /// [`ReadBack::Committed`] only for a decision that is on the run's record. A run that is found
    /// queued is [abandoned](Start::abandon) and yields no permit, now or later.
    async fn read_back(&self, starts: &[Start]) -> PortResult<Vec<ReadBack>>;

    /// Extends leases of running runs, and keeps what their renewal found (G7).
    ///
    /// # Guarantees
    /// Holds while the run is `running` under this lease, even late; after a rescue it is
    /// [`Renewed::LeaseLost`].
    async fn renew(&self, renewals: &[Renewal]) -> PortResult<Vec<Renewed>>;

    /// Completes running runs, and queues successors in the same commit.
    ///
    /// # Guarantees
    /// * Holds while the run is `running` under this lease, even late.
    /// * Where the cancel flag was raised before, the outcome is `cancelled`, the result is kept, and
    ///   there is no successor.
    /// * A successor copies workspace, tenant, initiator, mode, type, connection, context, priority,
    ///   queue and unique key (which passes on without a gap) and the chain; its attempt is one more.
    ///
    /// # Idempotency
    /// A completion that is already on record under this lease is answered with what is on record.
    async fn finish(&self, finishes: &[Finish]) -> PortResult<Vec<Finished>>;

    /// Puts off queued runs whose authority could not be read (G6): `undecided_since` is kept from the
    /// first time, and past the policy's age the run fails.
    async fn put_off(
        &self,
        undecided: &[Undecided],
        policy: &UndecidedPolicy,
    ) -> PortResult<Vec<PutOff>>;

    /// Cancels runs: queued ones by a transition as guarded as `begin`'s, running ones by a durable
    /// flag.
    async fn cancel(&self, cancellations: &[Cancellation]) -> PortResult<Vec<Cancelled>>;

    /// Queues successors of completed runs as operators ask; may exceed the limit of attempts.
    ///
    /// # Idempotency
    /// A run has at most one successor: asking again names the same one.
    async fn retry(&self, retries: &[Retry]) -> PortResult<Vec<Retried>>;

    /// Rescues running runs whose lease has lapsed, oldest first: each is completed, and a successor
    /// due at once is queued in the same commit unless the limit of attempts is reached.
    async fn rescue(&self, rescue: &Rescue) -> PortResult<Vec<Rescued>>;

    /// A page of the entries that the queue ought to have, by run id: one for every queued run that can
    /// be read. An empty page is the last one.
    async fn queued_entries(&self, after: Option<RunId>, limit: u32)
    -> PortResult<Vec<QueueEntry>>;

    /// Stands for an office, or renews it.
    async fn elect<'a>(&self, candidacy: &Candidacy<'a>) -> PortResult<Elected>;

    /// Gives an office up, if this holder has it.
    async fn step_down(&self, office: &str, holder: &str) -> PortResult<()>;

    /// Removes completed runs whose time is up, one page of them: what goes and what stays is said by
    /// [`Prune::choose`].
    ///
    /// # Guarantees
    /// * A run that is not completed stays (G5), and so does a decision that a run is left of (G4).
    /// * With a run goes all that belonged to it: its context, its decision, what came of it.
    /// * A store that is closed by a move removes nothing.
    ///
    /// The id of a run that was removed is like one that was never used.
    ///
    /// # Idempotency
    /// A page may be asked for again.
    async fn prune(&self, prune: &Prune) -> PortResult<Pruned>;

    /// Counts what a worker has left to do.
    async fn backlog<'a>(&self, query: &BacklogQuery<'a>) -> PortResult<Backlog>;
}
