//! Which scopes a change touches, and raising their revisions.

use std::collections::BTreeSet;

use countersign_domain::{AuthorityChange, ScopeRevision, WorkspaceId};
use countersign_ports::PortResult;
use sqlx::SqliteConnection;

use crate::error::failed;
use crate::rows::Columns;
use crate::runs::json;

const OPERATION: &str = "apply";

/// The scopes whose verdicts may depend on what the change changes. Called before the change, so that
/// the old dependents are found; what the change itself names covers the new ones.
pub(super) async fn touched(
    connection: &mut SqliteConnection,
    change: &AuthorityChange,
) -> PortResult<BTreeSet<WorkspaceId>> {
    match change {
        AuthorityChange::DefineRole { role, .. } => {
            scopes(
                connection,
                include_str!("../sql/scopes_of_role.sql"),
                role.as_str(),
                None,
            )
            .await
        }
        AuthorityChange::SetUser { user, .. } | AuthorityChange::RemoveUser { user } => {
            scopes(
                connection,
                include_str!("../sql/scopes_of_user.sql"),
                user.as_str(),
                None,
            )
            .await
        }
        AuthorityChange::SetTenant {
            tenant, workspace, ..
        } => {
            let statement = include_str!("../sql/scopes_of_tenant.sql");
            let mut touched = scopes(connection, statement, tenant.as_str(), None).await?;
            touched.insert(workspace.clone());
            Ok(touched)
        }
        AuthorityChange::SetConnection {
            connection: id,
            tenant,
            ..
        } => {
            let statement = include_str!("../sql/scopes_of_connection.sql");
            scopes(connection, statement, id.as_str(), Some(tenant.as_str())).await
        }
        AuthorityChange::SetWorkspace { workspace, .. }
        | AuthorityChange::Grant { workspace, .. }
        | AuthorityChange::Revoke { workspace, .. }
        | AuthorityChange::SetWriteGate { workspace, .. }
        | AuthorityChange::SetPrerequisite { workspace, .. } => {
            Ok(BTreeSet::from([workspace.clone()]))
        }
    }
}

async fn scopes(
    connection: &mut SqliteConnection,
    statement: &'static str,
    subject: &str,
    other: Option<&str>,
) -> PortResult<BTreeSet<WorkspaceId>> {
    let query = sqlx::query(statement).bind(subject.to_owned());
    let query = match other {
        Some(other) => query.bind(other.to_owned()),
        None => query,
    };
    let rows = query
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| Columns::of(row, OPERATION).parsed("workspace id"))
        .collect()
}

/// Replaces the revision of each scope, and makes those that have no record yet.
pub(super) async fn raise(
    connection: &mut SqliteConnection,
    scopes: &BTreeSet<WorkspaceId>,
) -> PortResult<Vec<ScopeRevision>> {
    let mut raised = revise(connection, include_str!("../sql/raise.sql"), scopes).await?;
    if raised.len() < scopes.len() {
        let missing = include_str!("../sql/make_scopes.sql");
        raised.extend(revise(connection, missing, scopes).await?);
    }
    Ok(raised)
}

async fn revise(
    connection: &mut SqliteConnection,
    statement: &'static str,
    scopes: &BTreeSet<WorkspaceId>,
) -> PortResult<Vec<ScopeRevision>> {
    if scopes.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(statement)
        .bind(json(&scopes))
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row, OPERATION);
            let workspace = columns.parsed("workspace id")?;
            Ok(ScopeRevision {
                workspace,
                revision: columns.revision()?,
            })
        })
        .collect()
}
