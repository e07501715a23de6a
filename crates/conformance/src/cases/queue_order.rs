//! The order of deliveries: priority, due time, id.

use std::time::Duration;

use countersign_domain::{RunId, Submission, Timestamp};
use countersign_ports::{Acked, fresh_run_id};

use crate::Ports;
use crate::change::id;
use crate::scene::{HOME, Scene, eventually};

/// Submissions of every pairing of priorities and due times, three of each, in no order.
async fn shuffled(scene: &Scene) -> Vec<Submission> {
    let now = scene.clock().await;
    let due = [
        id("1970-01-01T00:00:00Z"),
        now.minus(Duration::from_secs(60)),
        now.minus(Duration::from_micros(1)),
        now,
    ];
    let mut submissions = Vec::new();
    for priority in [0, i16::MIN, 1, -1, i16::MAX, 7] {
        for due_at in due {
            submissions.extend((0..3).map(|_| Submission {
                id: Some(fresh_run_id()),
                priority,
                due_at: Some(due_at),
                ..HOME.sync()
            }));
        }
    }
    fastrand::Rng::with_seed(7).shuffle(&mut submissions);
    submissions
}

fn in_order(submissions: &[Submission]) -> Vec<RunId> {
    let mut keys: Vec<(i32, Timestamp, RunId)> = submissions
        .iter()
        .map(|one| {
            (
                -i32::from(one.priority),
                one.due_at.unwrap(),
                one.id.unwrap(),
            )
        })
        .collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, _, id)| id).collect()
}

async fn received(scene: &Scene, limit: u32) -> Vec<RunId> {
    let received = scene.receive(limit).await;
    received.iter().map(|one| one.run.id).collect()
}

/// Higher priority first, from the lowest there is to the highest; then the earlier due; then the
/// smaller id: within one delivery.
pub async fn entries_are_delivered_by_priority_then_due_then_id(ports: &Ports) {
    let scene = Scene::bare(ports);
    let submissions = shuffled(&scene).await;
    scene.submit_all(submissions.clone()).await;
    assert_eq!(received(&scene, 1000).await, in_order(&submissions));
}

/// The same over many deliveries, of any length: what comes first is handed out first.
pub async fn the_order_holds_over_many_deliveries(ports: &Ports) {
    let scene = Scene::bare(ports);
    let submissions = shuffled(&scene).await;
    for submission in &submissions {
        scene.submit(submission.clone()).await;
    }
    let mut all = Vec::new();
    for limit in [1, 2, 3, 1, 5, 60] {
        all.extend(received(&scene, limit).await);
    }
    assert_eq!(all, in_order(&submissions));
}

/// Entries that come back stand where they stood.
pub async fn entries_that_come_back_keep_their_place(ports: &Ports) {
    let scene = Scene::bare(ports);
    let keys = scene
        .submit_all([1, 3, 2].map(|priority| Submission {
            priority,
            ..HOME.sync()
        }))
        .await;
    let expected = [&keys[1], &keys[2], &keys[0]];
    for _ in 0..3 {
        let all = eventually("all of them are visible", || async {
            let all = scene.receive_for(10, Duration::from_millis(1)).await;
            (all.len() == 3).then_some(all)
        });
        let order: Vec<_> = all.await.into_iter().map(|one| one.run).collect();
        assert!(order.iter().eq(expected));
    }
}

/// A receiver who asks for one of many gets the first, and the rest stays for others.
pub async fn a_receiver_is_given_no_more_than_it_asked_for(ports: &Ports) {
    let scene = Scene::bare(ports);
    scene.submit_all((0..20).map(|_| HOME.sync())).await;
    assert_eq!(scene.receive(7).await.len(), 7);
    assert_eq!(scene.elsewhere().await.receive(7).await.len(), 7);
    assert_eq!(scene.receive(7).await.len(), 6);
    assert_eq!(scene.receive(7).await.len(), 0);
}

/// However many are asked for at once, they come in order, each once, and are settled together.
pub async fn many_are_received_in_order_and_settled_together(ports: &Ports) {
    let scene = Scene::bare(ports);
    let submissions: Vec<_> = (0_i16..700)
        .map(|number| Submission {
            id: Some(fresh_run_id()),
            priority: number % 7,
            due_at: Some(id("1970-01-01T00:00:00Z")),
            ..HOME.sync()
        })
        .collect();
    scene.submit_all(submissions.clone()).await;
    let mut all = scene.receive(600).await;
    assert_eq!(all.len(), 600);
    all.extend(scene.receive(600).await);
    let order: Vec<_> = all.iter().map(|one| one.run.id).collect();
    assert_eq!(order, in_order(&submissions));
    let settled = ports.queue.ack(&all).await.unwrap();
    assert_eq!(settled, vec![Acked::Done; 700]);
}
