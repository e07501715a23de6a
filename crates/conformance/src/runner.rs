//! Runs one case: on a store of its own, which is thrown away whatever happens.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::{Harness, Ports};

/// A case that has not ended by then hangs, and fails.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// One case: a claim about every adapter, by name.
#[derive(Clone, Copy)]
pub struct Case {
    theme: &'static str,
    name: &'static str,
    body: fn(Ports) -> CaseFuture,
}

/// A case under way.
#[doc(hidden)]
pub type CaseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why a case failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFailure {
    /// The case, as `theme::name`.
    pub case: String,
    /// What it panicked with.
    pub message: String,
}

impl Case {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        theme: &'static str,
        name: &'static str,
        body: fn(Ports) -> CaseFuture,
    ) -> Self {
        Self { theme, name, body }
    }

    /// What the case is about: the module of its test.
    #[must_use]
    pub const fn theme(&self) -> &'static str {
        self.theme
    }

    /// The claim: the name of its test.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs the case on a store of its own and closes the harness, whatever happens.
    ///
    /// For those who want to know which cases fail; tests come from [`suite!`](crate::suite).
    ///
    /// # Errors
    /// [`CaseFailure`] when the case panicked, or did not end within `limit`.
    pub async fn run(&self, harness: Arc<dyn Harness>, limit: Duration) -> Result<(), CaseFailure> {
        let body = self.body;
        let store = harness.clone();
        let played = async move { body(Ports::open(&store).await).await };
        let ended = play(played, limit).await;
        harness.close().await;
        ended.map_err(|message| CaseFailure {
            case: self.to_string(),
            message,
        })
    }
}

/// Plays a case to its end; what went wrong, if something did.
pub(crate) async fn play(
    case: impl Future<Output = ()> + Send + 'static,
    limit: Duration,
) -> Result<(), String> {
    // A task of its own: its panic is caught, and one that hangs can be cut off.
    let mut task = tokio::spawn(case);
    match tokio::time::timeout(limit, &mut task).await {
        Ok(ended) => ended.map_err(|error| told(&*error.into_panic())),
        Err(_elapsed) => {
            task.abort();
            let _cut_off = task.await;
            Err(format!("has not ended after {limit:?}"))
        }
    }
}

impl fmt::Display for CaseFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.message)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.theme, self.name)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The body of one test: a runtime, a store, the case.
#[doc(hidden)]
pub fn run_test<Making>(case: &Case, make: impl FnOnce() -> Making)
where
    Making: Future<Output: Harness>,
{
    on_a_runtime(async {
        let harness: Arc<dyn Harness> = Arc::new(make().await);
        case.run(harness, LIMIT).await
    });
}

/// Runs to the end on a runtime of its own, and panics with what failed.
pub(crate) fn on_a_runtime(case: impl Future<Output = Result<(), CaseFailure>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime");
    let ended = runtime.block_on(case);
    // What still spins after a case that hung is left behind with its thread.
    runtime.shutdown_timeout(Duration::from_secs(5));
    if let Err(failure) = ended {
        panic!("{failure}");
    }
}

/// What a panic said.
fn told(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}
