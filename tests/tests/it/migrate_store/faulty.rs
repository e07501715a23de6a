//! One side of a move whose N-th call fails, or whose answer is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use countersign::moving::Home;
use countersign_domain::MoveId;
use countersign_ports::{
    Imported, MoveCursor, MovePage, Moved, Part, PortError, PortErrorKind, PortResult, Standing,
    Step, Stepped, StoreIdentity, StoreMove,
};

/// What is wrong with the call that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It did nothing.
    Before,
    /// It did what it was asked, and nobody hears of it.
    After,
}

/// Counts the calls of both sides, and fails one of them and every one after it: as a move that was killed
/// there asks nothing more.
#[derive(Clone)]
pub(super) struct Calls {
    made: Arc<AtomicUsize>,
    fails_at: usize,
    fault: Fault,
}

impl Calls {
    pub(super) fn failing_at(fails_at: usize, fault: Fault) -> Self {
        Self {
            made: Arc::default(),
            fails_at,
            fault,
        }
    }

    /// Whether the call that was to fail was made.
    pub(super) fn have_failed(&self) -> bool {
        self.made.load(Ordering::Relaxed) > self.fails_at
    }

    /// The same side, failing.
    pub(super) fn at(&self, home: &Home) -> Home {
        Home {
            store: Arc::new(FaultyMove {
                inner: home.store.clone(),
                calls: self.clone(),
            }),
            ..home.clone()
        }
    }

    async fn make<T>(&self, call: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let gone = || Err(PortError::new(PortErrorKind::Other, "call", "killed"));
        if number > self.fails_at || (number == self.fails_at && self.fault == Fault::Before) {
            return gone();
        }
        let answer = call.await;
        if number == self.fails_at {
            return gone();
        }
        answer
    }
}

struct FaultyMove {
    inner: Arc<dyn StoreMove>,
    calls: Calls,
}

#[async_trait]
impl StoreMove for FaultyMove {
    fn store(&self) -> &StoreIdentity {
        self.inner.store()
    }

    async fn standing(&self) -> PortResult<Standing> {
        self.calls.make(self.inner.standing()).await
    }

    async fn step(&self, step: &Step) -> PortResult<Stepped> {
        self.calls.make(self.inner.step(step)).await
    }

    async fn export<'a>(
        &self,
        part: Part,
        after: Option<&'a MoveCursor>,
        limit: u32,
    ) -> PortResult<MovePage> {
        self.calls.make(self.inner.export(part, after, limit)).await
    }

    async fn import(&self, movement: MoveId, items: &[Moved]) -> PortResult<Vec<Imported>> {
        self.calls.make(self.inner.import(movement, items)).await
    }
}
