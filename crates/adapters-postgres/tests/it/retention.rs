//! What is left in the schema once runs were removed.

use std::time::Duration;

use countersign_conformance::scene::{Came, HOME, failed};
use countersign_ports::Prune;
use countersign_postgres::sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use crate::support::Site;

const ALL: Prune = Prune {
    older_than: Duration::ZERO,
    keep_blocked: false,
    after: None,
    limit: 100,
};

/// How many rows there are of runs, of what became of them, and of what was ruled.
async fn rows(site: &Site, connection: &mut PgConnection) -> [i64; 3] {
    let mut rows = [0; 3];
    for (table, rows) in ["runs", "run_states", "rulings"].iter().zip(&mut rows) {
        let sql = format!("SELECT count(*) FROM {}.{table}", site.url().schema());
        let row = connection.fetch_one(AssertSqlSafe(sql)).await.unwrap();
        *rows = row.get(0);
    }
    rows
}

#[tokio::test]
async fn nothing_is_left_of_runs_that_were_removed() {
    let site = Site::new().await;
    let scene = site.scene().await;
    let mut connection = site.connect().await;
    let succeeded = scene.running().await;
    scene.complete(&succeeded, failed()).await;
    let blocked = scene.submit(HOME.denied()).await;
    assert_eq!(scene.try_start(&blocked).await, Came::Blocked);
    let running = scene.running().await;
    assert_eq!(rows(&site, &mut connection).await, [3, 3, 3]);
    let before = scene.load(&running.key).await;
    let pruned = scene.ports.runs.prune(&ALL).await.unwrap();
    assert_eq!((pruned.removed, pruned.kept, pruned.next), (2, 0, None));
    assert_eq!(rows(&site, &mut connection).await, [1, 1, 1]);
    assert_eq!(scene.load(&running.key).await, before);
    site.close().await;
}
