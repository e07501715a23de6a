//! Percentiles of what was sorted.

/// The value that this share of all does not exceed; not a number where there are none.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn the_median_of_three_is_the_second() {
        assert_eq!(percentile(&[1.0, 2.0, 9.0], 0.5), 2.0);
    }

    #[test]
    fn the_last_is_never_passed() {
        assert_eq!(percentile(&[1.0, 2.0], 1.0), 2.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
