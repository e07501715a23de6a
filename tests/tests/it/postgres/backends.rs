//! Connections to the server are lost while runs are on their way.

use std::sync::Arc;
use std::time::Duration;

use countersign::{Execution, Ports, Report, Worker, WorkerSettings};
use countersign_domain::{Catalog, RunOutcome, RunStatus, Submission};
use countersign_ports::{RunRepository, Submitted};
use tokio::sync::{mpsc, watch};

use super::place::{Place, server};
use crate::drain::{ALLOWED, Drain};
use crate::support::{AUTHORITY, Handle, Working, apply, drained, operation, until_async};

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_goes_on_after_each_loss_of_every_connection() {
    /// So many more runs have started before each loss.
    const APART: usize = 100;
    const LOSSES: usize = 10;
    Place::play(server(), |place| async move {
        let store = place.open().await;
        let ports = Ports::postgres(&store).unwrap();
        let drain = Drain::of(&ports, 2 * APART).await;
        let worker = drain.worker(&ports);
        let progress = worker.progress();
        let draining = tokio::spawn(drained(worker));
        for loss in 1..=LOSSES {
            until_async("the drain goes on", async || {
                (progress.tally().started >= (loss * APART) as u64).then_some(())
            })
            .await;
            assert!(place.end_connections().await > 0);
            drain.let_end((2 + loss) * APART);
        }
        assert!(progress.tally().succeeded < ALLOWED as u64);

        drain.let_end(usize::MAX);
        draining.await.unwrap();
        drain.finish(&ports).await;
        drain.assert_sound(&ports).await;
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_connections_are_lost_between_begin_and_finish_is_completed_once() {
    Place::play(server(), |place| async move {
        let store = place.open().await;
        apply(&store.authority(), AUTHORITY).await;
        let line = r#"{"workspace":"1","tenant":"4","user":"7","type":"inventory_sync"}"#;
        let submission = Submission::parse(line).unwrap();
        let Submitted::Created { id, .. } = store.runs().submit(&[submission]).await.unwrap()[0]
        else {
            panic!("created");
        };
        let (entering, mut entered) = mpsc::unbounded_channel();
        let may_end = watch::Sender::new(false);
        let told = may_end.subscribe();
        let handler = Handle(move |execution: Execution| {
            entering.send(execution.run_id()).unwrap();
            let mut told = told.clone();
            async move {
                told.wait_for(|may_end| *may_end).await.unwrap();
                Report::succeeded()
            }
        });
        let operation = operation("inventory_sync");
        let name = operation.name.clone();
        let settings = WorkerSettings {
            poll_every: Duration::from_millis(20),
            ..WorkerSettings::named("worker-1".parse().unwrap())
        };
        let ports = Ports::postgres(&store).unwrap();
        let worker = Worker::new(ports, Catalog::new([operation]), settings).handle(name, handler);
        let working = Working::start(worker);
        assert_eq!(entered.recv().await, Some(id));
        assert!(place.end_connections().await > 0);
        may_end.send_replace(true);

        let runs = Arc::new(store.runs());
        let run = until_async("the run is completed", async || {
            // The first to use a connection finds out that it is lost.
            let found = runs.find(&[id]).await.ok()?.remove(0);
            found.filter(|run| run.status == RunStatus::Completed)
        })
        .await;
        assert_eq!(run.outcome, RunOutcome::Succeeded);
        let report = working.drain().await;
        let tally = report.tally;
        assert_eq!((tally.started, tally.succeeded, tally.rescued), (1, 1, 0));
        assert_eq!(entered.recv().await, None, "entered once");
        store.close().await;
    })
    .await;
}
