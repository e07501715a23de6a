//! The command line.

use std::fmt;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::peers::{PEERS, Peer};

/// Measure Countersign and other job queues, in turns, each on a server of its own
#[derive(Debug, Parser)]
#[command(name = "bench", max_term_width = 100)]
pub(crate) struct Arguments {
    /// Only these, by their names or by how their names begin; Countersign is always measured with them
    #[arg(long, value_delimiter = ',', value_name = "PEER,…")]
    pub(crate) peers: Vec<String>,
    /// How often each is measured
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) rounds: usize,
    /// How many jobs are submitted and drained; fewer with a peer that would take minutes
    #[arg(long, default_value_t = 40_000, value_name = "N")]
    pub(crate) jobs: usize,
    /// How often a latency is taken in a round
    #[arg(long, default_value_t = 300, value_name = "N")]
    pub(crate) samples: usize,
    /// What is measured
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "drain,latency"
    )]
    pub(crate) figures: Vec<Figure>,
    /// Where to write everything that was measured; written after every round
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What a peer is asked for in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Figure {
    /// Jobs a second: submitted in bulk, and then drained by a worker that starts
    Drain,
    /// Milliseconds from one submission until the handler is entered, of a worker that waits
    Latency,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drain => "drain",
            Self::Latency => "latency",
        })
    }
}

impl Arguments {
    /// The peers to measure, and ours on each of their stores.
    pub(crate) fn chosen(&self) -> Vec<&'static Peer> {
        let named = |peer: &Peer| {
            self.peers.is_empty() || self.peers.iter().any(|name| peer.name.starts_with(name))
        };
        let is_compared = |ours: &Peer| {
            PEERS
                .iter()
                .any(|peer| named(peer) && peer.store == ours.store)
        };
        PEERS
            .iter()
            .filter(|peer| named(peer) || (peer.is_ours() && is_compared(peer)))
            .collect()
    }

    /// How many jobs that peer is given.
    pub(crate) fn jobs_of(&self, peer: &Peer, figure: Figure) -> usize {
        match figure {
            Figure::Drain => peer.most_jobs.map_or(self.jobs, |most| most.min(self.jobs)),
            Figure::Latency => self.samples,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn ours_is_measured_beside_every_peer() {
        let arguments = Arguments::parse_from(["bench", "--peers", "pg-boss"]);
        let names: Vec<&str> = arguments.chosen().iter().map(|peer| peer.name).collect();
        assert_eq!(names, ["countersign-postgres", "pg-boss"]);
    }
}
