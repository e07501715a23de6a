//! The Redis adapter passes every case of the conformance suite.

use countersign_conformance::{Harness, Ports};

use crate::support::{Site, cluster, ports};

#[async_trait::async_trait]
impl Harness for Site {
    async fn open(&self) -> Ports {
        match self.is_on_a_cluster() {
            true => ports(&self.open().await).of_one_scope(),
            false => ports(&self.open().await),
        }
    }

    async fn close(&self) {
        self.close().await;
    }
}

// On one server.
countersign_conformance::suite!(mod suite, || async { super::Site::new().await });

// On the nodes of a cluster between them.
countersign_conformance::suite!(mod cluster, || async {
    super::Site::at(super::cluster()).prepared().await
});

// From one store to another: on one server, and on a cluster.
countersign_conformance::moving_suite!(mod moving_house, || async { super::Site::new().await });
countersign_conformance::moving_suite!(mod moving_house_on_a_cluster, || async {
    super::Site::at(super::cluster()).prepared().await
});
