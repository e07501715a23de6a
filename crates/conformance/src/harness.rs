//! What an adapter's test crate gives, and what every case is given.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_ports::{AuthorityStore, RunQueue, RunRepository, StoreMove};

/// A fresh, empty, prepared store of its own: one is made for every case.
///
/// ```
/// use std::sync::Arc;
/// use countersign_conformance::{Harness, Ports};
///
/// # use countersign_ports::{AuthorityStore, RunQueue, RunRepository};
/// # trait Adapter: AuthorityStore + RunQueue + RunRepository {}
/// # struct Database;
/// # impl Database {
/// #     async fn connect(&self) -> Arc<dyn Adapter> { unimplemented!() }
/// #     async fn drop_it(&self) {}
/// # }
/// struct MyHarness {
///     database: Database,
/// }
///
/// #[async_trait::async_trait]
/// impl Harness for MyHarness {
///     async fn open(&self) -> Ports {
///         let store = self.database.connect().await;
///         Ports::new(store.clone(), store.clone(), store)
///     }
///
///     async fn close(&self) {
///         self.database.drop_it().await;
///     }
/// }
/// ```
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// A set of ports on the store, as one process has them: with connections of its own.
    ///
    /// Called once before a case, and again by cases in which a second process takes part.
    async fn open(&self) -> Ports;

    /// Throws the store away. Called once, after the case has ended: also when it has failed.
    async fn close(&self);
}

/// The ports of one process.
///
/// Runs and authority live in one store, or there is nothing to fence with; the queue may live anywhere.
/// What lives apart says so by [`Ports::apart`], and runs the part of the suite that no fence is needed for.
#[derive(Clone)]
pub struct Ports {
    /// The runs.
    pub runs: Arc<dyn RunRepository>,
    /// Who may do what.
    pub authority: Arc<dyn AuthorityStore>,
    /// The queue.
    pub queue: Arc<dyn RunQueue>,
    apart: bool,
    one_scope: bool,
    home: Option<Arc<dyn StoreMove>>,
    harness: Option<Arc<dyn Harness>>,
}

impl Ports {
    /// The ports that a harness opens.
    #[must_use]
    pub fn new(
        runs: Arc<dyn RunRepository>,
        authority: Arc<dyn AuthorityStore>,
        queue: Arc<dyn RunQueue>,
    ) -> Self {
        Self {
            runs,
            authority,
            queue,
            apart: false,
            one_scope: false,
            home: None,
            harness: None,
        }
    }

    /// The ports that a harness opens whose runs and authority live in different stores: for
    /// `suite!(apart mod …)`. Starts are judged with a bound in place of the fence.
    #[must_use]
    pub fn apart(
        runs: Arc<dyn RunRepository>,
        authority: Arc<dyn AuthorityStore>,
        queue: Arc<dyn RunQueue>,
    ) -> Self {
        Self {
            apart: true,
            ..Self::new(runs, authority, queue)
        }
    }

    /// The same ports, of a store whose look-ups depend on one scope each, and whose `begin` can read no other: it
    /// answers `AuthorityMoved` to a fence of several, however they stand.
    #[must_use]
    pub fn of_one_scope(self) -> Self {
        Self {
            one_scope: true,
            ..self
        }
    }

    /// The same with the store as a home that is moved out of, and into: for
    /// [`moving_suite!`](crate::moving_suite).
    #[must_use]
    pub fn with_home(self, home: Arc<dyn StoreMove>) -> Self {
        Self {
            home: Some(home),
            ..self
        }
    }

    /// Whether a fence of several scopes may hold.
    pub(crate) fn take_several_scopes(&self) -> bool {
        !self.one_scope
    }

    /// The store as a home.
    ///
    /// # Panics
    /// For ports that were opened without: `moving_suite!` wants [`Ports::with_home`].
    #[must_use]
    pub fn home(&self) -> Arc<dyn StoreMove> {
        let home = self.home.clone();
        home.expect("ports that were opened with `Ports::with_home`")
    }

    /// Whether runs and authority live in different stores.
    pub(crate) fn are_apart(&self) -> bool {
        self.apart
    }

    /// The ports that a case is given.
    pub(crate) async fn open(harness: &Arc<dyn Harness>) -> Self {
        let ports = Self {
            harness: Some(harness.clone()),
            ..harness.open().await
        };
        assert_eq!(
            ports.runs.store().id != ports.authority.store().id,
            ports.apart,
            "runs and authority that live apart cannot be fenced (G2), and say so: `Ports::apart`"
        );
        ports
    }

    /// Ports on the same store as another process has them.
    ///
    /// # Panics
    /// For ports that the suite did not open.
    pub async fn another(&self) -> Self {
        let harness = self.harness.as_ref();
        Self::open(harness.expect("ports that the suite opened")).await
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports")
            .field("runs", self.runs.store())
            .field("authority", self.authority.store())
            .field("queue", self.queue.store())
            .finish_non_exhaustive()
    }
}
