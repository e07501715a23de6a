//! Who is measured, and what each does less or more than the others.

use std::fmt;

/// Of what kind a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// With its default settings.
    Postgres,
    /// That keeps nothing on disk.
    Redis,
    /// That appends to a file, which is synced once a second.
    RedisAof,
    /// A file on the disk of the working directory.
    Sqlite,
}

impl Store {
    pub(crate) const ALL: [Self; 4] = [Self::Postgres, Self::Redis, Self::RedisAof, Self::Sqlite];
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis, nothing on disk",
            Self::RedisAof => "Redis, appendfsync everysec",
            Self::Sqlite => "SQLite",
        })
    }
}

/// What a peer is run by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// A package below `peers`, and the crate that it measures.
    Rust {
        /// The package, which is its program too.
        package: &'static str,
        /// The crate.
        measures: &'static str,
    },
    /// A file in `peers/node`, and the package that it measures.
    Node {
        /// The file.
        file: &'static str,
        /// The package.
        measures: &'static str,
    },
}

/// A job queue on a store.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
    pub(crate) program: Program,
    /// More would take minutes, or would not work at all.
    pub(crate) most_jobs: Option<usize>,
    /// Whether it has finished jobs on record.
    pub(crate) keeps_finished: bool,
    /// What else it does less or more than we do.
    pub(crate) note: &'static str,
}

impl Peer {
    pub(crate) fn is_ours(&self) -> bool {
        self.program == OURS
    }
}

const OURS: Program = Program::Rust {
    package: "bench-countersign",
    measures: "countersign",
};

const OUR_NOTE: &str =
    "looks up authority, decides and fences every start; keeps every run with its decision";

const HEADGATE: Program = Program::Rust {
    package: "bench-headgate",
    measures: "headgate",
};

const HEADGATE_NOTE: &str =
    "limits by rate, concurrency and tenant at the claim; completes jobs one by one; no authority";

const APALIS_REDIS: Program = Program::Rust {
    package: "bench-apalis-redis",
    measures: "apalis-redis",
};

const APALIS_NOTE: &str = "rescues by the silence of a worker, not of single jobs; no authority";

const APALIS_REDIS_NOTE: &str =
    "its worker ends where more than about 8,000 jobs are due at once; no authority";

const BULLMQ: Program = Program::Node {
    file: "bullmq.mjs",
    measures: "bullmq",
};

const BULLMQ_NOTE: &str =
    "one script completes a job and fetches the next; emits events to a stream; no authority";

/// Everybody, ours first on each store.
pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "countersign-postgres",
        store: Store::Postgres,
        program: OURS,
        most_jobs: None,
        keeps_finished: true,
        note: OUR_NOTE,
    },
    Peer {
        name: "graphile-worker",
        store: Store::Postgres,
        program: Program::Rust {
            package: "bench-graphile-worker",
            measures: "graphile_worker",
        },
        most_jobs: None,
        keeps_finished: false,
        note: "deletes finished jobs; no authority",
    },
    Peer {
        name: "pg-boss",
        store: Store::Postgres,
        program: Program::Node {
            file: "pg-boss.mjs",
            measures: "pg-boss",
        },
        most_jobs: None,
        keeps_finished: true,
        note: "a handler is given a batch, and completes it whole; no authority",
    },
    Peer {
        name: "riverqueue",
        store: Store::Postgres,
        program: Program::Rust {
            package: "bench-riverqueue",
            measures: "riverqueue",
        },
        most_jobs: None,
        keeps_finished: true,
        note: "deletes finished jobs after a day; no authority",
    },
    Peer {
        name: "apalis-postgres",
        store: Store::Postgres,
        program: Program::Rust {
            package: "bench-apalis-postgres",
            measures: "apalis-postgres",
        },
        most_jobs: None,
        keeps_finished: true,
        note: APALIS_NOTE,
    },
    Peer {
        name: "headgate-postgres",
        store: Store::Postgres,
        program: HEADGATE,
        most_jobs: Some(5_000),
        keeps_finished: false,
        note: HEADGATE_NOTE,
    },
    Peer {
        name: "countersign-redis",
        store: Store::Redis,
        program: OURS,
        most_jobs: None,
        keeps_finished: true,
        note: OUR_NOTE,
    },
    Peer {
        name: "apalis-redis",
        store: Store::Redis,
        program: APALIS_REDIS,
        most_jobs: Some(7_000),
        keeps_finished: true,
        note: APALIS_REDIS_NOTE,
    },
    Peer {
        name: "bullmq",
        store: Store::Redis,
        program: BULLMQ,
        most_jobs: None,
        keeps_finished: true,
        note: BULLMQ_NOTE,
    },
    Peer {
        name: "headgate-redis",
        store: Store::Redis,
        program: HEADGATE,
        most_jobs: Some(10_000),
        keeps_finished: false,
        note: HEADGATE_NOTE,
    },
    Peer {
        name: "countersign-redis-aof",
        store: Store::RedisAof,
        program: OURS,
        most_jobs: None,
        keeps_finished: true,
        note: OUR_NOTE,
    },
    Peer {
        name: "apalis-redis-aof",
        store: Store::RedisAof,
        program: APALIS_REDIS,
        most_jobs: Some(7_000),
        keeps_finished: true,
        note: APALIS_REDIS_NOTE,
    },
    Peer {
        name: "bullmq-aof",
        store: Store::RedisAof,
        program: BULLMQ,
        most_jobs: None,
        keeps_finished: true,
        note: BULLMQ_NOTE,
    },
    Peer {
        name: "headgate-redis-aof",
        store: Store::RedisAof,
        program: HEADGATE,
        most_jobs: Some(10_000),
        keeps_finished: false,
        note: HEADGATE_NOTE,
    },
    Peer {
        name: "countersign-sqlite",
        store: Store::Sqlite,
        program: OURS,
        most_jobs: None,
        keeps_finished: true,
        note: OUR_NOTE,
    },
    Peer {
        name: "apalis-sqlite",
        store: Store::Sqlite,
        program: Program::Rust {
            package: "bench-apalis-sqlite",
            measures: "apalis-sqlite",
        },
        most_jobs: Some(2_000),
        keeps_finished: true,
        note: APALIS_NOTE,
    },
    Peer {
        name: "headgate-sqlite",
        store: Store::Sqlite,
        program: HEADGATE,
        most_jobs: Some(10_000),
        keeps_finished: false,
        note: HEADGATE_NOTE,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_there_on_every_store() {
        for store in Store::ALL {
            let ours = PEERS.iter().filter(|peer| peer.store == store);
            assert_eq!(ours.filter(|peer| peer.is_ours()).count(), 1, "{store}");
        }
    }

    #[test]
    fn names_are_names_of_one() {
        let mut names: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PEERS.len());
    }
}
