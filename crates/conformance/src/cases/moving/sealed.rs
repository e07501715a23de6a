//! A sealed store: what is queued stays as it is, what runs may end, and nothing else happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use countersign_domain::{QueueName, RunOutcome, RunStatus};
use countersign_ports::{
    Backlog, BacklogQuery, Cancellation, Finished, LogQuery, PortErrorKind, PortResult, Prune,
    Renewed, Retry, RetryClass, RunKey, Step, Stepped, Undecided, UndecidedPolicy, Work,
    fresh_run_id,
};

use crate::Ports;
use crate::change::{id, revoke, set_workspace};
use crate::scene::{
    AN_HOUR, Came, HOME, House, Scene, eventually, failed, note, patiently, refused,
};

/// Neither a new run nor one that would hold a free key.
pub async fn a_sealed_store_queues_nothing(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let before = house.from.contents().await;
    house.seal().await;
    let mut keyed = HOME.sync();
    keyed.unique_key = Some(id("key"));
    for submission in [HOME.sync(), keyed] {
        refused(from.runs.submit(&[submission]).await);
    }
    assert_eq!(house.from.contents().await, before);
}

/// Neither an allow nor a deny moves a run (G1): it is judged at its new home.
pub async fn a_sealed_store_starts_and_blocks_nothing(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let runs = [HOME.sync(), HOME.denied()];
    let keys = house.from.submit_all(runs).await;
    let starts = house.from.judge_all(&keys).await;
    house.seal().await;
    for start in &starts {
        refused(from.runs.begin(std::slice::from_ref(start)).await);
    }
    refused(from.runs.begin(&starts).await);
    for run in house.from.load_all(&keys).await {
        assert_eq!((run.status, run.decision), (RunStatus::Queued, None));
    }
}

/// No fact, no revision, no entry of the log.
pub async fn a_sealed_store_changes_no_authority(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let before = house.from.contents().await;
    house.seal().await;
    let changes = [
        revoke(HOME.user, HOME.workspace, HOME.tenant, "operator"),
        set_workspace("another", true),
        crate::change::define_role("nobody's", &[], false),
    ];
    for change in changes {
        refused(from.authority.apply(&[change.into()]).await);
    }
    assert_eq!(house.from.contents().await, before);
}

/// It is neither cancelled nor put off.
pub async fn a_queued_run_in_a_sealed_store_stays_as_it_is(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let key = house.from.submit(HOME.sync()).await;
    house.seal().await;
    let before = house.from.contents().await;
    refused(from.runs.cancel(&[cancellation(&key)]).await);
    let undecided = Undecided {
        run: key.clone(),
        cause: "the authority store is away".to_owned(),
    };
    let policy = UndecidedPolicy::default();
    refused(from.runs.put_off(&[undecided], &policy).await);
    assert_eq!(house.from.contents().await, before);
}

fn cancellation(key: &RunKey) -> Cancellation {
    Cancellation {
        run: key.id,
        note: note("ops", "moving"),
    }
}

/// An operator's retry queues a run, and so has to wait for the new home.
pub async fn a_completed_run_in_a_sealed_store_is_not_retried(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let running = house.from.running().await;
    house.from.complete(&running, failed()).await;
    house.seal().await;
    let retry = Retry {
        run: running.key.id,
        successor: fresh_run_id(),
        requested_by: id("ops"),
    };
    refused(from.runs.retry(&[retry]).await);
}

/// What is being moved is all there: nothing of it goes.
pub async fn a_sealed_store_removes_no_run(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let running = house.from.running().await;
    house.from.complete(&running, Work::Succeeded).await;
    house.seal().await;
    let before = house.from.contents().await;
    let prune = Prune {
        older_than: Duration::ZERO,
        keep_blocked: false,
        after: None,
        limit: 100,
    };
    refused(from.runs.prune(&prune).await);
    assert_eq!(house.from.contents().await, before);
    let found = from.runs.find(&[running.key.id]).await.unwrap();
    assert!(found[0].is_some(), "it is still found");
}

/// Leases are renewed, cancel flags raised, runs completed; one that fails has its successor.
pub async fn what_runs_in_a_sealed_store_may_end(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let scene = &house.from;
    let (succeeds, fails, cancelled) = (
        scene.running().await,
        scene.running().await,
        scene.running().await,
    );
    house.seal().await;
    let renewed = from.runs.renew(&[succeeds.renewal(AN_HOUR)]).await.unwrap();
    assert_eq!(renewed, [Renewed::Held { cancel: None }]);
    from.runs
        .cancel(&[cancellation(&cancelled.key)])
        .await
        .unwrap();
    let outcome = scene.complete(&succeeds, Work::Succeeded).await;
    assert_eq!(outcome, RunOutcome::Succeeded);
    let outcome = scene.complete(&cancelled, Work::Succeeded).await;
    assert_eq!(outcome, RunOutcome::Cancelled);
    let finished = scene.finish(fails.fail_and_retry(Duration::ZERO)).await;
    let Finished::Completed {
        successor: Some(successor),
        ..
    } = finished
    else {
        panic!("a run that failed has its successor: {finished:?}")
    };
    let start = scene.judge(&successor.run).await;
    refused(from.runs.begin(&[start]).await);
}

/// A worker that died during the move holds nobody up.
pub async fn what_was_lost_in_a_sealed_store_is_rescued(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let key = house.from.submit(HOME.sync()).await;
    house.from.start_and_lapse(&key).await;
    house.seal().await;
    let rescued = house.from.rescue(10).await;
    assert_eq!(rescued.len(), 1);
    assert!(rescued[0].successor.is_some(), "{rescued:?}");
    let stands = house.from.stands(&key).await;
    assert_eq!(stands, (RunStatus::Completed, RunOutcome::Failed));
}

/// Whoever is refused learns which store to use instead.
pub async fn a_refusal_says_where_the_store_moves_to(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    house.seal().await;
    let told = refused(from.runs.submit(&[HOME.sync()]).await);
    let address = &house.movement.to.address;
    assert!(told.contains(address.as_str()), "`{address}` in: {told}");
}

/// Sealing again for the same move changes nothing; another move is refused, and cannot unseal.
pub async fn a_store_is_sealed_for_one_move(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    house.seal().await;
    let sealed = house.from.standing().await;
    house.seal().await;
    assert_eq!(house.from.standing().await, sealed);
    let other = house.another_move();
    for step in [Step::Seal(other.clone()), Step::Unseal(other.id)] {
        let stepped = house.from.step(&step).await;
        assert_eq!(stepped, Stepped::Refused(sealed.clone()));
    }
    refused(from.runs.submit(&[HOME.sync()]).await);
}

/// A move that was given up leaves the source as if there had been none.
pub async fn an_unsealed_store_works_as_before(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let key = house.from.submit(HOME.sync()).await;
    house.seal().await;
    house
        .from
        .stands_after(&Step::Unseal(house.movement.id))
        .await;
    assert_eq!(house.from.try_start(&key).await, Came::Started);
    house.from.submit(HOME.sync()).await;
    house.from.apply(&[set_workspace("another", true)]).await;
    let cancelled = house.from.submit(HOME.sync()).await;
    from.runs.cancel(&[cancellation(&cancelled)]).await.unwrap();
    // And it may be sealed again, for another move.
    let step = Step::Seal(house.another_move());
    house.from.stands_after(&step).await;
    refused(from.runs.submit(&[HOME.sync()]).await);
}

/// How often the store is sealed in a storm: what gets past a seal by chance does so within a moment.
const SEALS: u32 = 25;

/// Many submit, start and change authority while the store is sealed: once that is answered, what the store
/// holds does not change any more.
pub async fn nothing_changes_in_a_store_that_was_sealed_in_a_storm(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let storm = Arc::new(Storm::default());
    let raging = {
        let storm = storm.clone();
        let scene = house.from.clone();
        tokio::spawn(async move {
            let part = |n, scene| rage(n, scene, storm.clone());
            scene.crowd(9, part).await
        })
    };
    let mut last = None;
    for seal in 1..=SEALS {
        if let Some((movement, _)) = last {
            house.from.stands_after(&Step::Unseal(movement)).await;
        }
        let (begun, seen) = (storm.done(), storm.refused());
        eventually("the storm rages", || async {
            (storm.done() > begun + 20).then_some(())
        })
        .await;
        let movement = house.another_move();
        house.from.stands_after(&Step::Seal(movement.clone())).await;
        let sealed = house.from.hottest().await;
        eventually("everybody is refused", || async {
            (storm.refused() > seen + 50).then_some(())
        })
        .await;
        assert_eq!(house.from.hottest().await, sealed, "seal {seal}");
        last = Some((movement.id, sealed));
    }
    storm.over.store(true, Ordering::Relaxed);
    raging.await.expect("the storm");
    let (_, sealed) = last.expect("the last seal");
    assert_eq!(house.from.hottest().await, sealed);
}

/// What everybody in the storm has done, and been refused.
#[derive(Default)]
struct Storm {
    done: AtomicUsize,
    refused: AtomicUsize,
    over: AtomicBool,
}

impl Storm {
    fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Scene {
    /// What changes most, read as fast as can be: how many runs there are of each status, and the last entry
    /// of the log.
    async fn hottest(&self) -> (Vec<u64>, Backlog) {
        let (runs, authority) = (&self.ports.runs, &self.ports.authority);
        let queue_name = QueueName::standard();
        let query = BacklogQuery {
            queue_name: &queue_name,
            operations: &[],
        };
        let last = LogQuery {
            workspace_id: None,
            before: None,
            limit: 1,
        };
        let (backlog, log) = tokio::join!(
            patiently(|| runs.backlog(&query)),
            patiently(|| authority.log(&last))
        );
        (log.iter().map(|entry| entry.seq).collect(), backlog)
    }
}

/// Does one kind of thing until the storm is over.
async fn rage(n: usize, scene: Scene, storm: Arc<Storm>) {
    while !storm.over.load(Ordering::Relaxed) {
        match step_of_rage(n, &scene).await {
            Ok(()) => {
                storm.done.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) if error.kind() == PortErrorKind::Sealed => {
                storm.refused.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => assert_eq!(error.retry(), RetryClass::Later, "{error}"),
        }
    }
}

async fn step_of_rage(n: usize, scene: &Scene) -> PortResult<()> {
    let ports = &scene.ports;
    match n % 3 {
        0 => {
            let submitted = ports.runs.submit(&[HOME.sync(), HOME.denied()]).await?;
            assert_eq!(submitted.len(), 2);
        }
        1 => {
            let change = set_workspace(&format!("storm {n}"), true);
            ports.authority.apply(&[change.into()]).await?;
        }
        _ => {
            let entries = ports.runs.queued_entries(None, 20).await?;
            let keys: Vec<RunKey> = entries.into_iter().map(|entry| entry.run).collect();
            let runs = ports.runs.load(&keys).await?;
            let queued = runs.into_iter().flatten();
            let queued = queued.filter(|run| run.status == RunStatus::Queued);
            let Some(run) = queued.take(1 + n).last() else {
                // So that there is always something to start, or to be refused.
                ports.runs.submit(&[HOME.sync()]).await?;
                return Ok(());
            };
            let context = scene.context(&run);
            let authority = scene.look_up(&context.query()).await;
            let start = scene.judge_by(&context, &authority, AN_HOUR, None);
            let _begun = ports.runs.begin(&[start]).await?;
        }
    }
    Ok(())
}
