//! Refusing at submission what the gate would deny now. A courtesy to submitters, no guarantee: the gate
//! asks again at the moment of execution.

use std::sync::Arc;

use countersign_domain::{
    Catalog, ExecutionContext, OperationRun, ReasonCode, RunId, Submission, TargetScope,
};
use countersign_ports::PortResult;

use crate::Ports;
use crate::verdict::{Verdict, verdicts};

/// Asks the gate's question ahead of time.
#[derive(Clone)]
pub struct Preflight {
    ports: Ports,
    catalog: Catalog,
}

/// Why a run should not be queued now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The gate would deny it.
    #[error("{} ({})", .0.describe().sentence.trim_end_matches('.'), .0.as_str())]
    Denied(ReasonCode),
    /// The catalog does not have its operation.
    #[error("the catalog does not have the operation")]
    UnknownOperation,
    /// Its authority cannot be told.
    #[error("its authority cannot be told: {0}")]
    Undecided(String),
}

impl Refusal {
    /// A stable code: the reason code where the gate would deny.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(reason) => reason.as_str(),
            Self::UnknownOperation => "unknown_operation",
            Self::Undecided(_) => "authority_unavailable",
        }
    }
}

impl Preflight {
    /// A preflight over these ports, judging by this catalog.
    #[must_use]
    pub fn new(ports: Ports, catalog: Catalog) -> Self {
        Self { ports, catalog }
    }

    /// Judges submissions as if they were executed now; answers in input order. Queues nothing.
    ///
    /// # Errors
    /// As the authority lookup.
    pub async fn check(&self, submissions: &[Submission]) -> PortResult<Vec<Result<(), Refusal>>> {
        self.judge(
            submissions
                .iter()
                .map(|submission| self.context(submission))
                .collect(),
        )
        .await
    }

    /// Judges queued runs as if they were executed now; answers in input order. Changes nothing.
    ///
    /// # Errors
    /// As the authority lookup.
    pub async fn check_runs(
        &self,
        runs: &[Arc<OperationRun>],
    ) -> PortResult<Vec<Result<(), Refusal>>> {
        let context = |run: &Arc<OperationRun>| {
            let operation = self.catalog.get(&run.operation_type)?;
            Some(ExecutionContext::of(run, Arc::clone(operation)))
        };
        self.judge(runs.iter().map(context).collect()).await
    }

    async fn judge(
        &self,
        contexts: Vec<Option<ExecutionContext>>,
    ) -> PortResult<Vec<Result<(), Refusal>>> {
        let known: Vec<ExecutionContext> = contexts.iter().flatten().cloned().collect();
        let mut verdicts = verdicts(&self.ports, &known).await?.into_iter();
        let answer = |context: Option<ExecutionContext>| match context.and_then(|_| verdicts.next())
        {
            None => Err(Refusal::UnknownOperation),
            Some(Verdict::Undecided(cause)) => Err(Refusal::Undecided(cause)),
            Some(Verdict::Decided(decision, _)) => match decision.reason() {
                None => Ok(()),
                Some(reason) => Err(Refusal::Denied(reason)),
            },
        };
        Ok(contexts.into_iter().map(answer).collect())
    }

    fn context(&self, submission: &Submission) -> Option<ExecutionContext> {
        let operation = self.catalog.get(&submission.operation_type)?;
        Some(ExecutionContext {
            run: submission.id.unwrap_or(RunId::EXAMPLE),
            operation: Arc::clone(operation),
            authority_mode: submission.authority_mode,
            initiator: submission.initiator.clone(),
            target_scope: TargetScope {
                workspace_id: submission.workspace_id.clone(),
                tenant_id: submission.tenant_id.clone(),
                provider_connection_id: submission.provider_connection_id.clone(),
            },
        })
    }
}
