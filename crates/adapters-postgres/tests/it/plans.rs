//! Statements find what they need by its key, also while the statistics know of nothing.

use std::sync::Arc;
use std::time::Duration;

use countersign_conformance::Ports;
use countersign_conformance::scene::{Came, HOME, Scene};
use countersign_ports::{Begun, Finish, Prune, Receive, RunKey, Work};
use countersign_postgres::sqlx::{AssertSqlSafe, Executor, Row};

use crate::support::Site;

const RUNS: usize = 3000;

/// A whole drain on tables that were never analysed: no table is read from end to end, and no index is.
#[tokio::test]
async fn the_hot_statements_search_and_never_scan() {
    let site = Site::new().await;
    let schema = site.url().schema().to_string();
    let store = site.open().await;
    let ports = Ports::new(
        Arc::new(store.runs()),
        Arc::new(store.authority()),
        Arc::new(store.queue()),
    );
    let mut connection = site.connect().await;
    for table in ["runs", "run_states", "queue", "rulings", "scopes"] {
        let off = format!("ALTER TABLE {schema}.{table} SET (autovacuum_enabled = off)");
        connection
            .execute(AssertSqlSafe(off))
            .await
            .expect("autovacuum is off");
    }
    let scene = Scene::home(&ports).await;
    scene.submit_all((0..RUNS).map(|_| HOME.sync())).await;
    let mut drained = 0;
    while drained < RUNS {
        let received = ports
            .queue
            .receive(&Receive {
                queue_name: &countersign_domain::QueueName::standard(),
                operations: &scene.catalog.names(),
                limit: 500,
                invisible_for: Duration::from_secs(60),
            })
            .await
            .expect("deliveries");
        let keys: Vec<RunKey> = received.into_iter().map(|one| one.run).collect();
        let starts = scene.judge_all(&keys).await;
        let begun = ports.runs.begin(&starts).await.expect("answers");
        let finishes: Vec<Finish> = begun
            .into_iter()
            .map(|begun| {
                let Begun::Started(permit) = begun else {
                    panic!("not started: {begun:?}");
                };
                permit.enter().expect("in time")
            })
            .map(|entry| Finish {
                run: entry.run().clone(),
                lease_id: entry.lease_id(),
                work: Work::Succeeded,
                result: None,
                output: None,
                successor: None,
            })
            .collect();
        drained += finishes.len();
        ports.runs.finish(&finishes).await.expect("answers");
    }
    // Not the last page: at the end all runs are looked at once, for the rulings that none is left of.
    let prune = Prune {
        older_than: Duration::ZERO,
        keep_blocked: false,
        after: None,
        limit: 500,
    };
    let pruned = ports.runs.prune(&prune).await.expect("a page");
    assert_eq!((pruned.removed, pruned.next.is_some()), (500, true));
    let last = scene.submit(HOME.sync()).await;
    let start = scene.judge(&last).await;
    assert_eq!(scene.begin(&[start]).await, [Came::Started]);
    // Counters are told when a connection ends.
    store.close().await;

    let tables = format!(
        "SELECT relname::text, seq_tup_read FROM pg_stat_user_tables
         WHERE schemaname = '{schema}' AND relname IN ('runs', 'run_states', 'queue')"
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
         WHERE schemaname = '{schema}' AND relname IN ('runs', 'run_states', 'queue')"
    );
    for row in connection
        .fetch_all(AssertSqlSafe(indexes))
        .await
        .expect("counters")
    {
        let (index, read): (String, i64) = (row.get(0), row.get(1));
        // A batch passes entries that are handed out, and versions that are dead; to read the index for
        // every run of it would be hundreds of times as much.
        let most = 40 * RUNS as i64;
        assert!(
            read < most,
            "`{index}` was read {read} times for {RUNS} runs"
        );
    }
    site.close().await;
}
