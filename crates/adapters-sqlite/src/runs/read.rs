//! Reads runs without locking anything: one snapshot each.

use countersign_domain::{OperationRun, RunId};
use countersign_ports::{
    Backlog, BacklogQuery, ContextDetail, PortResult, QueueEntry, RunCursor, RunFilter, RunPage,
};
use sqlx::{QueryBuilder, Sqlite};

use super::{SqliteRuns, json, read_entry};
use crate::error::failed;
use crate::rows::{Columns, readable};
use crate::stored_run::read_run;

/// Reads runs that are about to be started; what cannot be read is left out.
pub(super) async fn load(
    runs: &SqliteRuns,
    ids: &[RunId],
) -> PortResult<Vec<Option<OperationRun>>> {
    let read = read_runs(runs, ids, "load").await?;
    Ok(read.into_iter().map(|run| run.and_then(readable)).collect())
}

pub(super) async fn find(
    runs: &SqliteRuns,
    ids: &[RunId],
) -> PortResult<Vec<Option<OperationRun>>> {
    let read = read_runs(runs, ids, "find").await?;
    read.into_iter().map(Option::transpose).collect()
}

async fn read_runs(
    runs: &SqliteRuns,
    ids: &[RunId],
    operation: &'static str,
) -> PortResult<Vec<Option<PortResult<OperationRun>>>> {
    let rows = sqlx::query(concat!(
        include_str!("../sql/run_columns.sql"),
        include_str!("../sql/load.sql")
    ))
    .bind(json(&ids))
    .fetch_all(runs.shared.readers())
    .await
    .map_err(failed(operation))?;
    let mut found: Vec<Option<PortResult<OperationRun>>> = ids.iter().map(|_| None).collect();
    for row in &rows {
        let mut columns = Columns::of(row, operation);
        let run = columns.text().and_then(|text| read_run(text, operation));
        let place: usize = columns.number("place")?;
        if let Some(slot) = found.get_mut(place) {
            *slot = Some(run);
        }
    }
    Ok(found)
}

pub(super) async fn list(
    runs: &SqliteRuns,
    filter: &RunFilter,
    after: Option<RunCursor>,
    limit: u32,
    detail: ContextDetail,
) -> PortResult<RunPage> {
    const OPERATION: &str = "list";
    let mut query = QueryBuilder::<Sqlite>::new(match detail {
        ContextDetail::Full => include_str!("../sql/run_columns.sql"),
        ContextDetail::Omitted => include_str!("../sql/run_columns_no_context.sql"),
    });
    query.push(" FROM runs AS r WHERE true");
    push_filter(&mut query, filter);
    if let Some(after) = after {
        query
            .push(" AND (r.queued_at, r.id) < (")
            .push_bind(after.queued_at.as_micros());
        query.push(", ").push_bind(after.id.to_string()).push(")");
    }
    query
        .push(" ORDER BY r.queued_at DESC, r.id DESC LIMIT ")
        .push_bind(i64::from(limit) + 1);
    let rows = query
        .build()
        .fetch_all(runs.shared.readers())
        .await
        .map_err(failed(OPERATION))?;
    let mut page = RunPage {
        runs: Vec::with_capacity(rows.len()),
        next: None,
    };
    for row in &rows {
        if page.runs.len() as u64 == u64::from(limit) {
            page.next = page.runs.last().map(|run| RunCursor {
                queued_at: run.queued_at,
                id: run.id,
            });
            break;
        }
        page.runs
            .push(read_run(Columns::of(row, OPERATION).text()?, OPERATION)?);
    }
    Ok(page)
}

fn push_filter(query: &mut QueryBuilder<Sqlite>, filter: &RunFilter) {
    if let Some(status) = filter.status {
        query.push(" AND r.status = ").push_bind(status.as_str());
    }
    if let Some(outcome) = filter.outcome {
        query.push(" AND r.outcome = ").push_bind(outcome.as_str());
    }
    if let Some(reason) = filter.reason {
        // The outcome lets the partial index on reasons serve; only blocked runs have one.
        query
            .push(" AND r.outcome = 'blocked' AND r.reason_code = ")
            .push_bind(reason.as_str());
    }
    if let Some(workspace) = &filter.workspace_id {
        query
            .push(" AND r.workspace_id = ")
            .push_bind(workspace.to_string());
    }
    if let Some(tenant) = &filter.tenant_id {
        query
            .push(" AND r.tenant_id = ")
            .push_bind(tenant.to_string());
    }
}

pub(super) async fn queued_entries(
    runs: &SqliteRuns,
    after: Option<RunId>,
    limit: u32,
) -> PortResult<Vec<QueueEntry>> {
    const OPERATION: &str = "queued_entries";
    let rows = sqlx::query(include_str!("../sql/queued_entries.sql"))
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(limit)
        .fetch_all(runs.shared.readers())
        .await
        .map_err(failed(OPERATION))?;
    let entries = rows.iter().map(|row| read_entry(row, OPERATION));
    Ok(entries.filter_map(readable).collect())
}

pub(super) async fn backlog(runs: &SqliteRuns, query: &BacklogQuery<'_>) -> PortResult<Backlog> {
    const OPERATION: &str = "backlog";
    let row = sqlx::query(include_str!("../sql/backlog.sql"))
        .bind(query.queue_name.as_str())
        .bind(json(&query.operations))
        .bind(runs.shared.now().as_micros())
        .fetch_one(runs.shared.readers())
        .await
        .map_err(failed(OPERATION))?;
    let mut columns = Columns::of(&row, OPERATION);
    Ok(Backlog {
        due: columns.number("due")?,
        later: columns.number("later")?,
        unknown: columns.number("unknown")?,
        running: columns.number("running")?,
    })
}
