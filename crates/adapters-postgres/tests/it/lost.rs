//! What is lost on the way between Countersign and the server: requests, answers, connections, hints.
//!
//! A store is opened through a [`Proxy`] that loses what it is told to. The same store is open past it, too:
//! for looking at what really happened, and as another process.

mod backend;
mod begin;
mod change;
mod completion;
mod dropped;
mod fault;
mod hints;
mod messages;
mod proxy;
mod read_back;
mod submit;

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use countersign_conformance::Ports;
use countersign_conformance::scene::{Scene, eventually};
use countersign_ports::{PortError, PortResult, RetryClass};
use countersign_postgres::{PostgresStore, PostgresUrl, sqlx};

use crate::support::{Site, server};
use fault::Fault;
use proxy::Proxy;

/// What has not ended by then never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// A store behind a proxy.
struct Line {
    site: Site,
    proxy: Proxy,
    /// What the server calls the connections that come through the proxy.
    name: String,
    /// Where the store is found through the proxy.
    url: PostgresUrl,
    /// The store through the proxy.
    scene: Scene,
    /// The store past the proxy.
    past: Scene,
}

/// Plays a test on a line of its own, and throws its store away whatever became of it.
async fn on_a_line<Played>(part: impl FnOnce(Arc<Line>) -> Played)
where
    Played: Future<Output = ()> + Send + 'static,
{
    let site = Site::new().await;
    let proxy = Proxy::before(&server()).await;
    let name = format!("lost_{}", uuid::Uuid::new_v4().simple());
    let url = site.url_at(proxy.address(), &name);
    let line = Arc::new(Line {
        scene: open(&url).await,
        past: Scene::home(&ports(&site.open().await)).await,
        site,
        proxy,
        name,
        url,
    });
    let playing = tokio::spawn(part(Arc::clone(&line)));
    let ended = tokio::time::timeout(PATIENCE, playing).await;
    line.site.close().await;
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(failed)) => resume_unwind(failed.into_panic()),
        Err(_elapsed) => panic!("in vain: the test ends"),
    }
}

async fn open(url: &PostgresUrl) -> Scene {
    let store = PostgresStore::open(url).await.expect("the store");
    Scene::bare(&ports(&store))
}

fn ports(store: &PostgresStore) -> Ports {
    let (runs, authority, queue) = (store.runs(), store.authority(), store.queue());
    Ports::new(Arc::new(runs), Arc::new(authority), Arc::new(queue))
}

impl Line {
    /// The store through the proxy, on new connections.
    async fn open_again(&self) -> Scene {
        open(&self.url).await
    }

    /// Calls once while the line is cut so, and answers with the error that the cut has led to.
    async fn cut<T>(&self, fault: Fault, called: impl Future<Output = PortResult<T>>) -> PortError {
        self.proxy.set(fault);
        let Err(error) = called.await else {
            panic!("answered through a line that was cut");
        };
        assert!(self.proxy.has_cut(), "another error than the cut: {error}");
        error
    }

    /// The same where nobody can know whether the call has committed.
    async fn cut_at_commit<T>(&self, fault: Fault, called: impl Future<Output = PortResult<T>>) {
        let error = self.cut(fault, called).await;
        assert_eq!(error.retry(), RetryClass::ReadBack, "{error}");
    }

    /// The backends of connections through the proxy that wait for a lock, once there are so many.
    async fn waiting_backends(&self, count: usize) -> Vec<i32> {
        eventually("backends wait for a lock", || async {
            let waiting: Vec<i32> = sqlx::query_scalar(
                "SELECT pid FROM pg_stat_activity \
                 WHERE application_name = $1 AND wait_event_type = 'Lock' ORDER BY query_start",
            )
            .bind(&self.name)
            .fetch_all(&mut self.site.connect().await)
            .await
            .unwrap();
            (waiting.len() >= count).then_some(waiting)
        })
        .await
    }

    /// The backends of every connection through the proxy.
    async fn backends(&self) -> Vec<i32> {
        sqlx::query_scalar("SELECT pid FROM pg_stat_activity WHERE application_name = $1")
            .bind(&self.name)
            .fetch_all(&mut self.site.connect().await)
            .await
            .unwrap()
    }

    /// Has the server end a backend, and returns when it is gone.
    async fn terminate(&self, backend: i32) {
        let sent: bool = sqlx::query_scalar("SELECT pg_terminate_backend($1)")
            .bind(backend)
            .fetch_one(&mut self.site.connect().await)
            .await
            .unwrap();
        assert!(sent, "there is such a backend");
        eventually("the backend is gone", || async {
            let gone = "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1)";
            let gone: bool = sqlx::query_scalar(gone)
                .bind(backend)
                .fetch_one(&mut self.site.connect().await)
                .await
                .unwrap();
            gone.then_some(())
        })
        .await;
    }
}
