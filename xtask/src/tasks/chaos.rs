//! `cargo xtask chaos`: real workers, killed, frozen and cut off.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::Error;
use crate::packages::find_or_install;
use crate::programs::Server;
use crate::steps::Steps;
use crate::tools::cargo;

/// On which store, and for how long.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// On which store
    #[arg(long, value_enum)]
    pub store: Store,
    /// For how long
    #[arg(long, value_name = "M", default_value_t = 10.0)]
    pub minutes: f64,
    /// Of the dice; drawn unless told
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Store {
    /// A SQLite file
    Sqlite,
    /// A private PostgreSQL server
    Postgres,
    /// A private Redis server that has everything on disk before it answers
    Redis,
    /// Three such nodes of a private Redis Cluster
    RedisCluster,
}

impl Store {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::RedisCluster => "redis-cluster",
        }
    }

    fn server(self) -> Option<Server> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(Server::Postgres),
            Self::Redis | Self::RedisCluster => Some(Server::Redis),
        }
    }
}

/// Builds the program, and does to it what can be done.
///
/// # Errors
/// A step failed, or there were violations.
pub fn run(steps: &Steps, arguments: &Arguments) -> Result<(), Error> {
    if let Some(server) = arguments.store.server() {
        find_or_install(server, steps)?;
    }
    steps.run(cargo("build").args(["--release", "--package", "countersign", "--bins"]))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let binary = target.join("release").join("countersign");
    let binary = std::path::absolute(&binary).unwrap_or(binary);
    let mut chaos = cargo("run");
    chaos
        .args([
            "--quiet",
            "--package",
            "countersign-proof",
            "--bin",
            "chaos",
            "--",
        ])
        .args(["--store", arguments.store.name()])
        .args(["--minutes", &arguments.minutes.to_string()]);
    if let Some(seed) = arguments.seed {
        chaos.args(["--seed", &seed.to_string()]);
    }
    steps.run(chaos.env("COUNTERSIGN_BINARY", binary))
}
