//! Queues runs: one insert for the batch, then a look at those that were there already.

use std::collections::{HashMap, HashSet};

use countersign_domain::{RunId, Submission, Timestamp, UniqueKey};
use countersign_ports::{PortError, PortErrorKind, PortResult, Submitted, fresh_run_id};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::{SqliteRuns, json};
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "submit";

pub(super) async fn submit(
    runs: &SqliteRuns,
    submissions: &[Submission],
) -> PortResult<Vec<Submitted>> {
    let ids: Vec<RunId> = submissions
        .iter()
        .map(|submission| submission.id.unwrap_or_else(fresh_run_id))
        .collect();
    let mut write = runs.shared.write(OPERATION).await?;
    let now = runs.shared.now();
    let created = insert(write.connection(), submissions, &ids, now).await?;
    let answers = answer(write.connection(), submissions, &ids, created, now).await?;
    let queued: Vec<RunId> = answers.iter().filter_map(created_id).collect();
    runs.enqueue(write.connection(), &queued, now, OPERATION)
        .await?;
    write.commit().await?;
    if !queued.is_empty() {
        runs.shared.bell().notify_one();
    }
    Ok(answers)
}

/// What makes two submissions under one id the same.
#[derive(Serialize)]
struct Identity<'a>(
    RunId,
    &'a str,
    &'a str,
    Option<&'a str>,
    &'a str,
    &'a str,
    Option<&'a str>,
);

impl<'a> Identity<'a> {
    fn of(id: RunId, submission: &'a Submission) -> Self {
        Self(
            id,
            submission.workspace_id.as_str(),
            submission.tenant_id.as_str(),
            submission.initiator.as_ref().map(AsRef::as_ref),
            submission.authority_mode.as_str(),
            submission.operation_type.as_str(),
            submission
                .provider_connection_id
                .as_ref()
                .map(AsRef::as_ref),
        )
    }
}

type Row<'a> = (
    RunId,
    &'a str,
    &'a str,
    Option<&'a str>,
    &'a str,
    &'a str,
    Option<&'a str>,
    &'a str,
    i16,
    Option<&'a UniqueKey>,
    &'a str,
    Option<i64>,
);

fn row(id: RunId, submission: &Submission) -> Row<'_> {
    let Identity(id, workspace, tenant, initiator, mode, operation, connection) =
        Identity::of(id, submission);
    (
        id,
        workspace,
        tenant,
        initiator,
        mode,
        operation,
        connection,
        submission.context.as_str(),
        submission.priority,
        submission.unique_key.as_ref(),
        submission.queue_name.as_str(),
        submission.due_at.map(Timestamp::as_micros),
    )
}

/// Inserts what can be inserted; of two rows that exclude each other the first.
async fn insert(
    connection: &mut SqliteConnection,
    submissions: &[Submission],
    ids: &[RunId],
    now: Timestamp,
) -> PortResult<HashMap<RunId, Timestamp>> {
    let mut named = HashSet::with_capacity(ids.len());
    let rows: Vec<_> = submissions
        .iter()
        .zip(ids)
        .filter(|(_, id)| named.insert(**id))
        .map(|(submission, id)| row(*id, submission))
        .collect();
    let inserted = sqlx::query(include_str!("../sql/submit.sql"))
        .bind(json(&rows))
        .bind(now.as_micros())
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    inserted
        .iter()
        .map(|row| {
            let mut columns = Columns::of(row, OPERATION);
            Ok((columns.parsed("run id")?, columns.time("due at")?))
        })
        .collect()
}

async fn answer(
    connection: &mut SqliteConnection,
    submissions: &[Submission],
    ids: &[RunId],
    mut created: HashMap<RunId, Timestamp>,
    now: Timestamp,
) -> PortResult<Vec<Submitted>> {
    let mut answers = Vec::with_capacity(ids.len());
    for (submission, id) in submissions.iter().zip(ids) {
        if let Some(due_at) = created.remove(id) {
            answers.push(Submitted::Created { id: *id, due_at });
            continue;
        }
        if let Some(existing) = existing(&mut *connection, submission, *id).await? {
            answers.push(existing);
            continue;
        }
        // Named before, by one that could not be queued for another reason.
        let (one, its_id) = (std::slice::from_ref(submission), std::slice::from_ref(id));
        let mut alone = insert(&mut *connection, one, its_id, now).await?;
        let Some(due_at) = alone.remove(id) else {
            let detail = "a submission that nothing excludes was not queued";
            return Err(PortError::new(PortErrorKind::Corrupt, OPERATION, detail));
        };
        answers.push(Submitted::Created { id: *id, due_at });
    }
    Ok(answers)
}

fn created_id(submitted: &Submitted) -> Option<RunId> {
    match submitted {
        Submitted::Created { id, .. } => Some(*id),
        Submitted::Existing { .. } | Submitted::IdTaken { .. } => None,
    }
}

async fn existing(
    connection: &mut SqliteConnection,
    submission: &Submission,
    id: RunId,
) -> PortResult<Option<Submitted>> {
    let same_id = sqlx::query(include_str!("../sql/same_id.sql"))
        .bind(json(&[Identity::of(id, submission)]))
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    if let Some(row) = same_id {
        let mut columns = Columns::of(&row, OPERATION);
        let id = columns.parsed("run id")?;
        return Ok(Some(if columns.flag()? {
            Submitted::Existing { id }
        } else {
            Submitted::IdTaken { id }
        }));
    }
    let row = sqlx::query(include_str!("../sql/unique_holder.sql"))
        .bind(submission.workspace_id.as_str())
        .bind(submission.tenant_id.as_str())
        .bind(submission.operation_type.as_str())
        .bind(submission.unique_key.as_ref().map(UniqueKey::as_str))
        .fetch_optional(connection)
        .await
        .map_err(failed(OPERATION))?;
    row.map(|row| {
        let id = Columns::of(&row, OPERATION).parsed("run id")?;
        Ok(Submitted::Existing { id })
    })
    .transpose()
}
