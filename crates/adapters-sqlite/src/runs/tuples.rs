//! Statements whose batch is a list of bound tuples.
//!
//! A statement is prepared once a size, so that a batch of any length uses few prepared statements:
//! chunks of [`SIZES`], the last one filled up with NULLs.

use std::sync::{Arc, OnceLock};

/// How many tuples a chunk has. SQLite binds at most 32,766 values a statement.
const SIZES: [usize; 3] = [1, 16, 128];

/// One statement in its sizes. `{rows}` in its text stands for the tuples.
pub(super) struct Tuples {
    text: &'static str,
    columns: usize,
    sized: OnceLock<[Arc<str>; SIZES.len()]>,
}

/// A chunk of a batch, and the statement to run it with.
pub(super) struct Chunk<'a, T> {
    pub(super) rows: &'a [T],
    /// How many tuples of NULL fill the chunk up.
    pub(super) padding: usize,
    pub(super) statement: Arc<str>,
}

impl Tuples {
    pub(super) const fn new(text: &'static str, columns: usize) -> Self {
        Self {
            text,
            columns,
            sized: OnceLock::new(),
        }
    }

    /// Cuts a batch into chunks, the largest first.
    pub(super) fn chunks<'a, T>(&self, rows: &'a [T]) -> Vec<Chunk<'a, T>> {
        let sized = self
            .sized
            .get_or_init(|| SIZES.map(|size| self.sized(size)));
        let largest = SIZES.iter().copied().max().unwrap_or(1);
        rows.chunks(largest)
            .filter_map(|rows| {
                let fitting = SIZES
                    .iter()
                    .zip(sized)
                    .find(|(size, _)| **size >= rows.len());
                let (size, statement) = fitting?;
                Some(Chunk {
                    rows,
                    padding: size - rows.len(),
                    statement: Arc::clone(statement),
                })
            })
            .collect()
    }

    fn sized(&self, size: usize) -> Arc<str> {
        let tuple = format!("({})", vec!["?"; self.columns].join(", "));
        self.text
            .replace("{rows}", &vec![tuple; size].join(", "))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_any_length_is_cut_into_few_sizes() {
        let statement = Tuples::new("VALUES {rows}", 2);
        let rows = [(); 300];
        for length in [0, 1, 2, 16, 17, 128, 129, 300] {
            let chunks = statement.chunks(&rows[..length]);
            assert_eq!(
                chunks.iter().map(|chunk| chunk.rows.len()).sum::<usize>(),
                length
            );
            for chunk in chunks {
                let tuples = chunk.statement.matches("(?, ?)").count();
                assert_eq!(tuples, chunk.rows.len() + chunk.padding);
                assert!(SIZES.contains(&tuples));
            }
        }
    }
}
