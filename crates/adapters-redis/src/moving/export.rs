//! Pages of what the store holds.

use countersign_domain::{ScopeRevision, WorkspaceId};
use countersign_ports::{
    LogEntry, MoveCursor, MovePage, Moved, Part, PortError, PortErrorKind, PortResult,
};

use super::{RedisMove, export_facts, export_runs, foreign_cursor};
use crate::authority;
use crate::rows::{Columns, list};
use crate::script::Call;
use crate::store::Shared;
use crate::workspaces;

pub(super) const OPERATION: &str = "export";

pub(super) async fn export(
    store: &RedisMove,
    part: Part,
    after: Option<&MoveCursor>,
    limit: u32,
) -> PortResult<MovePage> {
    let shared = &*store.shared;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    match part {
        Part::Facts => export_facts::export(store, after, limit).await,
        Part::Scopes => scopes(shared, after, limit).await,
        Part::Log => log(shared, after, limit).await,
        Part::Runs => export_runs::export(shared, after, limit).await,
    }
}

/// Every workspace that is known, in order.
pub(super) async fn in_order(shared: &Shared) -> PortResult<Vec<WorkspaceId>> {
    let mut workspaces = workspaces::all(shared, OPERATION).await?;
    workspaces.sort_unstable();
    Ok(workspaces)
}

/// Workspace after workspace. One that has no scope has nothing in this part.
async fn scopes(shared: &Shared, after: Option<&MoveCursor>, limit: usize) -> PortResult<MovePage> {
    let after = after.map_or("", |cursor| cursor.0.as_str());
    let mut workspaces = in_order(shared).await?;
    workspaces.retain(|workspace| workspace.as_str() > after);
    workspaces.truncate(limit);
    let mut calls = Vec::with_capacity(3 * workspaces.len());
    for workspace in &workspaces {
        let keys = shared.keys().workspace(workspace);
        let marker = shared.marker(&keys);
        calls.push(Call::command("HGET", marker).arg("id"));
        let scope = Call::command("HMGET", keys.scope());
        calls.push(scope.arg("counter").arg("nonce"));
        calls.push(Call::command("HGET", keys.slice()).arg("revision"));
    }
    let mut told = shared.link().call_all(OPERATION, &calls).await?.into_iter();
    let mut items = Vec::with_capacity(workspaces.len());
    for workspace in &workspaces {
        let mut next = || told.next().unwrap_or(redis::Value::Nil);
        let marker = Columns::one(next(), OPERATION).optional_text("the store's id")?;
        let mut scope = Columns::of(next(), OPERATION)?;
        let counter = scope.optional_text("revision")?;
        let nonce = scope.optional_text("revision")?;
        let stamp = Columns::one(next(), OPERATION).optional_text("revision")?;
        if marker.as_deref() != Some(&*shared.id()) {
            return Err(damaged(workspace, "has lost its marker"));
        }
        let revision = match (counter, nonce) {
            (None, None) if stamp.is_none() => continue,
            (Some(counter), Some(nonce)) => format!("{counter}-{nonce}"),
            _ => return Err(damaged(workspace, "has half a scope record")),
        };
        if stamp.as_ref() != Some(&revision) {
            return Err(damaged(
                workspace,
                "has a scope and a slice of two revisions",
            ));
        }
        let revision = revision
            .parse()
            .map_err(|error| PortError::corrupt(OPERATION, "the revision of a scope", error))?;
        items.push(Moved::Scope(ScopeRevision {
            workspace: workspace.clone(),
            revision,
        }));
    }
    let last = workspaces.last().filter(|_| workspaces.len() == limit);
    Ok(MovePage {
        next: last.map(|last| MoveCursor(last.to_string())),
        items,
    })
}

fn damaged(workspace: &WorkspaceId, problem: &str) -> PortError {
    let detail = format_args!("workspace `{workspace}` {problem}");
    PortError::new(PortErrorKind::Corrupt, OPERATION, detail)
}

async fn log(shared: &Shared, after: Option<&MoveCursor>, limit: usize) -> PortResult<MovePage> {
    let after = match after {
        None => "-".to_owned(),
        Some(cursor) => {
            let seq: u64 = cursor.0.parse().map_err(|_| foreign_cursor(cursor))?;
            format!("({seq}-0")
        }
    };
    let call = Call::command("XRANGE", shared.keys().log())
        .arg(after)
        .arg("+")
        .arg("COUNT")
        .arg(limit);
    let told = list(shared.link().call(OPERATION, call).await?, OPERATION)?;
    let read = |entry| authority::read_log_entry(entry, OPERATION);
    let entries: Vec<LogEntry> = told.into_iter().map(read).collect::<PortResult<_>>()?;
    let last = entries.last().filter(|_| entries.len() == limit);
    Ok(MovePage {
        next: last.map(|last| MoveCursor(last.seq.to_string())),
        items: entries.into_iter().map(Moved::Log).collect(),
    })
}
