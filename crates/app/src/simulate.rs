//! Which queued runs some changes would block, without applying them.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_domain::{
    AuthorityChange, AuthorityState, Catalog, ExecutionContext, OperationRun, ReasonCode, RoleName,
    RoleRow, RunStatus, decide, resolve,
};
use countersign_ports::{Authority, ContextDetail, PortResult, RunCursor, RunFilter};

use crate::Ports;
use crate::verdict::{Verdict, verdicts};

/// Queued runs judged in one look-up.
const PAGE: u32 = 500;

/// Judges queued runs under changes that were not made.
pub struct Simulation {
    ports: Ports,
    catalog: Catalog,
    changes: Vec<AuthorityChange>,
    /// Definitions of roles that the changes grant: the rows of a run need not hold them.
    roles: BTreeMap<RoleName, RoleRow>,
}

/// A queued run that would start now and would be blocked after the changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WouldBlock {
    /// The run.
    pub run: OperationRun,
    /// Why it would be blocked.
    pub reason: ReasonCode,
}

/// One page of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedPage {
    /// How many queued runs were judged.
    pub judged: u64,
    /// Those that the changes would block.
    pub blocked: Vec<WouldBlock>,
    /// Where the next page begins; none after the last.
    pub next: Option<RunCursor>,
}

impl Simulation {
    /// Prepares a simulation of these changes, made in this order.
    ///
    /// # Errors
    /// As reading roles.
    pub async fn new(
        ports: Ports,
        catalog: Catalog,
        changes: Vec<AuthorityChange>,
    ) -> PortResult<Self> {
        let granted: Vec<RoleName> = changes.iter().filter_map(granted_role).cloned().collect();
        let defined = ports.authority().roles(&granted).await?;
        let roles = granted
            .into_iter()
            .zip(defined)
            .filter_map(|(name, role)| role.map(|role| (name, role)))
            .collect();
        Ok(Self {
            ports,
            catalog,
            changes,
            roles,
        })
    }

    /// Judges the next page of queued runs as they are and as they would be. Changes nothing.
    ///
    /// # Errors
    /// As listing runs and looking up authority.
    pub async fn page(&self, after: Option<RunCursor>) -> PortResult<SimulatedPage> {
        let filter = RunFilter {
            status: Some(RunStatus::Queued),
            ..RunFilter::default()
        };
        let page = self
            .ports
            .runs()
            .list(&filter, after, PAGE, ContextDetail::Omitted)
            .await?;
        let (runs, contexts): (Vec<OperationRun>, Vec<ExecutionContext>) = page
            .runs
            .into_iter()
            .filter_map(|run| {
                let operation = self.catalog.get(&run.operation_type)?;
                let context = ExecutionContext::of(&run, Arc::clone(operation));
                Some((run, context))
            })
            .unzip();
        let judged = runs.len() as u64;
        let verdicts = verdicts(&self.ports, &contexts).await?;
        let blocked = runs
            .into_iter()
            .zip(contexts)
            .zip(verdicts)
            .filter_map(|((run, context), verdict)| match verdict {
                Verdict::Decided(decision, authority) if decision.is_allowed() => {
                    let reason = self.reason_after(&context, &authority)?;
                    Some(WouldBlock { run, reason })
                }
                Verdict::Decided(..) | Verdict::Undecided(_) => None,
            })
            .collect();
        Ok(SimulatedPage {
            judged,
            blocked,
            next: page.next,
        })
    }

    /// Why the run would be denied once the changes are made, at the moment of the look-up.
    fn reason_after(
        &self,
        context: &ExecutionContext,
        authority: &Authority,
    ) -> Option<ReasonCode> {
        let query = authority.query();
        let mut rows = authority.rows().clone();
        for (name, role) in &self.roles {
            rows.roles
                .entry(name.clone())
                .or_insert_with(|| role.clone());
        }
        let mut state = AuthorityState::of_rows(query, &rows);
        self.changes.iter().for_each(|change| state.apply(change));
        let facts = resolve(query, &state.rows(query), authority.facts().as_of);
        decide(context, &facts).reason()
    }
}

fn granted_role(change: &AuthorityChange) -> Option<&RoleName> {
    match change {
        AuthorityChange::Grant { role, .. } => Some(role),
        AuthorityChange::DefineRole { .. }
        | AuthorityChange::SetWorkspace { .. }
        | AuthorityChange::SetTenant { .. }
        | AuthorityChange::SetUser { .. }
        | AuthorityChange::RemoveUser { .. }
        | AuthorityChange::Revoke { .. }
        | AuthorityChange::SetConnection { .. }
        | AuthorityChange::SetWriteGate { .. }
        | AuthorityChange::SetPrerequisite { .. } => None,
    }
}
