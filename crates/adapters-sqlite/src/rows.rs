//! Rows of the file as values of the domain. Whatever does not read is `Corrupt`, never a default.

use std::fmt::Display;

use countersign_domain::{Revision, Timestamp};
use countersign_ports::{PortError, PortResult};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Reads the columns of one row in order.
pub(crate) struct Columns<'r> {
    row: &'r SqliteRow,
    next: usize,
    operation: &'static str,
}

impl<'r> Columns<'r> {
    pub(crate) fn of(row: &'r SqliteRow, operation: &'static str) -> Self {
        Self {
            row,
            next: 0,
            operation,
        }
    }

    fn take<T>(&mut self) -> PortResult<T>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        let at = self.next;
        self.next += 1;
        self.row
            .try_get(at)
            .map_err(|error| PortError::corrupt(self.operation, format_args!("column {at}"), error))
    }

    pub(crate) fn integer(&mut self) -> PortResult<i64> {
        self.take()
    }

    pub(crate) fn flag(&mut self) -> PortResult<bool> {
        self.take::<i64>().map(|value| value != 0)
    }

    pub(crate) fn optional_flag(&mut self) -> PortResult<Option<bool>> {
        self.take::<Option<i64>>()
            .map(|value| value.map(|value| value != 0))
    }

    pub(crate) fn text(&mut self) -> PortResult<&'r str> {
        self.take()
    }

    pub(crate) fn optional_text(&mut self) -> PortResult<Option<&'r str>> {
        self.take()
    }

    /// A value that has a textual form.
    pub(crate) fn parsed<T>(&mut self, what: &'static str) -> PortResult<T>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text = self.text()?;
        text.parse()
            .map_err(|error| self.corrupt(what, text, error))
    }

    pub(crate) fn optional<T>(&mut self, what: &'static str) -> PortResult<Option<T>>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text = self.optional_text()?;
        text.map(|text| {
            text.parse()
                .map_err(|error| self.corrupt(what, text, error))
        })
        .transpose()
    }

    /// As [`Columns::optional`], for columns where the empty text stands for none.
    pub(crate) fn unless_empty<T>(&mut self, what: &'static str) -> PortResult<Option<T>>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text = Some(self.text()?).filter(|text| !text.is_empty());
        text.map(|text| {
            text.parse()
                .map_err(|error| self.corrupt(what, text, error))
        })
        .transpose()
    }

    pub(crate) fn time(&mut self, what: &'static str) -> PortResult<Timestamp> {
        let micros = self.integer()?;
        Timestamp::from_micros(micros).map_err(|error| self.corrupt(what, micros, error))
    }

    pub(crate) fn optional_time(&mut self, what: &'static str) -> PortResult<Option<Timestamp>> {
        let micros: Option<i64> = self.take()?;
        micros
            .map(|micros| {
                Timestamp::from_micros(micros).map_err(|error| self.corrupt(what, micros, error))
            })
            .transpose()
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self, what: &'static str) -> PortResult<T>
    where
        T::Error: std::error::Error + Send + Sync + 'static,
    {
        let value = self.integer()?;
        T::try_from(value).map_err(|error| self.corrupt(what, value, error))
    }

    pub(crate) fn optional_number<T: TryFrom<i64>>(
        &mut self,
        what: &'static str,
    ) -> PortResult<Option<T>>
    where
        T::Error: std::error::Error + Send + Sync + 'static,
    {
        let value: Option<i64> = self.take()?;
        value
            .map(|value| T::try_from(value).map_err(|error| self.corrupt(what, value, error)))
            .transpose()
    }

    /// Two columns: counter and nonce.
    pub(crate) fn revision(&mut self) -> PortResult<Revision> {
        let counter = self.integer()?;
        let nonce = self.text()?;
        let text = format!("{counter}-{nonce}");
        text.parse()
            .map_err(|error| self.corrupt("revision", &text, error))
    }

    fn corrupt(
        &self,
        what: &'static str,
        found: impl Display,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> PortError {
        let found: String = found.to_string().chars().take(64).collect();
        PortError::corrupt(self.operation, format_args!("{what} `{found}`"), error)
    }
}

/// Leaves out what is malformed, and says so: it must not hold up its neighbours.
pub(crate) fn readable<T>(read: PortResult<T>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(%error, "left out, as it cannot be read"))
        .ok()
}
