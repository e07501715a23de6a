//! Ctrl-C and its kin: ends the step that is running, so that the task can clean up and leave.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Error;

/// Whether somebody has asked this task to stop. Clones share what they know.
///
/// The default listens to nothing and never stops.
#[derive(Debug, Clone, Default)]
pub struct Interrupts {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    signal: Option<Signal>,
    /// Process group of the step that is running.
    step: Option<Pid>,
}

impl Interrupts {
    /// Listens for SIGINT, SIGTERM and SIGHUP from now on, in place of dying of them.
    ///
    /// # Errors
    /// Signal handlers could not be installed.
    pub fn listen() -> Result<Self, Error> {
        let failed = |source| Error::System {
            action: "listen for signals",
            source,
        };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
        let interrupts = Self::default();
        let arrivals = interrupts.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for number in signals.forever() {
                    if let Ok(signal) = Signal::try_from(number) {
                        arrivals.arrived(signal);
                    }
                }
            })
            .map_err(failed)?;
        Ok(interrupts)
    }

    /// Fails once somebody has asked the task to stop.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn check(&self) -> Result<(), Error> {
        match self.state().signal {
            Some(signal) => Err(Error::Interrupted(signal)),
            None => Ok(()),
        }
    }

    /// Blocks until somebody asks the task to stop, and says with which signal.
    #[must_use]
    pub fn wait(&self) -> Signal {
        let mut state = self.state();
        loop {
            if let Some(signal) = state.signal {
                return signal;
            }
            state = self
                .shared
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Runs `command` to its end, without stdin. A signal is passed on to it and to all it
    /// started; a second one kills them.
    ///
    /// The command gets a process group of its own: a signal sent only to this task must reach
    /// the test programs below cargo too, and Ctrl-C must reach them once, not twice.
    ///
    /// # Errors
    /// The command could not be started, or somebody asked the task to stop.
    pub fn run(&self, command: &mut Command) -> Result<ExitStatus, Error> {
        let failed = Error::running(command);
        let mut child = {
            let mut state = self.state();
            if let Some(signal) = state.signal {
                return Err(Error::Interrupted(signal));
            }
            // Under the lock, so that no signal falls between the start and the record of it.
            let child = command
                .process_group(0)
                .stdin(Stdio::null())
                .spawn()
                .map_err(&failed)?;
            state.step = Some(pid_of(child.id()).map_err(&failed)?);
            child
        };
        let status = child.wait();
        self.state().step = None;
        self.check()?;
        status.map_err(&failed)
    }

    fn arrived(&self, signal: Signal) {
        let mut state = self.state();
        let repeated = state.signal.is_some();
        state.signal.get_or_insert(signal);
        if let Some(step) = state.step {
            // It may have ended by itself in the meantime.
            let _ = killpg(step, if repeated { Signal::SIGKILL } else { signal });
        }
        self.shared.arrived.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The system's type for a child's process id.
pub(crate) fn pid_of(id: u32) -> io::Result<Pid> {
    i32::try_from(id)
        .map(Pid::from_raw)
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_after_a_signal() {
        let interrupts = Interrupts::default();
        interrupts.arrived(Signal::SIGTERM);
        let refused = interrupts.run(&mut Command::new("true"));
        assert!(matches!(refused, Err(Error::Interrupted(Signal::SIGTERM))));
    }

    #[test]
    fn a_signal_ends_the_step_and_what_it_started() {
        let interrupts = Interrupts::default();
        let sender = interrupts.clone();
        let (reader, writer) = io::pipe().unwrap();
        let step = thread::spawn(move || {
            let mut command = Command::new("sh");
            command.args(["-c", "echo ready; tail -f /dev/null & wait"]);
            interrupts.run(command.stdout(writer))
        });
        let mut ready = [0; 6];
        io::Read::read_exact(&mut &reader, &mut ready).unwrap();
        sender.arrived(Signal::SIGTERM);
        let ended = step.join().unwrap();
        assert!(matches!(ended, Err(Error::Interrupted(Signal::SIGTERM))));
        // The end of the pipe: nobody who was started holds it any more.
        assert_eq!(io::copy(&mut &reader, &mut io::sink()).unwrap(), 0);
    }
}
