//! Statements find what they need by an index.

use crate::scene::Scene;

#[tokio::test]
async fn the_hot_statements_search_and_never_scan() {
    let scene = Scene::new().await;
    let statements = [
        include_str!("../../src/sql/ready.sql").to_owned(),
        include_str!("../../src/sql/receive.sql").to_owned(),
        include_str!("../../src/sql/dequeue.sql").to_owned(),
        include_str!("../../src/sql/ack.sql").to_owned(),
        include_str!("../../src/sql/begin.sql").to_owned(),
        include_str!("../../src/sql/begun.sql").to_owned(),
        include_str!("../../src/sql/finish_plain.sql").to_owned(),
        include_str!("../../src/sql/finish.sql").to_owned(),
        include_str!("../../src/sql/wake.sql").to_owned(),
        include_str!("../../src/sql/renew.sql").to_owned(),
        include_str!("../../src/sql/lapsed.sql").to_owned(),
        include_str!("../../src/sql/queued_entries.sql").to_owned(),
        include_str!("../../src/sql/log_of_scope.sql").to_owned(),
        include_str!("../../src/sql/aged.sql").to_owned(),
        include_str!("../../src/sql/remove_runs.sql").to_owned(),
        include_str!("../../src/sql/remove_rulings.sql").to_owned(),
    ];
    for statement in statements {
        let explained = format!("EXPLAIN QUERY PLAN {statement}");
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explained))
            .fetch_all(&scene.raw)
            .await
            .unwrap();
        for (_, _, _, step) in &plan {
            let table_scan = [
                "SCAN runs",
                "SCAN queue",
                "SCAN r",
                "SCAN rulings",
                "SCAN l",
            ]
            .iter()
            .any(|scan| step == scan);
            assert!(!table_scan, "{step} in\n{statement}");
        }
    }
}

#[tokio::test]
async fn listings_follow_an_index_and_sort_nothing() {
    let scene = Scene::new().await;
    let columns = include_str!("../../src/sql/run_columns_no_context.sql");
    let order = "ORDER BY r.queued_at DESC, r.id DESC LIMIT 100";
    let after = "(r.queued_at, r.id) < (1, 'x')";
    for condition in [
        "true".to_owned(),
        after.to_owned(),
        "r.workspace_id = 'w'".to_owned(),
        format!("r.workspace_id = 'w' AND {after}"),
        "r.outcome = 'blocked' AND r.reason_code = 'missing_capability'".to_owned(),
    ] {
        let statement =
            format!("EXPLAIN QUERY PLAN {columns} FROM runs AS r WHERE {condition} {order}");
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
            .fetch_all(&scene.raw)
            .await
            .unwrap();
        let steps: Vec<&str> = plan.iter().map(|(_, _, _, step)| step.as_str()).collect();
        assert!(
            steps.iter().any(|step| step.contains("USING INDEX")),
            "{condition}: {steps:?}"
        );
        assert!(
            steps.iter().all(|step| !step.contains("TEMP B-TREE")),
            "{condition}: {steps:?}"
        );
    }
}
