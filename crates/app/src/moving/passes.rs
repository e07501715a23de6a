//! The two passes of a move, and the wait between them.

use std::collections::HashSet;
use std::time::Duration;

use countersign_domain::{MoveId, QueueName, RunId, RunStatus};
use countersign_ports::{BacklogQuery, Moved, Part, Rescue, Standing};

use super::pages::Pages;
use super::patience::patiently;
use super::record::record_of;
use super::tally::hashed;
use super::{Home, MoveError, Stage, Tally, Watch};

/// How often a sealed source is asked what runs there.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How many runs are rescued in one call.
const RESCUE_AT_ONCE: u32 = 500;

/// What this call has copied already.
#[derive(Default)]
pub(super) struct Copied(HashSet<RunId>);

/// Copies completed runs while the source goes on working. The log is left for later: where its numbers are
/// given out before their commits, an earlier entry may come after a later one.
pub(super) async fn copy_ahead(
    from: &Home,
    to: &Home,
    movement: MoveId,
    copied: &mut Copied,
    watch: Watch<'_>,
) -> Result<(), MoveError> {
    let mut pages = Pages::of(&*from.store, Part::Runs);
    while let Some(mut page) = pages.next().await? {
        page.retain(is_completed);
        import(to, movement, &page).await?;
        copied.0.extend(page.iter().filter_map(run_of));
        watch(Stage::CopyingAhead {
            runs: copied.0.len() as u64,
        });
    }
    Ok(())
}

pub(super) fn is_completed(item: &Moved) -> bool {
    match item {
        Moved::Run(moved) => moved.run.status == RunStatus::Completed,
        Moved::Fact(_) | Moved::Scope(_) | Moved::Log(_) => false,
    }
}

fn run_of(item: &Moved) -> Option<RunId> {
    match item {
        Moved::Run(moved) => Some(moved.run.id),
        Moved::Fact(_) | Moved::Scope(_) | Moved::Log(_) => None,
    }
}

async fn import(to: &Home, movement: MoveId, items: &[Moved]) -> Result<(), MoveError> {
    if !items.is_empty() {
        patiently(|| to.store.import(movement, items)).await?;
    }
    Ok(())
}

/// Waits until nothing runs in the sealed source, and rescues what was lost.
pub(super) async fn wait_until_nothing_runs(
    from: &Home,
    movement: MoveId,
    watch: Watch<'_>,
) -> Result<(), MoveError> {
    loop {
        let rescue = Rescue {
            limit: RESCUE_AT_ONCE,
        };
        // Successors stay queued in the source until they move: nobody needs their entries.
        let rescued = patiently(|| from.runs.rescue(&rescue)).await?;
        if rescued.len() == RESCUE_AT_ONCE as usize {
            continue;
        }
        // Before the count: nothing starts in a sealed store, so a count of none stays one.
        require_sealed(from, movement).await?;
        let queue_name = QueueName::standard();
        let query = BacklogQuery {
            queue_name: &queue_name,
            operations: &[],
        };
        let running = patiently(|| from.runs.backlog(&query)).await?.running;
        if running == 0 {
            return Ok(());
        }
        watch(Stage::Waiting { running });
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Demands that the source is sealed by this move still.
pub(super) async fn require_sealed(from: &Home, movement: MoveId) -> Result<(), MoveError> {
    let standing = patiently(|| from.store.standing()).await?;
    match &standing {
        Standing::Sealed { movement: by, .. } if by.id == movement => Ok(()),
        Standing::Open { .. } => Err(MoveError::Unsealed),
        Standing::Sealed { .. } | Standing::Filling { .. } | Standing::Abandoned { .. } => {
            Err(MoveError::SourceNotOpen(standing))
        }
    }
}

/// Copies what is missing from a sealed source in which nothing runs, and says what it holds.
pub(super) async fn copy_the_rest(
    from: &Home,
    to: &Home,
    movement: MoveId,
    copied: &Copied,
    watch: Watch<'_>,
) -> Result<[(Part, Tally); 4], MoveError> {
    let mut held = Part::ALL.map(|part| (part, Tally::default()));
    for (part, tally) in &mut held {
        let mut pages = Pages::of(&*from.store, *part);
        while let Some(mut page) = pages.next().await? {
            for item in &page {
                tally.count(&hashed(&record_of(item)?));
            }
            page.retain(|item| run_of(item).is_none_or(|id| !copied.0.contains(&id)));
            import(to, movement, &page).await?;
            watch(Stage::Copying {
                part: *part,
                read: tally.count,
            });
        }
    }
    Ok(held)
}
