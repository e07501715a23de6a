//! Reading back while the server is still at it: the answer waits for a commit under way, and whatever gets no further
//! until then never does.

use std::slice::from_ref;
use std::sync::Arc;

use countersign_conformance::scene::{Came, HOME, eventually};
use countersign_ports::{Begun, ReadBack, Start};
use countersign_postgres::sqlx::{AssertSqlSafe, Executor, PgConnection};
use tokio::task::JoinHandle;

use super::fault::Fault;
use super::{Line, on_a_line};

/// The lock that holds them up. Locks of this kind are the database's, which tests share.
const HOLD: &str = "hashtextextended(current_setting('application_name'), 0)";

impl Line {
    /// From now on commits that move a run wait for the connection that is answered with.
    async fn hold_commits(&self) -> PgConnection {
        self.hold_at(
            "CREATE CONSTRAINT TRIGGER they_wait AFTER UPDATE OF status ON countersign.run_states
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
        )
        .await
    }

    /// From now on starts wait for the connection that is answered with, before they move a run.
    async fn hold_starts(&self) -> PgConnection {
        self.hold_at(
            "CREATE TRIGGER they_wait BEFORE INSERT ON countersign.rulings FOR EACH STATEMENT",
        )
        .await
    }

    /// Has what comes over the proxy wait at this trigger.
    async fn hold_at(&self, trigger: &str) -> PgConnection {
        let schema = self.site.schema();
        let trigger = trigger.replace("countersign.", &format!("{schema}."));
        let mut holder = self.site.connect().await;
        // What is held runs under the name of the proxy's connections, and so does the lock.
        let statements = format!(
            "SET application_name = '{name}';
             SELECT pg_advisory_lock({HOLD});
             CREATE FUNCTION {schema}.wait() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 PERFORM pg_advisory_xact_lock({HOLD});
                 RETURN NULL;
             END $$;
             {trigger} EXECUTE FUNCTION {schema}.wait();",
            name = self.name,
        );
        holder.execute(AssertSqlSafe(statements)).await.unwrap();
        holder
    }

    /// Begins a start that is held up, and loses its line. Answers with the backend that is at it.
    async fn begin_and_be_held(&self, start: &Start) -> i32 {
        let begin = self.scene.ports.runs.begin(from_ref(start));
        self.cut_at_commit(Fault::CutInCommit, begin).await;
        self.waiting_backends(1).await[0]
    }
}

/// Reads a start back, which must wait for another backend.
async fn read_back_and_wait(line: &Arc<Line>, start: &Arc<Start>) -> JoinHandle<ReadBack> {
    let (reading, read) = (Arc::clone(line), Arc::clone(start));
    let reading = tokio::spawn(async move { reading.read_back(&read).await });
    eventually("reading back waits for the commit", || async {
        assert!(!reading.is_finished(), "answered before the commit ended");
        (line.waiting_backends(1).await.len() == 2).then_some(())
    })
    .await;
    reading
}

#[tokio::test]
async fn reading_back_waits_for_a_commit_that_is_under_way() {
    on_a_line(|line| async move {
        let key = line.past.submit(HOME.sync()).await;
        let start = Arc::new(line.scene.judge(&key).await);
        let holder = line.hold_commits().await;
        line.begin_and_be_held(&start).await;
        let reading = read_back_and_wait(&line, &start).await;

        drop(holder);
        let read = reading.await.unwrap();
        assert!(
            matches!(&read, ReadBack::Committed(Begun::Started(_))),
            "{read:?}"
        );
        line.assert_running(&start).await;
    })
    .await;
}

#[tokio::test]
async fn a_commit_that_is_given_up_while_it_is_read_back_is_still_queued() {
    on_a_line(|line| async move {
        let key = line.past.submit(HOME.sync()).await;
        let start = Arc::new(line.scene.judge(&key).await);
        let holder = line.hold_commits().await;
        let committing = line.begin_and_be_held(&start).await;
        let reading = read_back_and_wait(&line, &start).await;

        line.terminate(committing).await;
        let read = reading.await.unwrap();
        assert!(matches!(read, ReadBack::StillQueued), "{read:?}");
        line.assert_untouched(&key).await;
        drop(holder);
        assert_eq!(line.scene.try_start(&key).await, Came::Started);
    })
    .await;
}

#[tokio::test]
async fn g3_a_start_that_was_read_back_as_not_made_is_not_made_later() {
    on_a_line(|line| async move {
        let keys = line.past.submit_all([HOME.sync(), HOME.sync()]).await;
        let start = line.scene.judge(&keys[0]).await;
        let holder = line.hold_starts().await;
        let beginning = line.begin_and_be_held(&start).await;
        for _ in 0..2 {
            let read = line.read_back(&start).await;
            assert!(matches!(read, ReadBack::StillQueued), "{read:?}");
        }

        drop(holder);
        // It comes to its end, and to nothing.
        let ended = async || (!line.backends().await.contains(&beginning)).then_some(());
        eventually("the call has ended", ended).await;
        let other = line.scene.judge(&keys[1]).await;
        assert_eq!(line.scene.begin_one(&other).await, Came::Started);
        line.assert_untouched(&keys[0]).await;
        // By another decision the run starts.
        assert_eq!(line.scene.try_start(&keys[0]).await, Came::Started);
    })
    .await;
}
