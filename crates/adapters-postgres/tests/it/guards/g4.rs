//! G4: whatever started or was blocked carries the one decision that let it.

use countersign_conformance::scene::{Came, HOME};
use countersign_ports::{RunKey, Work};

use super::rulings::{Verdict, allowed_by, denied_by};
use super::{BLOCK, CANCEL, Guarded, START, guarded, nulled, set};

const ALLOWED: &str = "g4_a_start_has_its_allow";
const WHOLE: &str = "g4_a_decision_is_whole";
const RULED: &str = "run_states_have_their_decision";
const KEPT: &str = "run_states_keep_their_decision";

#[test]
fn g4_a_run_does_not_start_without_an_allow() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        store.refuses(&set(&run, START), ALLOWED).await;
        let deny = store.rule(&run, Verdict::Deny).await;
        let columns = format!("{START}, {}", denied_by(deny));
        store.refuses(&set(&run, &columns), ALLOWED).await;
        for nothing_allowed in [deny, deny + 1, -1] {
            let columns = format!("{START}, {}", allowed_by(nothing_allowed));
            store.refuses_for("G4", &set(&run, &columns), RULED).await;
        }
        let allow = store.rule(&run, Verdict::Allow).await;
        let columns = format!("{START}, {}", allowed_by(allow));
        assert_eq!(store.execute(&set(&run, &columns)).await, 1);
    });
}

#[test]
fn g4_a_run_is_not_blocked_for_what_was_not_ruled() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let allow = store.rule(&run, Verdict::Allow).await;
        let deny = store.rule(&run, Verdict::Deny).await;
        let another = denied_by(deny).replace("missing_capability", "workspace_missing");
        for denied in [denied_by(allow), denied_by(deny + 1), another] {
            let columns = format!("{BLOCK}, {denied}");
            store.refuses_for("G4", &set(&run, &columns), RULED).await;
        }
        let columns = format!("{BLOCK}, {}", denied_by(deny));
        assert_eq!(store.execute(&set(&run, &columns)).await, 1);
    });
}

#[test]
fn g4_a_decision_is_whole() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let allowed = allowed_by(store.rule(&run, Verdict::Allow).await);
        let denied = denied_by(store.rule(&run, Verdict::Deny).await);
        for null in ["decision_id", "ruling", "allowed"] {
            let columns = nulled(&format!("{START}, {allowed}"), null);
            store.refuses(&set(&run, &columns), WHOLE).await;
        }
        for null in ["decision_id", "ruling"] {
            let columns = nulled(&format!("{BLOCK}, {denied}"), null);
            store.refuses(&set(&run, &columns), WHOLE).await;
        }
        let columns = format!(
            "{START}, {}",
            allowed.replace("NULL", "'missing_capability'")
        );
        store.refuses(&set(&run, &columns), WHOLE).await;
    });
}

#[test]
fn g4_what_neither_started_nor_was_blocked_has_no_decision() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let allowed = allowed_by(store.rule(&run, Verdict::Allow).await);
        let denied = denied_by(store.rule(&run, Verdict::Deny).await);
        for columns in [
            format!("{CANCEL}, {denied}"),
            format!("{CANCEL}, {allowed}"),
            format!("{CANCEL}, reason_code = 'missing_capability'"),
            denied,
            "reason_code = 'missing_capability'".to_owned(),
            "decision_id = gen_random_uuid()".to_owned(),
            "ruling = 1".to_owned(),
        ] {
            store.refuses(&set(&run, &columns), WHOLE).await;
        }
    });
}

/// A run under way, one that was blocked and one that succeeded.
pub(super) async fn decided(store: &Guarded) -> [RunKey; 3] {
    let running = store.scene.running().await.key;
    let blocked = store.scene.submit(HOME.denied()).await;
    assert_eq!(store.scene.try_start(&blocked).await, Came::Blocked);
    let done = store.scene.succeeded(HOME.sync()).await.key;
    [running, blocked, done]
}

#[test]
fn g4_the_decision_of_a_run_is_never_replaced() {
    guarded(async |store| {
        let [running, blocked, done] = decided(&store).await;
        for (run, verdict) in [
            (&running, Verdict::Allow),
            (&blocked, Verdict::Deny),
            (&done, Verdict::Allow),
        ] {
            // What was ruled is the same, but it is not the decision that let the run.
            let same = store.rule(run, verdict).await;
            for columns in [
                "decision_id = gen_random_uuid()".to_owned(),
                format!("ruling = {same}"),
            ] {
                store.refuses_for("G4", &set(run, &columns), KEPT).await;
            }
        }
        let columns = "reason_code = 'workspace_missing'";
        store.refuses_for("G4", &set(&blocked, columns), KEPT).await;
        let running = store.scene.running().await;
        store.scene.complete(&running, Work::Succeeded).await;
        let none = "decision_id = NULL, ruling = NULL, allowed = NULL, reason_code = NULL";
        store.refuses(&set(&running.key, none), ALLOWED).await;
        store
            .refuses(&set(&blocked, none), "g1_blocked_never_started")
            .await;
    });
}

#[test]
fn g4_a_decision_is_never_borrowed_from_another_run() {
    guarded(async |store| {
        let [_, blocked, _] = decided(&store).await;
        let queued = store.scene.submit(HOME.sync()).await;
        // The deny of a guest, for a run that is the user's.
        let sql = format!(
            "UPDATE run_states AS s
             SET {BLOCK}, decision_id = other.decision_id, ruling = other.ruling, allowed = other.allowed,
                 reason_code = other.reason_code
             FROM run_states AS other WHERE s.id = '{}' AND other.id = '{}'",
            queued.id, blocked.id
        );
        store.refuses_for("G4", &sql, RULED).await;
    });
}

#[test]
fn g4_each_run_of_a_statement_is_held_to_what_was_ruled_on_it() {
    guarded(async |store| {
        let ours = store.scene.submit(HOME.sync()).await;
        let theirs = store.scene.submit(HOME.denied()).await;
        let allowed = allowed_by(store.rule(&ours, Verdict::Allow).await);
        let sql = format!(
            "UPDATE run_states SET {START}, {allowed} WHERE id IN ('{}', '{}')",
            ours.id, theirs.id
        );
        store.refuses_for("G4", &sql, RULED).await;
        assert_eq!(store.scene.load(&ours).await.started_at, None);
    });
}

#[test]
fn g4_an_upsert_is_held_like_an_update() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let deny = store.rule(&run, Verdict::Deny).await;
        let sql = format!(
            "INSERT INTO run_states (id, workspace_id)
             SELECT id, workspace_id FROM run_states WHERE id = '{}'
             ON CONFLICT (id) DO UPDATE SET {START}, {}",
            run.id,
            allowed_by(deny)
        );
        store.refuses_for("G4", &sql, RULED).await;
    });
}
