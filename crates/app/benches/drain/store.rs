//! A store of its own for every round.

use countersign::Ports;
use countersign::postgres::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use countersign::postgres::{PostgresStore, PostgresUrl};
use countersign::sqlite::SqliteStore;

pub(crate) enum Store {
    Sqlite {
        store: SqliteStore,
        _dir: tempfile::TempDir,
    },
    Postgres {
        store: PostgresStore,
        server: String,
        schema: String,
    },
}

impl Store {
    /// A new one: in a file, or on the server that is named.
    pub(crate) async fn create(server: Option<&str>) -> Self {
        let Some(server) = server else {
            let dir = tempfile::tempdir_in(".").unwrap();
            let store = SqliteStore::create(dir.path().join("bench.db")).await;
            return Self::Sqlite {
                store: store.unwrap(),
                _dir: dir,
            };
        };
        let schema = format!("bench_{}", std::process::id());
        let url: PostgresUrl = format!("{server}?schema={schema}").parse().unwrap();
        drop_schema(server, &schema).await;
        Self::Postgres {
            store: PostgresStore::create(&url).await.unwrap(),
            server: server.to_owned(),
            schema,
        }
    }

    pub(crate) fn ports(&self) -> Ports {
        match self {
            Self::Sqlite { store, .. } => Ports::sqlite(store),
            Self::Postgres { store, .. } => Ports::postgres(store),
        }
        .unwrap()
    }

    pub(crate) async fn remove(&self) {
        match self {
            Self::Sqlite { store, .. } => store.close().await,
            Self::Postgres {
                store,
                server,
                schema,
            } => {
                store.close().await;
                drop_schema(server, schema).await;
            }
        }
    }
}

async fn drop_schema(server: &str, schema: &str) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    let statement = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}
