//! Where the file stands, and the steps of a move: each a transaction that holds the write lock, so that
//! nothing is under way beside it.

use countersign_ports::{PortError, PortResult, Standing, Step, Stepped};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::SqliteMove;
use crate::error::{SEALED, failed};
use crate::runs::json;

const OPERATION: &str = "standing";

pub(super) async fn standing(store: &SqliteMove) -> PortResult<Standing> {
    let mut snapshot = store.shared.read(OPERATION).await?;
    let standing = current(&mut snapshot, OPERATION).await?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    Ok(standing)
}

/// Where the file stands, as this transaction sees it.
pub(super) async fn current(
    connection: &mut SqliteConnection,
    operation: &'static str,
) -> PortResult<Standing> {
    let text: String = sqlx::query_scalar(include_str!("../sql/home.sql"))
        .fetch_one(connection)
        .await
        .map_err(failed(operation))?;
    serde_json::from_str(&text)
        .map_err(|error| PortError::corrupt(operation, "where the store stands", error))
}

pub(super) async fn step(store: &SqliteMove, step: &Step) -> PortResult<Stepped> {
    const OPERATION: &str = "move";
    let mut write = store.shared.write(OPERATION).await?;
    let here = current(write.connection(), OPERATION).await?;
    let now = store.shared.now();
    let Some(next) = here.after(step, store.shared.identity().id, now) else {
        return Ok(Stepped::Refused(here));
    };
    if next == here {
        return Ok(Stepped::Stands(here));
    }
    if matches!(step, Step::Fill(_)) && !is_empty(write.connection(), OPERATION).await? {
        return Ok(Stepped::NotEmpty);
    }
    set(write.connection(), &next, OPERATION).await?;
    write.commit().await?;
    if matches!(step, Step::Open(_) | Step::Unseal(_)) {
        store.shared.bell().notify_one();
    }
    Ok(Stepped::Stands(next))
}

async fn is_empty(connection: &mut SqliteConnection, operation: &'static str) -> PortResult<bool> {
    sqlx::query_scalar(include_str!("../sql/is_empty.sql"))
        .fetch_one(connection)
        .await
        .map_err(failed(operation))
}

/// Writes where the file stands, and with it the guards that hold everybody to it.
async fn set(
    connection: &mut SqliteConnection,
    standing: &Standing,
    operation: &'static str,
) -> PortResult<()> {
    sqlx::query(include_str!("../sql/set_home.sql"))
        .bind(standing.as_str())
        .bind(json(standing))
        .execute(&mut *connection)
        .await
        .map_err(failed(operation))?;
    sqlx::raw_sql(include_str!("../sql/reopen.sql"))
        .execute(&mut *connection)
        .await
        .map_err(failed(operation))?;
    if let Some(refusal) = standing.refusal() {
        let quoted = format!("'{SEALED}{}'", refusal.replace('\'', "''"));
        let guards = include_str!("../sql/close.sql").replace("{refusal}", &quoted);
        sqlx::raw_sql(AssertSqlSafe(guards))
            .execute(connection)
            .await
            .map_err(failed(operation))?;
    }
    Ok(())
}
