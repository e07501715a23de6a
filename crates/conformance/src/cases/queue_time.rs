//! The queue and time: what is due, what is invisible, what was put off, and waiting.

use std::time::{Duration, Instant};

use countersign_domain::Submission;
use countersign_ports::{Acked, Delivery, Receipt};

use crate::Ports;
use crate::scene::{AN_HOUR, HOME, Scene};

/// Longer than a `wait` that returns takes to do so.
const BOUND: Duration = Duration::from_secs(10);

/// An entry is not delivered before its run is due, however high its priority, and holds nothing back.
pub async fn an_entry_is_not_delivered_before_it_is_due(ports: &Ports) {
    let scene = Scene::bare(ports);
    let later = Submission {
        due_at: Some(scene.clock().await.plus(AN_HOUR)),
        priority: i16::MAX,
        ..HOME.sync()
    };
    scene.submit_all([later.clone(), later]).await;
    assert!(scene.receive(10).await.is_empty());
    let now = Submission {
        priority: i16::MIN,
        ..HOME.sync()
    };
    let now = scene.submit(now).await;
    assert_eq!(scene.receive_one(AN_HOUR).await.run, now);
}

/// … and is delivered once it is.
pub async fn an_entry_is_delivered_once_it_is_due(ports: &Ports) {
    let scene = Scene::bare(ports);
    let soon = scene.clock().await.plus(Duration::from_millis(40));
    let key = scene
        .submit(Submission {
            due_at: Some(soon),
            ..HOME.sync()
        })
        .await;
    assert_eq!(scene.receive_soon().await.run, key);
    if ports.queue.store().id == ports.runs.store().id {
        assert!(scene.clock().await >= soon, "by the one clock there is");
    }
}

/// An entry that nobody acked comes back when its time is up: again and again, each time under another
/// receipt.
pub async fn an_entry_that_is_not_acked_comes_back(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.sync()).await;
    let mut receipts = Vec::new();
    for _ in 0..4 {
        let delivery = scene.receive_again().await;
        assert_eq!(delivery.run, key);
        assert!(!receipts.contains(&delivery.receipt), "another receipt");
        receipts.push(delivery.receipt);
    }
}

/// Once an entry was delivered again, the receipt of the first delivery is stale: it takes nothing away
/// from whoever has the entry now.
pub async fn the_receipt_of_an_earlier_delivery_is_stale(ports: &Ports) {
    let scene = Scene::bare(ports);
    scene.submit(HOME.sync()).await;
    let first = scene.receive_one(Duration::from_millis(1)).await;
    let second = scene.receive_soon().await;
    assert_eq!(scene.ack(&first).await, Acked::Stale);
    assert_eq!(scene.put_off(&first, Duration::ZERO).await, Acked::Stale);
    assert!(scene.receive(10).await.is_empty(), "still invisible");
    assert_eq!(scene.ack(&second).await, Acked::Done);
}

/// A receipt whose time is up is good for as long as nobody else was given the entry.
pub async fn a_late_ack_holds_while_nobody_has_the_entry(ports: &Ports) {
    let scene = Scene::bare(ports);
    scene.submit(HOME.sync()).await;
    let delivery = scene.receive_one(Duration::from_millis(1)).await;
    scene
        .clock_past(scene.clock().await.plus(Duration::from_millis(5)))
        .await;
    assert_eq!(scene.ack(&delivery).await, Acked::Done);
    assert!(scene.receive(10).await.is_empty());
}

/// An entry that was put off is not delivered for as long as was said, even where its invisibility
/// would have ended before.
pub async fn an_entry_that_was_put_off_waits(ports: &Ports) {
    let scene = Scene::bare(ports);
    scene.submit(HOME.sync()).await;
    let delivery = scene.receive_one(Duration::from_millis(1)).await;
    assert_eq!(scene.put_off(&delivery, AN_HOUR).await, Acked::Done);
    let other = scene.submit(HOME.sync()).await;
    for _ in 0..3 {
        assert_eq!(scene.receive_again().await.run, other);
    }
}

/// … and is delivered again after that, before its invisibility would have ended.
pub async fn an_entry_that_was_put_off_comes_back(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.sync()).await;
    let delivery = scene.receive_one(AN_HOUR).await;
    let moment = Duration::from_millis(5);
    assert_eq!(scene.put_off(&delivery, moment).await, Acked::Done);
    let again = scene.receive_soon().await;
    assert_eq!(again.run, key);
    assert_ne!(again.receipt, delivery.receipt);
    assert_eq!(scene.ack(&again).await, Acked::Done);
}

/// A receipt that nobody was given settles nothing.
pub async fn a_receipt_that_was_never_given_is_stale(ports: &Ports) {
    let scene = Scene::bare(ports);
    scene.submit(HOME.sync()).await;
    let delivery = scene.receive_one(AN_HOUR).await;
    for receipt in ["", "nonsense", "-1"] {
        let made_up = Delivery {
            receipt: Receipt(receipt.to_owned()),
            ..delivery.clone()
        };
        assert_eq!(scene.ack(&made_up).await, Acked::Stale, "{receipt}");
        assert_eq!(
            scene.put_off(&made_up, AN_HOUR).await,
            Acked::Stale,
            "{receipt}"
        );
    }
    assert_eq!(scene.ack(&delivery).await, Acked::Done);
}

/// Waiting ends when its time is up, though nothing came.
pub async fn waiting_ends_when_its_time_is_up(ports: &Ports) {
    for at_most in [Duration::ZERO, Duration::from_millis(30)] {
        let waited = tokio::time::timeout(BOUND, ports.queue.wait(at_most)).await;
        assert!(waited.is_ok(), "still waiting after {at_most:?}");
    }
}

/// Waiting takes time where nothing was received and nothing comes: it may end early, but not each time, or whoever
/// waits turns in circles.
pub async fn waiting_takes_time_where_nothing_comes(ports: &Ports) {
    let scene = Scene::bare(ports);
    // Longer than the pauses of a queue that looks now and then.
    let at_most = Duration::from_millis(150);
    for _ in 0..50 {
        assert!(scene.receive(1).await.is_empty());
        let since = Instant::now();
        ports.queue.wait(at_most).await;
        if since.elapsed() >= at_most {
            return;
        }
    }
    panic!("none of 50 waits took {at_most:?}");
}

/// Waiting ends early when entries come.
pub async fn waiting_ends_early_when_entries_come(ports: &Ports) {
    let scene = Scene::bare(ports);
    assert_ends_early(ports, &scene).await;
}

/// … from another process, too.
pub async fn waiting_ends_early_when_entries_come_from_elsewhere(ports: &Ports) {
    let scene = Scene::bare(ports).elsewhere().await;
    assert_ends_early(ports, &scene).await;
}

/// What it waits for may be lost, but not a hundred times.
async fn assert_ends_early(ports: &Ports, submitting: &Scene) {
    let queue = ports.queue.clone();
    let waiting = tokio::spawn(async move {
        let since = Instant::now();
        queue.wait(BOUND).await;
        since.elapsed()
    });
    for _ in 0..100 {
        if waiting.is_finished() {
            break;
        }
        submitting.submit(HOME.sync()).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let waited = tokio::time::timeout(BOUND, waiting).await;
    let waited = waited.expect("returns in the end").unwrap();
    assert!(waited < BOUND, "nobody told it: {waited:?}");
}
