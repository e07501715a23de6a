//! From store to store and back: at the end everything is as it was at the beginning.

use std::collections::BTreeMap;

use countersign::moving::{Home, MoveReport, move_house};
use countersign_conformance::scene::Scene;
use countersign_domain::OperationRun;
use countersign_ports::{ContextDetail, Moved, Part, RunFilter};

use super::{TestStore, contents, furnish};

async fn moved(from: &Home, to: &Home) -> MoveReport {
    move_house(from, to, &|_| {}).await.unwrap()
}

/// Every run as listings and `runs show` have it.
async fn records(home: &Home) -> BTreeMap<String, String> {
    let mut records = BTreeMap::new();
    let mut after = None;
    loop {
        let filter = RunFilter::default();
        let page = home.runs.list(&filter, after, 1000, ContextDetail::Full);
        let page = page.await.unwrap();
        let record = |run: &OperationRun| (run.id.to_string(), serde_json::to_string(run).unwrap());
        records.extend(page.runs.iter().map(record));
        after = page.next;
        if after.is_none() {
            return records;
        }
    }
}

/// So many runs in every state, through stores of these kinds.
async fn round_trip(runs: usize, through: &[TestStore]) {
    let (mut from, ports) = through[0].open().await;
    furnish(&Scene::bare(&ports), runs).await;
    let (before, shown) = (contents(&*from.store).await, records(&from).await);
    let of_runs = |item: &&Moved| item.part() == Part::Runs;
    assert!(before.iter().filter(of_runs).count() >= runs);
    let mut digests = None;
    for store in &through[1..] {
        let (to, _) = store.open().await;
        let parts = moved(&from, &to).await.parts.expect("what was moved");
        assert_eq!(*digests.get_or_insert(parts), parts, "{}", to.address);
        assert_eq!(records(&to).await, shown, "{}", to.address);
        from = to;
    }
    assert!(
        contents(&*from.store).await == before,
        "everything is as it was"
    );
    for store in through {
        store.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_runs_in_every_state_come_back_as_they_were() {
    let (first, last) = (TestStore::sqlite(), TestStore::sqlite());
    let through = [first, TestStore::postgres(), TestStore::redis(), last];
    round_trip(10_000, &through).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_in_every_state_come_back_from_a_cluster() {
    let (first, last) = (TestStore::redis(), TestStore::postgres());
    round_trip(1_000, &[first, TestStore::redis_cluster(), last]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_moved_twice_at_once_arrives_once() {
    let (first, second) = (TestStore::sqlite(), TestStore::sqlite());
    let ((from, ports), (to, _)) = (first.open().await, second.open().await);
    furnish(&Scene::bare(&ports), 400).await;
    let before = contents(&*from.store).await;
    let ((from_too, _), (to_too, _)) = (first.open().await, second.open().await);
    let (one, other) = tokio::join!(moved(&from, &to), moved(&from_too, &to_too));
    assert_eq!(one.movement, other.movement);
    assert_eq!(contents(&*to.store).await, before);
    assert!(moved(&from, &to).await.parts.is_none(), "it is over");
}
