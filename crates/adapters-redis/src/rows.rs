//! Reading answers: every value is checked for what it should be, and named where it is not.

use std::error::Error;
use std::str::FromStr;

use countersign_domain::Timestamp;
use countersign_ports::{PortError, PortResult};
use redis::Value;

use crate::error::unreadable;

/// The values of one array, read from left to right.
pub(crate) struct Columns {
    values: std::vec::IntoIter<Value>,
    operation: &'static str,
}

impl Columns {
    pub(crate) fn of(value: Value, operation: &'static str) -> PortResult<Self> {
        Ok(Self {
            values: list(value, operation)?.into_iter(),
            operation,
        })
    }

    /// The values of a list, or of a text with tabs between them.
    pub(crate) fn of_list_or_text(value: Value, operation: &'static str) -> PortResult<Self> {
        let Value::BulkString(text) = value else {
            return Self::of(value, operation);
        };
        let columns = text.split(|byte| *byte == b'\t');
        let values: Vec<Value> = columns
            .map(|column| Value::BulkString(column.to_vec()))
            .collect();
        Ok(Self {
            values: values.into_iter(),
            operation,
        })
    }

    /// One value by itself.
    pub(crate) fn one(value: Value, operation: &'static str) -> Self {
        Self {
            values: vec![value].into_iter(),
            operation,
        }
    }

    /// How many values there are still to read.
    pub(crate) fn left(&self) -> usize {
        self.values.len()
    }

    /// The next value as it is.
    pub(crate) fn value(&mut self) -> PortResult<Value> {
        self.values
            .next()
            .ok_or_else(|| unreadable(self.operation, "an answer that ends too early"))
    }

    pub(crate) fn text(&mut self, what: &'static str) -> PortResult<String> {
        let value = self.value()?;
        optional_text(value, what, self.operation)?.ok_or_else(|| unreadable(self.operation, what))
    }

    /// Nil is none.
    pub(crate) fn optional_text(&mut self, what: &'static str) -> PortResult<Option<String>> {
        let value = self.value()?;
        optional_text(value, what, self.operation)
    }

    pub(crate) fn parsed<T: FromStr>(&mut self, what: &'static str) -> PortResult<T>
    where
        T::Err: Error + Send + Sync + 'static,
    {
        let text = self.text(what)?;
        text.parse()
            .map_err(|error| PortError::corrupt(self.operation, what, error))
    }

    pub(crate) fn optional<T: FromStr>(&mut self, what: &'static str) -> PortResult<Option<T>>
    where
        T::Err: Error + Send + Sync + 'static,
    {
        let text = self.optional_text(what)?;
        text.map(|text| {
            text.parse()
                .map_err(|error| PortError::corrupt(self.operation, what, error))
        })
        .transpose()
    }

    /// Microseconds since 1970, as text.
    pub(crate) fn time(&mut self, what: &'static str) -> PortResult<Timestamp> {
        let micros = self.parsed(what)?;
        Timestamp::from_micros(micros)
            .map_err(|error| PortError::corrupt(self.operation, what, error))
    }
}

/// The values of an array.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what servers answer with is open-ended"
)]
pub(crate) fn list(value: Value, operation: &'static str) -> PortResult<Vec<Value>> {
    match value {
        Value::Array(values) | Value::Set(values) => Ok(values),
        _ => Err(unreadable(operation, "an answer that should be a list")),
    }
}

/// A text, or none for nil.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what servers answer with is open-ended"
)]
pub(crate) fn optional_text(
    value: Value,
    what: &'static str,
    operation: &'static str,
) -> PortResult<Option<String>> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => String::from_utf8(bytes)
            .map(Some)
            .map_err(|error| PortError::corrupt(operation, what, error)),
        Value::SimpleString(text) => Ok(Some(text)),
        Value::Okay => Ok(Some("OK".to_owned())),
        Value::Int(number) => Ok(Some(number.to_string())),
        _ => Err(unreadable(operation, what)),
    }
}

/// The answer to `TIME`.
pub(crate) fn read_time(value: Value, operation: &'static str) -> PortResult<Timestamp> {
    const WHAT: &str = "the server's time";
    let mut columns = Columns::of(value, operation)?;
    let (seconds, micros): (i64, i64) = (columns.parsed(WHAT)?, columns.parsed(WHAT)?);
    let since = seconds.saturating_mul(1_000_000).saturating_add(micros);
    Timestamp::from_micros(since).map_err(|error| PortError::corrupt(operation, WHAT, error))
}
