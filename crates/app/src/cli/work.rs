//! `worker`: runs the commands of the configuration.

use std::process::ExitCode;
use std::time::Duration;

use countersign::command::CommandHandler;
use countersign::domain::WorkerName;
use countersign::port::Backlog;
use countersign::{Progress, Stop, Tally, Until, Worker, WorkerReport, WorkerSettings};
use serde::Serialize;

use super::args::{Globals, WorkerArgs};
use super::failure::Failure;
use super::output::Output;
use super::signals;
use super::stores::Deployment;

pub(crate) async fn run(
    globals: &Globals,
    args: &WorkerArgs,
    output: Output,
) -> Result<ExitCode, Failure> {
    let Deployment { ports, config, .. } = Deployment::open(globals).await?;
    if config.commands.is_empty() {
        let message =
            "the configuration has no operation with a `command`, so there is nothing to run";
        return Err(Failure::bad_input(message).at_field("operations"));
    }
    let name = match &args.name {
        Some(name) => name.clone(),
        None => own_name()?,
    };
    let settings = WorkerSettings {
        queue_name: args
            .queue_name
            .clone()
            .unwrap_or_else(|| config.worker.queue_name.clone()),
        concurrency: args.concurrency.unwrap_or(config.worker.concurrency) as usize,
        lease_for: config.worker.lease,
        cancel_grace: config.worker.cancel_grace,
        undecided: countersign::port::UndecidedPolicy {
            give_up_after: config.worker.undecided_give_up_after,
            ..Default::default()
        },
        ..WorkerSettings::named(name)
    };
    let mut worker = Worker::new(ports, config.catalog, settings);
    for (operation, command) in config.commands {
        worker = worker.handle(operation, CommandHandler::new(command));
    }
    let stop = Stop::new();
    signals::watch(stop.clone())?;
    let until = if args.drain {
        Until::Drained
    } else {
        Until::Stopped
    };
    let watcher = watch(&worker, args.drain, output);
    let report = worker.run(until, stop).await;
    watcher.abort();
    tell(&report?, output)?;
    Ok(ExitCode::SUCCESS)
}

/// Host and process: what an operator needs to find the worker again.
fn own_name() -> Result<WorkerName, Failure> {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let host: String = host.chars().filter(|c| !c.is_control()).take(64).collect();
    let name = format!("{host}/{}", std::process::id());
    WorkerName::new(name).map_err(|error| Failure::bad_input(error).at_field("name"))
}

fn watch(worker: &Worker, drain: bool, output: Output) -> tokio::task::JoinHandle<()> {
    let progress: std::sync::Arc<Progress> = worker.progress();
    let bar = output.progress(if drain { "draining" } else { "working" }, 0);
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        loop {
            tick.tick().await;
            let tally = progress.tally();
            bar.set_length(tally.started + tally.blocked);
            bar.set_position(tally.completed());
        }
    })
}

#[derive(Serialize)]
struct Told {
    started: u64,
    succeeded: u64,
    partially_succeeded: u64,
    failed: u64,
    blocked: u64,
    cancelled: u64,
    put_off: u64,
    rescued: u64,
    left: u64,
    left_due: u64,
    left_later: u64,
    left_unknown: u64,
    running_elsewhere: u64,
}

fn tell(report: &WorkerReport, output: Output) -> Result<(), Failure> {
    let Tally {
        started,
        succeeded,
        partially_succeeded,
        failed,
        blocked,
        cancelled,
        put_off,
        rescued,
    } = report.tally;
    let Backlog {
        due,
        later,
        unknown,
        running,
    } = report.left;
    if output.is_json() {
        return output.object(&Told {
            started,
            succeeded,
            partially_succeeded,
            failed,
            blocked,
            cancelled,
            put_off,
            rescued,
            left: due + later + unknown,
            left_due: due,
            left_later: later,
            left_unknown: unknown,
            running_elsewhere: running,
        });
    }
    output.line(format_args!(
        "started {started}: {succeeded} succeeded, {partially_succeeded} partially, {failed} failed, \
         {cancelled} cancelled; blocked {blocked}"
    ))?;
    output.line(format_args!(
        "left {} queued: {due} due, {later} later, {unknown} of operations or queues it does not serve; \
         {running} running elsewhere",
        due + later + unknown
    ))
}
