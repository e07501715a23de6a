//! Role definitions.

use std::collections::BTreeMap;

use countersign_domain::{RoleName, RoleRow};
use countersign_ports::{PortError, PortResult};
use sqlx::SqliteConnection;

use super::SqliteAuthority;
use crate::error::failed;
use crate::rows::Columns;
use crate::runs::json;

pub(super) async fn roles(
    authority: &SqliteAuthority,
    roles: &[RoleName],
) -> PortResult<Vec<Option<RoleRow>>> {
    const OPERATION: &str = "roles";
    let mut snapshot = authority.shared.read(OPERATION).await?;
    let names: Vec<&RoleName> = roles.iter().collect();
    let defined = defined(&mut snapshot, &names, OPERATION).await?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    Ok(roles
        .iter()
        .map(|role| defined.get(role).cloned())
        .collect())
}

/// The definitions of those roles that have one.
pub(super) async fn defined(
    connection: &mut SqliteConnection,
    roles: &[&RoleName],
    operation: &'static str,
) -> PortResult<BTreeMap<RoleName, RoleRow>> {
    if roles.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query(include_str!("../sql/role_rows.sql"))
        .bind(json(&roles))
        .fetch_all(connection)
        .await
        .map_err(failed(operation))?;
    rows.iter()
        .map(|row| read_role(&mut Columns::of(row, operation), operation))
        .collect()
}

/// The columns role, capabilities, all_tenants.
pub(super) fn read_role(
    columns: &mut Columns<'_>,
    operation: &'static str,
) -> PortResult<(RoleName, RoleRow)> {
    let role = columns.parsed("role")?;
    let capabilities = serde_json::from_str(columns.text()?)
        .map_err(|error| PortError::corrupt(operation, "the capabilities of a role", error))?;
    Ok((
        role,
        RoleRow {
            capabilities,
            all_tenants: columns.flag()?,
        },
    ))
}
