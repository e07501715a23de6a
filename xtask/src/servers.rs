//! Private throwaway servers: on free loopback ports, in temporary directories, gone when their
//! value is dropped and gone too if this process is killed.

mod account;
mod home;
mod ports;
pub mod postgres;
mod process;
pub mod redis;
pub mod redis_cluster;
pub mod say;

pub use postgres::Postgres;
pub use redis::Redis;
pub use redis_cluster::RedisCluster;

use crate::Error;
use crate::packages::find_or_install;
use crate::programs::Server;
use crate::steps::Steps;

/// Every server that the tests need.
#[derive(Debug)]
pub struct Servers {
    /// The SQL server.
    pub postgres: Postgres,
    /// The Redis server.
    pub redis: Redis,
    /// The Redis Cluster.
    pub redis_cluster: RedisCluster,
}

impl Servers {
    /// Finds or installs the programs and starts a server of each kind.
    ///
    /// # Errors
    /// A program is missing and could not be installed, a server did not come up, or somebody
    /// asked the task to stop.
    pub fn start(steps: &Steps) -> Result<Self, Error> {
        let postgres = find_or_install(Server::Postgres, steps)?;
        let redis = find_or_install(Server::Redis, steps)?;
        let servers = Self {
            postgres: Postgres::start(&postgres, steps.interrupts())?,
            redis: Redis::start(&redis, steps.interrupts())?,
            redis_cluster: RedisCluster::start(&redis, steps.interrupts())?,
        };
        Ok(servers)
    }

    /// The variables in which tests look for their servers.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("COUNTERSIGN_TEST_POSTGRES", self.postgres.url()),
            ("COUNTERSIGN_TEST_REDIS", self.redis.url()),
            ("COUNTERSIGN_TEST_REDIS_CLUSTER", self.redis_cluster.url()),
        ]
    }
}
