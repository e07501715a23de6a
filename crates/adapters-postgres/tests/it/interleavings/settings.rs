//! What the server is set to by default changes nothing about the fence.

use std::error::Error as _;

use countersign_conformance::change::{revoke, set_gate};
use countersign_conformance::scene::{Came, HOME};
use countersign_domain::RunOutcome;
use countersign_ports::{PortErrorKind, RetryClass, Work};
use countersign_postgres::PostgresStore;
use countersign_postgres::sqlx::{self, AssertSqlSafe, Connection, PgConnection};

use super::stage::{Stage, play, scene_on};
use crate::support::server;

/// Writes down what each commit is set to that queues, starts or changes something, as it commits.
const WITNESS: &str = "
    CREATE TABLE countersign.seen (what text, durable text, isolation text);
    CREATE FUNCTION countersign.see() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO countersign.seen VALUES (
            TG_TABLE_NAME, current_setting('synchronous_commit'), current_setting('transaction_isolation'));
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER submissions_are_seen AFTER INSERT ON countersign.runs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION countersign.see();
    CREATE CONSTRAINT TRIGGER starts_are_seen AFTER UPDATE ON countersign.run_states
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION countersign.see();
    CREATE CONSTRAINT TRIGGER changes_are_seen AFTER UPDATE ON countersign.scopes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION countersign.see()";

/// The address of the server for a role whose transactions are careless, and may only read or not, unless told
/// otherwise.
async fn careless(stage: &Stage, read_only: &str) -> String {
    let role = format!("{}_careless_{read_only}", stage.schema());
    stage.afterwards(format!("DROP ROLE IF EXISTS {role}"));
    stage
        .execute(&format!(
            "CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{role}';
             ALTER ROLE {role} SET synchronous_commit = 'off';
             ALTER ROLE {role} SET default_transaction_isolation = 'repeatable read';
             ALTER ROLE {role} SET default_transaction_read_only = '{read_only}'"
        ))
        .await;
    let server = server();
    let (scheme, rest) = server.split_once("://").expect("an address");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{role}:{role}@{host}")
}

async fn opened(stage: &Stage, server: &str) -> PostgresStore {
    let url = format!("{server}?schema={}", stage.schema());
    let url = url.parse().expect("an address");
    PostgresStore::open(&url).await.expect("the prepared store")
}

/// What was written down, and that it is as the fence needs it.
async fn assert_seen(stage: &Stage, what: &[&str]) {
    let seen = "SELECT DISTINCT what, durable, isolation FROM countersign.seen ORDER BY what";
    let seen: Vec<(String, String, String)> = sqlx::query_as(AssertSqlSafe(stage.rewritten(seen)))
        .fetch_all(stage.begins().await.connection())
        .await
        .expect("what was written down");
    let seen: Vec<_> = seen
        .iter()
        .map(|(what, durable, isolation)| (what.as_str(), durable.as_str(), isolation.as_str()))
        .collect();
    let expected: Vec<_> = what
        .iter()
        .map(|what| (*what, "on", "read committed"))
        .collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn g2_g3_g5_whatever_others_rely_on_commits_durably_whatever_the_default() {
    play(|stage| async move {
        stage.scene.apply(&HOME.changes()).await;
        let server = careless(&stage, "on").await;
        let scene = scene_on(&opened(&stage, &server).await);
        stage.execute(WITNESS).await;
        // One completes plainly, the other does not.
        for work in [Work::Succeeded, Work::PartiallySucceeded] {
            let key = scene.submit(HOME.sync()).await;
            let delivered = scene.receive(1).await;
            assert_eq!(delivered[0].run, key);
            let running = scene.start(&key).await;
            assert_seen(&stage, &["run_states", "runs"]).await;
            scene.complete(&running, work).await;
            assert_seen(&stage, &["run_states", "runs"]).await;
        }
        scene.apply(&[set_gate(HOME.workspace, None, false)]).await;
        assert_seen(&stage, &["run_states", "runs", "scopes"]).await;
    })
    .await;
}

#[tokio::test]
async fn g2_starts_and_changes_see_what_has_been_committed_whatever_the_default() {
    play(|stage| async move {
        stage.scene.apply(&HOME.changes()).await;
        let key = stage.scene.submit(HOME.sync()).await;
        let server = careless(&stage, "off").await;
        let scene = scene_on(&opened(&stage, &server).await);
        stage.execute(WITNESS).await;
        assert_eq!(scene.try_start(&key).await, Came::Started);
        assert_seen(&stage, &["run_states"]).await;
        scene.apply(&[set_gate(HOME.workspace, None, false)]).await;
        assert_seen(&stage, &["run_states", "scopes"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_run_comes_to_its_end_where_no_statement_is_kept() {
    play(|stage| async move {
        stage.scene.apply(&HOME.changes()).await;
        let url = format!(
            "{}?schema={}&statement-cache-capacity=0",
            server(),
            stage.schema()
        );
        let url = url.parse().expect("an address");
        let scene = scene_on(&PostgresStore::open(&url).await.expect("the store"));
        let key = scene.submit(HOME.sync()).await;
        let delivered = scene.receive(1).await;
        assert_eq!(delivered[0].run, key);
        let running = scene.start(&key).await;
        let outcome = scene.complete(&running, Work::Succeeded).await;
        assert_eq!(outcome, RunOutcome::Succeeded);
    })
    .await;
}

#[tokio::test]
async fn g2_a_change_in_a_transaction_of_the_callers_makes_it_commit_durably() {
    play(|stage| async move {
        stage.scene.apply(&HOME.changes()).await;
        let server = careless(&stage, "on").await;
        stage.execute(WITNESS).await;
        let mut connection = PgConnection::connect(&server).await.unwrap();
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
        let mut transaction = connection.begin_with(begin).await.unwrap();
        let change = set_gate(HOME.workspace, None, false).into();
        let authority = stage.store.authority();
        authority
            .apply_in(&mut transaction, &[change])
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        assert_seen(&stage, &["scopes"]).await;
    })
    .await;
}

#[tokio::test]
async fn g2_a_change_under_an_older_snapshot_is_refused_with_what_to_do() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        let key = scene.submit(HOME.sync()).await;
        for (begin, level) in [
            ("BEGIN ISOLATION LEVEL REPEATABLE READ", "REPEATABLE READ"),
            ("BEGIN ISOLATION LEVEL SERIALIZABLE", "SERIALIZABLE"),
        ] {
            let mut older = stage.begins_with(begin).await;
            let revocation = revoke(HOME.user, HOME.workspace, HOME.tenant, "operator");
            let refused = older.try_apply(&[revocation]).await.unwrap_err();
            assert_eq!(refused.kind(), PortErrorKind::Refused);
            assert_eq!(refused.retry(), RetryClass::Never);
            let source = refused.source().unwrap().to_string();
            let why =
                format!("authority is changed under READ COMMITTED, this transaction is {level}");
            assert!(source.contains(&why), "{source}");
        }
        assert_eq!(
            scene.try_start(&key).await,
            Came::Started,
            "nothing was changed"
        );
    })
    .await;
}
