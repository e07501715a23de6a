//! Bounded consistency: an age that was agreed to by name takes the place of the fence.

use std::time::Duration;

use countersign_domain::{Consistency, Timestamp};
use countersign_ports::{Authority, Bound, Fence, RunKey, Start, fresh_store_id};

use crate::Ports;
use crate::change::set_user;
use crate::scene::{AN_HOUR, Came, HOME, Scene};

/// Judges a run by the facts of another store, as old as the bound says.
async fn judge_bounded(scene: &Scene, key: &RunKey, bound: Bound) -> Start {
    let context = scene.context(&scene.load(key).await);
    let here = scene.look_up(&context.query()).await;
    let apart = Authority::resolved(
        here.query().clone(),
        here.rows().clone(),
        here.facts().as_of,
        Fence {
            store: fresh_store_id(),
            scopes: here.fence().scopes.clone(),
        },
    );
    scene.judge_by(&context, &apart, AN_HOUR, Some(bound))
}

fn read_at(read_at: Timestamp, max_age: Duration) -> Bound {
    Bound { read_at, max_age }
}

/// Within the age, allow and deny stand, and the record says what they rest on.
pub async fn a_start_within_its_bound_is_begun(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene.submit_all([HOME.sync(), HOME.denied()]).await;
    let bound = read_at(scene.clock().await, AN_HOUR);
    let starts = [
        judge_bounded(&scene, &keys[0], bound).await,
        judge_bounded(&scene, &keys[1], bound).await,
    ];
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Started, Came::Blocked]);
    for run in scene.load_all(&keys).await {
        let record = run.decision_record().unwrap().unwrap();
        assert_eq!(record.authority.consistency, Consistency::Bounded);
        assert_eq!(record.authority.max_age_ms, Some(3_600_000));
    }
}

/// Past the age, allow and deny alike are refused and judged again.
pub async fn a_start_past_its_bound_moves_the_authority(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene.submit_all([HOME.sync(), HOME.denied()]).await;
    let long_ago = scene.clock().await.minus(Duration::from_secs(10));
    let bound = read_at(long_ago, Duration::from_secs(9));
    let starts = [
        judge_bounded(&scene, &keys[0], bound).await,
        judge_bounded(&scene, &keys[1], bound).await,
    ];
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Moved, Came::Moved]);
    for run in scene.load_all(&keys).await {
        assert_eq!((run.started_at, run.decision), (None, None));
    }
}

/// The age is counted in microseconds by the run store's own clock: it passes while one waits.
pub async fn a_bound_passes_by_the_run_store_s_clock(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let now = scene.clock().await;
    let max_age = Duration::from_micros(20_001);
    let start = judge_bounded(&scene, &key, read_at(now, max_age)).await;
    scene.clock_past(now.plus(max_age)).await;
    assert_eq!(scene.begin_one(&start).await, Came::Moved);
}

/// A bound stands in for the fence: the price of living apart is that a change made meanwhile is not
/// seen. It is paid only where it was agreed to.
pub async fn a_bound_compares_no_revisions(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene.submit_all([HOME.sync(), HOME.sync()]).await;
    let bound = read_at(scene.clock().await, AN_HOUR);
    let bounded = judge_bounded(&scene, &keys[0], bound).await;
    let fenced = scene.judge(&keys[1]).await;
    scene.apply(&[set_user(HOME.user, false)]).await;
    let came = scene.begin(&[bounded, fenced]).await;
    assert_eq!(came, [Came::Started, Came::Moved]);
}

/// In everything else a bounded start is a start: once, and only of a run that is queued.
pub async fn a_bounded_start_starts_once(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let bound = read_at(scene.clock().await, AN_HOUR);
    let starts = [
        judge_bounded(&scene, &key, bound).await,
        judge_bounded(&scene, &key, bound).await,
    ];
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Started, Came::NotQueued]);
}
