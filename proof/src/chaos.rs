//! Real processes that are killed, frozen and cut off from their store, while others go on submitting and revoking; and
//! a verdict from what the store has on record and what handlers wrote outside.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

mod authorities;
mod command;
mod proxy;
mod records;
mod site;
mod verdict;
mod workers;

pub use site::Kind;

use authorities::Authorities;
use site::Site;
use workers::Workers;

/// What to do, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// On which store.
    pub kind: Kind,
    /// For how long.
    pub lasts: Duration,
    /// Of the dice.
    pub seed: u64,
}

/// What was done, and what came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Workers killed with -9.
    pub kills: u32,
    /// Workers frozen past their lease.
    pub freezes: u32,
    /// Servers restarted at once.
    pub restarts: u32,
    /// Times that every connection of the workers was cut.
    pub cuts: u32,
    /// Times that a worker ended by itself and was put to it again.
    pub respawned: u32,
    /// Whether one worker's clock was an hour ahead.
    pub clock_was_shifted: bool,
    /// Changes that took authority away.
    pub revocations: usize,
    /// Runs that were submitted, successors not counted.
    pub submitted: usize,
    /// Runs on record.
    pub runs: usize,
    /// Runs that started.
    pub started: usize,
    /// Runs that were blocked.
    pub blocked: usize,
    /// Runs that were rescued.
    pub rescued: usize,
    /// Times that a handler was entered.
    pub entered: usize,
    /// What ought not to be.
    pub violations: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} kills, {} freezes, {} cuts, {} restarts of the server, {} workers that ended by themselves; one clock shifted: {}",
            self.kills,
            self.freezes,
            self.cuts,
            self.restarts,
            self.respawned,
            self.clock_was_shifted
        )?;
        writeln!(
            f,
            "{} submitted, {} revocations; {} runs on record: {} started, {} blocked, {} rescued; {} handlers entered",
            self.submitted,
            self.revocations,
            self.runs,
            self.started,
            self.blocked,
            self.rescued,
            self.entered
        )?;
        for violation in &self.violations {
            writeln!(f, "VIOLATION: {violation}")?;
        }
        write!(f, "{} violations", self.violations.len())
    }
}

/// What goes wrong with the tools, and says nothing of Countersign.
#[derive(Debug)]
pub struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Broken {
    fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }

    fn with(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self(format!("{what}: {error}"))
    }
}

/// Carries a plan out.
///
/// # Errors
/// [`Broken`]: a server or a program could not be started, or does not answer any more.
pub fn carry_out(plan: &Plan) -> Result<Report, Broken> {
    let mut dice = fastrand::Rng::with_seed(plan.seed);
    let site = Site::prepared(plan.kind)?;
    let authorities = Authorities::begin(&site, &mut dice);
    let mut workers = Workers::begin(&site)?;
    let mut report = Report::default();
    let begun = Instant::now();
    while begun.elapsed() < plan.lasts {
        std::thread::sleep(Duration::from_millis(dice.u64(150..1200)));
        workers.respawn(&mut report)?;
        match dice.u32(0..100) {
            0..45 => workers.kill(&mut dice, &mut report)?,
            45..70 => workers.freeze(&mut dice, &mut report)?,
            70..90 => site.cut(&mut report),
            _ => site.restart(&mut report)?,
        }
    }
    let told = authorities.end()?;
    workers.thaw();
    site.heal();
    let records = workers.finish(&site, &mut report)?;
    verdict::hold(plan.kind, &told, &records, &mut report);
    report.clock_was_shifted = workers.has_a_shifted_clock();
    Ok(report)
}
