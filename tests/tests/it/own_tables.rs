//! `examples/bring-your-own-tables`, to the letter: its files, in a database of its own.

use std::time::Duration;

use countersign::domain::{ExecutionContext, Operation, RunId};
use countersign::port::{
    AuthorityLookup, Begun, LookedUp, RunRepository, Start, StartTerms, fresh_run_id,
};
use countersign::postgres::PostgresStore;
use countersign::postgres::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use serde_json::Value;

use crate::support::Site;

const APPLICATION: &str = include_str!("../../../examples/bring-your-own-tables/application.sql");
const COUNTERSIGN: &str = include_str!("../../../examples/bring-your-own-tables/countersign.sql");
const REQUEST: &str = include_str!("../../../examples/bring-your-own-tables/request.sql");
const CONFIG: &str = include_str!("../../../examples/bring-your-own-tables/countersign.toml");

/// The README's steps up to the request, taken.
struct Example {
    site: Site,
    server: String,
    database: String,
    url: String,
    application: PgConnection,
}

impl Example {
    async fn new() -> Self {
        let server = std::env::var("COUNTERSIGN_TEST_POSTGRES")
            .expect("COUNTERSIGN_TEST_POSTGRES: `cargo xtask test` starts a server");
        let database = format!("example_{}", fresh_run_id().as_uuid().simple());
        let mut admin = PgConnection::connect(&server).await.expect("the server");
        admin
            .execute(AssertSqlSafe(format!("CREATE DATABASE {database}")))
            .await
            .expect("a database");
        let (place, _) = server.rsplit_once('/').expect("an address with a database");
        let url = format!("{place}/{database}");
        let site = Site::bare();
        site.write("countersign.toml", CONFIG);
        site.run(["migrate", "--store", &url]).expect_code(0);
        let application = PgConnection::connect(&url).await.expect("the database");
        let mut example = Self {
            site,
            server,
            database,
            url,
            application,
        };
        example.psql(APPLICATION).await;
        example.psql(COUNTERSIGN).await;
        example
            .site
            .run(["doctor", "--store", &example.url])
            .expect_code(0);
        example.psql(REQUEST).await;
        example
    }

    async fn psql(&mut self, script: &'static str) {
        self.application.execute(script).await.expect("the script");
    }

    /// The run that the application keeps beside its export.
    async fn run(&mut self) -> RunId {
        let row = self
            .application
            .fetch_one("SELECT run::text FROM app.exports")
            .await;
        let id: String = row.expect("the export").get(0);
        id.parse().expect("a run id")
    }

    fn drain(&self) {
        let drained = self.site.run(["worker", "--drain", "--store", &self.url]);
        drained.expect_code(0);
    }

    fn shown(&self, run: RunId) -> Value {
        let run = run.to_string();
        let shown = self
            .site
            .run(["runs", "show", &run, "--json", "--store", &self.url]);
        serde_json::from_str(&shown.expect_code(0).stdout).expect("the run as JSON")
    }

    async fn close(self) {
        self.application.close().await.expect("the end");
        let mut admin = PgConnection::connect(&self.server)
            .await
            .expect("the server");
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.database);
        admin
            .execute(AssertSqlSafe(statement))
            .await
            .expect("the end");
    }
}

#[tokio::test]
async fn a_member_of_the_team_has_the_export_made() {
    let mut example = Example::new().await;
    let run = example.run().await;
    example.drain();
    let shown = example.shown(run);
    assert_eq!(shown["outcome"], "succeeded");
    assert_eq!(shown["result"], serde_json::json!({"exported": true}));
    example.close().await;
}

#[tokio::test]
async fn a_row_that_is_deleted_in_the_teams_table_stops_the_queued_run() {
    let mut example = Example::new().await;
    let run = example.run().await;
    example
        .psql("DELETE FROM app.memberships WHERE account_id = 1")
        .await;
    example.drain();
    let shown = example.shown(run);
    assert_eq!(shown["outcome"], "blocked");
    assert_eq!(shown["started_at"], Value::Null);
    assert_eq!(
        shown["context"]["reason_code"],
        "initiator_not_in_workspace"
    );
    example.close().await;
}

#[tokio::test]
async fn g2_a_delete_that_commits_between_look_up_and_start_stops_the_run() {
    let mut example = Example::new().await;
    let run = example.run().await;
    let store = PostgresStore::open(&example.url.parse().expect("an address"))
        .await
        .expect("the store");
    let (runs, authority) = (store.runs(), store.authority());
    let found = runs.find(&[run]).await.expect("the run").remove(0);
    let operation = Operation::new("export".parse().expect("a name"))
        .needing("export.read".parse().expect("a name"));
    let context = ExecutionContext::of(&found.expect("the run"), operation.into());
    let looked_up = authority.look_up(&[context.query()]).await;
    let LookedUp::Found(looked_up) = looked_up.expect("an answer").remove(0) else {
        panic!("undecided");
    };
    let terms = StartTerms {
        worker: &"worker".parse().expect("a name"),
        catalog: "example",
        lease_for: Duration::from_secs(30),
        bound: None,
    };
    let start = Start::judge(&context, &looked_up, &terms).expect("a start");
    assert!(start.decision().is_allowed());
    example
        .psql("DELETE FROM app.memberships WHERE account_id = 1")
        .await;
    let begun = runs.begin(&[start]).await.expect("an answer");
    assert!(matches!(begun[..], [Begun::AuthorityMoved]), "{begun:?}");
    store.close().await;
    example.drain();
    assert_eq!(example.shown(run)["outcome"], "blocked");
    example.close().await;
}
