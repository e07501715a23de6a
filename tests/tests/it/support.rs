//! What the tests stand on: worlds to act in, things to wait for, ports that fail when told to.

mod binary;
mod clock;
mod embedded;
mod faulty;
mod lookup;
mod site;
mod wait;
mod world;

pub(crate) use clock::MovedClock;
pub(crate) use embedded::{Embedded, Handle, Working, apply, decision, drained, operation};
pub(crate) use faulty::{FaultyAuthority, FaultyQueue, FaultyRuns, Losing, Renewing};
pub(crate) use lookup::{found, queued_run};
pub(crate) use site::{Site, Told, WorkerProcess};
pub(crate) use wait::{ended, until, until_async};
pub(crate) use world::{AUTHORITY, authority_elsewhere, chains, ids_of};
