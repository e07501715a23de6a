//! The port to a store as a home: everything that lives in it moves out, into another store.
//!
//! A *move* has two sides. The *source* is sealed: from then on nothing is queued, started, blocked or
//! changed there, and what runs may end. The *target* is filled while it is closed, and opened once it
//! holds what the source holds. Between the two there is no moment at which both let a run start.

use async_trait::async_trait;
use countersign_domain::{AuthorityChange, MoveId, ScopeRevision};

use crate::{LogEntry, PortError, PortErrorKind, PortResult, StoreIdentity};

mod run;
mod standing;

pub use run::MovedRun;
pub use standing::{Movement, Side, Standing, Step};

/// What a store holds, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Who may do what: every fact there is, whoever it concerns.
    Facts,
    /// The revision of every scope.
    Scopes,
    /// The authority log.
    Log,
    /// Runs, whatever became of them.
    Runs,
}

impl Part {
    /// Every part, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Facts, Self::Scopes, Self::Log, Self::Runs];

    /// The name as it stands in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::Scopes => "scopes",
            Self::Log => "log",
            Self::Runs => "runs",
        }
    }
}

/// One thing that moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// A fact, told as the change that would make it.
    Fact(AuthorityChange),
    /// A scope at its revision.
    Scope(ScopeRevision),
    /// An entry of the authority log.
    Log(LogEntry),
    /// A run.
    Run(Box<MovedRun>),
}

impl Moved {
    /// The part it belongs to.
    #[must_use]
    pub const fn part(&self) -> Part {
        match self {
            Self::Fact(_) => Part::Facts,
            Self::Scope(_) => Part::Scopes,
            Self::Log(_) => Part::Log,
            Self::Run(_) => Part::Runs,
        }
    }
}

impl Moved {
    /// The same in words that every store can keep: U+FFFD in the place of U+0000 in free texts.
    #[must_use]
    pub fn storable(mut self) -> Self {
        match &mut self {
            Self::Fact(change) | Self::Log(LogEntry { change, .. }) => {
                if let AuthorityChange::SetWriteGate {
                    reason: Some(reason),
                    ..
                } = change
                {
                    make_storable(reason);
                }
            }
            Self::Run(moved) => {
                if let Some(failure) = &mut moved.run.failure {
                    make_storable(&mut failure.message);
                }
                let note = moved.run.cancel.as_mut();
                if let Some(reason) = note.and_then(|note| note.reason.as_mut()) {
                    make_storable(reason);
                }
            }
            Self::Scope(_) => {}
        }
        self
    }
}

/// Refuses what no store exports: a change that takes a fact away tells of none.
///
/// # Errors
/// [`PortErrorKind::Refused`], in words that name the change.
pub fn require_facts(items: &[Moved], operation: &'static str) -> PortResult<()> {
    let removal = items.iter().find_map(|item| match item {
        Moved::Fact(change) => Some(change.kind()).filter(|kind| kind.is_removal()),
        Moved::Scope(_) | Moved::Log(_) | Moved::Run(_) => None,
    });
    match removal {
        Some(kind) => {
            let detail = format_args!("`{kind}` takes a fact away, and is none");
            Err(PortError::new(PortErrorKind::Refused, operation, detail))
        }
        None => Ok(()),
    }
}

fn make_storable(text: &mut String) {
    if text.contains('\0') {
        *text = text.replace('\0', "\u{fffd}");
    }
}

/// A place in a part, in whatever order the store reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveCursor(pub String);

/// A page of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovePage {
    /// What stands on it.
    pub items: Vec<Moved>,
    /// Where the next page begins; none after the last. A page may be empty and not the last.
    pub next: Option<MoveCursor>,
}

/// What became of one imported thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Imported {
    /// It is there now.
    Added,
    /// Something of that key was there already, and was left as it was.
    Present,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Stepped {
    /// The store stands there now, or did already.
    Stands(Standing),
    /// It stands elsewhere, from where this step does not lead. Nothing was changed.
    Refused(Standing),
    /// It was to be filled and holds runs or authority already. Nothing was changed.
    NotEmpty,
}

/// A store that can be moved out of, and into.
///
/// # What a standing means
/// While a store is not [open](Standing::Open), whatever would queue, start or block a run, change a
/// queued run, or change authority **changes nothing**. It fails with
/// [`PortErrorKind::Sealed`](crate::PortErrorKind::Sealed), in words that name the other side of the
/// move; a batch in which there is nothing to change may be answered as ever. That concerns `submit`,
/// `begin`, `put_off`, `retry`, the cancel of a queued run, `apply`, and the look-up that would make a
/// scope's record. The refusal is part of the same atomic step as the change that it refuses: once
/// [`StoreMove::step`] has returned, nothing that was under way meanwhile commits such a change.
///
/// What runs in a sealed store may end there: `renew`, `finish`, `rescue` and the cancel flag go on, and
/// a run that fails or is rescued may still queue its automatic successor. When nothing runs any more,
/// nothing can change any more.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait StoreMove: Send + Sync {
    /// The store.
    fn store(&self) -> &StoreIdentity;

    /// Where the store stands, read from the primary.
    async fn standing(&self) -> PortResult<Standing>;

    /// Takes a step of a move, if it leads on from where the store stands ([`Standing::after`]).
    ///
    /// # Guarantees
    /// * Compare and set: of two steps that exclude each other one is refused, whoever takes them.
    /// * Durable when this returns.
    /// * A store that is to be filled is looked at in the same atomic step: one that holds runs, facts,
    ///   scopes or log entries is [`Stepped::NotEmpty`].
    ///
    /// # Idempotency
    /// A step that was taken already is answered with where it led.
    async fn step(&self, step: &Step) -> PortResult<Stepped>;

    /// A page of a part, in the order that is cheapest to the store.
    ///
    /// # Guarantees
    /// What is there from the first page to the last is on one of them, once. Of a sealed store in which
    /// nothing runs the pages are its whole content.
    ///
    /// # Errors
    /// [`PortErrorKind::Corrupt`](crate::PortErrorKind::Corrupt) for what cannot be read: it must not be
    /// left behind unseen.
    async fn export<'a>(
        &self,
        part: Part,
        after: Option<&'a MoveCursor>,
        limit: u32,
    ) -> PortResult<MovePage>;

    /// Writes what was exported from the source, as it was: ids, times, decisions, revisions, numbers of
    /// log entries. Raises no revision and logs nothing. Queued runs get the queue entries that they had,
    /// where this store keeps the queue.
    ///
    /// # Guarantees
    /// * Only while the store is being filled by this very move, in the same atomic step.
    /// * What the store holds against any writer (G1, G3, G4, G6, G8) it holds against this.
    ///
    /// # Idempotency
    /// By key: what is there already is left as it is.
    ///
    /// # Errors
    /// [`PortErrorKind::Sealed`](crate::PortErrorKind::Sealed) where the store is not being filled by this
    /// move (any more). Items of a failed call may be there.
    /// [`PortErrorKind::Refused`](crate::PortErrorKind::Refused) for what is no fact ([`require_facts`]); nothing
    /// of that call is there.
    async fn import(&self, movement: MoveId, items: &[Moved]) -> PortResult<Vec<Imported>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(line: &str) -> Moved {
        Moved::Fact(serde_json::from_str(line).unwrap())
    }

    #[test]
    fn a_removal_among_facts_is_refused_by_its_name() {
        let user = moved(r#"{"change":"set_user","user":"u","active":true}"#);
        let removal = moved(r#"{"change":"remove_user","user":"u"}"#);
        require_facts(std::slice::from_ref(&user), "import").unwrap();
        let error = require_facts(&[user, removal], "import").unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Refused);
        assert!(error.to_string().contains("`remove_user`"), "{error}");
    }
}
