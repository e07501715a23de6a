//! What a fence is compared with: store, every scope, counter and nonce.

use countersign_domain::{ExecutionContext, Revision, RunStatus, ScopeRevision, StoreId};
use countersign_ports::{Authority, Fence, RunKey, Start, fresh_store_id};

use crate::Ports;
use crate::change::{id, set_workspace};
use crate::scene::{AN_HOUR, AWAY, Came, HOME, Scene};

/// Judges a run, but with another fence than its authority's.
async fn judge_fenced(
    scene: &Scene,
    key: &RunKey,
    fence: impl FnOnce(&Fence) -> (StoreId, Vec<ScopeRevision>),
) -> Start {
    let context = scene.context(&scene.load(key).await);
    let authority = scene.look_up(&context.query()).await;
    let (store, scopes) = fence(authority.fence());
    refenced(scene, &context, &authority, store, scopes)
}

fn refenced(
    scene: &Scene,
    context: &ExecutionContext,
    authority: &Authority,
    store: StoreId,
    scopes: Vec<ScopeRevision>,
) -> Start {
    let authority = Authority::resolved(
        authority.query().clone(),
        authority.rows().clone(),
        authority.facts().as_of,
        Fence {
            store,
            scopes: scopes.into_iter().collect(),
        },
    );
    scene.judge_by(context, &authority, AN_HOUR, None)
}

async fn moved_and_untouched(scene: &Scene, key: &RunKey, start: &Start) {
    let before = scene.load(key).await;
    assert_eq!(scene.begin_one(start).await, Came::Moved);
    assert_eq!(scene.load(key).await, before);
    assert_eq!(before.status, RunStatus::Queued);
}

/// G2: facts of another store fence nothing here, though their revisions be the same.
pub async fn a_fence_of_another_store_starts_nothing(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for submission in [HOME.sync(), HOME.denied()] {
        let key = scene.submit(submission).await;
        let start = judge_fenced(&scene, &key, |fence| {
            (fresh_store_id(), fence.scopes.to_vec())
        });
        moved_and_untouched(&scene, &key, &start.await).await;
    }
}

/// G2: a fence that names no scope is no fence.
pub async fn a_fence_of_no_scope_starts_nothing(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for submission in [HOME.sync(), HOME.denied()] {
        let key = scene.submit(submission).await;
        let start = judge_fenced(&scene, &key, |fence| (fence.store, Vec::new()));
        moved_and_untouched(&scene, &key, &start.await).await;
    }
}

/// Fence protocol, step 2: a revision of the same count but another nonce is another revision, as a
/// restored store would make it.
pub async fn a_revision_with_another_nonce_is_another_revision(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for submission in [HOME.sync(), HOME.denied()] {
        let key = scene.submit(submission).await;
        for flipped in [1, 1 << 63, 1 << 64, 1 << 127] {
            let start = judge_fenced(&scene, &key, |fence| {
                let other = |scope: &ScopeRevision| ScopeRevision {
                    revision: Revision::new(
                        scope.revision.counter(),
                        scope.revision.nonce() ^ flipped,
                    ),
                    ..scope.clone()
                };
                (fence.store, fence.scopes.iter().map(other).collect())
            });
            moved_and_untouched(&scene, &key, &start.await).await;
        }
    }
}

/// … and so is one of the same nonce but another count.
pub async fn a_revision_with_another_counter_is_another_revision(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let start = judge_fenced(&scene, &key, |fence| {
        let other = |scope: &ScopeRevision| ScopeRevision {
            revision: Revision::new(scope.revision.counter() + 1, scope.revision.nonce()),
            ..scope.clone()
        };
        (fence.store, fence.scopes.iter().map(other).collect())
    });
    moved_and_untouched(&scene, &key, &start.await).await;
}

/// A scope without record has no revision that a fence could still have.
pub async fn a_scope_without_record_starts_nothing(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let start = judge_fenced(&scene, &key, |fence| {
        let mut scopes = fence.scopes.to_vec();
        scopes.push(ScopeRevision {
            workspace: id("nobody looked here"),
            revision: Revision::new(1, 1),
        });
        (fence.store, scopes)
    });
    moved_and_untouched(&scene, &key, &start.await).await;
}

/// Every scope of a fence is compared, not only that of the run.
pub async fn every_scope_of_a_fence_is_compared(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let away = scene.look_up(&AWAY.query()).await.fence().scopes.to_vec();
    let fence = |own: &Fence| (own.store, [own.scopes.to_vec(), away.clone()].concat());

    let key = scene.submit(HOME.sync()).await;
    let holds = judge_fenced(&scene, &key, fence).await;
    if ports.take_several_scopes() {
        assert_eq!(scene.begin_one(&holds).await, Came::Started);
    } else {
        moved_and_untouched(&scene, &key, &holds).await;
    }

    let key = scene.submit(HOME.sync()).await;
    let start = judge_fenced(&scene, &key, fence).await;
    scene.apply(&[set_workspace(AWAY.workspace, true)]).await;
    moved_and_untouched(&scene, &key, &start).await;
}

/// A run whose authority moved is left as it was, and starts once it is judged again.
pub async fn a_run_whose_authority_moved_starts_when_judged_again(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let stale = scene.judge(&key).await;
    scene.apply(&[set_workspace(HOME.workspace, true)]).await;
    moved_and_untouched(&scene, &key, &stale).await;
    moved_and_untouched(&scene, &key, &stale).await;
    assert_eq!(scene.try_start(&key).await, Came::Started);
}

/// Within one batch each run is held against its own fence.
pub async fn a_stale_fence_does_not_fail_its_neighbours(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let turns = [HOME.sync(), AWAY.sync(), HOME.denied(), AWAY.denied()];
    let keys = scene
        .submit_all(turns.clone().into_iter().chain(turns))
        .await;
    let starts = scene.judge_all(&keys).await;
    scene.apply(&[set_workspace(HOME.workspace, true)]).await;
    let round = [Came::Moved, Came::Started, Came::Moved, Came::Blocked];
    assert_eq!(scene.begin(&starts).await, [round, round].concat());
}

/// Two decisions about runs of one workspace, one from before a change and one from after it, are told
/// apart in one batch.
pub async fn old_and_new_decisions_of_one_workspace_are_told_apart(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene.submit_all([HOME.sync(), HOME.sync()]).await;
    let old = scene.judge(&keys[0]).await;
    scene.apply(&[set_workspace(HOME.workspace, true)]).await;
    let new = scene.judge(&keys[1]).await;
    let came = scene.begin(&[new, old]).await;
    assert_eq!(came, [Came::Started, Came::Moved]);
}

/// A change that another process has made counts from when it returned.
pub async fn a_change_by_another_process_moves_the_authority(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let elsewhere = scene.elsewhere().await;
    let key = scene.submit(HOME.sync()).await;
    let start = scene.judge(&key).await;
    elsewhere
        .apply(&[set_workspace(HOME.workspace, false)])
        .await;
    moved_and_untouched(&scene, &key, &start).await;
    assert_eq!(scene.try_start(&key).await, Came::Blocked);
}

/// Facts and revision are of one snapshot: what was looked up before a change and kept is as stale as
/// what was looked up just now by another process is fresh.
pub async fn a_kept_answer_is_stale_after_a_change(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene.submit_all([HOME.sync(), HOME.sync()]).await;
    let context = scene.context(&scene.load(&keys[0]).await);
    let kept = scene.look_up(&context.query()).await;
    let first = scene.judge_by(&context, &kept, AN_HOUR, None);
    assert_eq!(scene.begin_one(&first).await, Came::Started);
    let second = scene.context(&scene.load(&keys[1]).await);
    let second = scene.judge_by(&second, &kept, AN_HOUR, None);
    scene.apply(&[set_workspace(HOME.workspace, true)]).await;
    moved_and_untouched(&scene, &keys[1], &second).await;
}
