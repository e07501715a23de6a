//! `cargo xtask servers`: the test servers, for running single tests by hand.

use nix::sys::signal::Signal;

use crate::Error;
use crate::servers::Servers;
use crate::steps::Steps;

/// Starts the servers, prints where they are and keeps them until somebody asks to stop.
///
/// # Errors
/// A server did not come up. To be stopped is how this task ends, and no error after Ctrl-C.
pub fn run(steps: &Steps) -> Result<(), Error> {
    let servers = steps.headed("start private servers", || Servers::start(steps))?;
    for (name, url) in servers.environment() {
        println!("{name}={url}");
    }
    steps.tell("Ctrl-C stops the servers and removes their data");
    let signal = steps.interrupts().wait();
    drop(servers);
    if signal == Signal::SIGINT {
        Ok(())
    } else {
        Err(Error::Interrupted(signal))
    }
}
