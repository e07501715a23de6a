//! The ruling: what one snapshot of authority says to one question, for every run that asks it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_domain::{
    AuthorityStamp, Consistency, Decision, ExecutionContext, JsonError, RecordContext, RulingText,
    RunId, Timestamp, WorkerName, decide,
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

    /// The rulings of a batch, each once, and for each start the place of its own among them.
    #[must_use]
    pub fn distinct<'a>(starts: &[&'a Start]) -> (Vec<&'a Self>, Vec<usize>) {
        let mut known: HashMap<*const Self, usize> = HashMap::new();
        let mut distinct: Vec<&Self> = Vec::new();
        let places = starts
            .iter()
            .map(|start| {
                *known.entry(Arc::as_ptr(start.ruling())).or_insert_with(|| {
                    distinct.push(start.ruling());
                    distinct.len() - 1
                })
            })
            .collect();
        (distinct, places)
    }

    /// What was ruled on: a repository may hold it against what its run asks (G8).
    #[must_use]
    pub fn asked(&self) -> &ExecutionContext {
        &self.asked
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

    /// Whether it holds at this time of the run store, as far as time goes: up to its age limit where it has
    /// one, and until its decision lapses where it has none. An age limit is for the authority of another
    /// store, and whatever lapses there does so by another clock.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        match self.bound {
            Some(bound) => now <= bound.read_at.plus(bound.max_age),
            None => self.decision.lapses_at().is_none_or(|at| now < at),
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use countersign_domain::{
        AuthorityMode, AuthorityRows, GrantRow, Operation, Revision, RoleName, RoleRow, RunId,
        ScopeRevision, TargetScope, TenantLifecycle, TenantRow, UserRow, WorkspaceRow,
    };

    use super::*;
    use crate::fresh_store_id;

    fn asking(change: impl FnOnce(&mut ExecutionContext)) -> ExecutionContext {
        let scope = TargetScope {
            workspace_id: "w".parse().unwrap(),
            tenant_id: "t".parse().unwrap(),
            provider_connection_id: None,
        };
        let operation = Operation::new("op".parse().unwrap()).into();
        let mut context =
            ExecutionContext::actor_bound(RunId::EXAMPLE, operation, scope, "u".parse().unwrap());
        change(&mut context);
        context
    }

    fn ruled(context: &ExecutionContext) -> Arc<Ruling> {
        judged(context, AuthorityRows::default(), None)
    }

    fn judged(
        context: &ExecutionContext,
        rows: AuthorityRows,
        bound: Option<Bound>,
    ) -> Arc<Ruling> {
        let workspace = context.workspace_id().clone();
        let revision = Revision::new(1, 1);
        let fence = Fence {
            store: fresh_store_id(),
            scopes: [ScopeRevision {
                workspace,
                revision,
            }]
            .into_iter()
            .collect(),
        };
        let authority = Authority::resolved(context.query(), rows, Timestamp::UNIX_EPOCH, fence);
        let terms = StartTerms {
            worker: &"worker".parse().unwrap(),
            catalog: "catalog",
            lease_for: Duration::from_secs(1),
            bound,
        };
        Ruling::judge(context, &authority, &terms).unwrap()
    }

    #[test]
    fn g8_a_ruling_starts_only_runs_that_ask_what_was_ruled_on() {
        let ruling = ruled(&asking(|_| {}));
        assert!(ruling.start(&asking(|_| {})).is_ok());
        let other = "01935f5e-7c00-7000-8000-000000000002".parse().unwrap();
        let start = ruling
            .start(&asking(|context| context.run = other))
            .unwrap();
        assert_eq!(start.run().id, other);
        let others: [fn(&mut ExecutionContext); 6] = [
            |context| context.target_scope.workspace_id = "other".parse().unwrap(),
            |context| context.target_scope.tenant_id = "other".parse().unwrap(),
            |context| {
                context.target_scope.provider_connection_id = Some("other".parse().unwrap());
            },
            |context| context.initiator = Some("other".parse().unwrap()),
            |context| context.authority_mode = AuthorityMode::System,
            |context| {
                let strict = Operation::new("op".parse().unwrap()).needing("go".parse().unwrap());
                context.operation = strict.into();
            },
        ];
        for (number, change) in others.into_iter().enumerate() {
            let refused = ruling.start(&asking(change));
            assert!(
                matches!(refused, Err(JudgeError::OtherQuestion { .. })),
                "{number}"
            );
        }
    }

    /// At the very time, to which no test can hold a store's clock.
    #[test]
    fn g2_a_ruling_holds_until_its_decision_lapses_or_up_to_its_age_limit() {
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let context = asking(|_| {});
        let role: RoleName = "member".parse().unwrap();
        let grant = GrantRow {
            tenant_id: None,
            role: role.clone(),
            expires_at: Some(at(5)),
        };
        let reaching = RoleRow {
            capabilities: BTreeSet::new(),
            all_tenants: true,
        };
        let rows = AuthorityRows {
            workspace: Some(WorkspaceRow { active: true }),
            user: Some(UserRow { active: true }),
            tenant: Some(TenantRow {
                workspace_id: context.workspace_id().clone(),
                lifecycle: TenantLifecycle::Active,
            }),
            grants: vec![grant],
            roles: [(role, reaching)].into(),
            ..AuthorityRows::default()
        };
        let holds = |bound| {
            let ruling = judged(&context, rows.clone(), bound);
            assert_eq!(ruling.decision().lapses_at(), Some(at(5)));
            [4, 5, 10, 11].map(|now| ruling.holds_at(at(now)))
        };
        assert_eq!(holds(None), [true, false, false, false]);
        let bound = Bound {
            read_at: at(3),
            max_age: Duration::from_micros(7),
        };
        assert_eq!(holds(Some(bound)), [true, true, true, false]);
    }

    #[test]
    fn rulings_and_starts_are_shown_by_what_they_are_about_and_the_verdict() {
        let context = asking(|_| {});
        let ruling = ruled(&context);
        let shown = format!("{ruling:?}");
        for part in ["op", "WorkspaceMissing"] {
            assert!(shown.contains(part), "{shown}");
        }
        let start = ruling.start(&context).unwrap();
        let shown = format!("{start:?}");
        let decision = start.decision_id().to_string();
        for part in [&*context.run.to_string(), &*decision, "WorkspaceMissing"] {
            assert!(shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn starts_under_one_ruling_have_decisions_of_their_own() {
        let context = asking(|_| {});
        let (first, second) = (ruled(&context), ruled(&context));
        let starts = [&first, &second, &first].map(|ruling| ruling.start(&context).unwrap());
        let (rulings, places) = Ruling::distinct(&starts.each_ref());
        assert_eq!((rulings.len(), places), (2, vec![0, 1, 0]));
        assert_ne!(starts[0].decision_id(), starts[2].decision_id());
        assert_ne!(starts[0].record(), starts[2].record());
        assert_ne!(starts[0].lease_id(), starts[2].lease_id());
    }
}
