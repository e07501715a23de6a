//! A server for every measurement, that nobody has used before.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use xtask::Error;
use xtask::packages::find_or_install;
use xtask::programs::Server;
use xtask::servers::{Postgres, Redis, say};
use xtask::steps::Steps;

use crate::peers::{Peer, Store};

/// The servers' programs, as far as they are needed.
#[derive(Debug)]
pub(crate) struct ServerPrograms {
    postgres: Option<PathBuf>,
    redis: Option<PathBuf>,
}

/// A store that is empty, and gone when this is dropped.
#[derive(Debug)]
pub(crate) enum Empty {
    Postgres(Postgres),
    Redis(Redis),
    Sqlite(TempDir),
}

impl ServerPrograms {
    /// Finds or installs what those peers need.
    pub(crate) fn find(peers: &[&Peer], steps: &Steps) -> Result<Self, Error> {
        let find = |server, stores: &[Store]| {
            let is_needed = peers.iter().any(|peer| stores.contains(&peer.store));
            is_needed
                .then(|| find_or_install(server, steps))
                .transpose()
        };
        Ok(Self {
            postgres: find(Server::Postgres, &[Store::Postgres])?,
            redis: find(Server::Redis, &[Store::Redis, Store::RedisAof])?,
        })
    }

    /// What the servers say their versions are.
    pub(crate) fn versions(&self) -> Vec<String> {
        let programs = [&self.postgres, &self.redis].into_iter().flatten();
        programs
            .filter_map(|program| Command::new(program).arg("--version").output().ok())
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .collect()
    }

    /// Starts an empty store.
    pub(crate) fn start(&self, store: Store, steps: &Steps) -> Result<Empty, Error> {
        let interrupts = steps.interrupts();
        match (store, &self.postgres, &self.redis) {
            (Store::Postgres, Some(program), _) => {
                Ok(Empty::Postgres(Postgres::start(program, interrupts)?))
            }
            (Store::Redis, _, Some(program)) => {
                Ok(Empty::Redis(Redis::start(program, interrupts)?))
            }
            (Store::RedisAof, _, Some(program)) => {
                let redis = Redis::start(program, interrupts)?;
                for setting in [["appendfsync", "everysec"], ["appendonly", "yes"]] {
                    say::tell(redis.port(), &[["CONFIG", "SET"], setting].concat())?;
                }
                Ok(Empty::Redis(redis))
            }
            (Store::Sqlite, _, _) => tempfile::Builder::new()
                .prefix("bench-")
                .tempdir_in(".")
                .map(Empty::Sqlite)
                .map_err(|source| Error::File {
                    action: "make a directory for a store in",
                    path: ".".into(),
                    source,
                }),
            (Store::Postgres | Store::Redis | Store::RedisAof, _, _) => Err(Error::ServerMissing {
                title: "the server",
                minimum: 0,
                found: Vec::new(),
                why: "it was not looked for".to_owned(),
                advice: String::new(),
            }),
        }
    }
}

impl Empty {
    /// Where it is.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url(),
            Self::Redis(server) => server.url(),
            Self::Sqlite(directory) => {
                format!("sqlite://{}", directory.path().join("bench.db").display())
            }
        }
    }
}
