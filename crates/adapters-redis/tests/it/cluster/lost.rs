//! A node is lost: what was on its way there is unknown, what was on its way elsewhere is answered.

use countersign_conformance::scene::eventually;
use countersign_ports::{PortErrorKind, Push};
use xtask::interrupts::Interrupts;

use super::{Place, entry, push, receive};

/// A node does nothing more, and does not say so.
fn pause(place: &Place, node: usize) {
    place.tell(node, &["CLIENT", "PAUSE", "600000", "ALL"]);
}

#[tokio::test]
async fn what_was_on_its_way_to_a_lost_node_is_unknown_and_the_rest_is_done() {
    let mut place = Place::new().await;
    let ports = place.open().await;
    let (here, there) = (place.queue_on(0), place.queue_on(1));
    for queue in [&here, &there] {
        assert_eq!(push(&ports, queue).await.unwrap(), [Push::Added]);
    }
    pause(&place, 0);
    let pushing = tokio::spawn({
        let (ports, entries) = (ports.clone(), [entry(&here), entry(&there)]);
        async move { ports.queue.push(&entries).await }
    });
    eventually("the other node has it", || async {
        let kept = place.tell(1, &["HLEN", &place.entries(there.as_str())]);
        (kept == "2").then_some(())
    })
    .await;
    place.cluster.nodes_mut()[0].kill();
    let error = pushing.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::CommitUnknown, "{error}");
    assert_eq!(receive(&ports, &there).await.unwrap().len(), 2);

    // Nothing is sent to a node that is not there.
    let error = push(&ports, &here).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Unavailable, "{error}");

    let quiet = Interrupts::default();
    place.cluster.nodes_mut()[0]
        .restart_at_once(&quiet)
        .unwrap();
    place.cluster.wait_until_whole(&quiet).unwrap();
    assert_eq!(push(&ports, &here).await.unwrap(), [Push::Added]);
    // What was paused had not run, and was not sent again by anybody but us.
    assert_eq!(receive(&ports, &here).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_only_reads_may_be_tried_later_where_its_node_is_lost() {
    let mut place = Place::new().await;
    let ports = place.open().await;
    let slot = place.slot(&place.site.directory("store"));
    let node = place.cluster.serving(slot, 0).unwrap();
    let other = place.queue_on((node + 1) % 3);
    ports.runs.clock().await.unwrap();
    pause(&place, node);
    let reading = tokio::spawn({
        let ports = ports.clone();
        async move { ports.runs.clock().await }
    });
    // By the time that this one is answered, the other is on its way.
    assert_eq!(push(&ports, &other).await.unwrap(), [Push::Added]);
    place.cluster.nodes_mut()[node].kill();
    let error = reading.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Unavailable, "{error}");
}
