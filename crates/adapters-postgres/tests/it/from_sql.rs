//! Applications in other languages: submitting runs and changing authority by SQL functions.

use countersign_conformance::change::id;
use countersign_conformance::scene::HOME;
use countersign_domain::{AttributedChange, FieldError, Submission};
use countersign_ports::{AuthorityStore, LogQuery, RunQueue, RunRepository};
use countersign_postgres::sqlx::postgres::PgDatabaseError;
use countersign_postgres::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::support::Site;

const BAD_CHANGES: [&str; 26] = [
    r#"[]"#,
    r#"7"#,
    r#"{}"#,
    r#"{"change":7}"#,
    r#"{"change":"x"}"#,
    r#"{"change":"remove_user","user":7}"#,
    r#"{"change":"remove_user","user":1.5}"#,
    r#"{"change":"remove_user","user":true}"#,
    r#"{"change":"remove_user","user":[]}"#,
    r#"{"change":"remove_user","user":{}}"#,
    r#"{"change":"remove_user","user":""}"#,
    r#"{"change":"remove_user","user":"é\nb"}"#,
    r#"{"change":"remove_user","user":"a\u0085"}"#,
    r#"{"change":"remove_user","user":null}"#,
    r#"{"change":"remove_user","user":"u","tenant":"t"}"#,
    r#"{"change":"set_user","user":"u","active":"yes"}"#,
    r#"{"change":"set_user","user":"u","active":1}"#,
    r#"{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"gone"}"#,
    r#"{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":3}"#,
    r#"{"change":"grant","user":"u","workspace":"w","role":"r","expires_at":"soon"}"#,
    r#"{"change":"grant","user":"u","workspace":"w","role":"r","expires_at":7}"#,
    r#"{"change":"define_role","role":"r","capabilities":"x","all_tenants":true}"#,
    r#"{"change":"define_role","role":"r","capabilities":["x",7],"all_tenants":true}"#,
    r#"{"change":"define_role","role":"r","capabilities":["x",""],"all_tenants":true}"#,
    r#"{"change":"set_write_gate","workspace":"w","open":true,"reason":7}"#,
    r#"{"change":"remove_user","user":"u","by":7}"#,
];

const BAD_RUNS: [&str; 22] = [
    r#"7"#,
    r#"{}"#,
    r#"{"workspace":"w","tenant":"t","type":"op"}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","system":true,"type":"op"}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","priority":40000}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","priority":-40000}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","priority":"a"}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","priority":1.5}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","context":[]}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","context":7}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","context":{"reason_code":1}}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","colour":1}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","id":"no"}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","id":"2e9e4d4e-5f3b-4c3d-8a7b-1c2d3e4f5a6b"}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","at":"soon"}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","at":"2026-03-01T12:00:00"}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","at":"2026-13-01T12:00:00Z"}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","at":"1960-03-01T12:00:00Z"}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","unique":""}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","queue_name":""}"#,
    r#"{"workspace":"w","tenant":"t","user":"u","type":"op","system":"x"}"#,
    r#"{"workspace":"w","tenant":"t","user":"u"}"#,
];

/// Calls one of the functions.
async fn call(
    site: &Site,
    connection: &mut PgConnection,
    function: &str,
    line: &str,
) -> Result<Option<Uuid>, sqlx::Error> {
    let schema = site.url().schema().to_string();
    let statement = match function {
        "submit" => format!("SELECT {schema}.submit($1::text::jsonb)"),
        other => format!("SELECT NULL::uuid FROM {schema}.{other}($1::text::jsonb)"),
    };
    sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(line)
        .fetch_one(connection)
        .await
}

async fn complaint(
    site: &Site,
    connection: &mut PgConnection,
    function: &str,
    line: &str,
) -> FieldError {
    let error = call(site, connection, function, line)
        .await
        .expect_err(line);
    let error = error.as_database_error().expect("the server's own error");
    let error: &PgDatabaseError = error.downcast_ref();
    FieldError {
        field: error
            .column()
            .filter(|column| !column.is_empty())
            .map(str::to_owned),
        problem: error.message().to_owned(),
    }
}

#[tokio::test]
async fn what_is_no_change_is_refused_in_the_words_of_the_command_line() {
    let site = Site::new().await;
    let mut connection = site.connect().await;
    let long = format!(r#"{{"change":"remove_user","user":"{}"}}"#, "é".repeat(65));
    for line in BAD_CHANGES.into_iter().chain([long.as_str()]) {
        let expected = AttributedChange::parse(line).expect_err(line);
        let found = complaint(&site, &mut connection, "apply_change", line).await;
        assert_eq!(found, expected, "{line}");
    }
    let log = site.open().await.authority();
    let all = LogQuery {
        workspace_id: None,
        before: None,
        limit: 10,
    };
    assert_eq!(log.log(&all).await.expect("the log"), []);
    site.close().await;
}

#[tokio::test]
async fn what_is_no_run_is_refused_in_the_words_of_the_command_line() {
    let site = Site::new().await;
    let mut connection = site.connect().await;
    for line in BAD_RUNS {
        let expected = Submission::parse(line).expect_err(line);
        let found = complaint(&site, &mut connection, "submit", line).await;
        assert_eq!(found, expected, "{line}");
    }
    site.close().await;
}

/// Every key, and a context that is brought into the one spelling.
#[tokio::test]
async fn a_run_that_was_submitted_from_sql_is_the_run_that_was_asked_for() {
    let site = Site::new().await;
    let runs = site.open().await.runs();
    let mut connection = site.connect().await;
    let lines = [
        r#"{"workspace":"w","tenant":"t","user":"u","type":"op"}"#,
        r#"{"workspace":"w é","tenant":"t'","system":true,"type":"op","connection":"c","priority":-7,
            "unique":"k","queue_name":"slow","at":"2031-05-06T07:08:09.123456789+02:00",
            "id":"01935f5e-7c00-7000-8000-000000000002",
            "context":{"é":"a\"\\\u0001\n\t/é","b":[1,-2.50,true,null,{}],"a":{"z":{},"aa":[]},"":""}}"#,
    ];
    for line in lines {
        let asked = Submission::parse(line).expect("a run");
        let id = call(&site, &mut connection, "submit", line)
            .await
            .expect("it is queued")
            .expect("its id");
        let id = countersign_domain::RunId::try_from(id).expect("a run id");
        assert!(asked.id.is_none_or(|asked| asked == id));
        let found = runs.find(&[id]).await.expect("the run").remove(0);
        let found = found.expect("the run");
        assert_eq!(found.context, asked.context, "{line}");
        assert_eq!(found.workspace_id, asked.workspace_id);
        assert_eq!(found.tenant_id, asked.tenant_id);
        assert_eq!(found.initiator, asked.initiator);
        assert_eq!(found.authority_mode, asked.authority_mode);
        assert_eq!(found.operation_type, asked.operation_type);
        assert_eq!(found.provider_connection_id, asked.provider_connection_id);
        assert_eq!(found.priority, asked.priority);
        assert_eq!(found.unique_key, asked.unique_key);
        assert_eq!(found.queue_name, asked.queue_name);
        assert_eq!(found.due_at, asked.due_at.unwrap_or(found.queued_at));
        assert_eq!((found.chain_id, found.attempt), (id, 1));
    }
    site.close().await;
}

#[tokio::test]
async fn a_run_is_queued_when_the_transaction_that_submits_it_commits() {
    let site = Site::new().await;
    let store = site.open().await;
    let (runs, queue) = (store.runs(), store.queue());
    let mut connection = site.connect().await;
    let line = r#"{"workspace":"home","tenant":"hearth","user":"ada","type":"inventory_sync"}"#;
    for commit in [false, true] {
        let mut transaction = connection.begin().await.expect("a transaction");
        call(&site, &mut transaction, "submit", line)
            .await
            .expect("it is queued");
        runs.submit_in(&mut transaction, &[HOME.sync()])
            .await
            .expect("it is queued");
        let entries = runs.queued_entries(None, 10).await.expect("the entries");
        assert_eq!(entries, [], "nothing before the commit");
        match commit {
            true => transaction.commit().await,
            false => transaction.rollback().await,
        }
        .expect("the end");
        let receive = countersign_ports::Receive {
            queue_name: &countersign_domain::QueueName::standard(),
            operations: &[id("inventory_sync")],
            limit: 10,
            invisible_for: std::time::Duration::from_secs(60),
        };
        let received = queue.receive(&receive).await.expect("the deliveries");
        assert_eq!(received.len(), if commit { 2 } else { 0 });
    }
    site.close().await;
}

#[tokio::test]
async fn submitting_again_answers_with_the_run_that_is_there() {
    let site = Site::new().await;
    let mut connection = site.connect().await;
    let run =
        |rest: &str| format!(r#"{{"workspace":"w","tenant":"t","user":"u","type":"op",{rest}}}"#);
    let first = call(&site, &mut connection, "submit", &run(r#""unique":"k""#)).await;
    let second = call(
        &site,
        &mut connection,
        "submit",
        &run(r#""unique":"k","priority":3"#),
    )
    .await;
    assert_eq!(first.expect("queued"), second.expect("its holder"));

    let id = r#""id":"01935f5e-7c00-7000-8000-000000000002""#;
    let first = call(&site, &mut connection, "submit", &run(id)).await;
    let second = call(&site, &mut connection, "submit", &run(id)).await;
    assert_eq!(first.expect("queued"), second.expect("the same"));
    let other = run(id).replace(r#""tenant":"t""#, r#""tenant":"other""#);
    let taken = complaint(&site, &mut connection, "submit", &other).await;
    assert_eq!(taken.field.as_deref(), Some("id"));
    assert!(taken.problem.ends_with("belongs to another run"), "{taken}");
    site.close().await;
}

#[tokio::test]
async fn a_change_from_sql_is_raised_and_logged_as_any_other() {
    let site = Site::new().await;
    let authority = site.open().await.authority();
    let mut connection = site.connect().await;
    let line = r#"{"change":"grant","user":"u","workspace":"w","role":"r","by":"ops","at":7,
                   "expires_at":"2031-01-01T00:00:00+01:00"}"#;
    call(&site, &mut connection, "apply_change", line)
        .await
        .expect("it is applied");
    let all = LogQuery {
        workspace_id: Some(id("w")),
        before: None,
        limit: 10,
    };
    let log = authority.log(&all).await.expect("the log");
    let expected = AttributedChange::parse(line).expect("a change");
    assert_eq!(log.len(), 1);
    assert_eq!(
        log.first().map(|entry| &entry.change),
        Some(&expected.change)
    );
    assert_eq!(log.first().and_then(|entry| entry.by.clone()), expected.by);
    assert_eq!(log.first().map(|entry| entry.raised.len()), Some(1));
    site.close().await;
}

/// Whoever may execute the two functions may do so, and may do nothing else in the schema.
#[tokio::test]
async fn an_application_needs_the_right_to_execute_and_no_other() {
    let site = Site::new().await;
    let schema = site.url().schema().to_string();
    let mut connection = site.connect().await;
    let role = format!("app_{}", Uuid::new_v4().simple());
    let run = async |connection: &mut PgConnection, statement: &str| {
        connection
            .execute(AssertSqlSafe(statement.to_owned()))
            .await
    };
    let change = r#"{"change":"set_user","user":"u","active":true}"#;
    let asked = r#"{"workspace":"w","tenant":"t","user":"u","type":"op"}"#;
    run(
        &mut connection,
        &format!("CREATE ROLE {role}; GRANT USAGE ON SCHEMA {schema} TO {role}"),
    )
    .await
    .expect("a role");
    run(&mut connection, &format!("SET ROLE {role}"))
        .await
        .expect("the role");
    for (function, line) in [("apply_change", change), ("submit", asked)] {
        let refused = complaint(&site, &mut connection, function, line).await;
        assert!(
            refused.problem.starts_with("permission denied"),
            "{refused}"
        );
    }
    run(&mut connection, "RESET ROLE").await.expect("the owner");
    run(
        &mut connection,
        &format!("GRANT EXECUTE ON FUNCTION {schema}.submit(jsonb), {schema}.apply_change(jsonb) TO {role}; SET ROLE {role}"),
    )
    .await
    .expect("the right");
    for (function, line) in [("apply_change", change), ("submit", asked)] {
        call(&site, &mut connection, function, line)
            .await
            .expect(function);
    }
    for forbidden in [
        format!("SELECT {schema}.watch('pg_class', 'SELECT ($1).relname')"),
        format!("SELECT * FROM {schema}.apply_validated('[]')"),
        format!("UPDATE {schema}.scopes SET counter = counter + 1"),
    ] {
        let refused = run(&mut connection, &forbidden)
            .await
            .expect_err(&forbidden);
        assert!(
            refused.to_string().contains("permission denied"),
            "{refused}"
        );
    }
    run(
        &mut connection,
        &format!("RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}"),
    )
    .await
    .expect("the role is dropped");
    site.close().await;
}
