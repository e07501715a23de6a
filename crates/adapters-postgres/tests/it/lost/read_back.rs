//! Reading back while the server is still at the commit: the answer waits until that has ended.

use std::slice::from_ref;
use std::sync::Arc;

use countersign_conformance::scene::{Came, HOME, eventually};
use countersign_ports::{Begun, ReadBack, Start};
use countersign_postgres::sqlx::{AssertSqlSafe, Executor, PgConnection};
use tokio::task::JoinHandle;

use super::fault::Fault;
use super::{Line, on_a_line};

/// The lock that holds commits up. Locks of this kind are the database's, which tests share.
const HOLD: &str = "hashtextextended(current_setting('application_name'), 0)";

impl Line {
    /// From now on commits that move a run wait for the connection that is answered with.
    async fn hold_commits(&self) -> PgConnection {
        let schema = self.site.schema();
        let mut holder = self.site.connect().await;
        // The commit runs under the name of the proxy's connections, and so does the lock.
        let statements = format!(
            "SET application_name = '{name}';
             SELECT pg_advisory_lock({HOLD});
             CREATE FUNCTION {schema}.wait_to_commit() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 PERFORM pg_advisory_xact_lock({HOLD});
                 RETURN NULL;
             END $$;
             CREATE CONSTRAINT TRIGGER commits_wait AFTER UPDATE ON {schema}.run_states
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {schema}.wait_to_commit();",
            name = self.name,
        );
        holder.execute(AssertSqlSafe(statements)).await.unwrap();
        holder
    }

    /// Begins a start whose commit is held up, and loses its line. Answers with the backend that is at it.
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
