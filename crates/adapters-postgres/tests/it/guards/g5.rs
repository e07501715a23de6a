//! G5: nothing that was accepted is lost, and what is completed says so.

use countersign_conformance::scene::{HOME, Scene};
use countersign_domain::Submission;
use countersign_ports::RunKey;

use super::{CANCEL, guarded, set};
use crate::guards::rulings::{Verdict, allowed_by};

#[test]
fn g5_an_unfinished_run_is_never_deleted() {
    guarded(async |store| {
        let queued = store.scene.submit(HOME.sync()).await;
        let running = store.scene.running().await.key;
        store.scene.succeeded(HOME.sync()).await;
        let guard = "run_states_are_not_lost";
        for run in [&queued, &running] {
            for table in ["run_states", "runs"] {
                let sql = format!("DELETE FROM {table} WHERE id = '{}'", run.id);
                store.refuses_for("G5", &sql, guard).await;
            }
        }
        for sql in ["DELETE FROM run_states", "DELETE FROM runs"] {
            store.refuses_for("G5", sql, guard).await;
        }
        assert_eq!(store.value::<i64>("SELECT count(*) FROM runs").await, 3);
    });
}

#[test]
fn g5_runs_are_never_emptied() {
    guarded(async |store| {
        for (sql, guard) in [
            ("TRUNCATE run_states", "run_states_are_not_emptied"),
            ("TRUNCATE runs CASCADE", "runs_are_not_emptied"),
            ("TRUNCATE runs, run_states", "runs_are_not_emptied"),
        ] {
            store.refuses_for("G5", sql, guard).await;
        }
    });
}

#[test]
fn g5_a_completed_run_may_be_deleted_and_its_decision_with_it() {
    guarded(async |store| {
        let run = store.scene.succeeded(HOME.sync()).await.key;
        let ruling: i64 = store
            .value(&format!(
                "SELECT ruling FROM run_states WHERE id = '{}'",
                run.id
            ))
            .await;
        let sql = format!("DELETE FROM runs WHERE id = '{}'", run.id);
        assert_eq!(store.execute(&sql).await, 1);
        assert_eq!(
            store.value::<i64>("SELECT count(*) FROM run_states").await,
            0
        );
        let sql = format!("DELETE FROM rulings WHERE seq = {ruling}");
        assert_eq!(store.execute(&sql).await, 1);
    });
}

#[test]
fn g5_a_queue_that_is_emptied_loses_no_run() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let again = "INSERT INTO queue SELECT * FROM queue";
        store.refuses(again, "queue_pkey").await;
        store.execute("TRUNCATE queue").await;
        let entries = store.scene.ports.runs.queued_entries(None, 10).await;
        let entries = entries.unwrap();
        store.scene.push(&entries).await;
        let delivered: Vec<RunKey> = store
            .scene
            .receive(10)
            .await
            .into_iter()
            .map(|delivery| delivery.run)
            .collect();
        assert_eq!(delivered, [run]);
    });
}

#[test]
fn g5_a_run_is_completed_with_an_outcome_and_a_time_or_not_at_all() {
    guarded(async |store| {
        let queued = store.scene.submit(HOME.sync()).await;
        let running = store.scene.running().await.key;
        for (run, columns, guard) in [
            (
                &queued,
                "status = 'completed', completed_at = now()",
                "completed_has_an_outcome",
            ),
            (
                &running,
                "outcome = 'succeeded'",
                "completed_has_an_outcome",
            ),
            (
                &queued,
                "outcome = 'cancelled', cancel_by = 'somebody'",
                "completed_has_an_outcome",
            ),
            (
                &running,
                "status = 'completed', outcome = 'succeeded'",
                "completed_has_a_time",
            ),
            (&running, "completed_at = now()", "completed_has_a_time"),
            (&queued, "completed_at = now()", "completed_has_a_time"),
            (
                &queued,
                "status = 'completed', outcome = 'cancelled', completed_at = now()",
                "cancelled_says_who",
            ),
        ] {
            store.refuses(&set(run, columns), guard).await;
        }
        store.execute(&set(&queued, CANCEL)).await;
    });
}

/// A run that holds a unique key.
async fn holder(scene: &Scene) -> RunKey {
    let submission = Submission {
        unique_key: Some("nightly".parse().unwrap()),
        ..HOME.sync()
    };
    scene.submit(submission).await
}

#[test]
fn g5_a_completed_run_keeps_no_unique_key() {
    guarded(async |store| {
        let run = holder(&store.scene).await;
        let guard = "completed_holds_no_unique_key";
        store.refuses(&set(&run, CANCEL), guard).await;
        let columns = format!("{CANCEL}, unique_hold = NULL");
        store.execute(&set(&run, &columns)).await;
        store.refuses(&set(&run, "unique_hold = 'k'"), guard).await;
        // It would have kept the key from whoever comes next.
        holder(&store.scene).await;
    });
}

#[test]
fn g5_a_unique_key_is_kept_while_a_run_runs() {
    guarded(async |store| {
        let run = holder(&store.scene).await;
        let allowed = allowed_by(store.rule(&run, Verdict::Allow).await);
        store
            .execute(&set(&run, &format!("{}, {allowed}", super::START)))
            .await;
        let other = store.scene.submit(HOME.sync()).await;
        let sql = format!(
            "UPDATE run_states SET unique_hold = (SELECT unique_hold FROM run_states WHERE id = '{}')
             WHERE id = '{}'",
            run.id, other.id
        );
        store.refuses(&sql, "run_states_unique_key").await;
    });
}
