//! What is left in the file once runs were removed.

use std::time::Duration;

use countersign_ports::{Begun, Finish, Prune, RunRepository, Work};

use crate::scene::Scene;

const ALL: Prune = Prune {
    older_than: Duration::ZERO,
    keep_blocked: false,
    after: None,
    limit: 100,
};

impl Scene {
    async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&self.raw)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn nothing_is_left_of_runs_that_were_removed() {
    let scene = Scene::new().await;
    let run = scene.queued().await;
    let Begun::Started(permit) = scene.begin(&run).await else {
        panic!("it starts");
    };
    let entry = permit.enter().unwrap();
    let finish = Finish {
        run: entry.run().clone(),
        lease_id: entry.lease_id(),
        work: Work::Succeeded,
        result: None,
        output: None,
        successor: None,
    };
    scene.store.runs().finish(&[finish]).await.unwrap();
    scene.blocked().await;
    let running = scene.started().await;
    assert_eq!(
        (scene.count("runs").await, scene.count("rulings").await),
        (3, 3)
    );
    let pruned = scene.store.runs().prune(&ALL).await.unwrap();
    assert_eq!((pruned.removed, pruned.kept, pruned.next), (2, 0, None));
    assert_eq!(
        (scene.count("runs").await, scene.count("rulings").await),
        (1, 1)
    );
    assert_eq!(scene.run(running.id).await, running);
}

#[tokio::test]
async fn a_damaged_run_stays_and_keeps_no_other_from_going() {
    let scene = Scene::new().await;
    let damaged = scene.blocked().await;
    scene.blocked().await;
    scene.execute("DROP TRIGGER runs_stay_what_they_are").await;
    let sql = format!(
        "UPDATE runs SET workspace_id = '' WHERE id = '{}'",
        damaged.id
    );
    scene.execute(&sql).await;
    let pruned = scene.store.runs().prune(&ALL).await.unwrap();
    assert_eq!((pruned.removed, pruned.next), (1, None));
    assert_eq!(scene.count("runs").await, 1);
}
