//! Facts that live in tables of the team's own.

use std::sync::Arc;

use countersign_conformance::Ports;
use countersign_conformance::change::define_role;
use countersign_conformance::scene::{Came, Scene};
use countersign_domain::{AuthorityQuery, ReasonCode, Submission};
use countersign_ports::{AuthorityLookup, LookedUp, RunKey, Start, StoreMaintenance};
use countersign_postgres::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use countersign_postgres::{PostgresMaintenance, PostgresStore};

use crate::support::Site;

/// A store, and an application that keeps teams, accounts and memberships for itself.
struct Team {
    site: Site,
    store: PostgresStore,
    scene: Scene,
    /// The application's schema.
    app: String,
    sql: PgConnection,
}

impl Team {
    async fn new() -> Self {
        let site = Site::new().await;
        let store = site.open().await;
        let ports = Ports::new(
            Arc::new(store.runs()),
            Arc::new(store.authority()),
            Arc::new(store.queue()),
        );
        let mut team = Self {
            app: format!("{}_app", site.url().schema()),
            sql: site.connect().await,
            scene: Scene::bare(&ports),
            store,
            site,
        };
        team.run(include_str!("own_tables/application.sql")).await;
        team.scene
            .apply(&[define_role("operator", &["inventory.sync"], true)])
            .await;
        team
    }

    /// A script, written for the schemas `app` and `countersign`.
    fn script(&self, script: &str) -> AssertSqlSafe<String> {
        let schema = self.site.url().schema().to_string();
        AssertSqlSafe(
            script
                .replace("countersign.", &format!("{schema}."))
                .replace("app.", &format!("{}.", self.app))
                .replace("SCHEMA app", &format!("SCHEMA {}", self.app)),
        )
    }

    async fn run(&mut self, script: &str) {
        let script = self.script(script);
        self.sql.execute(script).await.expect("the script");
    }

    async fn refused(&mut self, script: &str) -> String {
        let script = self.script(script);
        let error = self.sql.execute(script).await.expect_err("a refusal");
        error
            .as_database_error()
            .expect("the server's own error")
            .message()
            .to_owned()
    }

    /// Another connection of the application's.
    async fn another(&self) -> PgConnection {
        self.site.connect().await
    }

    /// A run of ada's in the first team.
    async fn queued(&self) -> RunKey {
        self.scene.submit(asked("1", "ada")).await
    }

    async fn judged(&self, key: &RunKey) -> Start {
        self.scene.judge(key).await
    }

    async fn begin(&self, start: Start) -> Came {
        let mut came = self.scene.begin(&[start]).await;
        came.remove(0)
    }

    /// What the gate says now.
    async fn verdict(&self, key: &RunKey) -> Option<ReasonCode> {
        self.judged(key).await.decision().reason()
    }

    async fn close(mut self) {
        self.run("DROP SCHEMA app CASCADE").await;
        self.store.close().await;
        self.site.close().await;
    }
}

fn asked(workspace: &str, user: &str) -> Submission {
    let tenant = format!("t{workspace}");
    let line = format!(
        r#"{{"workspace":"{workspace}","tenant":"{tenant}","user":"{user}","type":"inventory_sync"}}"#
    );
    Submission::parse(&line).expect("a run")
}

/// Waits until that backend waits for a lock.
async fn waits(observer: &mut PgConnection, pid: i32) {
    let asked = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE pid = $1 AND NOT granted)";
    let waiting = async || {
        let row = countersign_postgres::sqlx::query(asked)
            .bind(pid)
            .fetch_one(&mut *observer)
            .await;
        row.expect("the locks").get::<bool, _>(0)
    };
    let patience = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        let mut waiting = waiting;
        while !waiting().await {
            tokio::task::yield_now().await;
        }
    });
    patience.await.expect("it waits for a lock");
}

async fn pid(connection: &mut PgConnection) -> i32 {
    let row = connection.fetch_one("SELECT pg_backend_pid()").await;
    row.expect("its number").get(0)
}

#[tokio::test]
async fn g2_a_row_that_is_deleted_between_look_up_and_start_stops_the_run() {
    let mut team = Team::new().await;
    let (key, other) = (team.queued().await, team.queued().await);
    let start = team.judged(&key).await;
    assert!(start.decision().is_allowed());
    team.run("DELETE FROM app.memberships WHERE account = 'ada'")
        .await;
    assert_eq!(team.begin(start).await, Came::Moved);
    let blocked = team.judged(&key).await;
    let reason = Some(ReasonCode::InitiatorNotInWorkspace);
    assert_eq!(blocked.decision().reason(), reason);
    assert_eq!(team.begin(blocked).await, Came::Blocked);
    assert_eq!(team.scene.load(&key).await.started_at, None);
    assert_eq!(team.verdict(&other).await, reason);
    team.close().await;
}

#[tokio::test]
async fn every_kind_of_write_to_a_watched_table_moves_the_authority() {
    let mut team = Team::new().await;
    let key = team.queued().await;
    for write in [
        "INSERT INTO app.memberships (team, account, role) VALUES (1, 'bob', 'operator')",
        "UPDATE app.memberships SET role = 'viewer' WHERE account = 'bob'",
        "UPDATE app.memberships SET team = 2 WHERE account = 'bob'",
        "UPDATE app.memberships SET team = 1 WHERE account = 'bob'",
        "DELETE FROM app.memberships WHERE account = 'bob'",
        "UPDATE app.accounts SET enabled = enabled WHERE name = 'ada'",
        "UPDATE app.teams SET archived = archived WHERE id = 1",
        "SET session_replication_role = replica; UPDATE app.teams SET archived = archived WHERE id = 1; SET session_replication_role = origin",
        "COPY app.memberships (team, account, role) FROM PROGRAM 'printf \"1\\tcarl\\toperator\\n\"'",
        "TRUNCATE app.memberships",
    ] {
        let start = team.judged(&key).await;
        team.run(write).await;
        assert_eq!(team.begin(start).await, Came::Moved, "{write}");
    }
    let elsewhere = team.scene.submit(asked("2", "ada")).await;
    let start = team.judged(&elsewhere).await;
    team.run("UPDATE app.teams SET archived = archived WHERE id = 1")
        .await;
    assert_eq!(
        team.begin(start).await,
        Came::Blocked,
        "another team's is left alone"
    );
    team.close().await;
}

/// While the application's transaction runs, nothing waits for it; from its commit on, nothing starts.
#[tokio::test]
async fn an_open_transaction_of_the_applications_holds_nobody_up() {
    let team = Team::new().await;
    let (first, second) = (team.queued().await, team.queued().await);
    let mut application = team.another().await;
    let mut transaction = application.begin().await.expect("a transaction");
    let delete = team.script("DELETE FROM app.memberships WHERE account = 'ada'");
    transaction.execute(delete).await.expect("the delete");
    let start = team.judged(&first).await;
    assert_eq!(team.begin(start).await, Came::Started);
    let late = team.judged(&second).await;
    transaction.commit().await.expect("the commit");
    assert_eq!(team.begin(late).await, Came::Moved);
    assert_eq!(
        team.verdict(&second).await,
        Some(ReasonCode::InitiatorNotInWorkspace)
    );
    team.close().await;
}

/// An account is disabled while it is given its first membership in another team: whichever commits second
/// sees the first, so that no start there rests on an account that was enabled.
#[tokio::test]
async fn g2_a_disabled_account_and_a_first_membership_do_not_miss_each_other() {
    let team = Team::new().await;
    let key = team.scene.submit(asked("2", "ada")).await;
    let mut observer = team.another().await;
    let (mut joins, mut disables) = (team.another().await, team.another().await);
    let disabling = pid(&mut disables).await;

    let mut joining = joins.begin().await.expect("a transaction");
    let join = team
        .script("INSERT INTO app.memberships (team, account, role) VALUES (2, 'ada', 'operator')");
    joining.execute(join).await.expect("the membership");
    // It has looked for what it touches, and is about to commit.
    joining
        .execute("SET CONSTRAINTS ALL IMMEDIATE")
        .await
        .expect("its turn");
    let disable = team.script("UPDATE app.accounts SET enabled = false WHERE name = 'ada'");
    let disabled = tokio::spawn(async move { disables.execute(disable).await.map(drop) });
    waits(&mut observer, disabling).await;
    joining.commit().await.expect("the commit");
    // Judged at the worst moment there is: the membership holds, and the account may still be enabled.
    let start = team.judged(&key).await;
    let allowed = start.decision().is_allowed();
    disabled
        .await
        .expect("the task")
        .expect("it commits after the other");
    let came = team.begin(start).await;
    if allowed {
        assert_eq!(came, Came::Moved);
    }
    assert_eq!(
        team.scene.load(&key).await.started_at,
        None,
        "nothing starts on an account that is disabled"
    );
    team.close().await;
}

/// Transactions that touch teams in opposite orders wait for each other's turn, and never for a cycle.
#[tokio::test]
async fn the_applications_transactions_do_not_deadlock() {
    let team = Team::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..4_usize {
        let mut connection = team.another().await;
        let teams = if worker % 2 == 0 { [1, 2] } else { [2, 1] };
        let steps = teams.map(|number| {
            let account = format!("w{worker}");
            format!("INSERT INTO app.memberships (team, account, role) VALUES ({number}, '{account}', 'operator')")
        });
        let script = format!("BEGIN; {}; {}; COMMIT", steps[0], steps[1]);
        let script = team.script(&script).0;
        tasks.spawn(async move {
            for _ in 0..25 {
                connection
                    .execute(AssertSqlSafe(script.clone()))
                    .await
                    .expect("no deadlock");
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no deadlock");
    }
    team.close().await;
}

/// Under an older snapshot, what a row touches elsewhere cannot be told; what it names itself can.
#[tokio::test]
async fn an_older_snapshot_is_refused_where_it_could_miss_something() {
    let mut team = Team::new().await;
    let key = team.queued().await;
    let start = team.judged(&key).await;
    team.run("BEGIN ISOLATION LEVEL REPEATABLE READ; DELETE FROM app.memberships WHERE account = 'ada'; COMMIT")
        .await;
    assert_eq!(team.begin(start).await, Came::Moved);
    let refused = team
        .refused("BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE app.accounts SET enabled = false; COMMIT")
        .await;
    assert!(refused.contains("READ COMMITTED"), "{refused}");
    team.close().await;
}

#[tokio::test]
async fn g6_a_fact_that_is_told_twice_or_without_its_value_is_undecided() {
    let mut team = Team::new().await;
    let query = AuthorityQuery {
        workspace_id: "1".parse().expect("an id"),
        tenant_id: "t1".parse().expect("an id"),
        initiator: Some("ada".parse().expect("an id")),
        provider_connection_id: None,
    };
    let elsewhere = AuthorityQuery {
        workspace_id: "2".parse().expect("an id"),
        tenant_id: "t2".parse().expect("an id"),
        ..query.clone()
    };
    let authority = team.store.authority();
    for damage in [
        "CREATE OR REPLACE VIEW app.workspaces AS SELECT id::text AS id, nullif(id <> 1, false) AS active FROM app.teams",
        "CREATE OR REPLACE VIEW app.workspaces AS SELECT id::text AS id, true AS active FROM app.teams UNION ALL SELECT '1', false",
    ] {
        team.run(damage).await;
        let answers = authority.look_up(&[query.clone(), elsewhere.clone()]).await;
        let answers = answers.expect("answers");
        assert!(matches!(answers[0], LookedUp::Undecided(_)), "{answers:?}");
        assert!(matches!(answers[1], LookedUp::Found(_)), "{answers:?}");
    }
    team.close().await;
}

#[tokio::test]
async fn what_is_read_from_elsewhere_is_changed_there() {
    let mut team = Team::new().await;
    let refused = team
        .refused(r#"SELECT countersign.apply_change('{"change":"grant","user":"u","workspace":"1","role":"r"}')"#)
        .await;
    assert!(refused.starts_with("grants are read from"), "{refused}");
    let refused = team
        .refused("SELECT countersign.watch('app.accounts', 'SELECT nowhere')")
        .await;
    assert!(
        refused.starts_with("`scopes_query` cannot be asked"),
        "{refused}"
    );
    let refused = team
        .refused("SELECT countersign.watch('app.workspaces', 'SELECT ($1).id')")
        .await;
    assert!(refused.contains("only tables can be watched"), "{refused}");
    let refused = team
        .refused("SELECT countersign.read_from('grants', 'app.accounts')")
        .await;
    assert!(refused.contains("cannot be read as grants"), "{refused}");
    let refused = team
        .refused("SELECT countersign.read_from('gates', NULL)")
        .await;
    assert!(refused.contains("is not a kind of fact"), "{refused}");
    team.close().await;
}

/// To read a kind of fact from elsewhere changes every verdict, and so moves every scope.
#[tokio::test]
async fn g2_another_source_of_facts_moves_every_scope() {
    let mut team = Team::new().await;
    let key = team.queued().await;
    for step in [
        "SELECT countersign.read_from('grants', NULL)",
        "SELECT countersign.read_from('grants', 'app.grants')",
        "SELECT countersign.unwatch('app.memberships')",
        "SELECT countersign.watch('app.memberships', 'SELECT ($1).team')",
    ] {
        let start = team.judged(&key).await;
        team.run(step).await;
        assert_eq!(team.begin(start).await, Came::Moved, "{step}");
    }
    team.close().await;
}

#[tokio::test]
async fn doctor_insists_that_what_is_read_is_watched_and_changes_with_nothing_else() {
    let mut team = Team::new().await;
    let doctor = PostgresMaintenance::at(&team.site.url());
    let errors = async || {
        let findings = doctor.doctor().await.expect("findings");
        let bad = |finding: &countersign_ports::Finding| {
            finding.severity == countersign_ports::Severity::Error
        };
        findings.into_iter().filter(bad).collect::<Vec<_>>()
    };
    assert_eq!(errors().await, [], "the application as it should be");
    for (harm, code, names) in [
        (
            "ALTER TABLE app.memberships DISABLE TRIGGER countersign_watch",
            "watched",
            "memberships",
        ),
        (
            "ALTER TABLE app.memberships ENABLE ALWAYS TRIGGER countersign_watch; SELECT countersign.unwatch('app.teams')",
            "watched",
            "teams",
        ),
        (
            "SELECT countersign.watch('app.teams', 'SELECT ($1).id');
             CREATE OR REPLACE VIEW app.users AS SELECT name AS id, enabled AND now() < '2100-01-01' AS active FROM app.accounts",
            "fact_purity",
            "`now`",
        ),
        (
            "CREATE OR REPLACE VIEW app.users AS SELECT name AS id, enabled AND current_user <> 'eve' AS active FROM app.accounts",
            "fact_purity",
            "the clock or the user",
        ),
        (
            "CREATE MATERIALIZED VIEW app.copy AS SELECT * FROM app.accounts;
             CREATE OR REPLACE VIEW app.users AS SELECT name AS id, enabled AS active FROM app.copy",
            "fact_relations",
            "copy",
        ),
    ] {
        team.run(harm).await;
        let errors = errors().await;
        assert_eq!(errors.len(), 1, "{harm}: {errors:?}");
        assert_eq!(errors[0].code, code, "{harm}");
        assert!(errors[0].found.contains(names), "{}", errors[0].found);
        assert!(!errors[0].mend.is_empty() && errors[0].endangers == ["G2"]);
    }
    team.close().await;
}
