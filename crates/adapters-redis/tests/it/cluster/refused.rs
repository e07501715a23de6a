//! Addresses that lead to another kind of server than they say.

use countersign_ports::{PortErrorKind, RunRepository};
use countersign_redis::RedisStore;

use crate::support::{Site, cluster, server};

async fn refusal(server: String) -> String {
    let error = RedisStore::create(&Site::at(server).url())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Refused, "{error}");
    error.to_string()
}

/// The nodes of the test cluster.
fn nodes() -> Vec<String> {
    let cluster = cluster();
    let (_, nodes) = cluster.split_once("//").unwrap();
    nodes.split(',').map(str::to_owned).collect()
}

#[tokio::test]
async fn a_node_of_a_cluster_is_refused_as_a_server_with_its_right_address() {
    let refusal = refusal(format!("redis://{}", nodes()[0])).await;
    assert!(refusal.contains("`redis-cluster://HOST`"), "{refusal}");
}

#[tokio::test]
async fn a_server_is_refused_as_a_cluster_with_its_right_address() {
    let refusal = refusal(server().replace("redis://", "redis-cluster://")).await;
    assert!(refusal.contains("`redis://HOST`"), "{refusal}");
}

#[tokio::test]
async fn one_node_that_answers_is_enough_to_find_the_others() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let site = Site::at(cluster()).prepared().await;
    for node in nodes() {
        let few = site.url_at(&format!("redis-cluster://{nobody},{node}"));
        let found = RedisStore::open(&few).await.unwrap();
        let same = site.open().await;
        assert_eq!(found.runs().store(), same.runs().store());
    }
    site.close().await;
}
