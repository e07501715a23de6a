//! Successors: the next run of a chain, in the script that completes the one before.

use countersign_domain::WorkspaceId;
use countersign_ports::{PortResult, QueueEntry, RunKey};
use redis::Value;

use crate::rows::Columns;

/// The entry that a script has queued a successor with; none where it queued none.
pub(super) fn read_successor(
    value: Value,
    workspace: &WorkspaceId,
    operation: &'static str,
) -> PortResult<Option<QueueEntry>> {
    if value == Value::Nil {
        return Ok(None);
    }
    let mut columns = Columns::of(value, operation)?;
    let id = columns.parsed("run id")?;
    read_entry(
        RunKey {
            id,
            workspace_id: workspace.clone(),
        },
        &mut columns,
    )
    .map(Some)
}

/// The columns operation, queue, priority, due time.
pub(super) fn read_entry(run: RunKey, columns: &mut Columns) -> PortResult<QueueEntry> {
    Ok(QueueEntry {
        run,
        operation_type: columns.parsed("operation type")?,
        queue_name: columns.parsed("queue name")?,
        priority: columns.parsed("priority")?,
        due_at: columns.time("due at")?,
    })
}
