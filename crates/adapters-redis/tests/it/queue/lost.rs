//! G5: what the queue has lost is pushed again, and what it should not hold is in nobody's way.

use std::sync::Arc;
use std::time::Duration;

use countersign_conformance::change::id;
use countersign_conformance::scene::eventually;
use countersign_domain::QueueName;
use countersign_ports::{Acked, PortErrorKind, Push, QueueEntry, Receive, RetryClass};

use super::{AN_HOUR, entry, receive};
use crate::support::{Site, ports};
use crate::way::Way;

#[test]
fn a_queue_that_was_flushed_is_rebuilt_by_pushing_again() {
    Site::lend(async |site: Arc<Site>| {
        let ports = ports(&site.open().await);
        let entries = ["one", "other", "one"].map(entry);
        ports.queue.push(&entries).await.unwrap();
        let old = receive(&ports, AN_HOUR).await;
        assert_eq!(old.len(), 3);
        for key in site.keys().await {
            if key.contains(":q:") {
                site.command(&["DEL", &key]).await;
            }
        }
        assert_eq!(ports.queue.ack(&old[..1]).await.unwrap(), [Acked::Stale]);
        assert_eq!(ports.queue.push(&entries).await.unwrap(), [Push::Added; 3]);
        let new = receive(&ports, AN_HOUR).await;
        assert_eq!(new.len(), 3);
        // What was claimed before the loss is no claim on what came after it.
        assert_eq!(ports.queue.ack(&old).await.unwrap(), [Acked::Stale; 3]);
        assert_eq!(ports.queue.ack(&new).await.unwrap(), [Acked::Done; 3]);
    });
}

#[test]
fn a_queue_that_lost_a_part_of_its_keys_is_mended_by_pushing_again() {
    Site::lend(async |site: Arc<Site>| {
        let ports = ports(&site.open().await);
        for part in ["entries", "ready:one", "waiting:one"] {
            let entries = ["one", "one"].map(entry);
            ports.queue.push(&entries[..1]).await.unwrap();
            assert_eq!(receive(&ports, AN_HOUR).await.len(), 1);
            ports.queue.push(&entries[1..]).await.unwrap();
            site.command(&["DEL", &site.tagged("q:default", part)])
                .await;

            let pushed = ports.queue.push(&entries).await.unwrap();
            assert!(pushed.contains(&Push::Added), "{part}");
            let left: Vec<QueueEntry> = eventually("all are received again", || async {
                let received = receive(&ports, Duration::from_millis(1)).await;
                let is_there = |one: &QueueEntry| received.iter().any(|r| r.run == one.run);
                // The claim of the one that kept its place may still stand.
                (received.len() == 1 || received.len() == 2).then(|| {
                    entries
                        .iter()
                        .filter(|one| !is_there(one))
                        .cloned()
                        .collect()
                })
            })
            .await;
            assert!(left.len() < 2, "{part}");
            assert_eq!(
                ports.queue.push(&entries).await.unwrap(),
                [Push::Present; 2]
            );
            for key in ["entries", "ready:one", "waiting:one"] {
                site.command(&["DEL", &site.tagged("q:default", key)]).await;
            }
        }
    });
}

#[test]
fn what_does_not_read_as_an_entry_is_in_nobodys_way() {
    Site::lend(async |site: Arc<Site>| {
        let ports = ports(&site.open().await);
        let entries = ["one", "one", "one", "one"].map(entry);
        ports.queue.push(&entries).await.unwrap();
        let hash = site.tagged("q:default", "entries");
        let runs = entries.clone().map(|one| one.run.id.to_string());
        site.command(&["HSET", &hash, &runs[0], "no entry"]).await;
        site.command(&["HDEL", &hash, &runs[1]]).await;
        site.command(&["HSET", &hash, &runs[2], "-\t0\t00000000deadbeef\tw"])
            .await;
        let receive_one = async || {
            let receive = Receive {
                queue_name: &QueueName::standard(),
                operations: &[id("one")],
                limit: 1,
                invisible_for: AN_HOUR,
            };
            ports.queue.receive(&receive).await.unwrap()
        };
        let received = receive_one().await;
        assert_eq!(received.len(), 1, "the one that is whole");
        assert_eq!(received[0].run, entries[3].run);
        // The repository knows of all of them.
        let pushed = ports.queue.push(&entries).await.unwrap();
        assert_eq!(
            pushed,
            [Push::Added, Push::Added, Push::Added, Push::Present]
        );
        assert_eq!(receive(&ports, AN_HOUR).await.len(), 3);
    });
}

#[test]
fn a_key_of_another_type_is_named_and_left_alone() {
    Site::lend(async |site: Arc<Site>| {
        let ports = ports(&site.open().await);
        ports
            .queue
            .push(&["one", "other"].map(entry))
            .await
            .unwrap();
        let held = receive(&ports, AN_HOUR).await;
        let more = ["one", "other"].map(entry);
        ports.queue.push(&more).await.unwrap();
        let mut raw = site.raw().await;
        for part in ["entries", "ready:one", "waiting:other"] {
            let key = site.tagged("q:default", part);
            let whole: Vec<u8> = redis::cmd("DUMP")
                .arg(&key)
                .query_async(&mut raw)
                .await
                .unwrap();
            site.command(&["SET", &key, "of another type"]).await;
            let before = site.dump().await;
            let receiving = Receive {
                queue_name: &QueueName::standard(),
                operations: &["one", "other"].map(id),
                limit: 10,
                invisible_for: AN_HOUR,
            };
            let errors = [
                ports
                    .queue
                    .push(&["one", "other"].map(entry))
                    .await
                    .unwrap_err(),
                ports.queue.receive(&receiving).await.unwrap_err(),
                ports.queue.ack(&held).await.unwrap_err(),
                ports.queue.put_off(&held, AN_HOUR).await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind(), PortErrorKind::Corrupt, "{error}");
                assert!(error.to_string().contains(&key), "{error}");
            }
            assert_eq!(site.dump().await, before, "nothing was changed");
            let mended: redis::RedisResult<()> = redis::cmd("RESTORE")
                .arg((&key, 0, &whole, "REPLACE"))
                .query_async(&mut raw)
                .await;
            mended.unwrap();
        }
        assert_eq!(receive(&ports, AN_HOUR).await.len(), 2);
        assert_eq!(ports.queue.ack(&held).await.unwrap(), [Acked::Done; 2]);
    });
}

#[test]
fn scripts_that_the_server_forgot_are_sent_again() {
    Site::lend(async |site: Arc<Site>| {
        let way = Way::to_the_server().await;
        let ports = ports(&way.open(&site).await);
        way.forget_scripts();
        let mut entries = ["one", "other", "one"].map(entry);
        entries[2].queue_name = id("elsewhere");
        // Two scripts in one round trip.
        assert_eq!(ports.queue.push(&entries).await.unwrap(), [Push::Added; 3]);
        let received = receive(&ports, AN_HOUR).await;
        assert_eq!(received.len(), 2);
        let put_off = ports.queue.put_off(&received[..1], AN_HOUR).await;
        assert_eq!(put_off.unwrap(), [Acked::Done]);
        assert_eq!(ports.queue.ack(&received).await.unwrap(), [Acked::Done; 2]);
    });
}

/// More than one script takes, and over more than one queue.
#[test]
fn a_large_batch_is_pushed_received_and_acked() {
    Site::lend(async |site: Arc<Site>| {
        let ports = ports(&site.open().await);
        let mut entries: Vec<QueueEntry> = (0..3_500).map(|_| entry("one")).collect();
        for other in entries.iter_mut().step_by(7) {
            other.queue_name = id("other");
        }
        let pushed = ports.queue.push(&entries).await.unwrap();
        assert!(pushed.iter().all(|push| *push == Push::Added));
        let mut received = 0;
        loop {
            let receiving = Receive {
                queue_name: &QueueName::standard(),
                operations: &[id("one")],
                limit: u32::MAX,
                invisible_for: AN_HOUR,
            };
            let deliveries = ports.queue.receive(&receiving).await.unwrap();
            if deliveries.is_empty() {
                break;
            }
            received += deliveries.len();
            let acked = ports.queue.ack(&deliveries).await.unwrap();
            assert!(acked.iter().all(|ack| *ack == Acked::Done));
        }
        assert_eq!(received, 3_000);
    });
}

#[test]
fn what_was_pushed_though_the_answer_was_lost_is_pushed_once() {
    Site::lend(async |site: Arc<Site>| {
        let way = Way::to_the_server().await;
        let ports = ports(&way.open(&site).await);
        ports.queue.push(&[entry("none")]).await.unwrap();
        let pushed = [entry("one")];
        way.lose_the_next_answer();
        let error = ports.queue.push(&pushed).await.unwrap_err();
        assert_eq!(error.retry(), RetryClass::ReadBack, "{error}");
        assert_eq!(ports.queue.push(&pushed).await.unwrap(), [Push::Present]);
        assert_eq!(receive(&ports, AN_HOUR).await.len(), 1);
    });
}

/// Cancel safety: what was handed out to nobody becomes visible again.
#[test]
fn what_was_handed_out_though_the_answer_was_lost_comes_back() {
    Site::lend(async |site: Arc<Site>| {
        let way = Way::to_the_server().await;
        let ports = ports(&way.open(&site).await);
        assert!(receive(&ports, AN_HOUR).await.is_empty());
        ports.queue.push(&[entry("one")]).await.unwrap();
        way.lose_the_next_answer();
        let operations = [id("one")];
        let receiving = Receive {
            queue_name: &QueueName::standard(),
            operations: &operations,
            limit: 10,
            invisible_for: Duration::from_millis(1),
        };
        ports.queue.receive(&receiving).await.unwrap_err();
        eventually("its claim has ended", || async {
            (receive(&ports, AN_HOUR).await.len() == 1).then_some(())
        })
        .await;
    });
}
