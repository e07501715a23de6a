//! G3: a run starts once, and its status only moves forward.

use countersign_conformance::scene::HOME;
use countersign_ports::{RunKey, Work};

use super::raw_run::state;
use super::rulings::{Verdict, allowed_by, denied_by};
use super::{CANCEL, Guarded, START, guarded, nulled, set};

async fn cancelled(store: &Guarded) -> RunKey {
    let run = store.scene.submit(HOME.sync()).await;
    store.execute(&set(&run, CANCEL)).await;
    run
}

#[test]
fn g3_a_queued_run_has_not_started() {
    guarded(async |store| {
        let run = store.asked().await;
        let allow = store.rule(&run, Verdict::Allow).await;
        let columns = [
            ("started_at", "now()"),
            ("decision_id", "gen_random_uuid()"),
            ("ruling", &allow.to_string()),
            ("allowed", "true"),
        ];
        store
            .refuses(&state(&run, &columns), "queued_has_not_started")
            .await;
        store.execute(&state(&run, &[])).await;
        let columns = format!("started_at = now(), {}", allowed_by(allow));
        store
            .refuses(&set(&run, &columns), "queued_has_not_started")
            .await;
    });
}

#[test]
fn g3_a_running_run_has_a_start_and_a_lease() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let allowed = allowed_by(store.rule(&run, Verdict::Allow).await);
        for null in ["lease_id", "lease_expires_at"] {
            let columns = nulled(&format!("{START}, {allowed}"), null);
            store
                .refuses(&set(&run, &columns), "running_has_a_lease")
                .await;
        }
        // Neither start nor decision.
        let columns = nulled(START, "started_at");
        store
            .refuses(&set(&run, &columns), "running_has_a_lease")
            .await;
    });
}

#[test]
fn g3_no_status_leads_back_to_an_earlier_one() {
    guarded(async |store| {
        let ended = cancelled(&store).await;
        let rest = "outcome = 'pending', completed_at = NULL";
        let columns = format!("status = 'queued', {rest}");
        let guard = "run_states_move_forward";
        store.refuses_for("G3", &set(&ended, &columns), guard).await;
        let allowed = allowed_by(store.rule(&ended, Verdict::Allow).await);
        let columns = format!("{START}, {rest}, {allowed}");
        store.refuses_for("G3", &set(&ended, &columns), guard).await;

        let running = store.scene.running().await.key;
        store
            .refuses(
                &set(&running, "status = 'queued'"),
                "queued_has_not_started",
            )
            .await;
        // Without a trace of its start, it would have lost its decision.
        let columns =
            "status = 'queued', started_at = NULL, lease_id = NULL, lease_expires_at = NULL,
                       decision_id = NULL, ruling = NULL, allowed = NULL";
        let guard = "run_states_keep_their_decision";
        store
            .refuses_for("G4", &set(&running, columns), guard)
            .await;
    });
}

#[test]
fn g3_a_run_starts_once() {
    guarded(async |store| {
        let running = store.scene.running().await.key;
        let done = store.scene.succeeded(HOME.sync()).await.key;
        let guard = "run_states_start_once";
        for run in [&running, &done] {
            let columns = "started_at = started_at + interval '1 second'";
            store.refuses_for("G3", &set(run, columns), guard).await;
        }
        store.refuses_for("G3", &set(&running, START), guard).await;
        store
            .refuses(
                &set(&running, "started_at = NULL"),
                "g4_a_decision_is_whole",
            )
            .await;
    });
}

#[test]
fn g3_a_run_starts_by_moving_from_queued_to_running() {
    guarded(async |store| {
        let guard = "run_states_start_once";
        let run = store.scene.submit(HOME.sync()).await;
        let allowed = allowed_by(store.rule(&run, Verdict::Allow).await);
        for outcome in [
            "outcome = 'succeeded'",
            "outcome = 'failed', failure_code = 'handler_failed'",
        ] {
            let columns = format!(
                "status = 'completed', {outcome}, completed_at = now(), started_at = now(), {allowed}"
            );
            store.refuses_for("G3", &set(&run, &columns), guard).await;
        }
        let ended = cancelled(&store).await;
        let columns = format!("started_at = now(), {allowed}");
        store.refuses_for("G3", &set(&ended, &columns), guard).await;
    });
}

#[test]
fn g3_a_completed_run_stays_as_it_ended() {
    guarded(async |store| {
        let ended = cancelled(&store).await;
        let done = store.scene.running().await;
        store.scene.complete(&done, Work::Succeeded).await;
        for (run, columns) in [
            (
                &ended,
                "outcome = 'failed', failure_code = 'authority_unavailable'",
            ),
            (&ended, "completed_at = completed_at + interval '1 second'"),
            (&done.key, "outcome = 'partially_succeeded'"),
            (
                &done.key,
                "outcome = 'failed', failure_code = 'handler_failed'",
            ),
        ] {
            let guard = "run_states_stay_completed";
            store.refuses_for("G3", &set(run, columns), guard).await;
        }
        let denied = denied_by(store.rule(&ended, Verdict::Deny).await);
        let columns = format!("outcome = 'blocked', {denied}");
        let guard = "run_states_stay_completed";
        store.refuses_for("G3", &set(&ended, &columns), guard).await;
    });
}
