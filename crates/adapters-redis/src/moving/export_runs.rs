//! Pages of runs: workspace after workspace, each in the order of its index.

use countersign_domain::WorkspaceId;
use countersign_ports::{
    MoveCursor, MovePage, Moved, MovedRun, PortError, PortErrorKind, PortResult, RunKey,
};

use super::export::{OPERATION, in_order};
use super::foreign_cursor;
use crate::rows::{Columns, list};
use crate::runs::{StoredWhole, read_whole, run_key};
use crate::script::Call;
use crate::store::Shared;

pub(super) async fn export(
    shared: &Shared,
    after: Option<&MoveCursor>,
    limit: usize,
) -> PortResult<MovePage> {
    let (first, mut after): (String, Option<String>) = match after {
        None => (String::new(), None),
        Some(cursor) => {
            let (workspace, member) =
                serde_json::from_str(&cursor.0).map_err(|_| foreign_cursor(cursor))?;
            (workspace, Some(member))
        }
    };
    let mut found: Vec<(WorkspaceId, String)> = Vec::new();
    for workspace in in_order(shared).await? {
        if *workspace.as_str() < *first {
            continue;
        }
        // What was read of the workspace that the page before ended in.
        let read = after.take().filter(|_| *workspace.as_str() == *first);
        let members = members(shared, &workspace, read.as_deref(), limit - found.len()).await?;
        found.extend(
            members
                .into_iter()
                .map(|member| (workspace.clone(), member)),
        );
        if found.len() >= limit {
            break;
        }
    }
    let last = found.last().filter(|_| found.len() >= limit);
    let next = last.map(serde_json::to_string).transpose();
    let next = next.map_err(|error| PortError::corrupt(OPERATION, "a cursor", error))?;
    Ok(MovePage {
        items: moved(shared, &found).await?,
        next: next.map(MoveCursor),
    })
}

/// Members of the index of a workspace's runs.
async fn members(
    shared: &Shared,
    workspace: &WorkspaceId,
    after: Option<&str>,
    limit: usize,
) -> PortResult<Vec<String>> {
    let index = shared.keys().workspace(workspace).runs();
    let call = Call::command("ZRANGE", index)
        .arg(after.map_or_else(|| "-".to_owned(), |after| format!("({after}")))
        .arg("+")
        .arg("BYLEX")
        .arg("LIMIT")
        .arg(0)
        .arg(limit);
    let told = list(shared.link().call(OPERATION, call).await?, OPERATION)?;
    let read = |member| Columns::one(member, OPERATION).text("a member of an index");
    told.into_iter().map(read).collect()
}

/// The runs that members name, whole.
async fn moved(shared: &Shared, found: &[(WorkspaceId, String)]) -> PortResult<Vec<Moved>> {
    let keys: Vec<RunKey> = found
        .iter()
        .map(|(workspace, member)| run_key(workspace, member, OPERATION))
        .collect::<PortResult<_>>()?;
    let runs = read_whole(shared, &keys, OPERATION).await?;
    let mut items = Vec::with_capacity(keys.len());
    for (key, run) in keys.iter().zip(runs) {
        let Some(StoredWhole { run, besides }) = run else {
            let detail = format_args!(
                "run `{}` is in the index of workspace `{}`, and nowhere else",
                key.id, key.workspace_id
            );
            return Err(PortError::new(PortErrorKind::Corrupt, OPERATION, detail));
        };
        let lease = besides.lease.map(|(lease, ends)| (lease, Some(ends)));
        let run = MovedRun::of(run, besides.put_off_until, lease, besides.max_attempts);
        items.push(Moved::Run(Box::new(run)));
    }
    Ok(items)
}
