//! Durations as people write them: `500ms`, `10m`, `1h30m`.

use std::time::Duration;

/// Units, largest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Ten years: every store and clock involved can add so much without overflow.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

/// Why a text is not a duration; to be read after the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It is none.
    #[error("is not a duration, expected such as `500ms`, `10m` or `1h30m`")]
    Malformed,
    /// It is no time at all.
    #[error("is no time at all, expected more than zero")]
    Zero,
    /// It is longer than ten years.
    #[error("is too long, expected at most `3650d`")]
    TooLong,
}

/// Reads whole numbers with units (`d`, `h`, `m`, `s`, `ms`), largest unit first, each at most once.
///
/// # Errors
/// [`DurationError`] for any other text, for no time at all, and for more than ten years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let (mut rest, mut units, mut millis) = (text, UNITS.iter(), 0_u64);
    loop {
        let (digits, after) = rest.split_at(ends(rest, |c| !c.is_ascii_digit()));
        let (unit, next) = after.split_at(ends(after, |c| c.is_ascii_digit()));
        let unit = units.find(|(name, _)| *name == unit);
        let (Some((_, size)), false) = (unit, digits.is_empty()) else {
            return Err(DurationError::Malformed);
        };
        // Digits that are no `u64` are too many.
        let number = digits.parse().unwrap_or(u64::MAX);
        millis = millis.saturating_add(size.saturating_mul(number));
        rest = next;
        if rest.is_empty() {
            break;
        }
    }
    match Duration::from_millis(millis) {
        Duration::ZERO => Err(DurationError::Zero),
        duration if duration > LONGEST => Err(DurationError::TooLong),
        duration => Ok(duration),
    }
}

fn ends(text: &str, at: impl Fn(char) -> bool) -> usize {
    text.find(at).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_with_units_largest_first() {
        for (text, millis) in [
            ("1ms", 1),
            ("500ms", 500),
            ("90s", 90_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("007s", 7_000),
            ("3650d", 315_360_000_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "", "soon", "10", "m", "10 m", "-5s", "+5s", "1.5h", "1w", "1y", "30m1h", "1h1h", "1H",
            "PT1H", "5s ", "5µs", "5s!", "٣s", "1h30",
        ] {
            assert_eq!(
                parse_duration(text),
                Err(DurationError::Malformed),
                "{text}"
            );
        }
        for text in ["0s", "0d0ms"] {
            assert_eq!(parse_duration(text), Err(DurationError::Zero), "{text}");
        }
        for text in [
            "3651d",
            "3650d1ms",
            "99999999999999999999ms",
            "9999999999999999999d",
        ] {
            assert_eq!(parse_duration(text), Err(DurationError::TooLong), "{text}");
        }
    }
}
