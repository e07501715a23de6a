//! Queues runs: one call for the batch, which tells of those that were there already.

use std::collections::{HashMap, HashSet};

use countersign_domain::{RunId, Submission, UniqueKey};
use countersign_ports::{
    PortError, PortErrorKind, PortResult, QueueUpkeep, Submitted, fresh_run_id,
};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres};
use uuid::Uuid;

use super::PostgresRuns;
use crate::error::failed;
use crate::rows::{Columns, PgTime};

const OPERATION: &str = "submit";

pub(super) async fn submit(
    runs: &PostgresRuns,
    submissions: &[Submission],
) -> PortResult<Vec<Submitted>> {
    let ids = ids(submissions);
    let asked = || call(runs, submissions, &ids, true);
    let rows = runs.shared.call_durably(asked, OPERATION).await?;
    let answers = answers(&rows, &ids)?;
    let created = |answer: &Submitted| matches!(answer, Submitted::Created { .. });
    if answers.iter().any(created) {
        runs.shared.ring();
    }
    Ok(answers)
}

pub(super) async fn submit_in(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    submissions: &[Submission],
) -> PortResult<Vec<Submitted>> {
    let ids = ids(submissions);
    let rows = call(runs, submissions, &ids, false)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let answers = answers(&rows, &ids)?;
    // Sent by the server at the caller's commit, and not at all if there is none.
    runs.shared
        .query("SELECT pg_notify($1, '')")
        .bind(runs.shared.bell().channel())
        .execute(connection)
        .await
        .map_err(failed(OPERATION))?;
    Ok(answers)
}

fn ids(submissions: &[Submission]) -> Vec<RunId> {
    submissions
        .iter()
        .map(|submission| submission.id.unwrap_or_else(fresh_run_id))
        .collect()
}

fn call(
    runs: &PostgresRuns,
    submissions: &[Submission],
    ids: &[RunId],
    is_alone: bool,
) -> Query<'static, Postgres, PgArguments> {
    macro_rules! each {
        ($of:expr) => {
            submissions.iter().map($of).collect::<Vec<_>>()
        };
    }
    let mut named = HashSet::with_capacity(ids.len());
    let is_first: Vec<bool> = ids.iter().map(|id| named.insert(*id)).collect();
    runs.shared
        .query(include_str!("../sql/submit.sql"))
        .bind(ids.iter().map(|id| id.as_uuid()).collect::<Vec<Uuid>>())
        .bind(is_first)
        .bind(each!(|one| one.workspace_id.as_str()))
        .bind(each!(|one| one.tenant_id.as_str()))
        .bind(each!(|one| one.initiator.as_ref().map(|id| id.as_str())))
        .bind(each!(|one| one.authority_mode.as_str()))
        .bind(each!(|one| one.operation_type.as_str()))
        .bind(each!(|one| one
            .provider_connection_id
            .as_ref()
            .map(|id| id.as_str())))
        .bind(each!(|one| one.context.as_str()))
        .bind(each!(|one| one.priority))
        .bind(each!(|one| one.unique_key.as_ref().map(UniqueKey::as_str)))
        .bind(each!(|one| one.queue_name.as_str()))
        .bind(each!(|one| one.due_at.map(PgTime)))
        .bind(runs.upkeep == QueueUpkeep::InCommit)
        .bind(is_alone)
}

/// The columns place, what became of it, run, due time. A created run is found by its id where there is no place.
fn answers(rows: &[PgRow], ids: &[RunId]) -> PortResult<Vec<Submitted>> {
    let mut created = HashMap::with_capacity(rows.len());
    let mut others = HashMap::new();
    for row in rows {
        let mut columns = Columns::of(row, OPERATION);
        let place: Option<i64> = columns.take()?;
        let (became, id) = (columns.text()?, columns.run_id()?);
        match (place, became) {
            (None, "created") => {
                created.insert(id, columns.time()?);
            }
            (Some(place), "created") => {
                let due_at = columns.time()?;
                others.insert(place, Submitted::Created { id, due_at });
            }
            (Some(place), "existing") => {
                others.insert(place, Submitted::Existing { id });
            }
            (Some(place), "id_taken") => {
                others.insert(place, Submitted::IdTaken { id });
            }
            (_, other) => return Err(unreadable(other)),
        }
    }
    let answer = |(place, &id): (i64, &RunId)| match created.remove(&id) {
        Some(due_at) => Ok(Submitted::Created { id, due_at }),
        None => others.remove(&place).ok_or_else(|| unreadable("")),
    };
    (0..).zip(ids).map(answer).collect()
}

fn unreadable(became: &str) -> PortError {
    let detail = format_args!("`{became}` is not what becomes of a submission");
    PortError::new(PortErrorKind::Corrupt, OPERATION, detail)
}
