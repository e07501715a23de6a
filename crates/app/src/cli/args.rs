//! The words of the command line.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedI64ValueParser;
use clap::{Args, Parser, Subcommand};
use countersign::config::parse_duration;
use countersign::domain::{
    ActorName, ReasonCode, RunId, RunOutcome, RunStatus, TenantId, UserId, WorkspaceId,
};

/// Asks again at the moment of execution: a queued run starts only if its authority still holds, and a
/// blocked run never starts.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 the work failed, or doctor found errors; 2 usage or bad input, nothing changed; \
3 refused or not found.";

/// Options that stand before or after the command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Print one JSON object, or one a line, and nothing else on stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The store of runs, authority and queue
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "COUNTERSIGN_STORE",
        default_value = "sqlite://countersign.db",
        hide_env_values = true
    )]
    pub(crate) store: String,
    /// The store of the runs, where it is another one
    #[arg(long = "runs", id = "store_of_runs", global = true, value_name = "URL")]
    pub(crate) runs: Option<String>,
    /// The store of the authority, where it is another one
    #[arg(
        long = "authority",
        id = "store_of_authority",
        global = true,
        value_name = "URL"
    )]
    pub(crate) authority: Option<String>,
    /// The store of the queue, where it is another one
    #[arg(
        long = "queue",
        id = "store_of_queue",
        global = true,
        value_name = "URL"
    )]
    pub(crate) queue: Option<String>,
    /// The configuration with the operation catalog; `countersign.toml` where there is one
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Print the SQL that would be run, and run none of it
    #[arg(long)]
    pub(crate) print: bool,
}

/// Both sides hold runs and authority; `--queue` names the target's queue where it is another store.
#[derive(Debug, Args)]
pub(crate) struct MigrateStore {
    /// The store to move out of
    #[arg(long, value_name = "URL")]
    pub(crate) from: String,
    /// The empty store to move into; prepared where it is not yet
    #[arg(long, value_name = "URL", required_unless_present = "target_is_lost")]
    pub(crate) to: Option<String>,
    /// Give the move up: the target never opens, and the source opens again
    #[arg(long)]
    pub(crate) abandon: bool,
    /// With --abandon, without --to: the target is lost for good. Where it was open before, its runs may
    /// start a second time
    #[arg(long, requires = "abandon", conflicts_with = "to")]
    pub(crate) target_is_lost: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tell the whole story on a throwaway store, in seconds
    Demo(Demo),
    /// Prepare a store, or bring it to this version
    Migrate(Migrate),
    /// Move everything that lives in a store into another one: authority, queued and finished runs
    MigrateStore(MigrateStore),
    /// Check the settings of the stores against the guarantees
    Doctor,
    /// Change and read who may do what
    #[command(subcommand)]
    Authority(AuthorityCommand),
    /// Queue a run, or a file of them
    Submit(Box<Submit>),
    /// Work: receive due runs, let them through the gate, run their commands
    Worker(WorkerArgs),
    /// List, show, explain, cancel and retry runs
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Remove completed runs that are old enough, in small batches, beside running workers
    Prune(Prune),
    /// Say which queued runs some changes would block, without applying them
    Simulate(Simulate),
    /// Measure how fast a store is, on a throwaway beside it that is removed again
    Bench(Bench),
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How many runs to submit
    #[arg(long = "count", value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(40..=100_000))]
    pub(crate) runs: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// How many runs to submit and drain, twice
    #[arg(long = "count", value_name = "N", default_value_t = 40_000, value_parser = counts())]
    pub(crate) runs: u32,
}

/// A run is as old as its completion, by the store's clock. What is queued or runs is never removed, and no run before
/// the one that it was queued after.
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// For how long a run is kept after it was completed, such as `90d`
    #[arg(long, value_name = "AGE", value_parser = parse_duration)]
    pub(crate) older_than: Duration,
    /// Keep runs that were blocked, with those that were queued after them
    #[arg(long)]
    pub(crate) keep_blocked: bool,
}

/// How many runs can be measured.
pub(crate) const COUNTS: RangeInclusive<u32> = 1_000..=10_000_000;

fn counts() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(i64::from(*COUNTS.start())..=i64::from(*COUNTS.end()))
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityCommand {
    /// Apply changes, one JSON object a line: all of them, or none
    Apply {
        /// The file; `-` is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Who makes them, for lines that do not say
        #[arg(long, value_name = "WHO")]
        by: Option<ActorName>,
    },
    /// Show the authority of a workspace, as the changes that would make it
    Show {
        /// The workspace
        #[arg(long, value_name = "W")]
        workspace: WorkspaceId,
        /// Only what concerns this tenant
        #[arg(long, value_name = "T")]
        tenant: Option<TenantId>,
        /// Only what concerns this user
        #[arg(long, value_name = "U")]
        user: Option<UserId>,
    },
    /// Show the changes that were applied, newest first
    Log {
        /// Only those that touched this workspace
        #[arg(long, value_name = "W")]
        workspace: Option<WorkspaceId>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        /// Only those before this number
        #[arg(long, value_name = "SEQ")]
        before: Option<u64>,
    },
}

/// Values stay text here: what is wrong with one is told with its field's name.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// The workspace
    #[arg(long, value_name = "W", required_unless_present = "file")]
    pub(crate) workspace: Option<String>,
    /// The tenant
    #[arg(long, value_name = "T", required_unless_present = "file")]
    pub(crate) tenant: Option<String>,
    /// On behalf of this person
    #[arg(long, value_name = "U", required_unless_present_any = ["file", "system"])]
    pub(crate) user: Option<String>,
    /// On the system's own authority
    #[arg(long, conflicts_with = "user")]
    pub(crate) system: bool,
    /// The operation
    #[arg(long = "type", value_name = "OP", required_unless_present = "file")]
    pub(crate) operation: Option<String>,
    /// The provider connection to work through
    #[arg(long, value_name = "C")]
    pub(crate) connection: Option<String>,
    /// The run's context: a JSON object of at most 1 MiB
    #[arg(long, value_name = "JSON")]
    pub(crate) context: Option<String>,
    /// Not before this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Higher goes first: -32768 to 32767
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<String>,
    /// At most one unfinished run of the tenant and operation holds this key
    #[arg(long, value_name = "KEY")]
    pub(crate) unique: Option<String>,
    /// The run's id, a UUID of version 7, which makes submitting idempotent
    #[arg(long, value_name = "UUID")]
    pub(crate) id: Option<String>,
    /// The queue it waits in
    #[arg(long, value_name = "Q")]
    pub(crate) queue_name: Option<String>,
    /// Queue the runs of this file, one JSON object a line; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["workspace", "tenant", "user", "system", "operation", "connection", "context", "at", "priority", "unique", "id", "queue_name"])]
    pub(crate) file: Option<PathBuf>,
    /// Refuse now what the gate would deny now; then nothing is queued
    #[arg(long)]
    pub(crate) preflight: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// How many commands run at once; from the configuration unless told
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) concurrency: Option<u32>,
    /// End when nothing that it knows is queued and due, and nothing of its own runs
    #[arg(long)]
    pub(crate) drain: bool,
    /// The queue it serves; from the configuration unless told
    #[arg(long, value_name = "Q")]
    pub(crate) queue_name: Option<countersign::domain::QueueName>,
    /// Its name in records; host and process id unless told
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<countersign::domain::WorkerName>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, newest first
    List(List),
    /// Show runs as they are on record
    Show {
        /// The runs
        #[arg(value_name = "ID", required = true)]
        ids: Vec<RunId>,
    },
    /// Say why runs were let start or blocked, which change made the difference, and what to do
    Explain {
        /// The runs
        #[arg(value_name = "ID", required = true)]
        ids: Vec<RunId>,
    },
    /// Cancel runs: queued ones never start, running ones are told to stop
    Cancel(Bulk),
    /// Queue completed runs again, as new runs that pass the gate afresh
    Retry(Bulk),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only runs with this status: queued, running, completed
    #[arg(long, value_name = "S")]
    pub(crate) status: Option<RunStatus>,
    /// Only runs with this outcome: pending, succeeded, partially_succeeded, failed, blocked, cancelled
    #[arg(long, value_name = "S")]
    pub(crate) outcome: Option<RunOutcome>,
    /// Only runs blocked for this reason, such as missing_capability
    #[arg(long, value_name = "R")]
    pub(crate) reason: Option<ReasonCode>,
    /// Only runs of this workspace
    #[arg(long, value_name = "W")]
    pub(crate) workspace: Option<WorkspaceId>,
    /// Only runs of this tenant
    #[arg(long, value_name = "T")]
    pub(crate) tenant: Option<TenantId>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u64,
    /// Only runs after this one in the listing: the id of the last run of the page before
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
    /// Leave out what the submitters gave as context
    #[arg(long)]
    pub(crate) no_context: bool,
}

/// Some runs by id, or all of a workspace that one reason concerns.
#[derive(Debug, Args)]
pub(crate) struct Bulk {
    /// The runs
    #[arg(
        value_name = "ID",
        required_unless_present = "reason",
        conflicts_with = "reason"
    )]
    pub(crate) ids: Vec<RunId>,
    /// Retry: every run blocked for this reason. Cancel: every queued run that the gate would deny for
    /// it now, and every running one that lost its authority for it
    #[arg(long, value_name = "R", requires = "workspace")]
    pub(crate) reason: Option<ReasonCode>,
    /// In this workspace
    #[arg(long, value_name = "W", requires = "reason")]
    pub(crate) workspace: Option<WorkspaceId>,
    /// Say which runs it would be, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Who asks, for the record; the user's name unless told
    #[arg(long, value_name = "WHO")]
    pub(crate) by: Option<ActorName>,
    /// Why, for the record of a cancel
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Simulate {
    /// One change
    #[arg(long, value_name = "JSON")]
    pub(crate) change: Option<String>,
    /// A file of changes, one JSON object a line; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}
