//! `prune`: completed runs go once they are old enough.

use std::cell::Cell;
use std::process::ExitCode;

use countersign::{Removed, Retention, prune};
use serde::Serialize;

use super::args::{Globals, Prune};
use super::failure::Failure;
use super::output::{Output, counted};
use super::stores::Deployment;

#[derive(Serialize)]
struct Told {
    removed: u64,
    kept: u64,
}

pub(crate) async fn run(
    globals: &Globals,
    args: &Prune,
    output: Output,
) -> Result<ExitCode, Failure> {
    let Deployment { ports, .. } = Deployment::open(globals).await?;
    let retention = Retention {
        older_than: args.older_than,
        keep_blocked: args.keep_blocked,
    };
    let count = output.count("runs removed");
    let so_far = Cell::new(Removed::default());
    let told = |removed: Removed| {
        so_far.set(removed);
        count.set_position(removed.runs);
    };
    let removed = tokio::select! {
        removed = prune(ports.runs(), &retention, told) => removed?,
        interrupted = tokio::signal::ctrl_c() => {
            return Err(match interrupted {
                Ok(()) => interrupted_after(so_far.get()),
                Err(error) => Failure::failed("signals", "signals cannot be listened to").caused_by(&error),
            });
        }
    };
    count.finish_and_clear();
    tell(removed, output)?;
    Ok(ExitCode::SUCCESS)
}

fn interrupted_after(removed: Removed) -> Failure {
    let gone = counted(removed.runs, "run");
    let message = format_args!("interrupted: {gone} removed; the same command again goes on");
    Failure::failed("interrupted", message)
}

fn tell(removed: Removed, output: Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.object(&Told {
            removed: removed.runs,
            kept: removed.kept,
        });
    }
    output.line(format_args!("{} removed", counted(removed.runs, "run")))?;
    if removed.kept > 0 {
        let kept = counted(removed.kept, "run");
        let text = format_args!("kept: {kept}, blocked or queued after one that is kept");
        output.line(text)?;
    }
    Ok(())
}
