//! The ruling: what one snapshot of authority says to one question, for every run that asks it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_domain::{
    AuthorityStamp, Consistency, Decision, ExecutionContext, JsonError, RecordContext, RulingText,
    RunId, WorkerName, decide,
};

use crate::{Authority, Bound, Fence, Start};

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

/// A verdict with the fence it rests on, not yet of any run.
///
/// Made by [`Ruling::judge`] alone, which calls [`decide`] itself: what a store is given is always the
/// verdict on the facts it is fenced with. Each run that asks the same gets a [`Start`] of its own.
pub struct Ruling {
    asked: ExecutionContext,
    decision: Decision,
    text: RulingText,
    fence: Fence,
    bound: Option<Bound>,
    lease_for: Duration,
    judged_at: Instant,
}

impl Ruling {
    /// Judges what a run asks against the authority that was looked up for it.
    ///
    /// The deadlines of permits count from here, which is before `begin` can have been sent.
    ///
    /// # Errors
    /// [`JudgeError`] when the authority answers another query than the run's, or the record cannot be
    /// written; nothing may start from it.
    pub fn judge(
        context: &ExecutionContext,
        authority: &Authority,
        terms: &StartTerms<'_>,
    ) -> Result<Arc<Self>, JudgeError> {
        let judged_at = Instant::now();
        if *authority.query() != context.query() {
            return Err(JudgeError::OtherQuery { run: context.run });
        }
        let decision = decide(context, authority.facts());
        let about = RecordContext {
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
        };
        Ok(Arc::new(Self {
            text: RulingText::of(context, authority.facts(), &decision, about)?,
            asked: context.clone(),
            decision,
            fence: authority.fence().clone(),
            bound: terms.bound,
            lease_for: terms.lease_for,
            judged_at,
        }))
    }

    /// The start of a run that asks the same.
    ///
    /// # Errors
    /// [`JudgeError::OtherQuestion`] when the run asks something else (G8): another operation, on another
    /// authority, for another initiator, or elsewhere.
    pub fn start(self: &Arc<Self>, context: &ExecutionContext) -> Result<Start, JudgeError> {
        if self.asked.asks_the_same_as(context) {
            Ok(Start::under(self, context))
        } else {
            Err(JudgeError::OtherQuestion { run: context.run })
        }
    }

    /// Whether the run asks what was ruled on.
    #[must_use]
    pub fn answers(&self, context: &ExecutionContext) -> bool {
        self.asked.asks_the_same_as(context)
    }

    /// The verdict.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// What the decision records of its starts share.
    #[must_use]
    pub fn text(&self) -> &RulingText {
        &self.text
    }

    /// The revisions to compare (G2). Not to be compared where [`Ruling::bound`] says otherwise.
    #[must_use]
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// The age limit that takes the place of the fence, where there is one.
    #[must_use]
    pub fn bound(&self) -> Option<Bound> {
        self.bound
    }

    /// How long the lease of a start runs, from the store's clock at the commit.
    #[must_use]
    pub fn lease_for(&self) -> Duration {
        self.lease_for
    }

    /// The operation's limit of attempts, kept so that a rescue knows it.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.asked.operation.retry.max_attempts
    }

    /// When a permit under this ruling lapses. An instant that cannot be told is one that has passed.
    pub(crate) fn deadline(&self) -> Instant {
        self.judged_at
            .checked_add(self.lease_for)
            .unwrap_or(self.judged_at)
    }
}

impl fmt::Debug for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ruling")
            .field("operation", &self.asked.operation_type())
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
    /// The ruling is on what another run asks (G8).
    #[error("run `{run}` does not ask what was ruled on")]
    OtherQuestion {
        /// The run.
        run: RunId,
    },
    /// The record cannot be written.
    #[error("the decision record cannot be written")]
    Record(#[from] JsonError),
}
