//! What was damaged past the guards is an error or undecided: never a start, and no neighbour pays for it.

use std::time::Duration;

use countersign_domain::{ExecutionContext, Operation, OperationRun, QueueName};
use countersign_ports::{
    AuthorityLookup, LookedUp, PortErrorKind, Receive, RunKey, RunQueue, RunRepository,
};

use crate::scene::Scene;

#[tokio::test]
async fn g6_a_malformed_scope_is_undecided_and_starts_nothing() {
    let scene = Scene::new().await;
    let run = scene.queued().await;
    let start = scene.judged(&run).await;
    scene.execute("DROP TRIGGER scopes_never_repeat").await;
    scene
        .execute("UPDATE scopes SET nonce = 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz'")
        .await;
    let operation = Operation::new("op".parse().unwrap());
    let query = ExecutionContext::of(&run, operation.into()).query();
    let found = scene
        .store
        .authority()
        .look_up(&[query])
        .await
        .unwrap()
        .remove(0);
    assert!(matches!(found, LookedUp::Undecided(_)), "{found:?}");
    assert!(scene.store.runs().begin(&[start]).await.is_err());
    assert_eq!(scene.run(run.id).await.started_at, None);
}

#[tokio::test]
async fn g6_a_store_without_its_marker_is_undecided() {
    let scene = Scene::new().await;
    let run = scene.queued().await;
    scene.execute("DELETE FROM store").await;
    let operation = Operation::new("op".parse().unwrap());
    let query = ExecutionContext::of(&run, operation.into()).query();
    let found = scene
        .store
        .authority()
        .look_up(&[query])
        .await
        .unwrap()
        .remove(0);
    assert!(matches!(found, LookedUp::Undecided(_)), "{found:?}");
}

#[tokio::test]
async fn a_corrupted_run_is_an_error_and_no_start() {
    let scene = Scene::new().await;
    let run = scene.queued().await;
    scene.execute("DROP TRIGGER runs_stay_what_they_are").await;
    scene
        .execute(&format!(
            "UPDATE runs SET context = 'nonsense' WHERE id = '{}'",
            run.id
        ))
        .await;
    let error = scene.store.runs().find(&[run.id]).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Corrupt);
}

#[tokio::test]
async fn a_corrupted_decision_is_an_error_and_no_panic() {
    let scene = Scene::new().await;
    let run = scene.started().await;
    scene.execute("DROP TRIGGER rulings_are_kept").await;
    let mut raw = scene.raw.acquire().await.unwrap();
    for record in ["7", "[]", r#"{"allowed":7}"#, "null"] {
        for sql in [
            "PRAGMA ignore_check_constraints = ON".to_owned(),
            format!("UPDATE rulings SET record = '{record}'"),
        ] {
            let written = sqlx::query(sqlx::AssertSqlSafe(sql));
            written.execute(&mut *raw).await.unwrap();
        }
        // Whether it is noticed as it is read or as it is told: an error, and the store is still there.
        match scene.store.runs().find(&[run.id]).await {
            Err(error) => assert_eq!(error.kind(), PortErrorKind::Corrupt, "{record}"),
            Ok(found) => {
                let run = found.into_iter().next().unwrap().unwrap();
                assert!(run.decision_record().is_err(), "{record}");
            }
        }
        let next = scene.queued_for("stranger").await;
        assert_eq!(scene.run(next.id).await.started_at, None);
    }
}

#[tokio::test]
async fn a_run_that_cannot_be_read_holds_up_no_other() {
    let scene = Scene::new().await;
    let (damaged, whole) = (scene.queued().await, scene.queued().await);
    scene.execute("DROP TRIGGER runs_stay_what_they_are").await;
    let damage = format!("UPDATE runs SET context = '7' WHERE id = '{}'", damaged.id);
    scene.execute(&damage).await;
    let keys: Vec<RunKey> = [&damaged, &whole].map(key_of).into();
    let loaded = scene.store.runs().load(&keys).await.unwrap();
    assert_eq!(loaded, [None, Some(whole)]);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_holds_up_no_other() {
    let scene = Scene::new().await;
    let (damaged, whole) = (scene.queued().await, scene.queued().await);
    scene.execute("DROP TRIGGER runs_stay_what_they_are").await;
    for damage in [
        format!(
            "UPDATE runs SET queue_name = '' WHERE id = '{}'",
            damaged.id
        ),
        format!(
            "UPDATE queue SET workspace_id = '' WHERE run_id = '{}'",
            damaged.id
        ),
    ] {
        scene.execute(&damage).await;
    }
    let entries = scene.store.runs().queued_entries(None, 10).await.unwrap();
    let entries: Vec<&RunKey> = entries.iter().map(|entry| &entry.run).collect();
    assert_eq!(entries, [&key_of(&whole)]);

    let mut received = Vec::new();
    // The first of them is the damaged one, and is out of the way after it was met.
    for _ in 0..2 {
        let receive = Receive {
            queue_name: &QueueName::standard(),
            operations: &["op".parse().unwrap()],
            limit: 1,
            invisible_for: Duration::from_secs(60),
        };
        received.extend(scene.store.queue().receive(&receive).await.unwrap());
    }
    let received: Vec<&RunKey> = received.iter().map(|delivery| &delivery.run).collect();
    assert_eq!(received, [&key_of(&whole)]);
}

fn key_of(run: &OperationRun) -> RunKey {
    RunKey {
        workspace_id: run.workspace_id.clone(),
        id: run.id,
    }
}
