//! Where the store stands, and the steps of a move: each waits for every transaction that writes, and none
//! that comes later gets past it.

use countersign_domain::Timestamp;
use countersign_ports::{PortError, PortErrorKind, PortResult, Standing, Step, Stepped};
use sqlx::PgConnection;

use super::PostgresMove;
use crate::error::failed;
use crate::store::Shared;
use crate::transaction::again_on_conflict;

const OPERATION: &str = "standing";

/// How long a step waits for those who write to a table. Everybody else waits behind it meanwhile.
const PATIENCE: &str = "SELECT set_config('lock_timeout', '2s', true)";

pub(super) async fn standing(store: &PostgresMove) -> PortResult<Standing> {
    let mut snapshot = store.shared.browse(OPERATION).await?;
    let standing = read(
        &store.shared,
        &mut snapshot,
        include_str!("../sql/home.sql"),
        OPERATION,
    )
    .await?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    Ok(standing)
}

/// Where the store stands, by one of the statements that read it.
pub(super) async fn read(
    shared: &Shared,
    connection: &mut PgConnection,
    statement: &'static str,
    operation: &'static str,
) -> PortResult<Standing> {
    let row = shared
        .query(statement)
        .fetch_optional(connection)
        .await
        .map_err(failed(operation))?;
    let Some(row) = row else {
        let detail = "the store does not say where it stands";
        return Err(PortError::new(PortErrorKind::Corrupt, operation, detail));
    };
    serde_json::from_str(crate::rows::Columns::of(&row, operation).text()?)
        .map_err(|error| PortError::corrupt(operation, "where the store stands", error))
}

pub(super) async fn step(store: &PostgresMove, step: &Step) -> PortResult<Stepped> {
    let stepped = again_on_conflict(|| step_once(store, step)).await?;
    if matches!(step, Step::Open(_) | Step::Unseal(_)) {
        store.shared.ring();
    }
    Ok(stepped)
}

async fn step_once(store: &PostgresMove, step: &Step) -> PortResult<Stepped> {
    const OPERATION: &str = "move";
    let shared = &store.shared;
    let mut write = shared.write(OPERATION).await?;
    // Whoever has nothing to do, or comes too late, holds nobody up.
    let statement = include_str!("../sql/home.sql");
    let found = read(shared, write.connection(), statement, OPERATION).await?;
    match found.after(step, shared.identity().id, Timestamp::LATEST) {
        None => return Ok(Stepped::Refused(found)),
        Some(next) if next == found => return Ok(Stepped::Stands(found)),
        Some(_) => {}
    }
    sqlx::query(PATIENCE)
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    sqlx::raw_sql(shared.sql(include_str!("../sql/lock_for_step.sql")))
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let statement = include_str!("../sql/home_for_step.sql");
    let here = read(shared, write.connection(), statement, OPERATION).await?;
    let now: crate::rows::PgTime = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let Some(next) = here.after(step, shared.identity().id, now.0) else {
        return Ok(Stepped::Refused(here));
    };
    if next == here {
        return Ok(Stepped::Stands(here));
    }
    set(shared, write.connection(), &next, OPERATION).await?;
    // After the guards are on: nobody fills it any more while it is looked at.
    if matches!(step, Step::Fill(_)) && !is_empty(shared, write.connection(), OPERATION).await? {
        write.roll_back().await?;
        return Ok(Stepped::NotEmpty);
    }
    write.commit().await?;
    Ok(Stepped::Stands(next))
}

async fn is_empty(
    shared: &Shared,
    connection: &mut PgConnection,
    operation: &'static str,
) -> PortResult<bool> {
    sqlx::query_scalar(shared.sql(include_str!("../sql/is_empty.sql")))
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(failed(operation))
}

/// Writes where the store stands, and switches the guards that hold everybody to it on or off.
async fn set(
    shared: &Shared,
    connection: &mut PgConnection,
    standing: &Standing,
    operation: &'static str,
) -> PortResult<()> {
    let text = serde_json::to_string(standing)
        .map_err(|error| PortError::corrupt(operation, "where the store is to stand", error))?;
    shared
        .query(include_str!("../sql/set_home.sql"))
        .bind(standing.as_str())
        .bind(standing.movement().map(|movement| movement.id.as_uuid()))
        .bind(standing.refusal())
        .bind(text)
        .execute(&mut *connection)
        .await
        .map_err(failed(operation))?;
    let guards = match standing.refusal() {
        Some(_) => include_str!("../sql/close.sql"),
        None => include_str!("../sql/reopen.sql"),
    };
    sqlx::raw_sql(shared.sql(guards))
        .execute(connection)
        .await
        .map_err(failed(operation))?;
    Ok(())
}
