//! Reads runs without locking anything: one snapshot each.

use std::collections::HashMap;

use countersign_domain::{OperationRun, RunId};
use countersign_ports::{
    Backlog, BacklogQuery, ContextDetail, PortResult, QueueEntry, RunCursor, RunFilter, RunKey,
    RunPage,
};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{PostgresRuns, entry_of, uuids};
use crate::error::failed;
use crate::rows::{Columns, PgTime, readable};
use crate::stored_run::{read_queued, read_run};

/// Reads runs that are about to be started: those that are queued are read without what is null for them.
pub(super) async fn load(
    runs: &PostgresRuns,
    keys: &[RunKey],
) -> PortResult<Vec<Option<OperationRun>>> {
    const OPERATION: &str = "load";
    let ids: Vec<RunId> = keys.iter().map(|run| run.id).collect();
    let load = runs
        .shared
        .query(include_str!("../sql/load.sql"))
        .bind(uuids(&ids));
    let rows = runs.shared.call(load, OPERATION).await?;
    let mut found: HashMap<RunId, OperationRun> = HashMap::with_capacity(keys.len());
    let queued = rows.iter().map(|row| read_queued(row, OPERATION));
    found.extend(queued.filter_map(readable).map(|run| (run.id, run)));
    if rows.len() < ids.len() {
        let rest: Vec<RunId> = ids
            .into_iter()
            .filter(|id| !found.contains_key(id))
            .collect();
        let mut snapshot = runs.shared.read(OPERATION).await?;
        let rows = read_runs(runs, &mut snapshot, &rest, OPERATION).await?;
        snapshot.commit().await.map_err(failed(OPERATION))?;
        let others = rows.into_iter().filter_map(readable);
        found.extend(others.map(|run| (run.id, run)));
    }
    let answer = |key: &RunKey| {
        let run = found.get(&key.id)?;
        (run.workspace_id == key.workspace_id).then(|| run.clone())
    };
    Ok(keys.iter().map(answer).collect())
}

pub(super) async fn find(
    runs: &PostgresRuns,
    ids: &[RunId],
) -> PortResult<Vec<Option<OperationRun>>> {
    const OPERATION: &str = "find";
    let mut snapshot = runs.shared.read(OPERATION).await?;
    let rows = read_runs(runs, &mut snapshot, ids, OPERATION).await?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    let found: HashMap<RunId, OperationRun> = rows
        .into_iter()
        .map(|run| run.map(|run| (run.id, run)))
        .collect::<PortResult<_>>()?;
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

async fn read_runs(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    ids: &[RunId],
    operation: &'static str,
) -> PortResult<Vec<PortResult<OperationRun>>> {
    let rows = runs
        .shared
        .query(concat!(
            include_str!("../sql/run_columns.sql"),
            include_str!("../sql/find.sql")
        ))
        .bind(uuids(ids))
        .fetch_all(connection)
        .await
        .map_err(failed(operation))?;
    Ok(rows.iter().map(|row| read_run(row, operation)).collect())
}

pub(super) async fn list(
    runs: &PostgresRuns,
    filter: &RunFilter,
    after: Option<RunCursor>,
    limit: u32,
    detail: ContextDetail,
) -> PortResult<RunPage> {
    const OPERATION: &str = "list";
    let columns = runs.shared.sql(match detail {
        ContextDetail::Full => include_str!("../sql/run_columns.sql"),
        ContextDetail::Omitted => include_str!("../sql/run_columns_no_context.sql"),
    });
    let mut query = QueryBuilder::<Postgres>::new(columns.as_str());
    query.push(" WHERE true");
    push_filter(&mut query, filter);
    if let Some(after) = after {
        query
            .push(" AND (r.queued_at, r.id) < (")
            .push_bind(PgTime(after.queued_at));
        query.push(", ").push_bind(after.id.as_uuid()).push(")");
    }
    query
        .push(" ORDER BY r.queued_at DESC, r.id DESC LIMIT ")
        .push_bind(i64::from(limit) + 1);
    let mut snapshot = runs.shared.browse(OPERATION).await?;
    let rows = query
        .build()
        .persistent(false)
        .fetch_all(&mut *snapshot)
        .await
        .map_err(failed(OPERATION))?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
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
        page.runs.push(read_run(row, OPERATION)?);
    }
    Ok(page)
}

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &RunFilter) {
    // As texts of a closed set, so that partial indexes can serve.
    if let Some(status) = filter.status {
        query
            .push(" AND s.status = '")
            .push(status.as_str())
            .push("'");
    }
    if let Some(outcome) = filter.outcome {
        query
            .push(" AND s.outcome = '")
            .push(outcome.as_str())
            .push("'");
    }
    if let Some(reason) = filter.reason {
        query
            .push(" AND s.outcome = 'blocked' AND s.reason_code = ")
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
    runs: &PostgresRuns,
    after: Option<RunId>,
    limit: u32,
) -> PortResult<Vec<QueueEntry>> {
    const OPERATION: &str = "queued_entries";
    let mut snapshot = runs.shared.read(OPERATION).await?;
    let rows = runs
        .shared
        .query(include_str!("../sql/queued_entries.sql"))
        .bind(after.map_or(Uuid::nil(), RunId::as_uuid))
        .bind(i64::from(limit))
        .fetch_all(&mut *snapshot)
        .await
        .map_err(failed(OPERATION))?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    let entries = rows
        .iter()
        .map(|row| entry_of(&mut Columns::of(row, OPERATION)));
    Ok(entries.filter_map(readable).collect())
}

pub(super) async fn backlog(runs: &PostgresRuns, query: &BacklogQuery<'_>) -> PortResult<Backlog> {
    const OPERATION: &str = "backlog";
    let operations: Vec<&str> = query.operations.iter().map(AsRef::as_ref).collect();
    let mut snapshot = runs.shared.browse(OPERATION).await?;
    let row = runs
        .shared
        .query(include_str!("../sql/backlog.sql"))
        .bind(query.queue_name.as_str())
        .bind(operations)
        .fetch_one(&mut *snapshot)
        .await
        .map_err(failed(OPERATION))?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    let mut columns = Columns::of(&row, OPERATION);
    Ok(Backlog {
        due: columns.number("due")?,
        later: columns.number("later")?,
        unknown: columns.number("unknown")?,
        running: columns.number("running")?,
    })
}
