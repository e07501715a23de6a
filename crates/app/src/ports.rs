//! The ports of one deployment, put together: which store holds the runs, which the authority, which
//! the queue, and how decision and start are held together.

use std::sync::Arc;
use std::time::Duration;

use countersign_ports::{AuthorityStore, PortResult, RunQueue, RunRepository, StoreMove};

/// How decision and start are held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConsistencyMode {
    /// Runs and authority share a store, and the start compares the revision in its own commit (G2).
    #[default]
    Fenced,
    /// They live apart; the start refuses facts older than this, by the run store's own clock.
    Bounded {
        /// The maximum age.
        max_age: Duration,
    },
}

/// Runs and authority live in different stores, and nobody agreed to that by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "runs live in a {runs} store and authority in a {authority} one, so a start cannot be fenced (G2): \
     put both into one store, or ask for `[consistency] mode = \"bounded\"` with a `max_age`"
)]
pub struct StoresApart {
    runs: &'static str,
    authority: &'static str,
}

/// The three ports that a gate and a worker need.
#[derive(Clone)]
pub struct Ports {
    runs: Arc<dyn RunRepository>,
    authority: Arc<dyn AuthorityStore>,
    queue: Arc<dyn RunQueue>,
    consistency: ConsistencyMode,
    home: Option<Arc<dyn StoreMove>>,
}

impl Ports {
    /// Puts ports together.
    ///
    /// # Errors
    /// [`StoresApart`] when runs and authority are of different stores, unless bounded consistency is
    /// asked for by name. The queue may live anywhere.
    pub fn new(
        runs: Arc<dyn RunRepository>,
        authority: Arc<dyn AuthorityStore>,
        queue: Arc<dyn RunQueue>,
        consistency: ConsistencyMode,
    ) -> Result<Self, StoresApart> {
        let apart = runs.store().id != authority.store().id;
        match consistency {
            ConsistencyMode::Fenced if apart => Err(StoresApart {
                runs: runs.store().kind,
                authority: authority.store().kind,
            }),
            ConsistencyMode::Fenced | ConsistencyMode::Bounded { .. } => Ok(Self {
                runs,
                authority,
                queue,
                consistency,
                home: None,
            }),
        }
    }

    /// The same, knowing the run store as a home: a worker over these ports does not start where runs are
    /// moving out, or have not moved in yet, and stops when they begin to, though it has nothing to do.
    #[must_use]
    pub fn with_home(self, home: Arc<dyn StoreMove>) -> Self {
        Self {
            home: Some(home),
            ..self
        }
    }

    /// All three ports on one SQLite store.
    ///
    /// # Errors
    /// None in practice: the ports share a store.
    pub fn sqlite(store: &countersign_sqlite::SqliteStore) -> Result<Self, StoresApart> {
        Self::new(
            Arc::new(store.runs()),
            Arc::new(store.authority()),
            Arc::new(store.queue()),
            ConsistencyMode::Fenced,
        )
        .map(|ports| ports.with_home(Arc::new(store.home())))
    }

    /// All three ports on one PostgreSQL store.
    ///
    /// # Errors
    /// None in practice: the ports share a store.
    pub fn postgres(store: &countersign_postgres::PostgresStore) -> Result<Self, StoresApart> {
        Self::new(
            Arc::new(store.runs()),
            Arc::new(store.authority()),
            Arc::new(store.queue()),
            ConsistencyMode::Fenced,
        )
        .map(|ports| ports.with_home(Arc::new(store.home())))
    }

    /// All three ports on one Redis store.
    ///
    /// # Errors
    /// None in practice: the ports share a store.
    pub fn redis(store: &countersign_redis::RedisStore) -> Result<Self, StoresApart> {
        Self::new(
            Arc::new(store.runs()),
            Arc::new(store.authority()),
            Arc::new(store.queue()),
            ConsistencyMode::Fenced,
        )
        .map(|ports| ports.with_home(Arc::new(store.home())))
    }

    /// The run repository.
    #[must_use]
    pub fn runs(&self) -> &dyn RunRepository {
        &*self.runs
    }

    /// The authority.
    #[must_use]
    pub fn authority(&self) -> &dyn AuthorityStore {
        &*self.authority
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &dyn RunQueue {
        &*self.queue
    }

    /// Why nothing starts in the run store, in words; none where it is open, or nobody knows.
    pub(crate) async fn refusal(&self) -> PortResult<Option<String>> {
        match &self.home {
            Some(home) => Ok(home.standing().await?.refusal()),
            None => Ok(None),
        }
    }

    /// How decision and start are held together.
    #[must_use]
    pub fn consistency(&self) -> ConsistencyMode {
        self.consistency
    }
}
