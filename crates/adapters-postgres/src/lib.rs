//! Every port of Countersign on PostgreSQL: the fence in one transaction.
//!
//! A start locks the rows of its scopes together with other starts (`FOR SHARE`), compares their revisions,
//! and moves the runs before it lets go; a change of authority locks the same rows alone. Whichever commits
//! first decides (G2). Constraints and triggers hold the guarantees against any other writer, and the SQL
//! functions of the schema let applications in other languages submit runs and change authority in
//! transactions of their own.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "postgres://app@localhost/app".parse()?;
//! let store = countersign_postgres::PostgresStore::create(&url).await?;
//! let (runs, authority, queue) = (store.runs(), store.authority(), store.queue());
//! # Ok(()) }
//! ```
//!
//! Queue a run in the transaction that makes it necessary:
//!
//! ```no_run
//! # async fn example(
//! #     store: countersign_postgres::PostgresStore,
//! #     pool: countersign_postgres::sqlx::PgPool,
//! #     submission: countersign_domain::Submission,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let mut transaction = pool.begin().await?;
//! // … the application's own statements …
//! store.runs().submit_in(&mut transaction, &[submission]).await?;
//! transaction.commit().await?;
//! # Ok(()) }
//! ```

mod authority;
mod bell;
mod connect;
mod error;
mod kept;
mod maintenance;
mod moving;
mod queue;
mod rows;
mod runs;
mod schema;
mod store;
mod stored_run;
mod throwaway;
mod transaction;
mod url;

pub use authority::PostgresAuthority;
pub use maintenance::PostgresMaintenance;
pub use moving::PostgresMove;
pub use queue::PostgresQueue;
pub use runs::PostgresRuns;
pub use schema::{Schema, SchemaError};
/// The driver, for the connections that [`PostgresRuns::submit_in`] and [`PostgresAuthority::apply_in`] take.
pub use sqlx;
pub use store::PostgresStore;
pub use throwaway::PostgresThrowaway;
pub use url::{PostgresUrl, PostgresUrlError};
