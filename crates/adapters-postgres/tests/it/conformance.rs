//! The PostgreSQL adapter passes every case of the conformance suite.

use std::sync::Arc;

use countersign_conformance::{Harness, Ports};
use countersign_postgres::PostgresStore;

use crate::support::Site;

/// A schema of its own, dropped with its case.
struct PostgresHarness {
    site: Site,
    /// Whether runs and queue are told that they live apart.
    queue_apart: bool,
}

fn ports(store: &PostgresStore, queue_apart: bool) -> Ports {
    let runs = match queue_apart {
        true => store.runs_apart_from_queue(),
        false => store.runs(),
    };
    Ports::new(
        Arc::new(runs),
        Arc::new(store.authority()),
        Arc::new(store.queue()),
    )
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
