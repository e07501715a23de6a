//! Worker processes, and what is done to them.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::records::Records;
use super::site::{Kind, Site};
use super::{Broken, Report};

/// How many there are.
const MANY: usize = 3;

/// Longer than a lease.
const FROZEN_FOR: Duration = Duration::from_millis(3200);

/// How long everything that was queued may take to end, once nobody interferes any more.
const PATIENCE: Duration = Duration::from_secs(300);

/// An hour ahead of everybody else.
const SHIFTED_CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *time) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int ended = real(id, time);
    if (ended == 0 && id == CLOCK_REALTIME) time->tv_sec += 3600;
    return ended;
}
"#;

/// The workers.
pub(super) struct Workers {
    workers: Vec<Worker>,
}

struct Worker {
    command: Command,
    child: Child,
    frozen_since: Option<Instant>,
    has_shifted_clock: bool,
}

impl Workers {
    pub(super) fn begin(site: &Site) -> Result<Self, Broken> {
        let clock = shifted_clock(site)?;
        let mut workers = Vec::with_capacity(MANY);
        for number in 0..MANY {
            let log = |name: &str| {
                let path = site.path().join(format!("{name}-{number}"));
                File::create(path).map_err(Broken::with("a log"))
            };
            let mut command = Command::new(site.binary());
            command
                .current_dir(site.path())
                .args(["--store", &site.to_workers, "worker"])
                .args(["--name", &format!("worker-{number}")])
                .stdin(Stdio::null())
                .stdout(log("out")?)
                .stderr(log("err")?);
            let clock = clock.as_ref().filter(|_| number == 0);
            if let Some(clock) = clock {
                command.env("LD_PRELOAD", clock);
            }
            let child = command.spawn().map_err(Broken::with("a worker"))?;
            workers.push(Worker {
                command,
                child,
                frozen_since: None,
                has_shifted_clock: clock.is_some(),
            });
        }
        Ok(Self { workers })
    }

    pub(super) fn has_a_shifted_clock(&self) -> bool {
        self.workers.iter().any(|worker| worker.has_shifted_clock)
    }

    /// Wakes those that were frozen for long enough, and puts those to it again that have ended.
    pub(super) fn respawn(&mut self, report: &mut Report) -> Result<(), Broken> {
        for worker in &mut self.workers {
            if worker
                .frozen_since
                .is_some_and(|since| since.elapsed() > FROZEN_FOR)
            {
                worker.thaw();
            }
            let ended = worker.child.try_wait().map_err(Broken::with("a worker"))?;
            if ended.is_some() {
                report.respawned += 1;
                worker.spawn()?;
            }
        }
        Ok(())
    }

    pub(super) fn kill(
        &mut self,
        dice: &mut fastrand::Rng,
        report: &mut Report,
    ) -> Result<(), Broken> {
        let Some(worker) = dice.choice(self.workers.iter_mut()) else {
            return Ok(());
        };
        worker.child.kill().map_err(Broken::with("a worker"))?;
        worker.child.wait().map_err(Broken::with("a worker"))?;
        worker.frozen_since = None;
        report.kills += 1;
        worker.spawn()
    }

    pub(super) fn freeze(
        &mut self,
        dice: &mut fastrand::Rng,
        report: &mut Report,
    ) -> Result<(), Broken> {
        let awake = self.workers.iter_mut();
        let awake = awake.filter(|worker| worker.frozen_since.is_none());
        let awake: Vec<&mut Worker> = awake.collect();
        if let Some(worker) = dice.choice(awake) {
            worker.send(Signal::SIGSTOP);
            worker.frozen_since = Some(Instant::now());
            report.freezes += 1;
        }
        Ok(())
    }

    /// Wakes them all.
    pub(super) fn thaw(&mut self) {
        self.workers.iter_mut().for_each(Worker::thaw);
    }

    /// Lets them work until nothing is left, stops them, and reads what is on record.
    pub(super) fn finish(&mut self, site: &Site, report: &mut Report) -> Result<Records, Broken> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            self.respawn(report)?;
            let mut left = 0;
            for status in ["queued", "running"] {
                let words = ["runs", "list", "--no-context", "--status", status];
                left += site.tell(&words, "")?.len();
            }
            if left == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        for worker in &mut self.workers {
            worker.send(Signal::SIGTERM);
            worker.child.wait().map_err(Broken::with("a worker"))?;
        }
        Records::of(site)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            // Whoever has ended already cannot be killed.
            let _killed = worker.child.kill();
            let _ended = worker.child.wait();
        }
    }
}

impl Worker {
    fn spawn(&mut self) -> Result<(), Broken> {
        self.child = self.command.spawn().map_err(Broken::with("a worker"))?;
        Ok(())
    }

    fn thaw(&mut self) {
        self.send(Signal::SIGCONT);
        self.frozen_since = None;
    }

    fn send(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            // One that has ended is put to it again soon.
            let _sent = kill(Pid::from_raw(id), signal);
        }
    }
}

/// A library that shifts a process' clock; none where the process' clock is the store's, or without a C compiler.
fn shifted_clock(site: &Site) -> Result<Option<PathBuf>, Broken> {
    if site.kind == Kind::Sqlite {
        return Ok(None);
    }
    site.write("clock.c", SHIFTED_CLOCK)?;
    let library = site.path().join("clock.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(site.path().join("clock.c"))
        .arg("-ldl")
        .stdin(Stdio::null())
        .output();
    Ok(compiled
        .is_ok_and(|output| output.status.success())
        .then_some(library))
}
