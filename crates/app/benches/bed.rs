//! What the benchmarks stand on: a store of its own for every round, runs to drain, and a worker that drains
//! them with handlers that do nothing.

use std::io::{Read, Write};
use std::net::TcpStream;

use countersign::domain::{
    AttributedChange, Catalog, Operation, Submission, SubmittedContext, WorkerName,
};
use countersign::port::{QueueEntry, QueueUpkeep};
use countersign::postgres::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use countersign::postgres::{PostgresStore, PostgresUrl};
use countersign::redis::{RedisStore, RedisUrl};
use countersign::sqlite::SqliteStore;
use countersign::{Execution, Handler, Ports, Report, Worker, WorkerSettings};

const ROLE: &str = r#"{"change":"define_role","role":"operator","capabilities":["inventory.sync"],"all_tenants":true}"#;

/// What `inventory_sync` is allowed by in a workspace. The first is called `w`, its tenant `t`.
fn changes(number: usize) -> [String; 3] {
    let (workspace, tenant) = (named("w", number), named("t", number));
    [
        format!(r#"{{"change":"set_workspace","workspace":"{workspace}","active":true}}"#),
        format!(
            r#"{{"change":"set_tenant","tenant":"{tenant}","workspace":"{workspace}","lifecycle":"active"}}"#
        ),
        format!(r#"{{"change":"grant","user":"u","workspace":"{workspace}","role":"operator"}}"#),
    ]
}

fn named(letter: &str, number: usize) -> String {
    match number {
        0 => letter.to_owned(),
        number => format!("{letter}{number}"),
    }
}

pub(crate) enum Store {
    Sqlite {
        store: SqliteStore,
        dir: tempfile::TempDir,
    },
    Postgres {
        store: PostgresStore,
        url: PostgresUrl,
        server: String,
        schema: String,
    },
    Redis {
        store: RedisStore,
        url: RedisUrl,
        server: String,
        prefix: String,
    },
}

impl Store {
    /// A new one: in a file on the disk of the working directory, or on the server that is named, in a schema or
    /// under a prefix of its own.
    pub(crate) async fn create(server: Option<&str>) -> Self {
        let Some(server) = server else {
            let dir = tempfile::tempdir_in(".").unwrap();
            let store = SqliteStore::create(dir.path().join("bench.db")).await;
            return Self::Sqlite {
                store: store.unwrap(),
                dir,
            };
        };
        if server.starts_with("redis://") {
            let prefix = format!("bench-{}", std::process::id());
            let url: RedisUrl = format!("{server}?prefix={prefix}").parse().unwrap();
            return Self::Redis {
                store: RedisStore::create(&url).await.unwrap(),
                url,
                server: server.to_owned(),
                prefix,
            };
        }
        let schema = format!("bench_{}", std::process::id());
        let url: PostgresUrl = format!("{server}?schema={schema}").parse().unwrap();
        drop_schema(server, &schema).await;
        Self::Postgres {
            store: PostgresStore::create(&url).await.unwrap(),
            url,
            server: server.to_owned(),
            schema,
        }
    }

    pub(crate) fn ports(&self) -> Ports {
        match self {
            Self::Sqlite { store, .. } => Ports::sqlite(store),
            Self::Postgres { store, .. } => Ports::postgres(store),
            Self::Redis { store, .. } => Ports::redis(store),
        }
        .unwrap()
    }

    /// The store as another process has it.
    pub(crate) async fn open_again(&self) -> Ports {
        match self {
            Self::Sqlite { dir, .. } => Ports::sqlite(
                &SqliteStore::open(dir.path().join("bench.db"))
                    .await
                    .unwrap(),
            ),
            Self::Postgres { url, .. } => Ports::postgres(&PostgresStore::open(url).await.unwrap()),
            Self::Redis { url, .. } => Ports::redis(&RedisStore::open(url).await.unwrap()),
        }
        .unwrap()
    }

    /// Brings in what `inventory_sync` is allowed by, in so many workspaces.
    pub(crate) async fn authorise(&self, workspaces: usize) {
        let ports = self.ports();
        apply(&ports, &[ROLE]).await;
        let lines: Vec<String> = (0..workspaces).flat_map(changes).collect();
        for lines in lines.chunks(900) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            apply(&ports, &lines).await;
        }
    }

    /// Queues that many runs, in so many workspaces by turns.
    pub(crate) async fn submit(&self, runs: usize, workspaces: usize) {
        let ports = self.ports();
        let submissions: Vec<Submission> = (0..workspaces).map(submission).collect();
        let mut by_turns = submissions.iter().cycle().cloned();
        let mut left = runs;
        while left > 0 {
            let page = left.min(1000);
            let submissions: Vec<Submission> = by_turns.by_ref().take(page).collect();
            let submitted = ports.runs().submit(&submissions).await.unwrap();
            if ports.runs().queue_upkeep() == QueueUpkeep::Caller {
                let entries: Vec<QueueEntry> = submissions
                    .iter()
                    .zip(submitted)
                    .map(|(submission, submitted)| {
                        QueueEntry::submitted(submission, &submitted).unwrap()
                    })
                    .collect();
                ports.queue().push(&entries).await.unwrap();
            }
            left -= page;
        }
    }

    pub(crate) async fn remove(&self) {
        match self {
            Self::Sqlite { store, .. } => store.close().await,
            Self::Postgres {
                store,
                server,
                schema,
                ..
            } => {
                store.close().await;
                drop_schema(server, schema).await;
            }
            Self::Redis { server, prefix, .. } => remove_keys(server, prefix),
        }
    }
}

/// Removes whatever a store has on a Redis server.
fn remove_keys(server: &str, prefix: &str) {
    let mut stream = TcpStream::connect(server.trim_start_matches("redis://")).unwrap();
    let each = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('UNLINK', key) end";
    write!(stream, "EVAL \"{each}\" 0 *{prefix}*\r\nQUIT\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(!answer.starts_with('-'), "{answer}");
}

async fn drop_schema(server: &str, schema: &str) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    let statement = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}

pub(crate) async fn apply(ports: &Ports, lines: &[&str]) {
    let changes: Vec<AttributedChange> = lines
        .iter()
        .map(|line| AttributedChange::parse(line).unwrap())
        .collect();
    ports.authority().apply(&changes).await.unwrap();
}

struct NoOp;

#[async_trait::async_trait]
impl Handler for NoOp {
    async fn handle(&self, _execution: Execution) -> Report {
        Report::succeeded()
    }
}

/// A worker with room for large batches.
pub(crate) fn worker(ports: Ports, name: &str) -> Worker {
    let operation = Operation::new("inventory_sync".parse().unwrap())
        .needing("inventory.sync".parse().unwrap());
    let operation_name = operation.name.clone();
    let settings = WorkerSettings {
        concurrency: 6000,
        batch: 2000,
        ..WorkerSettings::named(WorkerName::new(name).unwrap())
    };
    Worker::new(ports, Catalog::new([operation]), settings).handle(operation_name, NoOp)
}

fn submission(number: usize) -> Submission {
    Submission {
        context: SubmittedContext::parse(r#"{"note":"nightly"}"#).unwrap(),
        ..Submission::new(
            named("w", number).parse().unwrap(),
            named("t", number).parse().unwrap(),
            "u".parse().unwrap(),
            "inventory_sync".parse().unwrap(),
        )
    }
}
