//! Points in time: whole microseconds, UTC, as a store's clock told them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time in whole microseconds, UTC. Written as RFC 3339 with six decimals.
///
/// The domain never makes one from a clock: every value was read from a store or from a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text or a number is not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a time, expected RFC 3339 such as `2026-03-01T12:00:00Z`")]
pub struct TimestampError {
    found: String,
}

/// 9999-12-30T22:00:00Z, the last second that every store and library involved can hold.
const LATEST_MICROS: i64 = 253_402_207_200_000_000;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The latest point in time that can be stored.
    pub const LATEST: Self = Self(LATEST_MICROS);

    /// From microseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`TimestampError`] outside the years 1970 to 9999.
    pub fn from_micros(micros: i64) -> Result<Self, TimestampError> {
        if (0..=LATEST_MICROS).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(TimestampError {
                found: format!("{micros} microseconds since 1970"),
            })
        }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// This time moved forward, stopping at [`Timestamp::LATEST`].
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros).min(LATEST_MICROS))
    }

    /// This time moved back, stopping at the epoch.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros).max(0))
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let refused = || TimestampError {
            found: text.chars().take(48).collect(),
        };
        let parsed: jiff::Timestamp = text.parse().map_err(|_| refused())?;
        Self::from_micros(parsed.as_microsecond()).map_err(|_| refused())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
        let time = jiff::Timestamp::from_microsecond(self.0).map_err(|_| fmt::Error)?;
        f.pad(&PRINTER.timestamp_to_string(&time))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc3339_utc_with_six_decimals() {
        let time: Timestamp = "2026-03-01T14:00:00.1234567+02:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-03-01T12:00:00.123456Z");
        assert_eq!(
            Timestamp::UNIX_EPOCH.to_string(),
            "1970-01-01T00:00:00.000000Z"
        );
        assert!(!Timestamp::LATEST.to_string().is_empty());
        assert!("tomorrow".parse::<Timestamp>().is_err());
        assert!("1969-12-31T23:59:59Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn times_are_counted_in_microseconds() {
        let earlier = Timestamp::from_micros(1_500_000).unwrap();
        let later = earlier.plus(Duration::from_micros(250));
        assert_eq!(later.as_micros(), 1_500_250);
        assert_eq!(later.since(earlier), Duration::from_micros(250));
        assert_eq!(later.minus(Duration::from_micros(250)), earlier);
        assert_eq!(format!("{later:?}"), "1970-01-01T00:00:01.500250Z");
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(
            Timestamp::LATEST.plus(Duration::from_secs(1)),
            Timestamp::LATEST
        );
        assert_eq!(
            Timestamp::UNIX_EPOCH.minus(Duration::MAX),
            Timestamp::UNIX_EPOCH
        );
        assert_eq!(
            Timestamp::UNIX_EPOCH.since(Timestamp::LATEST),
            Duration::ZERO
        );
    }
}
