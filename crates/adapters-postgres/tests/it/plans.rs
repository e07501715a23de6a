//! Statements find what they need by its key, also while the statistics know of nothing.

use std::sync::Arc;
use std::time::Duration;

use countersign_conformance::Ports;
use countersign_conformance::scene::{Came, HOME, Scene};
use countersign_domain::QueueName;
use countersign_ports::{Begun, Entry, Finish, Prune, Receive, Renewal, RunKey, Work};
use countersign_postgres::PostgresStore;
use countersign_postgres::sqlx::{AssertSqlSafe, Executor, Row};

use crate::support::Site;

const RUNS: usize = 3000;

/// So few that what reads an index once for each page stands out.
const PAGE: u32 = 20;

const TABLES: [&str; 5] = ["runs", "run_states", "queue", "rulings", "scopes"];

/// Submits so many runs, and takes each to its end, a page at a time: they are received, put off for no time at all, received
/// again, begun, renewed, and completed.
async fn drain(scene: &Scene, runs: usize) {
    let ports = &scene.ports;
    scene.submit_all((0..runs).map(|_| HOME.sync())).await;
    let receive = async || {
        let (queue_name, operations) = (QueueName::standard(), scene.catalog.names());
        let receive = Receive {
            queue_name: &queue_name,
            operations: &operations,
            limit: PAGE,
            invisible_for: Duration::from_secs(60),
        };
        ports.queue.receive(&receive).await.expect("deliveries")
    };
    let mut drained = 0;
    while drained < runs {
        let put_off = ports.queue.put_off(&receive().await, Duration::ZERO).await;
        put_off.expect("answers");
        let keys: Vec<RunKey> = receive().await.into_iter().map(|one| one.run).collect();
        let starts = scene.judge_all(&keys).await;
        let begun = ports.runs.begin(&starts).await.expect("answers");
        let entries: Vec<Entry> = begun
            .into_iter()
            .map(|begun| {
                let Begun::Started(permit) = begun else {
                    panic!("not started: {begun:?}");
                };
                permit.enter().expect("in time")
            })
            .collect();
        let renewals: Vec<Renewal> = entries
            .iter()
            .map(|entry| Renewal {
                run: entry.run().clone(),
                lease_id: entry.lease_id(),
                lease_for: Duration::from_secs(60),
                continuity: None,
                cancel: None,
            })
            .collect();
        ports.runs.renew(&renewals).await.expect("answers");
        let finishes: Vec<Finish> = entries
            .iter()
            .enumerate()
            .map(|(place, entry)| Finish {
                run: entry.run().clone(),
                lease_id: entry.lease_id(),
                // Both ways to complete.
                work: match place % 2 {
                    0 => Work::Succeeded,
                    _ => Work::PartiallySucceeded,
                },
                result: None,
                output: None,
                successor: None,
            })
            .collect();
        drained += finishes.len();
        ports.runs.finish(&finishes).await.expect("answers");
    }
}

#[tokio::test]
async fn the_hot_statements_search_and_never_scan_where_statistics_know_of_nothing() {
    drain_and_look(async |_| ()).await;
}

/// One of them is queued. Plans are kept as long as a connection, and tables grow meanwhile.
#[tokio::test]
async fn the_hot_statements_search_and_never_scan_where_statistics_know_of_three_runs() {
    drain_and_look(async |site| {
        let store = site.open().await;
        let scene = scene_on(&store).await;
        drain(&scene, 2).await;
        scene.submit(HOME.sync()).await;
        store.close().await;
        let schema = site.url().schema().to_string();
        for table in TABLES {
            let vacuum = AssertSqlSafe(format!("VACUUM ANALYZE {schema}.{table}"));
            let vacuumed = site.connect().await.execute(vacuum).await;
            vacuumed.expect("statistics");
        }
    })
    .await;
}

async fn scene_on(store: &PostgresStore) -> Scene {
    Scene::home(&Ports::new(
        Arc::new(store.runs()),
        Arc::new(store.authority()),
        Arc::new(store.queue()),
    ))
    .await
}

/// A whole drain by statements that were planned while there was next to nothing in the tables: no table is read from
/// end to end, and no index is.
async fn drain_and_look(before: impl AsyncFnOnce(&Site)) {
    let site = Site::new().await;
    let schema = site.url().schema().to_string();
    let mut connection = site.connect().await;
    for table in TABLES {
        let off = format!("ALTER TABLE {schema}.{table} SET (autovacuum_enabled = off)");
        connection
            .execute(AssertSqlSafe(off))
            .await
            .expect("autovacuum is off");
    }
    before(&site).await;
    let store = site.open().await;
    let scene = scene_on(&store).await;
    drain(&scene, 2).await;
    drain(&scene, RUNS).await;
    // Not the last page: at the end all runs are looked at once, for the rulings that none is left of.
    let prune = Prune {
        older_than: Duration::ZERO,
        keep_blocked: false,
        after: None,
        limit: 500,
    };
    let pruned = scene.ports.runs.prune(&prune).await.expect("a page");
    assert_eq!((pruned.removed, pruned.next.is_some()), (500, true));
    let last = scene.submit(HOME.sync()).await;
    let start = scene.judge(&last).await;
    assert_eq!(scene.begin(&[start]).await, [Came::Started]);
    // Counters are told when a connection ends.
    store.close().await;

    let tables = format!(
        "SELECT relname::text, seq_tup_read FROM pg_stat_user_tables
         WHERE schemaname = '{schema}' AND relname IN ('runs', 'run_states', 'queue', 'rulings')"
    );
    for row in connection
        .fetch_all(AssertSqlSafe(tables))
        .await
        .expect("counters")
    {
        let (table, read): (String, i64) = (row.get(0), row.get(1));
        assert_eq!(read, 0, "rows of `{table}` were read from end to end");
    }
    let indexes = format!(
        "SELECT indexrelname::text, idx_tup_read FROM pg_stat_user_indexes
         WHERE schemaname = '{schema}' AND relname IN ('runs', 'run_states', 'queue', 'rulings')
           AND indexrelname NOT IN ('queue_ready', 'queue_waiting')"
    );
    // The two that receiving reads in order pass versions that are dead, for as long as anybody on the server might
    // see them. To read another index for each page would be a hundred times as much.
    let most = 20 * RUNS as i64;
    let counted = connection.fetch_all(AssertSqlSafe(indexes)).await;
    let scanned: Vec<(String, i64)> = counted
        .expect("counters")
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .filter(|(_, read)| *read >= most)
        .collect();
    assert!(
        scanned.is_empty(),
        "entries read for {RUNS} runs: {scanned:?}"
    );
    site.close().await;
}
