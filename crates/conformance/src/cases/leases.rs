//! Leases: extended while the run runs under them, and what a renewal finds and leaves (G7).

use std::time::Duration;

use countersign_domain::{LeaseId, RunStatus};
use countersign_ports::{Cancelled, Renewal, Renewed, Work, fresh_lease_id, fresh_run_id};

use crate::Ports;
use crate::scene::{AN_HOUR, HOME, Running, Scene, json, note};

const HELD: Renewed = Renewed::Held { cancel: None };

/// A renewed lease runs on: nobody rescues its run when the old end has passed.
pub async fn a_renewed_lease_runs_on(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let short = Duration::from_millis(30);
    let running = scene.start_for(&key, short).await;
    let end = scene.clock().await.plus(short);
    assert_eq!(scene.renew(running.renewal(AN_HOUR)).await, HELD);
    scene.clock_past(end).await;
    assert!(scene.rescue(10).await.is_empty());
    assert_eq!(scene.load(&key).await.status, RunStatus::Running);
}

/// … and no further than it was renewed for.
pub async fn a_lease_that_is_renewed_for_a_moment_lapses(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    let moment = Duration::from_millis(5);
    assert_eq!(scene.renew(running.renewal(moment)).await, HELD);
    scene.clock_past(scene.clock().await.plus(moment)).await;
    assert_eq!(scene.rescue(10).await.len(), 1);
}

/// A renewal that comes late holds as long as nobody has rescued the run.
pub async fn a_late_renewal_holds_while_nobody_has_rescued_the_run(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let running = scene.start_and_lapse(&key).await;
    assert_eq!(scene.renew(running.renewal(AN_HOUR)).await, HELD);
    assert!(scene.rescue(10).await.is_empty());
}

/// After a rescue the lease is lost, for good.
pub async fn a_lease_is_lost_after_a_rescue(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let running = scene.start_and_lapse(&key).await;
    assert_eq!(scene.rescue(10).await.len(), 1);
    let run = scene.load(&key).await;
    let renewal = Renewal {
        continuity: Some(json(r#"{"late":true}"#)),
        cancel: Some(note("gate", "revoked")),
        ..running.renewal(AN_HOUR)
    };
    assert_eq!(scene.renew(renewal).await, Renewed::LeaseLost);
    assert_eq!(scene.load(&key).await, run, "and nothing was changed");
}

/// Only the lease that the run was started under holds: not another's, not one that is made up.
pub async fn a_lease_of_another_run_does_not_hold(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let (one, other) = (scene.running().await, scene.running().await);
    let run = scene.load(&one.key).await;
    for lease_id in [
        other.lease_id,
        fresh_lease_id(),
        LeaseId::from(uuid::Uuid::nil()),
    ] {
        let renewal = Renewal {
            lease_id,
            continuity: Some(json("{}")),
            cancel: Some(note("nobody", "")),
            ..one.renewal(AN_HOUR)
        };
        assert_eq!(scene.renew(renewal).await, Renewed::LeaseLost);
    }
    assert_eq!(scene.load(&one.key).await, run);
    assert_eq!(scene.renew(one.renewal(AN_HOUR)).await, HELD);
}

/// Runs that are not running have no lease to renew.
pub async fn a_run_that_is_not_running_has_no_lease(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let queued = scene.submit(HOME.sync()).await;
    let done = scene.succeeded(HOME.sync()).await;
    let ghost = countersign_ports::RunKey {
        id: fresh_run_id(),
        ..queued.clone()
    };
    for key in [queued, done.key.clone(), ghost] {
        let running = Running { key, ..done };
        let renewed = scene.renew(running.renewal(AN_HOUR)).await;
        assert_eq!(renewed, Renewed::LeaseLost, "{}", running.key.id);
    }
}

/// A renewal sees the cancel flag, with who raised it and why; every renewal after it does, too.
pub async fn a_renewal_sees_the_cancel_flag(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    assert_eq!(scene.renew(running.renewal(AN_HOUR)).await, HELD);
    let why = note("ops \"on\" duty", "wrong\ntenant 🛑");
    let elsewhere = scene.elsewhere().await;
    let cancelled = elsewhere.cancel(&running.key, why.clone()).await;
    assert_eq!(cancelled, Cancelled::Requested);
    for _ in 0..2 {
        let renewed = scene.renew(running.renewal(AN_HOUR)).await;
        assert_eq!(
            renewed,
            Renewed::Held {
                cancel: Some(why.clone())
            }
        );
    }
    assert_eq!(scene.load(&running.key).await.status, RunStatus::Running);
}

/// G7: a deny that is found while the run runs is kept to the letter, beside the decision that let it
/// start.
pub async fn a_deny_that_is_found_at_a_renewal_is_kept(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    let before = scene.load(&running.key).await;
    let found = json(r#"{"reason_code":"initiator_disabled","n":1.50}"#);
    let renewal = Renewal {
        continuity: Some(found.clone()),
        ..running.renewal(AN_HOUR)
    };
    assert_eq!(scene.renew(renewal).await, HELD, "it may finish");
    let run = scene.load(&running.key).await;
    assert_eq!(run.continuity, Some(found));
    assert_eq!(run.decision, before.decision, "stays as it was");
}

/// G7: the first deny is kept; later ones, and renewals that find nothing, change it no more.
pub async fn the_first_deny_that_is_found_stays(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    let found = |text: &str| Renewal {
        continuity: Some(json(text)),
        ..running.renewal(AN_HOUR)
    };
    scene.renew(found(r#"{"first":1}"#)).await;
    scene.renew(found(r#"{"second":2}"#)).await;
    scene.renew(running.renewal(AN_HOUR)).await;
    let kept = |run: countersign_domain::OperationRun| run.continuity;
    let first = Some(json(r#"{"first":1}"#));
    assert_eq!(kept(scene.load(&running.key).await), first);
    scene.complete(&running, Work::Succeeded).await;
    assert_eq!(kept(scene.load(&running.key).await), first);
}

/// G7: a deny that is to cancel the run raises the flag in the renewal's own commit.
pub async fn a_renewal_raises_the_cancel_flag(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    let why = note("gate", "initiator_disabled");
    let flagged = Renewed::Held {
        cancel: Some(why.clone()),
    };
    let renewal = Renewal {
        continuity: Some(json("{}")),
        cancel: Some(why.clone()),
        ..running.renewal(AN_HOUR)
    };
    assert_eq!(scene.renew(renewal).await, flagged);
    assert_eq!(scene.renew(running.renewal(AN_HOUR)).await, flagged);
    let operator = scene.cancel(&running.key, note("ops", "me too")).await;
    assert_eq!(operator, Cancelled::AlreadyRequested);
    let outcome = scene.complete(&running, Work::Succeeded).await;
    assert_eq!(outcome.as_str(), "cancelled");
    assert_eq!(scene.load(&running.key).await.cancel, Some(why));
}

/// A flag that was raised first stays: whoever raises it again is told of the first.
pub async fn the_first_cancel_flag_stays(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    let first = note("ops", "wrong tenant");
    scene.cancel(&running.key, first.clone()).await;
    let renewal = Renewal {
        cancel: Some(note("gate", "initiator_disabled")),
        ..running.renewal(AN_HOUR)
    };
    assert_eq!(
        scene.renew(renewal).await,
        Renewed::Held {
            cancel: Some(first)
        }
    );
}

/// Renewals of a batch do not fail each other, and are answered in input order.
pub async fn renewals_are_answered_in_input_order(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let held = scene.running().await;
    let flagged = scene.running().await;
    let why = note("ops", "enough");
    scene.cancel(&flagged.key, why.clone()).await;
    let lost = Running {
        lease_id: fresh_lease_id(),
        ..held.clone()
    };
    let batch = [&lost, &flagged, &held, &lost].map(|one| one.renewal(AN_HOUR));
    assert_eq!(
        ports.runs.renew(&batch).await.unwrap(),
        [
            Renewed::LeaseLost,
            Renewed::Held { cancel: Some(why) },
            HELD,
            Renewed::LeaseLost,
        ]
    );
}
