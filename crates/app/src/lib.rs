//! Countersign asks again at the moment of execution: a queued run starts only if its authority still
//! holds, and a blocked run never starts.

pub mod command;
pub mod config;
mod explain;
mod gate;
mod handler;
pub mod moving;
mod ports;
mod preflight;
mod retention;
mod runtime;
mod simulate;
mod verdict;
mod worker;

pub use explain::{Difference, Explanation, explain};
pub use gate::{Gate, GateTerms, Passage};
pub use handler::{Execution, Handler, Report, Retryable, handler_fn};
pub use ports::{ConsistencyMode, Ports, StoresApart};
pub use preflight::{Preflight, Refusal};
pub use retention::{Removed, Retention, prune};
pub use runtime::runtime;
pub use simulate::{SimulatedPage, Simulation, WouldBlock};
pub use worker::{Progress, Stop, Tally, Until, Worker, WorkerReport, WorkerSettings};

pub use countersign_domain as domain;
pub use countersign_ports as port;
pub use countersign_postgres as postgres;
pub use countersign_redis as redis;
pub use countersign_sqlite as sqlite;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ReadmeDoctests;
