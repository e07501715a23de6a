//! What is left of keys once runs were removed.

use std::time::Duration;

use countersign_conformance::scene::{Came, HOME, Scene, failed, json};
use countersign_ports::{Finish, Prune, Work};

use crate::support::{Site, cluster, ports};

const ALL: Prune = Prune {
    older_than: Duration::ZERO,
    keep_blocked: false,
    after: None,
    limit: 100,
};

/// The keys of a store, but for those that rulings are numbered by.
async fn keys(site: &Site) -> Vec<String> {
    let mut keys = site.keys().await;
    keys.retain(|key| !key.ends_with(":rulings"));
    keys.sort();
    keys
}

async fn leaves_nothing(site: Site) {
    let scene = Scene::home(&ports(&site.open().await)).await;
    let others = scene.submit(HOME.sync()).await;
    let others = scene.start(&others).await;
    let before = keys(&site).await;
    let first = scene.running().await;
    let entry = scene.fail_and_retry(&first, Duration::ZERO).await;
    let second = scene.start(&entry.run).await;
    let finish = Finish {
        result: Some(json(r#"{"rows":3}"#)),
        ..second.finish(Work::Succeeded)
    };
    scene.finish(finish).await;
    let failing = scene.running().await;
    scene.complete(&failing, failed()).await;
    let blocked = scene.submit(HOME.denied()).await;
    assert_eq!(scene.try_start(&blocked).await, Came::Blocked);
    let told = scene.load(&others.key).await;
    let pruned = scene.ports.runs.prune(&ALL).await.unwrap();
    assert_eq!((pruned.removed, pruned.kept), (4, 0));
    assert_eq!(keys(&site).await, before);
    assert_eq!(scene.load(&others.key).await, told, "with its decision");
    scene.complete(&others, Work::Succeeded).await;
    scene.ports.runs.prune(&ALL).await.unwrap();
    let rulings = site.tagged(HOME.workspace, "rulings");
    let fields: Vec<String> = redis::cmd("HKEYS")
        .arg(&rulings)
        .query_async(&mut site.raw_to(&rulings).await)
        .await
        .expect("fields");
    assert_eq!(fields, ["last"]);
    site.close().await;
}

#[tokio::test]
async fn nothing_is_left_of_runs_that_were_removed() {
    leaves_nothing(Site::new().await).await;
}

#[tokio::test]
async fn nothing_is_left_on_a_cluster_of_runs_that_were_removed() {
    leaves_nothing(Site::at(cluster()).prepared().await).await;
}
