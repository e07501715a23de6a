//! Calls that are sent elsewhere, or have to wait, because slots are being moved.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_conformance::Ports;
use countersign_conformance::scene::eventually;
use countersign_ports::{Candidacy, Elected, PortErrorKind, Push, RetryClass};

use super::{Place, push, receive, shared};

const ADDED: [Push; 1] = [Push::Added];

async fn elect(ports: &Ports, holder: &str) -> Elected {
    let candidacy = Candidacy {
        office: "sweeper",
        holder,
        term: Duration::from_secs(3600),
    };
    ports.runs.elect(&candidacy).await.unwrap()
}

#[tokio::test]
async fn calls_go_to_whatever_node_has_the_key() {
    let place = Place::new().await;
    let ports = place.open().await;
    for node in 0..3 {
        let queue = place.queue_on(node);
        assert_eq!(push(&ports, &queue).await.unwrap(), ADDED);
        let kept = place.tell(node, &["HLEN", &place.entries(queue.as_str())]);
        assert_eq!(kept, "1");
    }
    for node in 0..3 {
        assert_eq!(place.errors(node, "MOVED"), 0, "nobody asked the wrong one");
    }
}

#[tokio::test]
async fn a_call_follows_a_slot_that_was_moved_since() {
    let place = Place::new().await;
    let ports = place.open().await;
    let queue = place.queue_on(0);
    assert_eq!(push(&ports, &queue).await.unwrap(), ADDED);
    let slot = place.slot(&place.entries(queue.as_str()));
    place.move_slot(slot, 0, 1);

    assert_eq!(push(&ports, &queue).await.unwrap(), ADDED);
    assert_eq!(place.errors(0, "MOVED"), 1);
    assert_eq!(receive(&ports, &queue).await.unwrap().len(), 2);
    assert_eq!(place.errors(0, "MOVED"), 1, "it goes there at once by now");
}

#[tokio::test]
async fn a_call_asks_the_node_that_takes_a_slot_over() {
    let place = Place::new().await;
    let ports = place.open().await;
    let offices = place.site.directory("offices");
    let slot = place.slot(&offices);
    let from = place.cluster.serving(slot, 0).unwrap();
    let to = (from + 1) % 3;
    place.cluster.begin_move(slot, from, to).unwrap();
    assert_eq!(elect(&ports, "here").await, Elected::Holder);
    assert_eq!(elect(&ports, "there").await, Elected::Another);
    assert_eq!(place.errors(from, "ASK"), 2);
    assert_eq!(place.errors(to, "MOVED"), 0, "it was asked to look");

    while place.cluster.move_keys(slot, from, to, 100).unwrap() > 0 {}
    place.cluster.end_move(slot, from, to).unwrap();
    assert_eq!(elect(&ports, "there").await, Elected::Another);
    assert_eq!(place.tell(to, &["HLEN", &offices]), "1");
}

#[tokio::test]
async fn a_script_on_several_keys_waits_a_second_for_a_slot_that_is_being_moved() {
    let place = shared().await;
    let ports = place.open().await;
    let queue = place.queue_on(0);
    let slot = place.slot(&place.entries(queue.as_str()));
    place.cluster.begin_move(slot, 0, 1).unwrap();
    let begun = Instant::now();
    let error = push(&ports, &queue).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Unavailable, "{error}");
    assert_eq!(error.retry(), RetryClass::Later);
    assert!(begun.elapsed() < Duration::from_secs(10), "it gives up");
    // Another queue is not kept waiting for it.
    assert_eq!(push(&ports, &place.queue_on(2)).await.unwrap(), ADDED);

    let tries = place.errors(1, "TRYAGAIN");
    assert!(tries > 1, "it was tried again");
    let waiting = tokio::spawn({
        let (ports, queue) = (ports.clone(), queue.clone());
        async move { push(&ports, &queue).await }
    });
    let seen = Arc::clone(&place);
    eventually("it waits", || async {
        (seen.errors(1, "TRYAGAIN") > tries).then_some(())
    })
    .await;
    place.cluster.end_move(slot, 0, 1).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), ADDED);
    assert_eq!(receive(&ports, &queue).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_script_that_one_node_forgot_is_sent_to_it_whole() {
    let place = Place::new().await;
    let ports = place.open().await;
    let (here, there) = (place.queue_on(0), place.queue_on(1));
    for queue in [&here, &there] {
        assert_eq!(push(&ports, queue).await.unwrap(), ADDED);
    }
    place.tell(0, &["SCRIPT", "FLUSH"]);
    let forgotten = place.errors(0, "NOSCRIPT");
    let entries = [super::entry(&here), super::entry(&there)];
    let pushed = ports.queue.push(&entries).await.unwrap();
    assert_eq!(pushed, [Push::Added; 2]);
    assert_eq!(place.errors(0, "NOSCRIPT"), forgotten + 1);
    for queue in [&here, &there] {
        assert_eq!(receive(&ports, queue).await.unwrap().len(), 2);
    }
}
