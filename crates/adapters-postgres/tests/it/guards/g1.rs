//! G1: what is blocked never starts, and nothing is worked off without a start.

use countersign_conformance::scene::{Came, HOME};

use super::rulings::{Verdict, allowed_by, denied_by};
use super::{BLOCK, guarded, nulled, set};

const GUARD: &str = "g1_blocked_never_started";

#[test]
fn g1_a_blocked_run_is_given_no_start_and_no_lease() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.denied()).await;
        assert_eq!(store.scene.try_start(&run).await, Came::Blocked);
        for columns in ["started_at = now()", "lease_id = gen_random_uuid()"] {
            store.refuses(&set(&run, columns), GUARD).await;
        }
    });
}

#[test]
fn g1_a_run_is_not_blocked_and_started_at_once() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let denied = denied_by(store.rule(&run, Verdict::Deny).await);
        for more in ["started_at = now()", "lease_id = gen_random_uuid()"] {
            let columns = format!("{BLOCK}, {denied}, {more}");
            store.refuses(&set(&run, &columns), GUARD).await;
        }
        store
            .execute(&set(&run, &format!("{BLOCK}, {denied}")))
            .await;
    });
}

#[test]
fn g1_a_run_is_not_blocked_without_a_deny() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        store.refuses(&set(&run, BLOCK), GUARD).await;
        let allowed = allowed_by(store.rule(&run, Verdict::Allow).await);
        let columns = format!("{BLOCK}, {allowed}");
        store.refuses(&set(&run, &columns), GUARD).await;
        let denied = denied_by(store.rule(&run, Verdict::Deny).await);
        for (null, guard) in [
            ("allowed", GUARD),
            ("reason_code", GUARD),
            ("decision_id", "g4_a_decision_is_whole"),
            ("ruling", "g4_a_decision_is_whole"),
        ] {
            let columns = nulled(&format!("{BLOCK}, {denied}"), null);
            store.refuses(&set(&run, &columns), guard).await;
        }
    });
}

#[test]
fn g1_nothing_succeeds_that_has_not_started() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        for outcome in ["succeeded", "partially_succeeded"] {
            let columns =
                format!("status = 'completed', outcome = '{outcome}', completed_at = now()");
            store
                .refuses(&set(&run, &columns), "g1_work_has_started")
                .await;
        }
    });
}
