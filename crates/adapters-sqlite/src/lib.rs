//! The embedded default store of Countersign: every port on one SQLite file.
//!
//! Writers take turns (`BEGIN IMMEDIATE`), which is the lock that the fence needs: between comparing
//! a revision and moving a run, nothing else commits. Write-ahead logging with `synchronous = FULL`
//! makes every commit durable before it is answered. Any number of processes on one machine may share
//! the file.
//!
//! ```no_run
//! # async fn example() -> Result<(), countersign_ports::PortError> {
//! let store = countersign_sqlite::SqliteStore::create("countersign.db").await?;
//! let (runs, authority, queue) = (store.runs(), store.authority(), store.queue());
//! # Ok(()) }
//! ```

mod authority;
mod clock;
mod connect;
mod error;
mod maintenance;
mod moving;
mod queue;
mod rows;
mod runs;
mod store;
mod stored_run;
mod throwaway;
mod writer;

pub use authority::SqliteAuthority;
pub use clock::Clock;
pub use maintenance::SqliteMaintenance;
pub use moving::SqliteMove;
pub use queue::SqliteQueue;
pub use runs::SqliteRuns;
pub use store::{SqliteStore, SqliteUrl, SqliteUrlError};
pub use throwaway::SqliteThrowaway;
