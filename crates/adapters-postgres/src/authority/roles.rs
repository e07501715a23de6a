//! Role definitions.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::{Capability, RoleName, RoleRow};
use countersign_ports::{PortError, PortErrorKind, PortResult};
use sqlx::PgConnection;

use super::PostgresAuthority;
use crate::error::failed;
use crate::rows::Columns;
use crate::store::Shared;

pub(super) async fn roles(
    authority: &PostgresAuthority,
    roles: &[RoleName],
) -> PortResult<Vec<Option<RoleRow>>> {
    const OPERATION: &str = "roles";
    let mut snapshot = authority.shared.read(OPERATION).await?;
    let names: Vec<&RoleName> = roles.iter().collect();
    let mut defined = defined(&authority.shared, &mut snapshot, &names, OPERATION).await?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    let mut answers = Vec::with_capacity(roles.len());
    for role in roles {
        answers.push(match defined.get(role) {
            None => None,
            Some(Ok(row)) => Some(row.clone()),
            Some(Err(_)) => return defined.remove(role).transpose().map(|_| Vec::new()),
        });
    }
    Ok(answers)
}

/// The definitions of those roles that have one, each as far as it can be read.
pub(super) async fn defined(
    shared: &Shared,
    connection: &mut PgConnection,
    roles: &[&RoleName],
    operation: &'static str,
) -> PortResult<BTreeMap<RoleName, PortResult<RoleRow>>> {
    if roles.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let rows = shared
        .query(include_str!("../sql/role_rows.sql"))
        .bind(names)
        .fetch_all(connection)
        .await
        .map_err(failed(operation))?;
    let mut defined = BTreeMap::new();
    for row in &rows {
        let mut columns = Columns::of(row, operation);
        let role: RoleName = columns.parsed("role")?;
        let definition = if defined.contains_key(&role) {
            let detail = format!("role `{role}` is defined twice");
            Err(PortError::new(PortErrorKind::Corrupt, operation, detail))
        } else {
            read_definition(&mut columns, operation)
        };
        defined.insert(role, definition);
    }
    Ok(defined)
}

/// The columns capabilities, all_tenants.
pub(super) fn read_definition(
    columns: &mut Columns<'_>,
    operation: &'static str,
) -> PortResult<RoleRow> {
    let capabilities: Vec<String> = columns.take()?;
    Ok(RoleRow {
        capabilities: read_capabilities(&capabilities, operation)?,
        all_tenants: columns.take()?,
    })
}

pub(super) fn read_capabilities(
    capabilities: &[String],
    operation: &'static str,
) -> PortResult<BTreeSet<Capability>> {
    let read = |name: &String| {
        name.parse()
            .map_err(|error| PortError::corrupt(operation, "a capability of a role", error))
    };
    capabilities.iter().map(read).collect()
}
