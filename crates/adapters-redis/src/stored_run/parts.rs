//! The columns of one line of a run's text, read from left to right.

use std::error::Error;
use std::str::{FromStr, Split};

use countersign_domain::{DecisionId, LeaseId, Timestamp};
use countersign_ports::PortResult;

use super::Place;

/// What is left of a line.
pub(super) struct Parts<'a> {
    at: &'a Place,
    /// What the line says, for the error that one of its columns may be.
    what: &'static str,
    columns: std::iter::Peekable<Split<'a, char>>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(at: &'a Place, what: &'static str, line: &'a str) -> Self {
        Self {
            at,
            what,
            columns: line.split('\t').peekable(),
        }
    }

    pub(super) fn are_left(&mut self) -> bool {
        self.columns.peek().is_some()
    }

    pub(super) fn text(&mut self) -> PortResult<&'a str> {
        self.columns
            .next()
            .ok_or_else(|| self.at.damaged(self.what))
    }

    pub(super) fn parsed<T: FromStr>(&mut self) -> PortResult<T>
    where
        T::Err: Error + Send + Sync + 'static,
    {
        let text = self.text()?;
        self.at.parsed(self.what, text)
    }

    /// An empty column is none.
    pub(super) fn optional<T: FromStr>(&mut self) -> PortResult<Option<T>>
    where
        T::Err: Error + Send + Sync + 'static,
    {
        match self.text()? {
            "" => Ok(None),
            text => self.at.parsed(self.what, text).map(Some),
        }
    }

    /// Microseconds since 1970.
    pub(super) fn time(&mut self) -> PortResult<Timestamp> {
        let micros = self.parsed()?;
        Timestamp::from_micros(micros).map_err(|error| self.at.corrupt(self.what, error))
    }

    /// Makes sure that there are no more.
    pub(super) fn end(mut self) -> PortResult<()> {
        match self.columns.next() {
            None => Ok(()),
            Some(_) => Err(self.at.damaged(self.what)),
        }
    }
}

/// How a run was started.
pub(super) struct Start {
    pub(super) at: Timestamp,
    /// The lease, and when it ends; none of a run that was rescued from it.
    pub(super) lease: Option<(LeaseId, Timestamp)>,
    pub(super) max_attempts: u32,
    /// The decision, and the number of its ruling.
    pub(super) decision: (DecisionId, u64),
}

impl Start {
    pub(super) fn read(parts: &mut Parts<'_>) -> PortResult<Self> {
        let (at, until) = (parts.time()?, parts.time()?);
        let lease = match parts.text()? {
            "-" => None,
            text => Some((parts.at.parsed("lease", text)?, until)),
        };
        Ok(Self {
            at,
            lease,
            max_attempts: parts.parsed()?,
            decision: (parts.parsed()?, parts.parsed()?),
        })
    }
}
