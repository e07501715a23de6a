//! Runs as raw SQL would write them.

use countersign_conformance::scene::HOME;
use countersign_ports::{RunKey, fresh_run_id};

use super::Guarded;

/// Column and value of a run that is in order, but for its ids.
const ASKED: [(&str, &str); 11] = [
    ("workspace_id", "'home'"),
    ("tenant_id", "'hearth'"),
    ("initiator", "'ada'"),
    ("authority_mode", "'actor_bound'"),
    ("operation_type", "'inventory_sync'"),
    ("context", "'{}'"),
    ("priority", "0"),
    ("attempt", "1"),
    ("queue_name", "'default'"),
    ("queued_at", "now()"),
    ("due_at", "now()"),
];

/// A key that no run has yet.
pub(super) fn fresh_key() -> RunKey {
    RunKey {
        workspace_id: HOME.sync().workspace_id,
        id: fresh_run_id(),
    }
}

/// Inserts what is asked by a run, with some of its columns as they are given.
pub(super) fn ask(run: &RunKey, given: &[(&str, &str)]) -> String {
    let id = format!("'{}'", run.id);
    let mut columns = vec![("id", id.as_str()), ("chain_id", id.as_str())];
    columns.extend(ASKED);
    columns.retain(|(column, _)| given.iter().all(|(other, _)| other != column));
    columns.extend(given);
    insert("runs", &columns)
}

/// Inserts what became of a run, with more columns than it has to have.
pub(super) fn state(run: &RunKey, more: &[(&str, &str)]) -> String {
    let id = format!("'{}'", run.id);
    let workspace = format!("'{}'", run.workspace_id);
    let mut columns = vec![("id", id.as_str()), ("workspace_id", workspace.as_str())];
    columns.extend(more);
    insert("run_states", &columns)
}

fn insert(table: &str, columns: &[(&str, &str)]) -> String {
    let (columns, values): (Vec<_>, Vec<_>) = columns.iter().copied().unzip();
    let (columns, values) = (columns.join(", "), values.join(", "));
    format!("INSERT INTO {table} ({columns}) VALUES ({values})")
}

impl Guarded {
    /// A run of which nothing has become yet.
    pub(super) async fn asked(&self) -> RunKey {
        let run = fresh_key();
        self.execute(&ask(&run, &[])).await;
        run
    }
}
