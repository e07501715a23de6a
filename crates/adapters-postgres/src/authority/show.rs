//! The facts of a workspace, told as the changes that would make them.

use countersign_domain::{AuthorityChange, TenantId, UserId};
use countersign_ports::{PortResult, ShowQuery};
use sqlx::PgConnection;

use super::PostgresAuthority;
use super::roles::read_definition;
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "show";

type Read = fn(&mut Columns<'_>) -> PortResult<AuthorityChange>;

pub(super) async fn show(
    authority: &PostgresAuthority,
    query: &ShowQuery,
) -> PortResult<Vec<AuthorityChange>> {
    let parts: [(&'static str, Read); 8] = [
        (include_str!("../sql/show_roles.sql"), role),
        (include_str!("../sql/show_workspace.sql"), workspace),
        (include_str!("../sql/show_tenants.sql"), tenant),
        (include_str!("../sql/show_users.sql"), user),
        (include_str!("../sql/show_grants.sql"), grant),
        (include_str!("../sql/show_connections.sql"), connection),
        (include_str!("../sql/show_gates.sql"), gate),
        (include_str!("../sql/show_prerequisites.sql"), prerequisite),
    ];
    let mut snapshot = authority.shared.read(OPERATION).await?;
    let mut shown = Vec::new();
    for (statement, read) in parts {
        shown.extend(part(authority, &mut snapshot, statement, query, read).await?);
    }
    snapshot.commit().await.map_err(failed(OPERATION))?;
    Ok(shown)
}

async fn part(
    authority: &PostgresAuthority,
    connection: &mut PgConnection,
    statement: &'static str,
    query: &ShowQuery,
    read: Read,
) -> PortResult<Vec<AuthorityChange>> {
    let rows = authority
        .shared
        .query(statement)
        .bind(query.workspace_id.to_string())
        .bind(query.tenant_id.as_ref().map(TenantId::to_string))
        .bind(query.user_id.as_ref().map(UserId::to_string))
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| read(&mut Columns::of(row, OPERATION)))
        .collect()
}

pub(crate) fn role(columns: &mut Columns<'_>) -> PortResult<AuthorityChange> {
    let role = columns.parsed("role")?;
    let row = read_definition(columns, OPERATION)?;
    Ok(AuthorityChange::DefineRole {
        role,
        capabilities: row.capabilities,
        all_tenants: row.all_tenants,
    })
}

pub(crate) fn workspace(columns: &mut Columns<'_>) -> PortResult<AuthorityChange> {
    Ok(AuthorityChange::SetWorkspace {
        workspace: columns.parsed("workspace id")?,
        active: columns.take()?,
    })
}

pub(crate) fn tenant(columns: &mut Columns<'_>) -> PortResult<AuthorityChange> {
    Ok(AuthorityChange::SetTenant {
        tenant: columns.parsed("tenant id")?,
        workspace: columns.parsed("workspace id")?,
        lifecycle: columns.parsed("lifecycle")?,
    })
}

pub(crate) fn user(columns: &mut Columns<'_>) -> PortResult<AuthorityChange> {
    Ok(AuthorityChange::SetUser {
        user: columns.parsed("user id")?,
        active: columns.take()?,
    })
}

pub(crate) fn grant(columns: &mut Columns<'_>) -> PortResult<AuthorityChange> {
    Ok(AuthorityChange::Grant {
        user: columns.parsed("user id")?,
        workspace: columns.parsed("workspace id")?,
        tenant: columns.optional("tenant id")?,
        role: columns.parsed("role")?,
        expires_at: columns.optional_time()?,
    })
}

pub(crate) fn connection(columns: &mut Columns<'_>) -> PortResult<AuthorityChange> {
    Ok(AuthorityChange::SetConnection {
        connection: columns.parsed("connection id")?,
        tenant: columns.parsed("tenant id")?,
        enabled: columns.take()?,
    })
}

pub(crate) fn gate(columns: &mut Columns<'_>) -> PortResult<AuthorityChange> {
    Ok(AuthorityChange::SetWriteGate {
        workspace: columns.parsed("workspace id")?,
        tenant: columns.optional("tenant id")?,
        open: columns.take()?,
        reason: columns.optional_text()?.map(str::to_owned),
    })
}

pub(crate) fn prerequisite(columns: &mut Columns<'_>) -> PortResult<AuthorityChange> {
    Ok(AuthorityChange::SetPrerequisite {
        workspace: columns.parsed("workspace id")?,
        tenant: columns.optional("tenant id")?,
        name: columns.parsed("prerequisite")?,
        met: columns.take()?,
    })
}
