//! A value of ours that was damaged past the guards is an error, never a default and never a panic.

use countersign_conformance::scene::{Came, HOME};
use countersign_domain::RunId;
use countersign_ports::{ContextDetail, PortErrorKind, RunFilter};

use super::raw_run::{ask, fresh_key, state};
use super::{Guarded, guarded, set};

impl Guarded {
    /// Whoever reads the run is told that it is corrupt.
    async fn is_corrupt(&self, run: RunId, what: &str) {
        let runs = &self.scene.ports.runs;
        let found = runs.find(&[run]).await.expect_err(what);
        assert_eq!(found.kind(), PortErrorKind::Corrupt, "{what}: {found}");
        let filter = RunFilter::default();
        let listed = runs.list(&filter, None, 10, ContextDetail::Full).await;
        let listed = listed.expect_err(what);
        assert_eq!(listed.kind(), PortErrorKind::Corrupt, "{what}: {listed}");
    }
}

#[test]
fn a_context_that_is_no_json_is_corrupt() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        for context in ["nonsense", "", "7", "{"] {
            let sql = format!("UPDATE runs SET context = '{context}'");
            store.without_triggers("runs", &sql).await;
            store.is_corrupt(run.id, context).await;
        }
        // The store is still there for others.
        store
            .without_triggers("runs", "UPDATE runs SET context = '{}'")
            .await;
        assert_eq!(store.scene.try_start(&run).await, Came::Started);
    });
}

#[test]
fn a_result_that_is_no_json_is_corrupt() {
    guarded(async |store| {
        let running = store.scene.running().await;
        for column in ["continuity", "result", "output"] {
            let columns = format!("{column} = 'nonsense'");
            store.execute(&set(&running.key, &columns)).await;
            store.is_corrupt(running.key.id, column).await;
            let columns = format!("{column} = NULL");
            store.execute(&set(&running.key, &columns)).await;
        }
        store.scene.load(&running.key).await;
    });
}

#[test]
fn a_ruling_that_is_none_is_corrupt_and_gives_no_decision() {
    guarded(async |store| {
        let run = store.scene.running().await.key;
        for record in [
            "nonsense",
            "",
            "7",
            "null",
            "[]",
            "{}",
            r#"{"allowed":true}"#,
        ] {
            let sql = format!("UPDATE rulings SET record = '{record}'");
            store.without_triggers("rulings", &sql).await;
            store.is_corrupt(run.id, record).await;
        }
        // As it begins, it could be a ruling: that it is none is told by whoever reads the decision.
        let sql = r#"UPDATE rulings SET record = '{"v":1,"decision_id":null,"allowed":7}'"#;
        store.without_triggers("rulings", sql).await;
        let run = store.scene.load(&run).await;
        assert!(run.decision_record().is_err());
    });
}

#[test]
fn a_decision_that_lost_its_ruling_is_corrupt() {
    guarded(async |store| {
        let run = store.scene.running().await.key;
        store
            .without_triggers("rulings", "DELETE FROM rulings")
            .await;
        store
            .is_corrupt(run.id, "a decision without its ruling")
            .await;
    });
}

#[test]
fn a_value_that_no_type_of_ours_has_is_corrupt() {
    guarded(async |store| {
        for (column, value) in [
            ("workspace_id", "''"),
            ("tenant_id", "E'\\n'"),
            ("initiator", "''"),
            ("operation_type", "E'\\t'"),
            ("provider_connection_id", "''"),
            ("unique_key", "''"),
            ("queue_name", "''"),
            ("queued_at", "'infinity'"),
            ("due_at", "'-infinity'"),
            ("chain_id", "'00000000-0000-0000-0000-000000000000'"),
        ] {
            let run = fresh_key();
            store.execute(&ask(&run, &[(column, value)])).await;
            let state = state(&run, &[]);
            store.without_triggers("run_states", &state).await;
            store.is_corrupt(run.id, column).await;
            // Out of the way of the next one.
            let sql = "UPDATE run_states SET status = 'completed', outcome = 'cancelled',
                       completed_at = now(), cancel_by = 'somebody'";
            store.execute(sql).await;
            store.execute("DELETE FROM runs").await;
        }
    });
}
