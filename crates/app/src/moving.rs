//! Moving house: everything that lives in one store moves into another one, of whatever kind.
//!
//! 1. The target is prepared and empty; it becomes the one that this move fills, and stays closed.
//! 2. Completed runs are copied while the source goes on working: they never change again.
//! 3. The source is sealed. What runs there may end, or is rescued; nothing is queued or started any more.
//! 4. What is missing is copied: queued runs, facts, revisions, the log.
//! 5. Both are read whole, counted and compared.
//! 6. The target opens.
//!
//! At no moment can both let a run start: the source is sealed before the target can open, and opens again
//! only after the target never will. Whatever the move is interrupted by, [`move_house`] called again goes
//! on where it stopped, and [`abandon`] gives it up.

use std::sync::Arc;

use countersign_domain::MoveId;
use countersign_ports::{
    Movement, Part, PortError, QueueUpkeep, RunQueue, RunRepository, Side, Standing, Step, Stepped,
    StoreMove, fresh_move_id,
};

mod abandon;
mod error;
mod pages;
mod passes;
mod patience;
mod record;
mod tally;
mod verify;

pub use abandon::{abandon, abandon_lost_target};
pub use error::MoveError;
pub use tally::{Digest, Tally};

use passes::Copied;
use patience::patiently;

/// One side of a move: a store with everything of it that a move needs.
#[derive(Clone)]
pub struct Home {
    /// The store as a home.
    pub store: Arc<dyn StoreMove>,
    /// Its runs.
    pub runs: Arc<dyn RunRepository>,
    /// The queue of its workers, which may live elsewhere.
    pub queue: Arc<dyn RunQueue>,
    /// Its address without a password: what whoever comes to the wrong door is told.
    pub address: String,
}

impl Home {
    /// A SQLite store, with its own queue.
    #[must_use]
    pub fn sqlite(store: &countersign_sqlite::SqliteStore, address: impl Into<String>) -> Self {
        Self {
            store: Arc::new(store.home()),
            runs: Arc::new(store.runs()),
            queue: Arc::new(store.queue()),
            address: address.into(),
        }
    }

    /// A PostgreSQL store, with its own queue.
    #[must_use]
    pub fn postgres(
        store: &countersign_postgres::PostgresStore,
        address: impl Into<String>,
    ) -> Self {
        Self {
            store: Arc::new(store.home()),
            runs: Arc::new(store.runs()),
            queue: Arc::new(store.queue()),
            address: address.into(),
        }
    }

    /// A Redis store, with its own queue.
    #[must_use]
    pub fn redis(store: &countersign_redis::RedisStore, address: impl Into<String>) -> Self {
        Self {
            store: Arc::new(store.home()),
            runs: Arc::new(store.runs()),
            queue: Arc::new(store.queue()),
            address: address.into(),
        }
    }

    fn side(&self) -> Side {
        Side {
            store: self.store.store().id,
            address: self.address.clone(),
        }
    }
}

/// How far a move has come; told while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Completed runs are copied while the source works.
    CopyingAhead {
        /// How many so far.
        runs: u64,
    },
    /// The source is sealed from now on.
    Sealed,
    /// The source is sealed, and what runs there is waited for.
    Waiting {
        /// How many run.
        running: u64,
    },
    /// What is missing is copied.
    Copying {
        /// Of which part.
        part: Part,
        /// How many things of it were read.
        read: u64,
    },
    /// The target is read whole.
    Verifying {
        /// Which part.
        part: Part,
        /// How many things of it were read.
        read: u64,
    },
    /// The target is open.
    Open,
}

/// Who is told how far a move has come.
pub type Watch<'a> = &'a (dyn Fn(Stage) + Send + Sync);

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveReport {
    /// The move.
    pub movement: MoveId,
    /// What both sides held of each part, in the order of [`Part::ALL`]; none where another call had ended
    /// the move already.
    pub parts: Option<[(Part, Tally); 4]>,
}

/// Moves everything from one store into another one, or goes on with it.
///
/// # Cancel safety
/// May be dropped at any time: called again it goes on.
///
/// # Errors
/// [`MoveError`]; the move can be gone on with or abandoned after each, but for one that never began.
pub async fn move_house(from: &Home, to: &Home, watch: Watch<'_>) -> Result<MoveReport, MoveError> {
    let movement = match begin(from, to).await? {
        Begun::Under(movement) => movement,
        Begun::Over(movement) => {
            restore_queue(to).await?;
            return Ok(MoveReport {
                movement,
                parts: None,
            });
        }
    };
    match carry(from, to, &movement, watch).await {
        Ok(parts) => Ok(MoveReport {
            movement: movement.id,
            parts: Some(parts),
        }),
        // Whoever else carries the same move may have ended it meanwhile.
        Err(error) => match patiently(|| to.store.standing()).await? {
            Standing::Open {
                filled_by: Some(id),
            } if id == movement.id => {
                restore_queue(to).await?;
                Ok(MoveReport {
                    movement: id,
                    parts: None,
                })
            }
            Standing::Abandoned { movement: gone, .. } if gone.id == movement.id => {
                // Its target never opens, so its source may.
                let unseal = Step::Unseal(movement.id);
                let _stepped = patiently(|| from.store.step(&unseal)).await?;
                Err(MoveError::Abandoned)
            }
            Standing::Open { .. }
            | Standing::Sealed { .. }
            | Standing::Filling { .. }
            | Standing::Abandoned { .. } => Err(error),
        },
    }
}

/// What a call finds.
enum Begun {
    /// The target is being filled by this move.
    Under(Movement),
    /// It has been moved already.
    Over(MoveId),
}

/// How often both sides are looked at: somebody else may begin the same move in between.
const LOOKS: u32 = 4;

async fn begin(from: &Home, to: &Home) -> Result<Begun, MoveError> {
    if from.store.store().id == to.store.store().id {
        return Err(MoveError::SameStore);
    }
    let mut found = Standing::NEW;
    for _ in 0..LOOKS {
        let (source, target) = (
            patiently(|| from.store.standing()).await?,
            patiently(|| to.store.standing()).await?,
        );
        let sealed_by = match &source {
            Standing::Open { .. } => None,
            Standing::Sealed { movement, .. } if movement.to.store == to.store.store().id => {
                Some(movement.id)
            }
            Standing::Sealed { .. } | Standing::Filling { .. } | Standing::Abandoned { .. } => {
                return Err(MoveError::SourceNotOpen(source));
            }
        };
        match target {
            Standing::Open {
                filled_by: Some(id),
            } if sealed_by == Some(id) => return Ok(Begun::Over(id)),
            Standing::Filling { movement, since } => {
                let ours = movement.from.store == from.store.store().id
                    && sealed_by.is_none_or(|id| id == movement.id);
                return match ours {
                    true => Ok(Begun::Under(movement)),
                    false => Err(MoveError::TargetNotOpen(Standing::Filling {
                        movement,
                        since,
                    })),
                };
            }
            Standing::Abandoned { movement, .. } if sealed_by == Some(movement.id) => {
                return Err(MoveError::Abandoned);
            }
            Standing::Open { .. } if sealed_by.is_some() => {
                return Err(MoveError::SourceNotOpen(source));
            }
            Standing::Open { .. } => {}
            Standing::Sealed { .. } | Standing::Abandoned { .. } => {
                return Err(MoveError::TargetNotOpen(target));
            }
        }
        let movement = Movement {
            id: fresh_move_id(),
            from: from.side(),
            to: to.side(),
        };
        let fill = Step::Fill(movement.clone());
        match patiently(|| to.store.step(&fill)).await? {
            Stepped::Stands(_) => return Ok(Begun::Under(movement)),
            Stepped::NotEmpty => return Err(MoveError::NotEmpty),
            // Somebody else was first; perhaps with this very move.
            Stepped::Refused(standing) => found = standing,
        }
    }
    Err(MoveError::TargetNotOpen(found))
}

/// Carries a move from wherever it stands to its end.
async fn carry(
    from: &Home,
    to: &Home,
    movement: &Movement,
    watch: Watch<'_>,
) -> Result<[(Part, Tally); 4], MoveError> {
    let mut copied = Copied::default();
    if matches!(
        patiently(|| from.store.standing()).await?,
        Standing::Open { .. }
    ) {
        passes::copy_ahead(from, to, movement.id, &mut copied, watch).await?;
        let seal = Step::Seal(movement.clone());
        if let Stepped::Refused(standing) = patiently(|| from.store.step(&seal)).await? {
            return Err(MoveError::SourceNotOpen(standing));
        }
    }
    watch(Stage::Sealed);
    passes::wait_until_nothing_runs(from, movement.id, watch).await?;
    let held = passes::copy_the_rest(from, to, movement.id, &copied, watch).await?;
    verify::verify(from, to, &held, watch).await?;
    passes::require_sealed(from, movement.id).await?;
    let open = Step::Open(movement.id);
    if let Stepped::Refused(standing) = patiently(|| to.store.step(&open)).await? {
        return Err(MoveError::TargetNotOpen(standing));
    }
    watch(Stage::Open);
    restore_queue(to).await?;
    Ok(held)
}

/// Pushes the entries that the target's queue ought to have, where its callers keep it.
async fn restore_queue(to: &Home) -> Result<(), PortError> {
    const PAGE: u32 = 500;
    if to.runs.queue_upkeep() == QueueUpkeep::InCommit {
        return Ok(());
    }
    let mut after = None;
    loop {
        let entries = patiently(|| to.runs.queued_entries(after, PAGE)).await?;
        let Some(last) = entries.last() else {
            return Ok(());
        };
        after = Some(last.run.id);
        patiently(|| to.queue.push(&entries)).await?;
    }
}
