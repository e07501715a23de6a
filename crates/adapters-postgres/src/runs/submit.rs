//! Queues runs: one insert for the batch, then a look at those that were there already.

use std::collections::{HashMap, HashSet};

use countersign_domain::{RunId, Submission, Timestamp, UniqueKey};
use countersign_ports::{
    PortError, PortErrorKind, PortResult, QueueUpkeep, Submitted, fresh_run_id,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::PostgresRuns;
use crate::error::failed;
use crate::rows::{Columns, PgTime};
use crate::transaction::again_on_conflict;

const OPERATION: &str = "submit";

pub(super) async fn submit(
    runs: &PostgresRuns,
    submissions: &[Submission],
) -> PortResult<Vec<Submitted>> {
    let ids = ids(submissions);
    let answers = again_on_conflict(|| async {
        let mut write = runs.shared.write(OPERATION).await?;
        let answers = queue(runs, write.connection(), submissions, &ids).await?;
        write.commit().await?;
        Ok(answers)
    })
    .await?;
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
    let answers = queue(runs, connection, submissions, &ids(submissions)).await?;
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

async fn queue(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    submissions: &[Submission],
    ids: &[RunId],
) -> PortResult<Vec<Submitted>> {
    let mut created = insert(runs, connection, submissions, ids).await?;
    let mut answers = Vec::with_capacity(ids.len());
    for (submission, &id) in submissions.iter().zip(ids) {
        answers.push(match created.remove(&id) {
            Some(due_at) => Submitted::Created { id, due_at },
            None => existing(runs, connection, submission, id).await?,
        });
    }
    Ok(answers)
}

/// Inserts what can be inserted; of two that exclude each other the first.
async fn insert(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    submissions: &[Submission],
    ids: &[RunId],
) -> PortResult<HashMap<RunId, Timestamp>> {
    let mut named = HashSet::with_capacity(ids.len());
    let (rows, ids): (Vec<&Submission>, Vec<Uuid>) = submissions
        .iter()
        .zip(ids)
        .filter(|(_, id)| named.insert(**id))
        .map(|(submission, id)| (submission, id.as_uuid()))
        .unzip();
    macro_rules! each {
        ($of:expr) => {
            rows.iter().map($of).collect::<Vec<_>>()
        };
    }
    let inserted = runs
        .shared
        .query(include_str!("../sql/submit.sql"))
        .bind(ids)
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
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    inserted
        .iter()
        .map(|row| {
            let mut columns = Columns::of(row, OPERATION);
            Ok((columns.run_id()?, columns.time()?))
        })
        .collect()
}

/// A run that was there already: with that id, or holding that unique key.
async fn existing(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    submission: &Submission,
    id: RunId,
) -> PortResult<Submitted> {
    let same = runs
        .shared
        .query(include_str!("../sql/same_id.sql"))
        .bind(id.as_uuid())
        .bind(submission.workspace_id.as_str())
        .bind(submission.tenant_id.as_str())
        .bind(submission.initiator.as_ref().map(|id| id.as_str()))
        .bind(submission.authority_mode.as_str())
        .bind(submission.operation_type.as_str())
        .bind(
            submission
                .provider_connection_id
                .as_ref()
                .map(|id| id.as_str()),
        )
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let same = same.map(|row| Columns::of(&row, OPERATION).take::<bool>());
    match same.transpose()? {
        Some(true) => return Ok(Submitted::Existing { id }),
        Some(false) => return Ok(Submitted::IdTaken { id }),
        None => {}
    }
    let row = runs
        .shared
        .query(include_str!("../sql/unique_holder.sql"))
        .bind(submission.workspace_id.as_str())
        .bind(submission.tenant_id.as_str())
        .bind(submission.operation_type.as_str())
        .bind(submission.unique_key.as_ref().map(UniqueKey::as_str))
        .fetch_optional(connection)
        .await
        .map_err(failed(OPERATION))?;
    match row {
        Some(row) => Ok(Submitted::Existing {
            id: Columns::of(&row, OPERATION).run_id()?,
        }),
        // It was completed between the two statements.
        None => {
            let detail = "a unique key was given up just now";
            Err(PortError::new(PortErrorKind::Busy, OPERATION, detail))
        }
    }
}
