//! Every port of Countersign on Redis: the fence in one script.
//!
//! A start and a change of authority are scripts on the keys of one workspace, which the server runs one
//! after the other: whichever comes first decides (G2). A script looks at everything before it writes
//! anything, and is itself the guard that a database's constraints would be.
//!
//! What the server has answered lasts as long as its settings let it: `doctor` says what they endanger.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "redis://localhost".parse()?;
//! let store = countersign_redis::RedisStore::create(&url).await?;
//! let (runs, authority, queue) = (store.runs(), store.authority(), store.queue());
//! # Ok(()) }
//! ```

mod authority;
mod connect;
mod error;
mod keys;
mod maintenance;
mod moving;
mod queue;
mod rows;
mod runs;
mod script;
mod store;
mod stored_run;
mod throwaway;
mod url;
mod workspaces;

pub use authority::RedisAuthority;
pub use maintenance::RedisMaintenance;
pub use moving::RedisMove;
pub use queue::RedisQueue;
pub use runs::RedisRuns;
pub use store::RedisStore;
pub use throwaway::RedisThrowaway;
pub use url::{Prefix, PrefixError, RedisUrl, RedisUrlError};
