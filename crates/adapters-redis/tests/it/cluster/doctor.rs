//! What `doctor` finds of a cluster: every setting once, with the nodes where it is another.

use countersign_ports::{Finding, Severity, StoreMaintenance};
use countersign_redis::RedisMaintenance;
use xtask::servers::redis_cluster::Layout;

use super::Place;

async fn findings(place: &Place) -> Vec<Finding> {
    let maintenance = RedisMaintenance::at(&place.site.url());
    maintenance.doctor().await.unwrap()
}

async fn finding(place: &Place, code: &str) -> Finding {
    let found = findings(place).await;
    let mut found = found.into_iter().filter(|finding| finding.code == code);
    let one = found.next().expect(code);
    assert_eq!(found.next(), None, "it is found once");
    one
}

/// The address of a node.
fn address(place: &Place, node: usize) -> String {
    format!("127.0.0.1:{}", place.cluster.nodes()[node].port())
}

#[tokio::test]
async fn a_durable_cluster_without_replicas_endangers_nothing() {
    let place = Place::new().await;
    let found = findings(&place).await;
    let of = |code: &str| found.iter().find(|finding| finding.code == code);
    for finding in &found {
        assert_eq!(finding.severity, Severity::Note, "{finding:?}");
    }
    for code in ["cluster", "cluster_slots", "cluster_coverage", "clocks"] {
        assert!(of(code).is_some(), "{code}: {found:#?}");
    }
    let class = &of("store_class").unwrap().found;
    assert!(class.contains("3 primaries without replicas"), "{class}");
}

#[tokio::test]
async fn a_node_with_other_settings_is_named() {
    let place = Place::new().await;
    for (setting, value, code, severity) in [
        ("appendfsync", "everysec", "appendfsync", Severity::Warning),
        (
            "maxmemory-policy",
            "allkeys-lru",
            "maxmemory_policy",
            Severity::Error,
        ),
        ("appendonly", "no", "appendonly", Severity::Error),
    ] {
        place.tell(1, &["CONFIG", "SET", setting, value]);
        let found = finding(&place, code).await;
        assert_eq!(found.severity, severity, "{found:?}");
        let named = format!("{}: {setting} is {value}", address(&place, 1));
        assert!(found.found.starts_with(&named), "{found:?}");
        assert!(!found.found.contains(&address(&place, 0)), "{found:?}");
    }
}

#[tokio::test]
async fn a_slot_on_its_way_and_a_slot_of_nobody_are_told() {
    let place = Place::new().await;
    place.cluster.begin_move(0, 0, 1).unwrap();
    let found = finding(&place, "cluster_slots").await;
    assert_eq!(found.severity, Severity::Note);
    assert!(found.found.starts_with("1 slots"), "{found:?}");
    place.cluster.end_move(0, 0, 1).unwrap();

    // With full coverage a node would stop once one slot is nobody's, and nothing could be read.
    for node in 0..3 {
        place.tell(
            node,
            &["CONFIG", "SET", "cluster-require-full-coverage", "no"],
        );
    }
    let coverage = finding(&place, "cluster_coverage").await;
    assert!(coverage.found.contains("is no"), "{coverage:?}");
    place.tell(2, &["CLUSTER", "DELSLOTS", "16383"]);
    let found = finding(&place, "cluster").await;
    assert_eq!(found.severity, Severity::Error, "{found:?}");
    assert!(found.found.contains("16383 of 16384"), "{found:?}");
}

#[tokio::test]
async fn a_node_that_is_lost_is_named_and_its_scopes_are_not_called_damaged() {
    let mut place = Place::new().await;
    let slot = place.slot(&place.site.directory("store"));
    let directory = place.cluster.serving(slot, 0).unwrap();
    let lost = (directory + 1) % 3;
    let workspace = (0..)
        .map(|number| format!("w{number}"))
        .find(|name| {
            let slot = place.slot(&place.site.tagged(name, "scope"));
            place.cluster.serving(slot, 0).unwrap() == lost
        })
        .unwrap();
    let workspaces = place.site.directory("workspaces");
    place.tell(directory, &["SADD", &workspaces, &workspace]);
    place.cluster.nodes_mut()[lost].kill();
    let found = finding(&place, "cluster").await;
    assert_eq!(found.severity, Severity::Error);
    assert!(found.found.starts_with(&address(&place, lost)), "{found:?}");
    let found = finding(&place, "scopes").await;
    assert_eq!(found.severity, Severity::Warning, "{found:?}");
}

#[tokio::test]
async fn replicas_that_may_be_promoted_are_a_warning() {
    let place = Place::laid_out(Layout {
        replicas: 1,
        ..Layout::default()
    })
    .await;
    let found = finding(&place, "store_class").await;
    assert_eq!(found.severity, Severity::Warning, "{found:?}");
    assert_eq!(found.endangers, ["G2", "G3", "G5"]);
}
