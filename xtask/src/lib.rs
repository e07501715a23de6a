//! The project's tasks, and the throwaway servers that its tests run against.
//!
//! `cargo xtask --help` lists the tasks. Tests that need a server of their own, to kill or to
//! cut off, can start one through [`servers`].
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "telling a person how a task goes is what this crate is for"
)]

pub mod cli;
pub mod error;
pub mod interrupts;
pub mod packages;
pub mod programs;
pub mod servers;
pub mod steps;
pub mod tasks;
pub mod tools;
pub mod version;

pub use error::Error;
