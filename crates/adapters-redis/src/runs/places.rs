//! Which workspace a run is in, by its id alone: written before the run, in a slot of its own.

use countersign_domain::{RunId, WorkspaceId};
use countersign_ports::{PortError, PortResult};

use crate::rows::optional_text;
use crate::script::Call;
use crate::store::Shared;

/// Writes down where runs are about to be. Answers, for ids that belong to a run of another workspace, with
/// that one.
///
/// Whoever writes it first has the id: no two workspaces hold a run of the same id.
pub(crate) async fn claim(
    shared: &Shared,
    runs: &[(RunId, &WorkspaceId)],
    operation: &'static str,
) -> PortResult<Vec<Option<WorkspaceId>>> {
    let calls: Vec<Call> = runs
        .iter()
        .map(|(run, workspace)| {
            Call::change("SET", shared.keys().place(*run))
                .arg(workspace.as_str())
                .arg("NX")
                .arg("GET")
        })
        .collect();
    let found = read(shared, &calls, operation).await?;
    let another = |(found, (_, workspace)): (Option<WorkspaceId>, &(RunId, &WorkspaceId))| {
        found.filter(|found| found != *workspace)
    };
    Ok(found.into_iter().zip(runs).map(another).collect())
}

/// Finds the workspaces of runs; none for ids that nobody has used.
pub(super) async fn find(
    shared: &Shared,
    runs: impl Iterator<Item = RunId>,
    operation: &'static str,
) -> PortResult<Vec<Option<WorkspaceId>>> {
    let calls: Vec<Call> = runs
        .map(|run| Call::command("GET", shared.keys().place(run)))
        .collect();
    read(shared, &calls, operation).await
}

async fn read(
    shared: &Shared,
    calls: &[Call],
    operation: &'static str,
) -> PortResult<Vec<Option<WorkspaceId>>> {
    const WHAT: &str = "the workspace of a run";
    let values = shared.link().call_all(operation, calls).await?;
    values
        .into_iter()
        .map(|value| {
            optional_text(value, WHAT, operation)?
                .map(|text| {
                    text.parse()
                        .map_err(|error| PortError::corrupt(operation, WHAT, error))
                })
                .transpose()
        })
        .collect()
}
