//! The PostgreSQL adapter passes every case of the conformance suite.

use countersign_conformance::{Harness, Ports};

use crate::support::{Site, ports};

/// A schema of its own, dropped with its case.
struct PostgresHarness {
    site: Site,
    /// Whether runs and queue are told that they live apart.
    queue_apart: bool,
}

#[async_trait::async_trait]
impl Harness for PostgresHarness {
    async fn open(&self) -> Ports {
        ports(&self.site.open().await, self.queue_apart)
    }

    async fn close(&self) {
        self.site.close().await;
    }
}

countersign_conformance::suite!(mod together, || async {
    super::PostgresHarness { site: Site::new().await, queue_apart: false }
});

countersign_conformance::suite!(mod queue_apart, || async {
    super::PostgresHarness { site: Site::new().await, queue_apart: true }
});

countersign_conformance::moving_suite!(mod moving_house, || async {
    super::PostgresHarness { site: Site::new().await, queue_apart: false }
});

countersign_conformance::moving_suite!(mod moving_house_queue_apart, || async {
    super::PostgresHarness { site: Site::new().await, queue_apart: true }
});
