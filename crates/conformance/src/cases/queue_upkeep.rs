//! Queue and repository in step, whoever sees to it; and what happens when they are not.

use std::time::Duration;

use countersign_domain::Submission;
use countersign_ports::{Acked, Push, QueueEntry, QueueUpkeep, UndecidedPolicy, Work};

use crate::Ports;
use crate::scene::{AN_HOUR, Came, HOME, Scene, note};

const MOMENT: Duration = Duration::from_millis(1);

/// What each mode of upkeep promises, from the first entry on: the repository queues a run in its own
/// commit, or leaves the queue to its caller.
pub async fn a_run_is_queued_by_whom_the_upkeep_says(ports: &Ports) {
    let scene = Scene::bare(ports);
    let submitted = ports.runs.submit(&[HOME.sync()]).await.unwrap();
    let run = match submitted[0] {
        countersign_ports::Submitted::Created { id, .. } => id,
        ref other => panic!("created: {other:?}"),
    };
    let entries = ports.runs.queued_entries(None, 10).await.unwrap();
    assert_eq!(entries[0].run.id, run);
    match ports.runs.queue_upkeep() {
        QueueUpkeep::InCommit => {
            assert_eq!(ports.runs.store().id, ports.queue.store().id);
            assert_eq!(scene.push(&entries).await, [Push::Present]);
        }
        QueueUpkeep::Caller => {
            assert!(scene.receive(10).await.is_empty(), "the caller pushes");
            assert_eq!(scene.push(&entries).await, [Push::Added]);
        }
    }
    assert_eq!(scene.receive_one(AN_HOUR).await.run.id, run);
}

/// What has left `queued` leaves the queue: started, blocked, cancelled or given up.
pub async fn a_run_that_has_left_the_queue_is_not_delivered_again(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene
        .submit_all([HOME.sync(), HOME.denied(), HOME.sync(), HOME.sync()])
        .await;
    let deliveries = scene.receive_for(10, MOMENT).await;
    assert_eq!(deliveries.len(), 4);
    let starts = scene.judge_all(&keys[..2]).await;
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Started, Came::Blocked]);
    scene.cancel(&keys[2], note("ops", "no need")).await;
    let undecided = countersign_ports::Undecided {
        run: keys[3].clone(),
        cause: "the store is away".to_owned(),
    };
    let at_once = UndecidedPolicy {
        give_up_after: Duration::ZERO,
        ..UndecidedPolicy::default()
    };
    ports.runs.put_off(&[undecided], &at_once).await.unwrap();
    for delivery in &deliveries {
        scene.settle(delivery).await;
        assert_eq!(scene.ack(delivery).await, Acked::Stale, "gone");
    }
    assert!(
        ports
            .runs
            .queued_entries(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let other = scene.submit(HOME.sync()).await;
    for _ in 0..3 {
        assert_eq!(scene.receive_again().await.run, other);
    }
}

/// Whatever queues a run has it delivered: a failure's successor, a rescue's, and a retry.
pub async fn every_successor_is_delivered(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    for delivery in scene.receive(10).await {
        // Where the caller keeps the queue, the entry of the run itself is still there.
        scene.settle(&delivery).await;
    }
    let second = scene.fail_and_retry(&running, MOMENT).await.run;
    let delivery = scene.receive_soon().await;
    assert_eq!(delivery.run, second);

    scene.start_and_lapse(&second).await;
    scene.settle(&delivery).await;
    let third = scene.rescue(10).await.remove(0).successor.unwrap().run;
    let delivery = scene.receive_soon().await;
    assert_eq!(delivery.run, third);

    let running = scene.start(&third).await;
    scene.settle(&delivery).await;
    scene.complete(&running, Work::Succeeded).await;
    let fourth = scene.retry_anew(&third).await;
    assert_eq!(scene.receive_soon().await.run, fourth);
}

/// A successor that is to wait is not delivered before its time.
pub async fn a_successor_that_waits_is_not_delivered_before_its_time(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let delivery = scene.receive_one(AN_HOUR).await;
    let running = scene.start(&key).await;
    scene.settle(&delivery).await;
    scene.fail_and_retry(&running, AN_HOUR).await;
    assert!(scene.receive(10).await.is_empty());
}

/// G5, a lost message: the entry is gone, but the run is queued. The repository knows, and a push
/// brings the entry back.
pub async fn a_lost_entry_is_brought_back(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let delivery = scene.receive_one(AN_HOUR).await;
    assert_eq!(scene.ack(&delivery).await, Acked::Done);
    assert!(scene.receive(10).await.is_empty(), "lost");

    let entries = ports.runs.queued_entries(None, 10).await.unwrap();
    assert_eq!(scene.push(&entries).await, [Push::Added]);
    let delivery = scene.receive_one(AN_HOUR).await;
    assert_eq!(delivery.run, key);
    assert_eq!(scene.try_start(&key).await, Came::Started);
    scene.settle(&delivery).await;
}

/// G3, a doubled message: whoever receives the run a second time cannot start it.
pub async fn a_run_that_is_delivered_twice_starts_once(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let elsewhere = scene.elsewhere().await;
    scene.submit(HOME.sync()).await;
    let first = scene.receive_one(MOMENT).await;
    let second = elsewhere.receive_soon().await;
    assert_eq!(first.run, second.run);
    let (one, other) = (
        scene.judge(&first.run).await,
        elsewhere.judge(&second.run).await,
    );
    assert_eq!(scene.begin_one(&one).await, Came::Started);
    assert_eq!(elsewhere.begin_one(&other).await, Came::NotQueued);
}

/// The repository tells one entry for every queued run, and none for any other, with all that the queue
/// orders and finds it by.
pub async fn there_is_one_entry_for_every_queued_run(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let queued = scene
        .submit_all([
            HOME.sync(),
            crate::scene::AWAY.restore(),
            Submission {
                priority: -9,
                due_at: Some(scene.clock().await.plus(AN_HOUR)),
                queue_name: crate::change::id("slow"),
                ..HOME.run_of("unheard-of")
            },
        ])
        .await;
    scene.running().await;
    scene.succeeded(HOME.sync()).await;
    let blocked = scene.submit(HOME.denied()).await;
    scene.try_start(&blocked).await;
    let cancelled = scene.submit(HOME.sync()).await;
    scene.cancel(&cancelled, note("ops", "no need")).await;

    let mut expected: Vec<_> = scene
        .load_all(&queued)
        .await
        .iter()
        .map(QueueEntry::of)
        .collect();
    expected.sort_by_key(|entry| entry.run.id);
    let entries = ports.runs.queued_entries(None, 100).await.unwrap();
    assert_eq!(entries, expected, "by run id");
}

/// Pages of entries, by run id, have neither gaps nor doubles.
pub async fn pages_of_entries_have_neither_gaps_nor_doubles(ports: &Ports) {
    let scene = Scene::bare(ports);
    let mut expected: Vec<_> = scene
        .submit_all((0..25).map(|_| HOME.sync()))
        .await
        .iter()
        .map(|key| key.id)
        .collect();
    expected.sort_unstable();
    for limit in [1, 4, 25, 26] {
        let mut all = Vec::new();
        loop {
            let after = all.last().copied();
            let page = ports.runs.queued_entries(after, limit).await.unwrap();
            assert!(page.len() <= limit as usize, "at most as many as asked for");
            if page.is_empty() {
                break;
            }
            all.extend(page.iter().map(|entry| entry.run.id));
            assert!(all.len() <= 25, "no more than there are");
        }
        assert_eq!(all, expected, "pages of {limit}");
    }
}
