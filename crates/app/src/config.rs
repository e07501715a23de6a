//! The configuration file, `countersign.toml`: which operations there are, what each needs, and how
//! this worker goes about them.
//!
//! ```toml
//! [operations."restore.execute"]    # a name with dots is quoted
//! capability = "restore.execute"    # what the initiator must be able to do; none unless told
//! writes = true                     # write gates apply; false unless told
//! connection = "required"           # none (unless told), optional or required: the run names it
//! prerequisites = ["baseline"]      # what must be met; nothing unless told
//! lifecycles = ["active"]           # tenants it accepts; ["active"] unless told
//! system = false                    # whether system authority is accepted; false unless told
//! max_attempts = 3                  # starts in one chain, 1 to 1000; 3 unless told
//! backoff = "5s"                    # wait before the second attempt, then doubled; 5s unless told
//! backoff_limit = "10m"             # the longest wait; 10m, or `backoff` if longer, unless told
//! timeout = "10m"                   # how long one run may take; without limit unless told
//! continuity = "cancel"             # cancel (unless told) or finish, once authority is withdrawn
//! command = ["./restore.sh"]        # program and arguments; see below
//! permanent_exit_codes = [64, 65]   # failures of the command that are not tried again
//!
//! [consistency]
//! mode = "fenced"                   # fenced (unless told) or bounded, for stores that live apart
//! # max_age = "500ms"               # with bounded only, and there required
//!
//! [worker]
//! concurrency = 16                  # runs at once, 1 to 100000
//! lease = "30s"                     # renewed every third of it; at least 1s
//! queue_name = "default"            # the queue it serves
//! undecided_give_up_after = "24h"   # a run whose authority stays unreadable for so long fails (G6)
//! cancel_grace = "10s"              # how long a cancelled command may take to end
//! ```
//!
//! The program of a `command` is looked for in `PATH`, unless it has a slash: then it is a path, a
//! relative one from the worker's working directory. No shell is involved. An operation without
//! `command` belongs to the catalog all the same; the stock worker leaves its runs in the queue, for
//! the program that embeds its handler.
//!
//! Durations are whole numbers with units, largest unit first: `500ms`, `10m`, `1h30m`, `2d`. They
//! are longer than nothing and no longer than ten years (`3650d`). Keys not shown here are refused.

mod duration;
mod operation;
mod table;

pub use duration::{DurationError, parse_duration};

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use countersign_domain::{Catalog, OperationType, QueueName};

use self::table::{Fault, Table, Value};
use crate::ConsistencyMode;

const CONCURRENCY: RangeInclusive<u32> = 1..=100_000;
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// Everything the configuration file says.
#[derive(Debug, Clone)]
pub struct Config {
    /// Every operation, with or without a command.
    pub catalog: Catalog,
    /// The commands of those operations that have one.
    pub commands: BTreeMap<OperationType, CommandSpec>,
    /// How exactly a start must know its authority.
    pub consistency: ConsistencyMode,
    /// How the stock worker works.
    pub worker: WorkerConfig,
}

/// The command of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// A name that is looked for in `PATH`, or a path from the worker's working directory.
    pub program: String,
    /// Its arguments, to the letter.
    pub arguments: Vec<String>,
    /// Exit codes of failures that are not tried again.
    pub permanent_exit_codes: BTreeSet<u8>,
    /// How long a command that is told to stop may take before it is killed. 5 s unless told.
    pub kill_grace: Duration,
}

/// How the stock worker works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Runs at once. 16 unless told.
    pub concurrency: u32,
    /// How long a lease runs before it must have been renewed. 30 s unless told.
    pub lease: Duration,
    /// The queue it serves. `default` unless told.
    pub queue_name: QueueName,
    /// How long a run's authority may stay unreadable before the run fails (G6). 24 h unless told.
    pub undecided_give_up_after: Duration,
    /// How long a cancelled handler may take to end before it is dropped. 10 s unless told.
    pub cancel_grace: Duration,
}

/// What is wrong with a configuration file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", .field.as_ref().map(|field| format!("`{field}`: ")).unwrap_or_default())]
pub struct ConfigError {
    /// The line, from 1.
    pub line: Option<usize>,
    /// The key, as a path such as `operations.restore.execute.timeout`; none where the text is no
    /// TOML.
    pub field: Option<String>,
    /// What was found and what was expected.
    pub problem: String,
}

impl Config {
    /// Reads the text of a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] naming line and key of one problem, where there are any.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Table::parse(text)
            .and_then(read_config)
            .map_err(|fault| ConfigError {
                line: Some(line_of(text, fault.at)),
                field: fault.field,
                problem: fault.problem,
            })
    }
}

impl Default for Config {
    /// No operation at all, and the defaults of everything else: what an empty file says.
    fn default() -> Self {
        Self {
            catalog: Catalog::new([]),
            commands: BTreeMap::new(),
            consistency: ConsistencyMode::default(),
            worker: WorkerConfig::default(),
        }
    }
}

impl CommandSpec {
    /// A command none of whose failures is permanent.
    #[must_use]
    pub fn new(program: impl Into<String>, arguments: impl IntoIterator<Item = String>) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().collect(),
            permanent_exit_codes: BTreeSet::new(),
            kill_grace: Duration::from_secs(5),
        }
    }
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            concurrency: 16,
            lease: Duration::from_secs(30),
            queue_name: QueueName::standard(),
            undecided_give_up_after: Duration::from_secs(24 * 60 * 60),
            cancel_grace: Duration::from_secs(10),
        }
    }
}

/// The line that holds the byte at `at`, from 1. The end of the text belongs to its last line.
fn line_of(text: &str, at: usize) -> usize {
    let before = at.min(text.len().saturating_sub(1));
    1 + text.bytes().take(before).filter(|&b| b == b'\n').count()
}

fn read_config(mut file: Table<'_>) -> Result<Config, Fault> {
    let operations = file.read("operations", operation::read_all)?;
    let consistency = file.read("consistency", read_consistency)?;
    let worker = file.read("worker", read_worker)?;
    file.finish()?;
    let (catalog, commands) = operations.unwrap_or_default();
    Ok(Config {
        catalog: Catalog::new(catalog),
        commands,
        consistency: consistency.unwrap_or_default(),
        worker: worker.unwrap_or_default(),
    })
}

fn read_consistency(section: Value<'_>) -> Result<ConsistencyMode, Fault> {
    let missing = section.fault("`max_age` is missing, which `mode = \"bounded\"` requires");
    let mut section = section.table()?;
    let bounded = section.read("mode", |mode| {
        mode.one_of("consistency mode", &[("fenced", false), ("bounded", true)])
    })?;
    let max_age = section.read("max_age", |age| Ok((age.duration()?, age)))?;
    section.finish()?;
    match (bounded.unwrap_or(false), max_age) {
        (false, None) => Ok(ConsistencyMode::Fenced),
        (true, Some((max_age, _))) => Ok(ConsistencyMode::Bounded { max_age }),
        (true, None) => Err(missing),
        (false, Some((_, age))) => {
            Err(age.fault("says nothing here, expected only with `mode = \"bounded\"`"))
        }
    }
}

fn read_worker(section: Value<'_>) -> Result<WorkerConfig, Fault> {
    let defaults = WorkerConfig::default();
    let mut section = section.table()?;
    let worker = WorkerConfig {
        concurrency: section
            .read("concurrency", |value| value.integer(CONCURRENCY))?
            .unwrap_or(defaults.concurrency),
        lease: section.read("lease", read_lease)?.unwrap_or(defaults.lease),
        queue_name: section
            .read("queue_name", |value| value.parsed())?
            .unwrap_or(defaults.queue_name),
        undecided_give_up_after: section
            .read("undecided_give_up_after", |value| value.duration())?
            .unwrap_or(defaults.undecided_give_up_after),
        cancel_grace: section
            .read("cancel_grace", |value| value.duration())?
            .unwrap_or(defaults.cancel_grace),
    };
    section.finish()?;
    Ok(worker)
}

fn read_lease(value: Value<'_>) -> Result<Duration, Fault> {
    match value.duration()? {
        lease if lease < SHORTEST_LEASE => Err(value.fault(format_args!(
            "{} is too short, expected at least `1s`",
            value.quoted()
        ))),
        lease => Ok(lease),
    }
}

#[cfg(test)]
mod tests;
