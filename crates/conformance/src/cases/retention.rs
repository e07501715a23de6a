//! Retention: completed runs go once they are old enough, with all that belonged to them, and nothing else goes.

use std::time::Duration;

use countersign_domain::{OperationRun, RunOutcome, RunStatus};
use countersign_ports::{
    Cancelled, Finish, Prune, PrunePlace, Pruned, Retried, RunFilter, RunKey, Start, Undecided,
    UndecidedPolicy, Work,
};

use crate::Ports;
use crate::change::id;
use crate::scene::{AN_HOUR, AWAY, Came, HOME, Scene, failed, note};

/// Everything that is completed.
const ALL: Prune = Prune {
    older_than: Duration::ZERO,
    keep_blocked: false,
    after: None,
    limit: 100,
};

async fn page(scene: &Scene, prune: &Prune) -> Pruned {
    scene.ports.runs.prune(prune).await.unwrap()
}

/// Every page, one after the other: how many went, and how many stayed.
async fn prune(scene: &Scene, prune: &Prune) -> (u64, u64) {
    let (mut removed, mut kept) = (0, 0);
    let mut after: Option<PrunePlace> = None;
    for _ in 0..1000 {
        let asked = Prune {
            after,
            ..prune.clone()
        };
        let page = page(scene, &asked).await;
        removed += page.removed;
        kept += page.kept;
        match page.next {
            None => return (removed, kept),
            Some(next) => after = Some(next),
        }
    }
    panic!("pages without an end");
}

async fn all_runs(scene: &Scene) -> Vec<OperationRun> {
    let runs = &scene.ports.runs;
    let filter = RunFilter::default();
    let page = runs.list(&filter, None, 1000, Default::default()).await;
    page.unwrap().runs
}

async fn is_there(scene: &Scene, key: &RunKey) -> bool {
    let runs = &scene.ports.runs;
    let found = runs.find(&[key.id]).await.unwrap().remove(0).is_some();
    let loaded = runs.load(std::slice::from_ref(key)).await.unwrap();
    assert_eq!(loaded[0].is_some(), found, "it is found, or it is gone");
    found
}

/// It is neither found nor listed, and nobody can do anything with it any more.
pub async fn a_completed_run_goes_with_all_that_belonged_to_it(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let mut ended = Vec::new();
    for work in [Work::Succeeded, Work::PartiallySucceeded, failed()] {
        let running = scene.running().await;
        scene.complete(&running, work).await;
        ended.push(running.key);
    }
    let blocked = scene.submit(HOME.denied()).await;
    assert_eq!(scene.try_start(&blocked).await, Came::Blocked);
    let cancelled = scene.submit(HOME.sync()).await;
    scene.cancel(&cancelled, note("ops", "no need")).await;
    ended.extend([blocked, cancelled]);
    assert_eq!(prune(&scene, &ALL).await, (5, 0));
    for key in &ended {
        assert!(!is_there(&scene, key).await);
        let again = scene.cancel(key, note("ops", "gone")).await;
        assert_eq!(again, Cancelled::NotFound);
        assert_eq!(scene.retry(key).await, Retried::NotFound);
    }
    assert_eq!(all_runs(&scene).await, []);
    assert_eq!(prune(&scene, &ALL).await, (0, 0), "there is nothing left");
}

/// By the store's clock, from its completion on.
pub async fn a_run_stays_until_it_is_old_enough(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.succeeded(HOME.sync()).await;
    let before = scene.load(&running.key).await;
    let hours_later = Prune {
        older_than: AN_HOUR,
        ..ALL
    };
    assert_eq!(prune(&scene, &hours_later).await, (0, 0));
    assert_eq!(scene.load(&running.key).await, before);
    // Queued long ago and completed just now is just completed.
    let old = scene.submit(HOME.sync()).await;
    let queued_at = scene.load(&old).await.queued_at;
    scene
        .clock_past(queued_at.plus(Duration::from_millis(50)))
        .await;
    let old = scene.start(&old).await;
    scene.complete(&old, Work::Succeeded).await;
    let completed_at = scene.load(&old.key).await.completed_at.unwrap();
    let since_queued = Prune {
        older_than: completed_at.since(queued_at) + AN_HOUR,
        ..ALL
    };
    assert_eq!(prune(&scene, &since_queued).await, (0, 0));
    assert!(is_there(&scene, &old.key).await);
}

/// G5: whatever is queued or runs stays as it is, and comes to its end.
pub async fn a_run_that_is_not_completed_is_never_removed(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let queued = scene.submit(HOME.sync()).await;
    let undecided = scene.submit(HOME.sync()).await;
    let put_off = Undecided {
        run: undecided.clone(),
        cause: "authority is away".to_owned(),
    };
    let policy = UndecidedPolicy::default();
    ports.runs.put_off(&[put_off], &policy).await.unwrap();
    let running = scene.running().await;
    let cancelled = scene.running().await;
    scene.cancel(&cancelled.key, note("ops", "stop")).await;
    let keys = [queued, undecided, running.key.clone(), cancelled.key];
    let before = scene.load_all(&keys).await;
    assert_eq!(prune(&scene, &ALL).await, (0, 0));
    assert_eq!(scene.load_all(&keys).await, before);
    let outcome = scene.complete(&running, Work::Succeeded).await;
    assert_eq!(outcome, RunOutcome::Succeeded);
}

/// Whoever retries the first one again is answered with the successor that it has.
pub async fn a_run_stays_as_long_as_its_predecessor(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let blocked = scene.submit(HOME.denied()).await;
    assert_eq!(scene.try_start(&blocked).await, Came::Blocked);
    let second = scene.retry_anew(&blocked).await;
    scene.cancel(&second, note("ops", "no need")).await;
    let third = scene.retry_anew(&second).await;
    scene.cancel(&third, note("ops", "no need")).await;
    let keep = Prune {
        keep_blocked: true,
        ..ALL
    };
    assert_eq!(prune(&scene, &keep).await, (0, 3));
    for key in [&blocked, &second, &third] {
        assert!(is_there(&scene, key).await);
    }
    let existing = Retried::Existing { id: second.id };
    assert_eq!(scene.retry(&blocked).await, existing);
}

/// In one page and in several, and up to a run that is not completed yet.
pub async fn a_chain_goes_whole(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for limit in [1, 2, 100] {
        let mut last = scene.running().await;
        for _ in 0..3 {
            let entry = scene.fail_and_retry(&last, Duration::ZERO).await;
            last = scene.start(&entry.run).await;
        }
        let asked = Prune { limit, ..ALL };
        assert_eq!(prune(&scene, &asked).await, (3, 0));
        let run = scene.load(&last.key).await;
        assert_eq!((run.status, run.attempt), (RunStatus::Running, 4));
        scene.complete(&last, Work::Succeeded).await;
        assert_eq!(prune(&scene, &asked).await, (1, 0));
    }
}

/// With their decisions; all others go.
pub async fn blocked_runs_stay_where_that_is_asked_for(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let blocked = scene.submit_all([HOME.denied(), HOME.denied()]).await;
    for key in &blocked {
        assert_eq!(scene.try_start(key).await, Came::Blocked);
    }
    let before = scene.load_all(&blocked).await;
    let succeeded = scene.succeeded(HOME.sync()).await;
    let keep = Prune {
        keep_blocked: true,
        ..ALL
    };
    assert_eq!(prune(&scene, &keep).await, (1, 2));
    assert!(!is_there(&scene, &succeeded.key).await);
    assert_eq!(scene.load_all(&blocked).await, before);
    assert_eq!(prune(&scene, &ALL).await, (2, 0));
}

/// G4: runs that were judged together share what was ruled; the last of them keeps it.
pub async fn a_decision_stays_as_long_as_a_run_has_it(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene
        .submit_all([HOME.sync(), HOME.sync(), HOME.sync()])
        .await;
    let one = scene.judge(&keys[0]).await;
    let runs = scene.load_all(&keys).await;
    let starts: Vec<Start> = runs
        .iter()
        .map(|run| one.ruling().start(&scene.context(run)).unwrap())
        .collect();
    assert_eq!(scene.begin(&starts).await, [Came::Started; 3]);
    let mut left = scene.load_all(&keys).await;
    while let Some(run) = left.pop() {
        let key = key_of(&run);
        let start = starts.iter().find(|start| start.run().id == key.id);
        let finish = Finish {
            run: key.clone(),
            lease_id: start.unwrap().lease_id(),
            work: Work::Succeeded,
            result: None,
            output: None,
            successor: None,
        };
        scene.finish(finish).await;
        assert_eq!(prune(&scene, &ALL).await, (1, 0));
        assert!(!is_there(&scene, &key).await);
        let keys: Vec<RunKey> = left.iter().map(key_of).collect();
        assert_eq!(scene.load_all(&keys).await, left, "with their decisions");
    }
    assert_eq!(all_runs(&scene).await, []);
}

fn key_of(run: &OperationRun) -> RunKey {
    RunKey {
        id: run.id,
        workspace_id: run.workspace_id.clone(),
    }
}

/// Of two workspaces: pages have neither gaps nor doubles, and look at no more runs than they are asked to.
pub async fn pages_of_any_length_remove_the_same(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    for limit in [1, 2, 3, 5, 100] {
        let mut queued = Vec::new();
        for place in [HOME, AWAY, HOME] {
            scene.succeeded(place.sync()).await;
            queued.push(scene.submit(place.sync()).await);
        }
        let asked = Prune { limit, ..ALL };
        let first = page(&scene, &asked).await;
        assert!(first.removed <= u64::from(limit));
        let (removed, kept) = prune(&scene, &asked).await;
        assert_eq!((first.removed + removed, first.kept + kept), (3, 0));
        let left = all_runs(&scene).await;
        assert_eq!(left.len(), queued.len(), "with pages of {limit}");
        for key in &queued {
            scene.cancel(key, note("ops", "no need")).await;
        }
        assert_eq!(prune(&scene, &asked).await, (3, 0));
        assert_eq!(all_runs(&scene).await, []);
    }
    // Where all that is looked at goes, of the second workspace too.
    for place in [HOME, AWAY, HOME, AWAY] {
        scene.succeeded(place.sync()).await;
    }
    let asked = Prune { limit: 3, ..ALL };
    let first = page(&scene, &asked).await;
    assert!(first.removed <= 3, "{} of 3", first.removed);
    assert_eq!(first.removed + prune(&scene, &asked).await.0, 4);
}

/// Nothing remembers it: whoever submits it again queues a run, in any workspace.
pub async fn an_id_is_free_once_its_run_was_removed(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let run = scene.succeeded(HOME.sync()).await.key;
    for place in [AWAY, HOME] {
        assert_eq!(prune(&scene, &ALL).await, (1, 0));
        let mut again = place.sync();
        again.id = Some(run.id);
        again.unique_key = Some(id("held"));
        let key = scene.submit(again).await;
        assert_eq!(key.id, run.id);
        let running = scene.start(&key).await;
        let outcome = scene.complete(&running, Work::Succeeded).await;
        assert_eq!(outcome, RunOutcome::Succeeded);
    }
}

/// What one removed no other removes: the numbers add up.
pub async fn pruners_at_once_remove_each_run_once(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for _ in 0..30 {
        let key = scene.submit(HOME.sync()).await;
        scene.cancel(&key, note("ops", "no need")).await;
    }
    let asked = Prune { limit: 7, ..ALL };
    let removed = scene.crowd(4, |_, scene| {
        let asked = asked.clone();
        async move { prune(&scene, &asked).await.0 }
    });
    assert_eq!(removed.await.into_iter().sum::<u64>(), 30);
    assert_eq!(all_runs(&scene).await, []);
}

/// Workers and whoever prunes stay out of each other's way.
pub async fn runs_are_removed_beside_those_that_start(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let removed = scene.crowd(4, |n, scene| async move {
        let mut removed = 0;
        for _ in 0..25 {
            match n {
                0 => removed += prune(&scene, &Prune { limit: 3, ..ALL }).await.0,
                _ => drop(scene.succeeded(HOME.sync()).await),
            }
        }
        removed
    });
    let beside: u64 = removed.await.into_iter().sum();
    let (after, kept) = prune(&scene, &ALL).await;
    assert_eq!((beside + after, kept), (75, 0));
    assert_eq!(all_runs(&scene).await, []);
}
