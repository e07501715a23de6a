//! The queue: pushed once, delivered when due to whoever knows the operation, acked once.
//!
//! Entries come and go with runs, or by push and ack: whoever keeps the queue (`queue_upkeep`), these
//! hold for both.

use std::time::Duration;

use countersign_domain::{QueueName, Submission};
use countersign_ports::{Acked, Delivery, Push, QueueEntry, RunKey};

use crate::Ports;
use crate::change::id;
use crate::scene::{AN_HOUR, AWAY, HOME, Scene};

async fn entry(scene: &Scene, key: &RunKey) -> QueueEntry {
    QueueEntry::of(&scene.load(key).await)
}

fn keys(deliveries: &[Delivery]) -> Vec<RunKey> {
    deliveries.iter().map(|one| one.run.clone()).collect()
}

/// A delivery names the run, its workspace and its operation.
pub async fn an_entry_is_delivered_with_what_it_is_about(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.restore()).await;
    let delivery = scene.receive_one(AN_HOUR).await;
    assert_eq!(delivery.run, key);
    assert_eq!(delivery.operation_type, id("restore.execute"));
    assert!(scene.receive(10).await.is_empty(), "invisible to others");
}

/// An entry that was pushed is there for every process.
pub async fn an_entry_is_delivered_to_another_process(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.sync()).await;
    let elsewhere = scene.elsewhere().await;
    let delivery = elsewhere.receive_one(AN_HOUR).await;
    assert_eq!(delivery.run, key);
    assert!(scene.receive(10).await.is_empty(), "invisible to others");
    assert_eq!(elsewhere.ack(&delivery).await, Acked::Done);
}

/// A push of an entry that waits leaves it alone.
pub async fn a_push_leaves_an_entry_that_waits_alone(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.sync()).await;
    let again = entry(&scene, &key).await;
    for _ in 0..2 {
        assert_eq!(
            scene.push(std::slice::from_ref(&again)).await,
            [Push::Present]
        );
    }
    let later = QueueEntry {
        due_at: scene.clock().await.plus(AN_HOUR),
        ..again
    };
    assert_eq!(scene.push(&[later]).await, [Push::Present]);
    assert_eq!(keys(&scene.receive(10).await), [key], "once, and as it was");
}

/// A push of an entry that somebody has in hand neither shows it again nor takes it away.
pub async fn a_push_leaves_an_entry_that_is_invisible_alone(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.sync()).await;
    let delivery = scene.receive_one(AN_HOUR).await;
    let again = entry(&scene, &key).await;
    assert_eq!(scene.push(&[again]).await, [Push::Present]);
    assert!(scene.receive(10).await.is_empty(), "still invisible");
    assert_eq!(scene.ack(&delivery).await, Acked::Done, "still in hand");
}

/// A push of an entry that was put off does not bring it forward.
pub async fn a_push_leaves_an_entry_that_was_put_off_alone(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.sync()).await;
    let delivery = scene.receive_one(AN_HOUR).await;
    assert_eq!(scene.put_off(&delivery, AN_HOUR).await, Acked::Done);
    let again = entry(&scene, &key).await;
    assert_eq!(scene.push(&[again]).await, [Push::Present]);
    assert!(scene.receive(10).await.is_empty(), "still put off");
}

/// Within one batch the first push of a run adds it.
pub async fn an_entry_twice_in_one_push_is_added_once(ports: &Ports) {
    let scene = Scene::bare(ports);
    let submitted = scene.submit_all([HOME.sync(), HOME.sync()]).await;
    for delivery in scene.receive(10).await {
        assert_eq!(scene.ack(&delivery).await, Acked::Done);
    }
    let [one, other] = [
        entry(&scene, &submitted[0]).await,
        entry(&scene, &submitted[1]).await,
    ];
    let pushed = scene.push(&[one.clone(), other, one]).await;
    assert_eq!(pushed, [Push::Added, Push::Added, Push::Present]);
    assert_eq!(scene.receive(10).await.len(), 2);
}

/// An entry that was acked is gone, and its receipt with it.
pub async fn an_acked_entry_is_gone(ports: &Ports) {
    let scene = Scene::bare(ports);
    scene.submit(HOME.sync()).await;
    let delivery = scene.receive_one(Duration::from_millis(1)).await;
    assert_eq!(scene.ack(&delivery).await, Acked::Done);
    assert_eq!(scene.ack(&delivery).await, Acked::Stale);
    assert_eq!(scene.put_off(&delivery, Duration::ZERO).await, Acked::Stale);
    // Long enough for the entry to come back, if it were there.
    let other = scene.submit(HOME.sync()).await;
    for _ in 0..3 {
        assert_eq!(scene.receive_again().await.run, other);
    }
}

/// Each delivery of a batch is acked for itself, in input order.
pub async fn acks_are_answered_in_input_order(ports: &Ports) {
    let scene = Scene::bare(ports);
    scene.submit_all((0..4).map(|_| HOME.sync())).await;
    let mut deliveries = scene.receive(10).await;
    assert_eq!(deliveries.len(), 4);
    let gone = deliveries.remove(1);
    assert_eq!(scene.ack(&gone).await, Acked::Done);
    let [one, two, three] = [0, 1, 2].map(|n| deliveries[n].clone());
    let acked = ports
        .queue
        .ack(&[one.clone(), gone.clone(), two, one])
        .await;
    let expected = [Acked::Done, Acked::Stale, Acked::Done, Acked::Stale];
    assert_eq!(acked.unwrap(), expected);
    let put_off = ports.queue.put_off(&[gone, three], AN_HOUR).await;
    assert_eq!(put_off.unwrap(), [Acked::Stale, Acked::Done]);
}

/// A receiver gets what it knows; entries of other operations are left where they are.
pub async fn entries_of_other_operations_are_left_alone(ports: &Ports) {
    let scene = Scene::bare(ports);
    let [sync, report, unheard_of] = ["inventory_sync", "report", "unheard-of"];
    let submitted = scene
        .submit_all([report, sync, unheard_of].map(|operation| HOME.run_of(operation)))
        .await;
    let standard = QueueName::standard();
    let receive = async |operations: &[&str]| {
        let operations: Vec<_> = operations.iter().map(id).collect();
        let received = scene.receive_from(&standard, &operations, 10, AN_HOUR);
        keys(&received.await)
    };
    assert!(receive(&[]).await.is_empty(), "knows nothing");
    assert!(
        receive(&["Report", "report ", "repor", "%"])
            .await
            .is_empty()
    );
    assert_eq!(
        receive(&[sync, "restore.execute"]).await,
        [submitted[1].clone()]
    );
    assert_eq!(receive(&[unheard_of]).await, [submitted[2].clone()]);
    assert_eq!(receive(&[sync, report]).await, [submitted[0].clone()]);
}

/// A receiver gets what is in its queue, and leaves the other queues alone.
pub async fn entries_of_other_queues_are_left_alone(ports: &Ports) {
    let scene = Scene::bare(ports);
    let names = ["default", "slow", "Slow", "slow ", "s:low", "%", "*"];
    let submitted = scene
        .submit_all(names.map(|name| Submission {
            queue_name: id(name),
            ..HOME.sync()
        }))
        .await;
    let known = scene.catalog.names();
    for (name, key) in names.iter().zip(&submitted).rev() {
        let received = scene.receive_from(&id(name), &known, 10, AN_HOUR).await;
        assert_eq!(keys(&received), std::slice::from_ref(key), "{name}");
    }
    assert!(
        scene
            .receive_from(&id("slo"), &known, 10, AN_HOUR)
            .await
            .is_empty()
    );
}

/// Runs of several workspaces share a queue.
pub async fn entries_of_several_workspaces_share_a_queue(ports: &Ports) {
    let scene = Scene::bare(ports);
    let mut expected = scene
        .submit_all([HOME.sync(), AWAY.sync(), HOME.sync()])
        .await;
    let mut received = keys(&scene.receive(10).await);
    expected.sort_by_key(|key| key.id);
    received.sort_by_key(|key| key.id);
    assert_eq!(received, expected);
}

/// Receivers at work at the same time get different entries, and all of them between them.
pub async fn receivers_at_once_share_no_entry(ports: &Ports) {
    let scene = Scene::bare(ports);
    let submitted = scene.submit_all((0..60).map(|_| HOME.sync())).await;
    let received = scene.crowd(4, |_, scene| async move {
        let mut all = Vec::new();
        loop {
            let some = scene.receive(4).await;
            if some.is_empty() {
                return all;
            }
            all.extend(some.iter().map(|one| one.run.id));
            assert!(all.len() <= 60, "no more than there are");
        }
    });
    let mut received = received.await.concat();
    received.sort_unstable();
    let mut expected: Vec<_> = submitted.iter().map(|key| key.id).collect();
    expected.sort_unstable();
    assert_eq!(received, expected);
}
