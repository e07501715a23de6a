//! Waiting: told by any node, and by another one once that is lost.

use std::time::Duration;

use countersign_conformance::scene::eventually;
use tokio::task::JoinHandle;

use super::{AN_HOUR, Place, push, receive};

/// Longer than anything here takes; waiting that ends before it was ended by something.
const BOUND: Duration = Duration::from_secs(20);

/// The node where somebody listens, of these.
fn listened_at(place: &Place, nodes: &[usize]) -> Option<usize> {
    let channel = place.site.directory("bell");
    let listeners = |node: usize| place.tell(node, &["PUBSUB", "NUMSUB", &channel]);
    (nodes.iter().copied()).find(|node| listeners(*node) == format!("{channel} 1"))
}

#[tokio::test]
async fn a_waiter_is_told_through_another_node_once_its_own_is_lost() {
    let mut place = Place::new().await;
    let (here, there) = (place.open().await, place.open().await);
    let wait = || -> JoinHandle<()> {
        let queue = here.queue.clone();
        tokio::spawn(async move { queue.wait(AN_HOUR).await })
    };
    let waiting = wait();
    let node = eventually("somebody listens", || async {
        listened_at(&place, &[0, 1, 2])
    })
    .await;
    waiting.await.unwrap();
    let others: Vec<usize> = (0..3).filter(|other| *other != node).collect();
    let queue = place.queue_on(others[0]);
    assert!(receive(&here, &queue).await.unwrap().is_empty());

    place.cluster.nodes_mut()[node].kill();
    eventually("it listens elsewhere", || async {
        wait().await.unwrap();
        listened_at(&place, &others)
    })
    .await;
    assert!(receive(&here, &queue).await.unwrap().is_empty());
    let waiting = wait();
    push(&there, &queue).await.unwrap();
    tokio::time::timeout(BOUND, waiting)
        .await
        .expect("told")
        .unwrap();
    assert_eq!(receive(&here, &queue).await.unwrap().len(), 1);
}
