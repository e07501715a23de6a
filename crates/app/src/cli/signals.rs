//! SIGTERM and SIGINT: the first drains, the second stops now.

use countersign::Stop;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;

/// Tells the worker to stop when the process is told to.
pub(crate) fn watch(stop: Stop) -> Result<(), Failure> {
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    tokio::spawn(async move {
        next(&mut terminate, &mut interrupt).await;
        tracing::warn!("stopping: running commands may end, nothing more is started");
        stop.drain();
        next(&mut terminate, &mut interrupt).await;
        tracing::warn!("stopping now: running commands are cancelled");
        stop.now();
    });
    Ok(())
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| {
        Failure::failed("signals", "signals cannot be listened to").caused_by(&error)
    })
}
