//! The Redis adapter passes every case of the conformance suite.

use countersign_conformance::{Harness, Ports};

use crate::support::{Site, ports};

#[async_trait::async_trait]
impl Harness for Site {
    async fn open(&self) -> Ports {
        ports(&self.open().await)
    }

    async fn close(&self) {
        self.close().await;
    }
}

countersign_conformance::suite!(mod suite, || async { super::Site::new().await });
