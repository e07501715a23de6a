//! Retention: which completed runs are removed, and in which order.

use std::collections::HashSet;
use std::time::Duration;

use countersign_domain::{RunId, RunOutcome, Timestamp, WorkspaceId};

use crate::RunCursor;

/// Removes completed runs whose time is up, one page at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prune {
    /// For how long a run is kept after it was completed, by the store's clock.
    pub older_than: Duration,
    /// Whether runs that were blocked are kept for ever.
    pub keep_blocked: bool,
    /// Where the page before ended; none to begin.
    pub after: Option<PrunePlace>,
    /// At most so many runs are looked at, whether they go or stay.
    pub limit: u32,
}

/// How far a store was pruned.
///
/// Runs are looked at in the order in which they were queued: a store that keeps them by workspace takes one workspace
/// after the other, and any other heeds the run alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunePlace {
    /// The workspace to go on in.
    pub workspace_id: WorkspaceId,
    /// The run to go on after; none to begin with the workspace's first.
    pub run: Option<RunCursor>,
}

/// What became of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// So many runs were removed, with all that belonged to them.
    pub removed: u64,
    /// So many runs were old enough and stayed, as [`Prune::choose`] says.
    pub kept: u64,
    /// Where the next page begins; none after the last.
    pub next: Option<PrunePlace>,
}

/// A run of a page, as far as [`Prune::choose`] looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The run.
    pub id: RunId,
    /// What it came to.
    pub outcome: RunOutcome,
    /// When it was completed, if it is.
    pub completed_at: Option<Timestamp>,
    /// The run that it was queued after, where the store still has that one.
    pub predecessor: Option<RunId>,
}

/// Which runs of a page go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// These.
    pub gone: Vec<RunId>,
    /// So many others were old enough, and stay.
    pub kept: u64,
}

impl Prune {
    /// Which runs of a page go, given the page in order and the store's clock.
    ///
    /// * A run that is not completed stays (G5).
    /// * A run stays as long as its predecessor does. Whoever retries the predecessor is answered with it; were it
    ///   gone, they would be given a second one.
    /// * A run that was blocked stays where that is asked for, and so do the runs queued after it.
    ///
    /// What goes by these rules goes by them ever after, so a store may look first and remove later.
    #[must_use]
    pub fn choose(&self, now: Timestamp, page: impl IntoIterator<Item = Candidate>) -> Chosen {
        let mut chosen = Chosen::default();
        let mut gone = HashSet::new();
        for run in page {
            let is_old = run
                .completed_at
                .is_some_and(|at| now.since(at) >= self.older_than);
            if !is_old {
                continue;
            }
            let follows_one_that_stays = run
                .predecessor
                .is_some_and(|predecessor| !gone.contains(&predecessor));
            let is_kept = self.keep_blocked && run.outcome == RunOutcome::Blocked;
            if is_kept || follows_one_that_stays {
                chosen.kept += 1;
            } else {
                gone.insert(run.id);
                chosen.gone.push(run.id);
            }
        }
        chosen
    }

    /// The time before which every run was queued that may go.
    #[must_use]
    pub fn cutoff(&self, now: Timestamp) -> Timestamp {
        now.minus(self.older_than)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn prune(keep_blocked: bool) -> Prune {
        Prune {
            older_than: DAY,
            keep_blocked,
            after: None,
            limit: 100,
        }
    }

    fn id(number: u8) -> RunId {
        format!("019aa7c0-5c1e-7c63-8f0e-6f1d6a1f2b{number:02x}")
            .parse()
            .unwrap()
    }

    fn ended(number: u8, outcome: RunOutcome, at: Timestamp) -> Candidate {
        Candidate {
            id: id(number),
            outcome,
            completed_at: Some(at),
            predecessor: None,
        }
    }

    fn after(number: u8, candidate: Candidate) -> Candidate {
        Candidate {
            predecessor: Some(id(number)),
            ..candidate
        }
    }

    const THEN: Timestamp = Timestamp::UNIX_EPOCH;

    fn a_day_later() -> Timestamp {
        THEN.plus(DAY)
    }

    #[test]
    fn a_run_goes_once_it_was_kept_for_as_long_as_asked() {
        let run = ended(1, RunOutcome::Succeeded, THEN);
        let just_before = THEN.plus(DAY - Duration::from_micros(1));
        assert_eq!(prune(false).choose(just_before, [run]), Chosen::default());
        assert_eq!(prune(false).choose(a_day_later(), [run]).gone, [id(1)]);
    }

    #[test]
    fn g5_a_run_that_is_not_completed_stays_however_old() {
        let run = Candidate {
            completed_at: None,
            ..ended(1, RunOutcome::Pending, THEN)
        };
        assert_eq!(
            prune(false).choose(Timestamp::LATEST, [run]),
            Chosen::default()
        );
    }

    #[test]
    fn a_chain_goes_from_its_beginning() {
        let chain = [
            ended(1, RunOutcome::Failed, THEN),
            after(1, ended(2, RunOutcome::Failed, THEN)),
            after(2, ended(3, RunOutcome::Succeeded, THEN)),
        ];
        let chosen = prune(false).choose(a_day_later(), chain);
        assert_eq!((chosen.gone, chosen.kept), (vec![id(1), id(2), id(3)], 0));
        // The first one is not in this page, and still there.
        let chosen = prune(false).choose(a_day_later(), chain.into_iter().skip(1));
        assert_eq!((chosen.gone, chosen.kept), (vec![], 2));
    }

    #[test]
    fn blocked_runs_stay_where_asked_with_the_runs_after_them() {
        let chain = [
            ended(1, RunOutcome::Blocked, THEN),
            after(1, ended(2, RunOutcome::Succeeded, THEN)),
            ended(3, RunOutcome::Succeeded, THEN),
        ];
        let chosen = prune(true).choose(a_day_later(), chain);
        assert_eq!((chosen.gone, chosen.kept), (vec![id(3)], 2));
        let chosen = prune(false).choose(a_day_later(), chain);
        assert_eq!((chosen.gone, chosen.kept), (vec![id(1), id(2), id(3)], 0));
    }
}
