//! Waiting: ended by what others push, and by what falls due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_conformance::Ports;
use countersign_conformance::change::id;
use countersign_conformance::scene::eventually;
use countersign_domain::{QueueName, Timestamp};
use countersign_ports::{Push, QueueEntry, Receive};
use countersign_redis::RedisStore;
use tokio::task::JoinHandle;

use super::{AN_HOUR, entry, receive};
use crate::support::{Site, ports, server};
use crate::way::Way;

/// Longer than anything here takes; waiting that ends before it was ended by something.
const BOUND: Duration = Duration::from_secs(20);

/// Waits for an hour, unless it is told.
fn wait(ports: &Ports) -> JoinHandle<()> {
    let queue = ports.queue.clone();
    tokio::spawn(async move { queue.wait(AN_HOUR).await })
}

/// Returns once somebody listens to the store's bell.
async fn listened_to(site: &Site) {
    let channel = site.directory("bell");
    let mut raw = site.raw().await;
    for _ in 0..10_000 {
        let (_, listeners): (String, u64) = redis::cmd("PUBSUB")
            .arg(("NUMSUB", &channel))
            .query_async(&mut raw)
            .await
            .unwrap();
        if listeners > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("nobody listens");
}

/// Waits and receives until something comes.
async fn next(ports: &Ports) -> usize {
    loop {
        let received = receive(ports, AN_HOUR).await;
        if !received.is_empty() {
            return received.len();
        }
        ports.queue.wait(AN_HOUR).await;
    }
}

#[test]
fn a_waiter_is_told_of_what_another_process_pushed() {
    Site::lend(async |site: Arc<Site>| {
        let (here, there) = (ports(&site.open().await), ports(&site.open().await));
        let waiting = wait(&here);
        listened_to(&site).await;
        waiting.await.unwrap();
        // It listens by now: the rest is by the bell alone.
        for _ in 0..20 {
            let coming = tokio::spawn({
                let here = here.clone();
                async move { next(&here).await }
            });
            there.queue.push(&[entry("one")]).await.unwrap();
            let came = tokio::time::timeout(BOUND, coming).await;
            assert_eq!(came.expect("told").unwrap(), 1);
        }
    });
}

#[test]
fn a_waiter_looks_for_itself_once_its_connection_is_lost() {
    Site::lend(async |site: Arc<Site>| {
        let there = ports(&site.open().await);
        let way = Way::to_the_server().await;
        let here = ports(&way.open(&site).await);
        wait(&here).await.unwrap();
        listened_to(&site).await;
        assert!(receive(&here, AN_HOUR).await.is_empty());
        let waiting = wait(&here);
        way.cut();
        let waited = tokio::time::timeout(BOUND, waiting).await;
        waited.expect("it is told no more").unwrap();
        there.queue.push(&[entry("one")]).await.unwrap();
        let received = eventually("the connection is made anew", || async {
            let operations = [id("one")];
            let receiving = Receive {
                queue_name: &QueueName::standard(),
                operations: &operations,
                limit: 10,
                invisible_for: AN_HOUR,
            };
            here.queue.receive(&receiving).await.ok()
        })
        .await;
        assert_eq!(received.len(), 1);
    });
}

async fn due_in(ports: &Ports, time: Duration) -> QueueEntry {
    let now: Timestamp = ports.runs.clock().await.unwrap();
    QueueEntry {
        due_at: now.plus(time),
        ..entry("one")
    }
}

#[test]
fn a_waiter_has_a_scheduled_entry_when_it_is_due() {
    Site::lend(async |site: Arc<Site>| {
        let (here, there) = (ports(&site.open().await), ports(&site.open().await));
        let later = due_in(&there, AN_HOUR).await;
        there.queue.push(&[later]).await.unwrap();
        assert!(receive(&here, AN_HOUR).await.is_empty());
        let coming = tokio::spawn({
            let here = here.clone();
            async move { next(&here).await }
        });
        listened_to(&site).await;
        // Sooner than what it waits for: it has to be told.
        let soon = due_in(&there, Duration::from_millis(300)).await;
        assert_eq!(there.queue.push(&[soon]).await.unwrap(), [Push::Added]);
        let came = tokio::time::timeout(BOUND, coming).await;
        assert_eq!(came.expect("due").unwrap(), 1);
    });
}

#[test]
fn a_waiter_has_what_another_did_not_ack() {
    Site::lend(async |site: Arc<Site>| {
        let (here, there) = (ports(&site.open().await), ports(&site.open().await));
        there.queue.push(&[entry("one")]).await.unwrap();
        assert_eq!(receive(&there, Duration::from_millis(200)).await.len(), 1);
        let came = tokio::time::timeout(BOUND, next(&here)).await;
        assert_eq!(came.expect("its claim has ended"), 1);
    });
}

/// A push of what others have not taken yet tells nobody: whoever waits was told of the first.
#[test]
fn a_bell_rings_once_for_a_row_of_pushes() {
    Site::lend(async |site: Arc<Site>| {
        let ports = ports(&site.open().await);
        let mut rung = redis::Client::open(server())
            .unwrap()
            .get_async_pubsub()
            .await
            .unwrap();
        rung.subscribe(site.directory("bell")).await.unwrap();
        for _ in 0..50 {
            ports.queue.push(&[entry("one")]).await.unwrap();
        }
        ports.queue.push(&[entry("other")]).await.unwrap();
        site.command(&["PUBLISH", &site.directory("bell"), "the end"])
            .await;
        let mut messages = rung.into_on_message();
        let mut heard = 0;
        loop {
            let message = futures::StreamExt::next(&mut messages).await.unwrap();
            if message.get_payload_bytes() == b"the end" {
                break;
            }
            heard += 1;
        }
        assert_eq!(heard, 2, "once for each operation");
    });
}

/// As a user of Redis is made, unless told otherwise: permitted on keys, and on no channel.
#[test]
fn a_user_who_may_use_no_channel_pushes_and_waits() {
    Site::lend(async |site: Arc<Site>| {
        let user = site.prefix();
        let rules = ["on", ">secret", "~*", "resetchannels", "+@all"];
        site.command(&[&["ACL", "SETUSER", user], &rules[..]].concat())
            .await;
        let address = server().replace("//", &format!("//{user}:secret@"));
        let here = RedisStore::open(&site.url_at(&address)).await.unwrap();
        let here = ports(&here);
        let pushed = here.queue.push(&[entry("one")]).await.unwrap();
        assert_eq!(pushed, [Push::Added]);
        assert_eq!(next(&here).await, 1);

        let coming = tokio::spawn(async move { next(&here).await });
        let there = ports(&site.open().await);
        there.queue.push(&[entry("one")]).await.unwrap();
        let came = tokio::time::timeout(BOUND, coming).await;
        assert_eq!(came.expect("looked").unwrap(), 1);
        site.command(&["ACL", "DELUSER", site.prefix()]).await;
    });
}

#[test]
fn a_worker_that_knows_nothing_waits_all_the_same() {
    Site::lend(async |site: Arc<Site>| {
        let ports = ports(&site.open().await);
        ports.queue.push(&[entry("one")]).await.unwrap();
        wait(&ports).await.unwrap();
        listened_to(&site).await;
        eventually("told that it listens", || async {
            let nothing = Receive {
                queue_name: &QueueName::standard(),
                operations: &[],
                limit: 10,
                invisible_for: AN_HOUR,
            };
            assert!(ports.queue.receive(&nothing).await.unwrap().is_empty());
            let since = Instant::now();
            ports.queue.wait(Duration::from_millis(40)).await;
            (since.elapsed() >= Duration::from_millis(40)).then_some(())
        })
        .await;
    });
}
