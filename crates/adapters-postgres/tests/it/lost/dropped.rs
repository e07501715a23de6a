//! Calls that are dropped while the server is at them: their connections are as good as before.

use std::slice::from_ref;

use countersign_conformance::scene::{Came, HOME, eventually};
use countersign_domain::RunStatus;
use countersign_ports::{Begun, ReadBack, RunRepository as _};
use countersign_postgres::sqlx;

use super::fault::Fault;
use super::{Line, on_a_line};
use crate::support::Site;

impl Line {
    /// That no connection through the proxy is left in a transaction that nobody ends.
    async fn assert_no_transaction_is_open(&self) {
        eventually("no transaction is left open", || async {
            let open: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
                                WHERE application_name = $1 AND xact_start IS NOT NULL)",
            )
            .bind(&self.name)
            .fetch_one(&mut self.site.connect().await)
            .await
            .unwrap();
            (!open).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_begin_that_is_dropped_at_any_message_leaves_no_transaction_open() {
    on_a_line(|line| async move {
        for message in 1.. {
            let key = line.past.submit(HOME.sync()).await;
            let start = line.past.judge(&key).await;
            let scene = line.open_again().await;
            line.proxy.set(Fault::StallAtMessage(message));
            let begun = tokio::select! {
                begun = scene.ports.runs.begin(from_ref(&start)) => Some(begun.unwrap()),
                () = line.proxy.stalls() => None,
            };
            line.proxy.set(Fault::Nothing);
            line.assert_no_transaction_is_open().await;
            // Whoever comes next finds nothing of it.
            scene.load(&key).await;
            if let Some(begun) = begun {
                assert_eq!(Came::from(&begun[0]), Came::Started);
                break;
            }
            match line.read_back(&start).await {
                ReadBack::StillQueued => line.assert_untouched(&key).await,
                ReadBack::Committed(Begun::Started(_)) => line.assert_running(&start).await,
                other @ (ReadBack::Committed(_) | ReadBack::NotQueued) => panic!("{other:?}"),
            }
        }
    })
    .await;
}

#[test]
fn a_store_may_be_dropped_after_its_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (site, store) = runtime.block_on(async {
        let site = Site::new().await;
        let store = site.open().await;
        // Its connection is kept at hand.
        store.runs().submit(&[HOME.sync()]).await.unwrap();
        (site, store)
    });
    drop(runtime);
    drop(store);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(site.close());
}

#[tokio::test]
async fn a_read_that_is_dropped_at_any_message_leaves_no_transaction_open() {
    on_a_line(|line| async move {
        let key = line.past.submit(HOME.sync()).await;
        for message in 1.. {
            let scene = line.open_again().await;
            line.proxy.set(Fault::StallAtMessage(message));
            let loaded = tokio::select! {
                loaded = scene.ports.runs.load(from_ref(&key)) => Some(loaded.unwrap()),
                () = line.proxy.stalls() => None,
            };
            line.proxy.set(Fault::Nothing);
            line.assert_no_transaction_is_open().await;
            let start = scene.judge(&key).await;
            assert!(matches!(
                line.read_back(&start).await,
                ReadBack::StillQueued
            ));
            if let Some(loaded) = loaded {
                let status = loaded[0].as_ref().map(|run| run.status);
                assert_eq!(status, Some(RunStatus::Queued));
                break;
            }
        }
    })
    .await;
}
