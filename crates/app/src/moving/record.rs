//! A moved thing as the one text that both sides are compared by, and as people call it.

use countersign_domain::{
    ActorName, AuthorityChange, JsonText, LeaseId, OperationRun, ScopeRevision, Timestamp,
};
use countersign_ports::{LogEntry, Moved, MovedRun, PortError};
use serde::Serialize;

#[derive(Serialize)]
struct Run<'a> {
    run: &'a OperationRun,
    decision: Option<&'a JsonText>,
    put_off_until: Option<Timestamp>,
    lease_id: Option<LeaseId>,
    lease_expires_at: Option<Timestamp>,
    max_attempts: Option<u32>,
}

#[derive(Serialize)]
struct Entry<'a> {
    seq: u64,
    at: Timestamp,
    by: Option<&'a ActorName>,
    change: &'a AuthorityChange,
    raised: &'a [ScopeRevision],
}

/// The text: whatever two stores that hold the same agree on.
pub(super) fn record_of(item: &Moved) -> Result<String, PortError> {
    let text = match item {
        Moved::Fact(fact) => serde_json::to_string(fact),
        Moved::Scope(scope) => serde_json::to_string(scope),
        Moved::Log(entry) => {
            let LogEntry {
                seq,
                at,
                by,
                change,
                raised,
            } = entry;
            serde_json::to_string(&Entry {
                seq: *seq,
                at: *at,
                by: by.as_ref(),
                change,
                raised,
            })
        }
        Moved::Run(moved) => {
            let MovedRun {
                run,
                put_off_until,
                lease_id,
                lease_expires_at,
                max_attempts,
            } = &**moved;
            serde_json::to_string(&Run {
                run,
                decision: run.decision.as_ref(),
                put_off_until: *put_off_until,
                lease_id: *lease_id,
                lease_expires_at: *lease_expires_at,
                max_attempts: *max_attempts,
            })
        }
    };
    text.map_err(|error| PortError::corrupt("export", name_of(item), error))
}

/// What people call it.
pub(super) fn name_of(item: &Moved) -> String {
    match item {
        Moved::Fact(fact) => serde_json::to_string(fact).unwrap_or_default(),
        Moved::Scope(scope) => format!("the scope of workspace `{}`", scope.workspace),
        Moved::Log(entry) => format!("log entry {}", entry.seq),
        Moved::Run(moved) => format!("run `{}`", moved.run.id),
    }
}
