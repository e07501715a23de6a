//! Reads runs without locking anything: one snapshot each.

use std::collections::HashMap;

use countersign_domain::{OperationRun, RunId};
use countersign_ports::{
    Backlog, BacklogQuery, ContextDetail, PortResult, QueueEntry, RunCursor, RunFilter, RunPage,
};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{PostgresRuns, entry_of, uuids};
use crate::error::failed;
use crate::rows::{Columns, PgTime};
use crate::stored_run::read_run;

pub(super) async fn find(
    runs: &PostgresRuns,
    ids: &[RunId],
    operation: &'static str,
) -> PortResult<Vec<Option<OperationRun>>> {
    let mut snapshot = runs.shared.read(operation).await?;
    let rows = sqlx::query(runs.shared.sql(concat!(
        include_str!("../sql/run_columns.sql"),
        include_str!("../sql/load.sql")
    )))
    .bind(uuids(ids))
    .fetch_all(&mut *snapshot)
    .await
    .map_err(failed(operation))?;
    snapshot.commit().await.map_err(failed(operation))?;
    let mut first: HashMap<RunId, usize> = HashMap::with_capacity(ids.len());
    for (place, id) in ids.iter().enumerate() {
        first.entry(*id).or_insert(place);
    }
    let mut found: Vec<Option<OperationRun>> = ids.iter().map(|_| None).collect();
    for row in &rows {
        let run = read_run(row, operation)?;
        if let Some(slot) = first.get(&run.id).and_then(|place| found.get_mut(*place)) {
            *slot = Some(run);
        }
    }
    // Named twice, found twice.
    for (place, id) in ids.iter().enumerate() {
        if let Some(&known) = first.get(id)
            && known != place
        {
            let again = found.get(known).cloned().flatten();
            if let Some(slot) = found.get_mut(place) {
                *slot = again;
            }
        }
    }
    Ok(found)
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
    let rows = query
        .build()
        .persistent(false)
        .fetch_all(runs.shared.pool())
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
    let rows = sqlx::query(runs.shared.sql(include_str!("../sql/queued_entries.sql")))
        .bind(after.map_or(Uuid::nil(), RunId::as_uuid))
        .bind(i64::from(limit))
        .fetch_all(&mut *snapshot)
        .await
        .map_err(failed(OPERATION))?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| entry_of(&mut Columns::of(row, OPERATION)))
        .collect()
}

pub(super) async fn backlog(runs: &PostgresRuns, query: &BacklogQuery<'_>) -> PortResult<Backlog> {
    const OPERATION: &str = "backlog";
    let operations: Vec<&str> = query.operations.iter().map(AsRef::as_ref).collect();
    let row = sqlx::query(runs.shared.sql(include_str!("../sql/backlog.sql")))
        .bind(query.queue_name.as_str())
        .bind(operations)
        .fetch_one(runs.shared.pool())
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
