//! Drains of a PostgreSQL store in which something is lost: the server, connections to it, a worker.

mod backends;
pub(crate) mod place;
mod restart;
mod two_processes;
