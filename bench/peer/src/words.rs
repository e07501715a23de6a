//! The words a peer is started with.

use crate::Failure;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Jobs are queued, and then drained by a worker that was not there before.
    Drain,
    /// One job is queued at a time, while a worker waits for it.
    Latency,
}

/// What is asked of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What is measured.
    pub figure: Figure,
    /// Where its store is: `postgres://…`, `redis://…` or `sqlite://…`.
    pub store: String,
    /// How many jobs.
    pub jobs: usize,
}

impl Task {
    /// Reads `drain|latency --store URL --jobs N`.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let (mut figure, mut store, mut jobs) = (None, None, None);
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                "drain" => figure = Some(Figure::Drain),
                "latency" => figure = Some(Figure::Latency),
                "--store" => store = words.next(),
                "--jobs" => jobs = words.next().and_then(|jobs| jobs.parse().ok()),
                _ => return Err(format!("not understood: `{word}`").into()),
            }
        }
        match (figure, store, jobs) {
            (Some(figure), Some(store), Some(jobs)) => Ok(Self {
                figure,
                store,
                jobs,
            }),
            _ => Err("usage: drain|latency --store URL --jobs N".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Task> {
        Task::parse(line.split_whitespace().map(str::to_owned)).ok()
    }

    #[test]
    fn a_task_says_what_where_and_how_many() {
        let task = parse("drain --store sqlite://bench.db --jobs 7").unwrap();
        assert_eq!(task.figure, Figure::Drain);
        assert_eq!((task.store.as_str(), task.jobs), ("sqlite://bench.db", 7));
    }

    #[test]
    fn half_a_task_is_refused() {
        assert_eq!(parse("drain --jobs 7"), None);
        assert_eq!(parse("drain --store x --jobs many"), None);
        assert_eq!(parse("rest --store x --jobs 1"), None);
    }
}
