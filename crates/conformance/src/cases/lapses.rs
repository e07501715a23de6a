//! Grants that end: by the store's clock, at the decision and again at the start.

use std::time::Duration;

use countersign_domain::{ReasonCode, Timestamp};
use countersign_ports::{RunKey, Start};

use crate::Ports;
use crate::change::{grant_until, revoke};
use crate::scene::{AN_HOUR, Came, HOME, Scene};

/// Lets the user's `operator` on the tenant, or the membership, end at a time.
async fn ending(scene: &Scene, role: &str, at: Timestamp) {
    let tenant = (role == "operator").then_some(HOME.tenant);
    scene
        .apply(&[grant_until(HOME.user, HOME.workspace, tenant, role, at)])
        .await;
}

async fn soon(scene: &Scene) -> Timestamp {
    scene.clock().await.plus(Duration::from_millis(60))
}

/// Judges a run from facts of which some end soon, before they do. A store that is slow to answer is
/// given longer.
async fn judged_in_time(scene: &Scene, key: &RunKey, role: &str) -> (Start, Timestamp) {
    let mut ahead = Duration::from_millis(60);
    loop {
        let at = scene.clock().await.plus(ahead);
        ending(scene, role, at).await;
        let start = scene.judge(key).await;
        if start.decision().is_allowed() {
            assert_eq!(start.decision().lapses_at(), Some(at));
            return (start, at);
        }
        assert!(ahead < AN_HOUR, "an answer before its grants end");
        ahead *= 2;
    }
}

async fn reason(scene: &Scene, key: &RunKey) -> Option<ReasonCode> {
    let run = scene.load(key).await;
    run.decision_record().unwrap().unwrap().reason_code
}

/// A grant holds while the store's clock is before its end, and not at its end.
pub async fn a_grant_that_has_ended_is_no_grant(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for (role, expected) in [
        ("operator", ReasonCode::TenantNotEntitled),
        ("member", ReasonCode::InitiatorNotInWorkspace),
    ] {
        ending(&scene, role, scene.clock().await).await;
        let key = scene.submit(HOME.sync()).await;
        assert_eq!(scene.try_start(&key).await, Came::Blocked);
        assert_eq!(reason(&scene, &key).await, Some(expected));
        scene.apply(&HOME.changes()).await;
    }
}

/// An allow that lapses after its decision starts nothing; judged again, the run is denied.
pub async fn an_allow_that_lapses_before_its_start_moves_the_authority(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let (start, at) = judged_in_time(&scene, &key, "operator").await;
    scene.clock_past(at).await;
    assert_eq!(scene.begin_one(&start).await, Came::Moved);
    assert_eq!(scene.load(&key).await.decision, None);
    assert_eq!(scene.try_start(&key).await, Came::Blocked);
    let expected = Some(ReasonCode::TenantNotEntitled);
    assert_eq!(reason(&scene, &key).await, expected);
}

/// The same for a membership that ends: every grant that an allow rests on counts.
pub async fn a_membership_that_ends_before_the_start_moves_the_authority(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let (start, at) = judged_in_time(&scene, &key, "member").await;
    scene.clock_past(at).await;
    assert_eq!(scene.begin_one(&start).await, Came::Moved);
    assert_eq!(scene.try_start(&key).await, Came::Blocked);
    let expected = Some(ReasonCode::InitiatorNotInWorkspace);
    assert_eq!(reason(&scene, &key).await, expected);
}

/// Only the lapsed start of a batch is stopped.
pub async fn an_allow_that_lapses_does_not_fail_its_neighbours(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let [lasting, lapsing] = [HOME.system(), HOME.sync()];
    let keys = scene.submit_all([lasting, lapsing, HOME.denied()]).await;
    let (lapsed, at) = judged_in_time(&scene, &keys[1], "operator").await;
    let starts = [
        scene.judge(&keys[0]).await,
        lapsed,
        scene.judge(&keys[2]).await,
    ];
    scene.clock_past(at).await;
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Started, Came::Moved, Came::Blocked]);
}

/// A deny rests on no grant, and does not lapse with those that the user has.
pub async fn a_deny_never_lapses(ports: &Ports) {
    let scene = Scene::home(ports).await;
    scene
        .apply(&[revoke(HOME.guest, HOME.workspace, HOME.tenant, "viewer")])
        .await;
    let at = soon(&scene).await;
    for (tenant, role) in [(None, "member"), (Some(HOME.tenant), "viewer")] {
        scene
            .apply(&[grant_until(HOME.guest, HOME.workspace, tenant, role, at)])
            .await;
    }
    let key = scene.submit(HOME.denied()).await;
    let start = scene.judge(&key).await;
    scene.clock_past(at).await;
    assert_eq!(scene.begin_one(&start).await, Came::Blocked);
}

/// An allow that ends later starts, and so does one that was prolonged.
pub async fn an_allow_starts_as_long_as_it_holds(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let later = scene.clock().await.plus(AN_HOUR);
    ending(&scene, "operator", scene.clock().await).await;
    ending(&scene, "operator", later).await;
    let key = scene.submit(HOME.sync()).await;
    let start = scene.judge(&key).await;
    assert_eq!(start.decision().lapses_at(), Some(later));
    assert_eq!(scene.begin_one(&start).await, Came::Started);
}

/// A run of the system's rests on nobody's grants.
pub async fn a_system_run_does_not_lapse(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let at = soon(&scene).await;
    ending(&scene, "operator", at).await;
    ending(&scene, "member", at).await;
    let key = scene.submit(HOME.system()).await;
    let start = scene.judge(&key).await;
    scene.clock_past(at).await;
    assert_eq!(scene.begin_one(&start).await, Came::Started);
}

/// The instant that facts are judged at is the store's clock, and not before they were asked for.
pub async fn facts_are_judged_at_the_store_s_clock(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for _ in 0..5 {
        let before = scene.clock().await;
        let authority = scene.look_up(&HOME.query()).await;
        let after = scene.clock().await;
        let as_of = authority.facts().as_of;
        assert!(
            before <= as_of && as_of <= after,
            "{before} {as_of} {after}"
        );
    }
}
