//! Cases about moving house: each is given two stores, one to move out of and one to move into.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::runner::{CaseFailure, CaseFuture, LIMIT, on_a_runtime, play};
use crate::{Harness, Ports};

/// One case about moving house: a claim about every adapter that has the port, by name.
#[derive(Clone, Copy)]
pub struct MoveCase {
    theme: &'static str,
    name: &'static str,
    body: fn(Ports, Ports) -> CaseFuture,
}

impl MoveCase {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        theme: &'static str,
        name: &'static str,
        body: fn(Ports, Ports) -> CaseFuture,
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

    /// Runs the case between two stores of their own, and closes both harnesses whatever happens.
    ///
    /// # Errors
    /// [`CaseFailure`] when the case panicked, or did not end within `limit`.
    pub async fn run(
        &self,
        from: Arc<dyn Harness>,
        to: Arc<dyn Harness>,
        limit: Duration,
    ) -> Result<(), CaseFailure> {
        let body = self.body;
        let stores = (from.clone(), to.clone());
        let played = async move {
            let from = Ports::open(&stores.0).await;
            let to = Ports::open(&stores.1).await;
            body(from, to).await;
        };
        let ended = play(played, limit).await;
        from.close().await;
        to.close().await;
        ended.map_err(|message| CaseFailure {
            case: self.to_string(),
            message,
        })
    }
}

impl fmt::Display for MoveCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.theme, self.name)
    }
}

impl fmt::Debug for MoveCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The body of one test: a runtime, two stores, the case.
#[doc(hidden)]
pub fn run_move_test<Making>(case: &MoveCase, make: impl Fn() -> Making)
where
    Making: Future<Output: Harness>,
{
    on_a_runtime(async {
        let from: Arc<dyn Harness> = Arc::new(make().await);
        let to: Arc<dyn Harness> = Arc::new(make().await);
        case.run(from, to, LIMIT).await
    });
}
