//! Why a move did not come to its end.

use countersign_ports::{Part, PortError, Standing};

use super::Tally;

/// Why a move did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// Both addresses lead to one store.
    #[error("both addresses lead to the same store")]
    SameStore,
    /// The target holds runs or authority of its own.
    #[error(
        "the target holds runs or authority already, and only an empty store can be moved into"
    )]
    NotEmpty,
    /// The source is part of another move.
    #[error("the source cannot be moved out of: {0}")]
    SourceNotOpen(Standing),
    /// The target is part of another move.
    #[error("the target cannot be moved into: {0}")]
    TargetNotOpen(Standing),
    /// The move was given up; its target never opens.
    #[error(
        "this move was abandoned, and its target never opens: throw the target away and move into another one"
    )]
    Abandoned,
    /// Somebody opened the source again.
    #[error("the source was opened again while it was moved out of")]
    Unsealed,
    /// The two sides do not hold the same. The target stays closed.
    #[error(
        "{} differ: the source holds {held}, the target {found}; {examples}", .part.as_str()
    )]
    Differs {
        /// Of which part.
        part: Part,
        /// What the source holds.
        held: Tally,
        /// What the target holds.
        found: Tally,
        /// Some of the records that differ, in words.
        examples: String,
    },
    /// There is no move between the two to give up.
    #[error("there is no move between the two that could be abandoned")]
    NoMove,
    /// The target has opened: runs may have started there.
    #[error("the target is open already, and runs may have started there: the move is over")]
    Over,
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl MoveError {
    /// Whether it is where the stores stand that forbids it, and not what became of the move.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::NotEmpty
            | Self::SourceNotOpen(_)
            | Self::TargetNotOpen(_)
            | Self::Abandoned
            | Self::NoMove
            | Self::Over => true,
            Self::SameStore | Self::Unsealed | Self::Differs { .. } | Self::Port(_) => false,
        }
    }

    /// A stable code for machines.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SameStore => "same_store",
            Self::NotEmpty => "target_not_empty",
            Self::SourceNotOpen(_) => "source_not_open",
            Self::TargetNotOpen(_) => "target_not_open",
            Self::Abandoned => "move_abandoned",
            Self::Unsealed => "source_unsealed",
            Self::Differs { .. } => "stores_differ",
            Self::NoMove => "no_move",
            Self::Over => "move_over",
            Self::Port(error) => error.kind().as_str(),
        }
    }
}
