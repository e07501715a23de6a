//! What was damaged past the guards is an error or left out: never a start, and no neighbour pays for it.

use std::time::Duration;

use countersign_conformance::scene::{HOME, Scene};
use countersign_domain::QueueName;
use countersign_ports::{PortErrorKind, Receive, RunKey};
use countersign_postgres::sqlx::{Executor, postgres::PgPool};

use crate::support::Site;

/// Two queued runs, and a second door to their store.
async fn two_runs(site: &Site) -> (Scene, PgPool, RunKey, RunKey) {
    let scene = site.scene().await;
    let mut keys = scene.submit_all([HOME.sync(), HOME.sync()]).await;
    keys.sort_unstable_by_key(|key| key.id);
    let raw = site.raw().await;
    let open = "ALTER TABLE runs DISABLE TRIGGER runs_stay_what_they_are";
    raw.execute(open).await.unwrap();
    let whole = keys.pop().unwrap();
    (scene, raw, keys.pop().unwrap(), whole)
}

#[test]
fn a_run_that_cannot_be_read_holds_up_no_other() {
    Site::lend(async |site| {
        let (scene, raw, damaged, whole) = two_runs(&site).await;
        countersign_postgres::sqlx::query("UPDATE runs SET context = '7' WHERE id = $1")
            .bind(damaged.id.as_uuid())
            .execute(&raw)
            .await
            .unwrap();
        let runs = &scene.ports.runs;
        let loaded = runs.load(&[damaged.clone(), whole.clone()]).await.unwrap();
        let loaded: Vec<_> = loaded
            .into_iter()
            .map(|run| run.map(|run| run.id))
            .collect();
        assert_eq!(loaded, [None, Some(whole.id)]);
        let error = runs.find(&[damaged.id]).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Corrupt);
        assert!(
            error.to_string().contains(&damaged.id.to_string()),
            "{error}"
        );
    });
}

#[test]
fn an_entry_that_cannot_be_read_holds_up_no_other() {
    Site::lend(async |site| {
        let (scene, raw, damaged, whole) = two_runs(&site).await;
        for damage in [
            "UPDATE runs SET queue_name = '' WHERE id = $1",
            "UPDATE queue SET workspace_id = '' WHERE run_id = $1",
        ] {
            countersign_postgres::sqlx::query(damage)
                .bind(damaged.id.as_uuid())
                .execute(&raw)
                .await
                .unwrap();
        }
        let entries = scene.ports.runs.queued_entries(None, 10).await.unwrap();
        let entries: Vec<&RunKey> = entries.iter().map(|entry| &entry.run).collect();
        assert_eq!(entries, [&whole]);

        let mut received = Vec::new();
        // The first of them is the damaged one, and is out of the way after it was met.
        for _ in 0..2 {
            let receive = Receive {
                queue_name: &QueueName::standard(),
                operations: &scene.catalog.names(),
                limit: 1,
                invisible_for: Duration::from_secs(60),
            };
            received.extend(scene.ports.queue.receive(&receive).await.unwrap());
        }
        let received: Vec<&RunKey> = received.iter().map(|delivery| &delivery.run).collect();
        assert_eq!(received, [&whole]);
    });
}
