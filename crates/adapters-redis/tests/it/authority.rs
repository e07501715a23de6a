//! Authority in a store that was damaged, and what changes leave behind.

mod bookkeeping;
mod consistency;
mod damage;
mod lost;
mod refused;
