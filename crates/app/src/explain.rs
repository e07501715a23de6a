//! Why a run was let start or blocked, and which change made the difference.
//!
//! The authority log holds every change that was applied. Replaying those that concern the run, and
//! judging at the time of each, finds what turned an allow into a deny last: a change, or the end of a
//! grant in between.

use std::sync::Arc;

use countersign_domain::{
    AuthorityChange, AuthorityQuery, AuthorityState, Catalog, Decision, DecisionRecord,
    ExecutionContext, Operation, OperationRun, Timestamp, decide, resolve,
};
use countersign_ports::{LogEntry, LogQuery, PortError, PortResult};

use crate::Ports;

/// Log entries read at once.
const PAGE: u32 = 1000;

/// What made the difference between an allow and a deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// This change turned an allow into the deny on record.
    Change(Box<LogEntry>),
    /// No change did: a grant that the run needed ran out at that time.
    Expired(Timestamp),
    /// As far as the log tells, the run was never allowed.
    NeverAllowed,
    /// The run was not denied.
    NotDenied,
}

/// A run explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The run.
    pub run: OperationRun,
    /// The decision on record; none for a run that was not decided (yet).
    pub record: Option<DecisionRecord>,
    /// What made the difference.
    pub difference: Difference,
}

/// Explains a run.
///
/// # Errors
/// As reading the log; `Corrupt` where the decision on record cannot be read.
pub async fn explain(
    ports: &Ports,
    catalog: &Catalog,
    run: OperationRun,
) -> PortResult<Explanation> {
    let record = run
        .decision_record()
        .map_err(|error| PortError::corrupt("explain", "the decision record of the run", error))?;
    let difference = match &record {
        Some(record) if !record.allowed => {
            let context = ExecutionContext::of(&run, operation_of(record, catalog));
            let changes = history(ports, &context.query(), record.decided_at).await?;
            difference(&context, changes, record.decided_at)
        }
        Some(_) | None => Difference::NotDenied,
    };
    Ok(Explanation {
        run,
        record,
        difference,
    })
}

/// The catalog's operation; what the record says of it where the catalog no longer has it.
fn operation_of(record: &DecisionRecord, catalog: &Catalog) -> Arc<Operation> {
    catalog
        .get(&record.operation_type)
        .cloned()
        .unwrap_or_else(|| {
            let operation = Operation::new(record.operation_type.clone());
            Arc::new(Operation {
                capability: record.required_capability.clone(),
                writes: record.observed.write_gate.is_some(),
                prerequisites: record.observed.prerequisites.keys().cloned().collect(),
                ..operation
            })
        })
}

/// The changes that concern a query, up to a time, oldest first.
async fn history(
    ports: &Ports,
    query: &AuthorityQuery,
    until: Timestamp,
) -> PortResult<Vec<LogEntry>> {
    let mut entries = Vec::new();
    let mut page = LogQuery {
        workspace_id: None,
        before: None,
        limit: PAGE,
    };
    loop {
        let read = ports.authority().log(&page).await?;
        let Some(last) = read.last() else {
            break;
        };
        page.before = Some(last.seq);
        let concerned = read
            .into_iter()
            .filter(|entry| entry.at <= until && concerns(&entry.change, query));
        entries.extend(concerned);
    }
    entries.reverse();
    Ok(entries)
}

/// Whether a change can bear on the rows of a query.
fn concerns(change: &AuthorityChange, query: &AuthorityQuery) -> bool {
    match change {
        AuthorityChange::DefineRole { .. } => true,
        AuthorityChange::SetWorkspace { workspace, .. } => *workspace == query.workspace_id,
        AuthorityChange::SetTenant { tenant, .. } => *tenant == query.tenant_id,
        AuthorityChange::SetUser { user, .. }
        | AuthorityChange::RemoveUser { user }
        | AuthorityChange::Grant { user, .. }
        | AuthorityChange::Revoke { user, .. } => Some(user) == query.initiator.as_ref(),
        AuthorityChange::SetConnection { connection, .. } => {
            Some(connection) == query.provider_connection_id.as_ref()
        }
        AuthorityChange::SetWriteGate {
            workspace, tenant, ..
        }
        | AuthorityChange::SetPrerequisite {
            workspace, tenant, ..
        } => {
            *workspace == query.workspace_id
                && tenant
                    .as_ref()
                    .is_none_or(|tenant| *tenant == query.tenant_id)
        }
    }
}

fn difference(
    context: &ExecutionContext,
    changes: Vec<LogEntry>,
    decided_at: Timestamp,
) -> Difference {
    let query = context.query();
    let judge = |state: &AuthorityState, as_of| -> Decision {
        decide(context, &resolve(&query, &state.rows(&query), as_of))
    };
    let mut state = AuthorityState::default();
    let mut since = changes.first().map_or(decided_at, |entry| entry.at);
    let mut difference = Difference::NeverAllowed;
    for entry in changes {
        if let Some(lapsed_at) = ran_out(|as_of| judge(&state, as_of), since, entry.at) {
            difference = Difference::Expired(lapsed_at);
        }
        let was_allowed = judge(&state, entry.at).is_allowed();
        state.apply(&entry.change);
        since = entry.at;
        if was_allowed && !judge(&state, since).is_allowed() {
            difference = Difference::Change(Box::new(entry));
        }
    }
    match ran_out(|as_of| judge(&state, as_of), since, decided_at) {
        Some(lapsed_at) => Difference::Expired(lapsed_at),
        None => difference,
    }
}

/// When what was allowed at `since` ceased to be by itself, if that was no later than `until`.
fn ran_out(
    judge: impl Fn(Timestamp) -> Decision,
    since: Timestamp,
    until: Timestamp,
) -> Option<Timestamp> {
    let mut decision = judge(since);
    while let Some(lapsed_at) = decision.lapses_at().filter(|at| *at <= until) {
        decision = judge(lapsed_at);
        if !decision.is_allowed() {
            return Some(lapsed_at);
        }
    }
    None
}
