//! A store of the test's own, the world on it, and what the themes have in common.

use std::sync::{Arc, Mutex};

use countersign_conformance::Ports;
use countersign_conformance::scene::{Came, Scene};
use countersign_domain::ReasonCode;
use countersign_ports::{RunKey, Start};
use countersign_postgres::PostgresStore;
use countersign_postgres::sqlx::postgres::PgPool;
use countersign_postgres::sqlx::{AssertSqlSafe, Executor};

use super::hand::Hand;
use crate::support::{Site, server};

/// Plays a part on a stage of its own, which is cleared away also when the part fails.
pub(crate) async fn play<Played>(part: impl FnOnce(Stage) -> Played + Send + 'static)
where
    Played: Future<Output = ()> + Send + 'static,
{
    let site = Arc::new(Site::new().await);
    let afterwards = Afterwards::default();
    let played = tokio::spawn({
        let (site, afterwards) = (site.clone(), afterwards.clone());
        async move { part(Stage::on(site, afterwards).await).await }
    })
    .await;
    site.close().await;
    let statements = std::mem::take(&mut *afterwards.lock().expect("a list"));
    let mut connection = site.connect().await;
    for statement in statements {
        let cleared = connection.execute(AssertSqlSafe(statement)).await;
        cleared.expect("what the part left is cleared away");
    }
    if let Err(failed) = played {
        std::panic::resume_unwind(failed.into_panic());
    }
}

/// Statements that clear away what is not in the schema.
type Afterwards = Arc<Mutex<Vec<String>>>;

/// A prepared store, the scene on it, and connections past the adapter.
pub(crate) struct Stage {
    pub(crate) store: PostgresStore,
    pub(crate) scene: Scene,
    site: Arc<Site>,
    pub(super) past: PgPool,
    afterwards: Afterwards,
}

impl Stage {
    async fn on(site: Arc<Site>, afterwards: Afterwards) -> Self {
        let store = site.open().await;
        Self {
            scene: scene_on(&store),
            store,
            site,
            past: PgPool::connect(&server()).await.expect("connections"),
            afterwards,
        }
    }

    /// The same store, as another process has it.
    pub(crate) async fn elsewhere(&self) -> Scene {
        scene_on(&self.site.open().await)
    }

    /// The schema of the store.
    pub(crate) fn schema(&self) -> String {
        self.site.url().schema().to_string()
    }

    /// Runs statements past the adapter, in which `countersign.` stands for the schema of the store.
    pub(crate) async fn execute(&self, statements: &str) {
        let mut connection = self.past.acquire().await.expect("a connection");
        let done = connection.execute(AssertSqlSafe(self.rewritten(statements)));
        done.await.expect("the statements are run");
    }

    /// A statement that is written for the schema `countersign`.
    pub(crate) fn rewritten(&self, written: &str) -> String {
        written.replace("countersign.", &format!("{}.", self.schema()))
    }

    /// Has a statement run once the part has ended, whatever became of it.
    pub(crate) fn afterwards(&self, statement: String) {
        self.afterwards.lock().expect("a list").push(statement);
    }

    /// The run is judged by the authority of now, is blocked for that reason, and never started (G1).
    pub(crate) async fn is_blocked(&self, key: &RunKey, reason: ReasonCode) {
        assert_eq!(self.scene.try_start(key).await, Came::Blocked);
        let run = self.scene.load(key).await;
        let record = run
            .decision_record()
            .expect("a record")
            .expect("a decision");
        assert_eq!(record.reason_code, Some(reason));
        assert_eq!(run.started_at, None);
    }

    /// What was judged while a change that removes its authority was made, but not committed, does not
    /// start: neither before the commit nor after it (G2).
    pub(crate) async fn starts_nothing(&self, judged: &[Start], removing: Hand) {
        for start in judged {
            assert_eq!(self.scene.begin_one(start).await, Came::Busy);
        }
        removing.commit().await;
        for start in judged {
            assert_eq!(self.scene.begin_one(start).await, Came::Moved);
        }
    }
}

/// The scene on a store, with ports of its own.
pub(crate) fn scene_on(store: &PostgresStore) -> Scene {
    Scene::bare(&Ports::new(
        Arc::new(store.runs()),
        Arc::new(store.authority()),
        Arc::new(store.queue()),
    ))
}
