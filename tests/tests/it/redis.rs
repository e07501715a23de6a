//! Drains of which a part is kept in Redis, and Redis loses something: itself, or all that it holds.

mod cluster;
mod flushed;
mod restart;
pub(crate) mod server;
