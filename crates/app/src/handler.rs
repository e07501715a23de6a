//! Handlers: what does the work of a run, once a permit lets it.

use std::fmt::Display;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{
    ActorName, CancelNote, Failure, FailureCode, JsonText, OperationRun, RunId,
};
use countersign_ports::{Entry, Permit, PermitLapsed, Work};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

/// A failure's message is kept up to this many characters.
const MAX_MESSAGE_CHARS: usize = 2000;

/// One run whose handler is being entered.
///
/// Made by consuming a [`Permit`], and only so: whoever holds one works for a run whose start has
/// committed (G1).
#[derive(Debug)]
pub struct Execution {
    run: OperationRun,
    entry: Entry,
    cancel: CancellationToken,
}

impl Execution {
    /// Consumes the permit on the way into a handler.
    ///
    /// # Errors
    /// [`PermitLapsed`] when the permit's deadline has passed.
    pub fn enter(
        run: OperationRun,
        permit: Permit,
        cancel: CancellationToken,
    ) -> Result<Self, PermitLapsed> {
        if permit.run().id != run.id {
            return Err(PermitLapsed { run: run.id });
        }
        Ok(Self {
            run,
            entry: permit.enter()?,
            cancel,
        })
    }

    /// The run, as it was when it was received: `status` still says `queued`.
    #[must_use]
    pub fn run(&self) -> &OperationRun {
        &self.run
    }

    /// The run's id. Outside systems can fence by it: no two handlers are entered for one run (G3).
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.run.id
    }

    /// The chain's id: the same for a run and its successors, whose handlers may overlap after a rescue.
    #[must_use]
    pub fn chain_id(&self) -> RunId {
        self.run.chain_id
    }

    /// The start that let it in.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Cancelled when the handler should stop: an operator asked for it, authority was withdrawn (G7),
    /// the lease can no longer be renewed, or the worker is being stopped for the second time.
    #[must_use]
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancel
    }
}

/// What a handler came to, and what it leaves with the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it came to.
    pub work: Work,
    /// What it returned.
    pub result: Option<JsonText>,
    /// What it printed last.
    pub output: Option<JsonText>,
    /// Whether a failure may be tried again under the operation's policy.
    pub retry: Retryable,
}

/// Whether a failed run gets a successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retryable {
    /// After the policy's wait, while attempts are left.
    ByPolicy,
    /// After this wait instead, while attempts are left.
    After(Duration),
    /// Not at all.
    Never,
}

impl Report {
    /// It did its work.
    #[must_use]
    pub fn succeeded() -> Self {
        Self {
            work: Work::Succeeded,
            result: None,
            output: None,
            retry: Retryable::ByPolicy,
        }
    }

    /// It did part of its work.
    #[must_use]
    pub fn partially_succeeded() -> Self {
        Self {
            work: Work::PartiallySucceeded,
            ..Self::succeeded()
        }
    }

    /// It failed.
    #[must_use]
    pub fn failed(message: impl Display) -> Self {
        Self::failed_with(FailureCode::HandlerFailed, message)
    }

    /// It failed in a way of its own.
    #[must_use]
    pub fn failed_with(code: FailureCode, message: impl Display) -> Self {
        let failure = Failure {
            code,
            message: storable(&message.to_string()),
        };
        Self {
            work: Work::Failed(failure),
            ..Self::succeeded()
        }
    }

    /// It stopped because it was told to.
    #[must_use]
    pub fn cancelled(by: ActorName, reason: Option<String>) -> Self {
        Self {
            work: Work::Cancelled(CancelNote { by, reason }),
            ..Self::succeeded()
        }
    }

    /// The same, with a result. One that does not serialize, or to more than 1 MiB, is left out.
    #[must_use]
    pub fn with_result(mut self, result: &impl Serialize) -> Self {
        self.result = JsonText::of(result).ok();
        self
    }

    /// The same, with what it printed last.
    #[must_use]
    pub fn with_output(mut self, output: &impl Serialize) -> Self {
        self.output = JsonText::of(output).ok();
        self
    }

    /// The same, tried again as said and not by the operation's policy.
    #[must_use]
    pub fn retried(mut self, retry: Retryable) -> Self {
        self.retry = retry;
        self
    }
}

/// As much of a message as is kept, without what a store cannot hold.
fn storable(message: &str) -> String {
    message
        .chars()
        .filter(|c| *c != '\0')
        .take(MAX_MESSAGE_CHARS)
        .collect()
}

/// Does the work of one operation.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Does the work of one run.
    ///
    /// # Cancel safety
    /// A handler should watch [`Execution::cancellation`]. One that does not stop within the worker's
    /// grace, or runs into its operation's timeout, is dropped at its next await.
    async fn handle(&self, execution: Execution) -> Report;
}

/// A handler made of an async function from a typed context to a typed result.
///
/// The run's context is read as `C`; a run whose context does not fit fails without a retry. The
/// function's `Ok` is the run's result, its `Err` the failure's message.
pub fn handler_fn<C, R, E, F, Fut>(function: F) -> impl Handler
where
    C: DeserializeOwned + Send + Sync + 'static,
    R: Serialize + Send + 'static,
    E: Display + Send + 'static,
    F: Fn(C, Execution) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
{
    Typed {
        function,
        context: PhantomData::<fn() -> C>,
    }
}

struct Typed<F, C> {
    function: F,
    context: PhantomData<fn() -> C>,
}

#[async_trait]
impl<C, R, E, F, Fut> Handler for Typed<F, C>
where
    C: DeserializeOwned + Send + Sync + 'static,
    R: Serialize + Send + 'static,
    E: Display + Send + 'static,
    F: Fn(C, Execution) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
{
    async fn handle(&self, execution: Execution) -> Report {
        let context = match serde_json::from_str(execution.run().context.as_str()) {
            Ok(context) => context,
            Err(error) => {
                return Report::failed(format_args!("the run's context does not fit: {error}"))
                    .retried(Retryable::Never);
            }
        };
        match (self.function)(context, execution).await {
            Ok(result) => Report::succeeded().with_result(&result),
            Err(error) => Report::failed(error),
        }
    }
}
