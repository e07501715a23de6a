//! Giving a move up: first the target never opens, then the source opens again.

use countersign_domain::MoveId;
use countersign_ports::{Standing, Step, Stepped};

use super::patience::patiently;
use super::{Home, MoveError};

/// Gives the move between the two up. The target never opens and has to be thrown away; the source works
/// on as if there had been no move.
///
/// # Idempotency
/// A move that was given up halfway is given up whole.
///
/// # Errors
/// [`MoveError::Over`] where the target has opened, [`MoveError::NoMove`] where there is none to give up.
pub async fn abandon(from: &Home, to: &Home) -> Result<MoveId, MoveError> {
    let source = patiently(|| from.store.standing()).await?;
    let target = patiently(|| to.store.standing()).await?;
    let sealed_by = sealed_by(&source);
    let from_here = |store| store == from.store.store().id;
    let movement = match target {
        Standing::Filling { movement, .. } | Standing::Abandoned { movement, .. }
            if from_here(movement.from.store) =>
        {
            movement.id
        }
        Standing::Open {
            filled_by: Some(id),
        } if sealed_by == Some(id) => return Err(MoveError::Over),
        Standing::Open { .. }
        | Standing::Sealed { .. }
        | Standing::Filling { .. }
        | Standing::Abandoned { .. } => return Err(MoveError::NoMove),
    };
    let give_up = Step::Abandon(movement);
    if let Stepped::Refused(standing) = patiently(|| to.store.step(&give_up)).await? {
        return Err(match standing {
            Standing::Open { .. } => MoveError::Over,
            other @ (Standing::Sealed { .. }
            | Standing::Filling { .. }
            | Standing::Abandoned { .. }) => MoveError::TargetNotOpen(other),
        });
    }
    unseal(from, movement).await?;
    Ok(movement)
}

/// Opens a source again whose target is lost.
///
/// **The caller answers for it that the target never opens**: there is nobody left to ask. Where it was
/// opened before it was lost, its runs may have started there, and start here again.
///
/// # Errors
/// [`MoveError::NoMove`] where the source is not sealed.
pub async fn abandon_lost_target(from: &Home) -> Result<MoveId, MoveError> {
    let source = patiently(|| from.store.standing()).await?;
    let movement = sealed_by(&source).ok_or(MoveError::NoMove)?;
    unseal(from, movement).await?;
    Ok(movement)
}

fn sealed_by(source: &Standing) -> Option<MoveId> {
    match source {
        Standing::Sealed { movement, .. } => Some(movement.id),
        Standing::Open { .. } | Standing::Filling { .. } | Standing::Abandoned { .. } => None,
    }
}

async fn unseal(from: &Home, movement: MoveId) -> Result<(), MoveError> {
    let unseal = Step::Unseal(movement);
    match patiently(|| from.store.step(&unseal)).await? {
        Stepped::Stands(_) => Ok(()),
        // Sealed by another move meanwhile, which is not this one's to undo.
        Stepped::Refused(standing) => Err(MoveError::SourceNotOpen(standing)),
        Stepped::NotEmpty => Err(MoveError::NotEmpty),
    }
}
