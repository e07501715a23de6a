//! Values of the domain as the server has them. Whatever does not read is `Corrupt`, never a default.

use std::fmt::Display;
use std::time::Duration;

use countersign_domain::{Revision, RunId, Timestamp};
use countersign_ports::{PortError, PortResult};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{
    PgArgumentBuffer, PgHasArrayType, PgRow, PgTypeInfo, PgValueFormat, PgValueRef,
};
use sqlx::{Decode, Encode, Postgres, Row, Type};
use uuid::Uuid;

/// Microseconds from 1970 to 2000, where the server's times begin.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A point in time as a `timestamptz`. Both count microseconds.
#[derive(Clone, Copy)]
pub(crate) struct PgTime(pub(crate) Timestamp);

/// `timestamptz` and `timestamptz[]`, which have these numbers in every database.
const TIMESTAMPTZ: Oid = Oid(1184);
const TIMESTAMPTZ_ARRAY: Oid = Oid(1185);

impl Type<Postgres> for PgTime {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }

    fn compatible(found: &PgTypeInfo) -> bool {
        found.oid() == Some(TIMESTAMPTZ)
    }
}

impl PgHasArrayType for PgTime {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ_ARRAY)
    }
}

impl Encode<'_, Postgres> for PgTime {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = self.0.as_micros() - EPOCH_MICROS;
        <i64 as Encode<'_, Postgres>>::encode(micros, buffer)
    }
}

impl Decode<'_, Postgres> for PgTime {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return Err("a time in text form".into());
        }
        let micros = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        Ok(Self(Timestamp::from_micros(
            micros.saturating_add(EPOCH_MICROS),
        )?))
    }
}

/// Text that the server can keep: it has no U+0000.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Reads the columns of one row in order.
pub(crate) struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
    operation: &'static str,
}

impl<'r> Columns<'r> {
    pub(crate) fn of(row: &'r PgRow, operation: &'static str) -> Self {
        Self {
            row,
            next: 0,
            operation,
        }
    }

    pub(crate) fn take<T>(&mut self) -> PortResult<T>
    where
        T: Decode<'r, Postgres> + Type<Postgres>,
    {
        let at = self.next;
        self.next += 1;
        self.row
            .try_get(at)
            .map_err(|error| PortError::corrupt(self.operation, format_args!("column {at}"), error))
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
        self.read(what, text)
    }

    pub(crate) fn optional<T>(&mut self, what: &'static str) -> PortResult<Option<T>>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text = self.optional_text()?;
        text.map(|text| self.read(what, text)).transpose()
    }

    fn read<T>(&self, what: &'static str, text: &str) -> PortResult<T>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        text.parse()
            .map_err(|error| self.corrupt(what, text, error))
    }

    pub(crate) fn run_id(&mut self) -> PortResult<RunId> {
        let id: Uuid = self.take()?;
        RunId::try_from(id).map_err(|error| self.corrupt("run id", id, error))
    }

    pub(crate) fn optional_run_id(&mut self) -> PortResult<Option<RunId>> {
        let id: Option<Uuid> = self.take()?;
        id.map(|id| RunId::try_from(id).map_err(|error| self.corrupt("run id", id, error)))
            .transpose()
    }

    /// An id that any UUID can be.
    pub(crate) fn uuid<T: From<Uuid>>(&mut self) -> PortResult<T> {
        self.take::<Uuid>().map(T::from)
    }

    pub(crate) fn optional_uuid<T: From<Uuid>>(&mut self) -> PortResult<Option<T>> {
        Ok(self.take::<Option<Uuid>>()?.map(T::from))
    }

    pub(crate) fn time(&mut self) -> PortResult<Timestamp> {
        Ok(self.take::<PgTime>()?.0)
    }

    pub(crate) fn optional_time(&mut self) -> PortResult<Option<Timestamp>> {
        Ok(self.take::<Option<PgTime>>()?.map(|time| time.0))
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self, what: &'static str) -> PortResult<T>
    where
        T::Error: std::error::Error + Send + Sync + 'static,
    {
        let value: i64 = self.take()?;
        T::try_from(value).map_err(|error| self.corrupt(what, value, error))
    }

    /// Two columns, counter and nonce: the revision that they are, if they are one.
    pub(crate) fn revision(&mut self) -> PortResult<PortResult<Revision>> {
        let counter = self.number("revision");
        let nonce: Uuid = self.take()?;
        Ok(counter.map(|counter| Revision::new(counter, nonce.as_u128())))
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

/// A length of time in microseconds, as statements take it; 8,000 years where it is longer, which reaches
/// past every time that can be stored.
pub(crate) fn micros(length: Duration) -> i64 {
    const LONGEST: i64 = 8_000 * 366 * 86_400 * 1_000_000;
    i64::try_from(length.as_micros()).map_or(LONGEST, |micros| micros.min(LONGEST))
}

/// Leaves out what is malformed, and says so: it must not hold up its neighbours.
pub(crate) fn readable<T>(read: PortResult<T>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(%error, "left out, as it cannot be read"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_cannot_keep_is_replaced() {
        assert_eq!(storable("a\0é\0"), "a\u{fffd}é\u{fffd}");
    }

    #[test]
    fn a_length_of_time_is_told_in_microseconds_up_to_what_can_be_stored() {
        assert_eq!(micros(Duration::from_millis(1)), 1000);
        // Eight thousand years, which a time of 1970 or later and a sum of two both bear.
        let longest = 252_979_200_000_000_000;
        for length in [Duration::from_micros(longest), Duration::MAX] {
            assert_eq!(micros(length), longest as i64);
        }
        assert_eq!(
            micros(Duration::from_micros(longest - 1)),
            longest as i64 - 1
        );
    }

    #[test]
    fn a_time_is_read_from_no_other_type() {
        assert!(PgTime::compatible(&PgTypeInfo::with_oid(TIMESTAMPTZ)));
        const TIMESTAMP: Oid = Oid(1114);
        assert!(!PgTime::compatible(&PgTypeInfo::with_oid(TIMESTAMP)));
    }
}
