//! What a renewal or a completion must name to the letter: the run, its workspace and its lease.

use countersign_domain::{LeaseId, RunId, WorkspaceId};
use countersign_ports::{PortResult, RunKey};

use crate::rows::Columns;

/// One worker's hold on one run.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Lease {
    run: RunId,
    workspace: WorkspaceId,
    lease: LeaseId,
}

impl Lease {
    pub(super) fn of(run: &RunKey, lease: LeaseId) -> Self {
        Self {
            run: run.id,
            workspace: run.workspace_id.clone(),
            lease,
        }
    }

    /// The run that is held.
    pub(super) fn run(&self) -> RunId {
        self.run
    }

    /// The columns id, workspace, lease id.
    pub(super) fn read(columns: &mut Columns<'_>) -> PortResult<Self> {
        Ok(Self {
            run: columns.run_id()?,
            workspace: columns.parsed("workspace id")?,
            lease: columns.uuid()?,
        })
    }
}
