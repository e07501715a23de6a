//! What a workspace's slice holds about one query.

use countersign_domain::{AuthorityQuery, AuthorityRows, TenantRow, UserRow, WorkspaceRow};
use countersign_ports::{PortError, PortErrorKind, PortResult};
use redis::Value;

use super::facts::{Facts, UNKNOWN};
use super::look_up::OPERATION;
use crate::rows::Columns;

const FACTS: Facts = Facts {
    operation: OPERATION,
};

/// A row as `lua/look_up.lua` answers with it.
pub(super) fn read_row(row: Value, query: &AuthorityQuery) -> PortResult<AuthorityRows> {
    let mut row = Columns::of(row, OPERATION)?;
    let mut rows = AuthorityRows::default();
    if let Some(active) = row.optional_text("workspace")? {
        let active = FACTS.flag("workspace", &active)?;
        rows.workspace = Some(WorkspaceRow { active });
    }
    let user = row.optional_text("user")?;
    let is_accounted_for = user.is_some();
    if let Some(active) = user.filter(|active| active != UNKNOWN) {
        let active = FACTS.flag("user", &active)?;
        rows.user = Some(UserRow { active });
    }
    if let Some(lifecycle) = row.optional_text("tenant")? {
        rows.tenant = Some(TenantRow {
            workspace_id: query.workspace_id.clone(),
            lifecycle: FACTS.id("lifecycle", &lifecycle)?,
        });
    }
    let connection = row.optional_text("connection")?;
    rows.connection = read(connection, |text| FACTS.connection(text))?;
    rows.workspace_gate = read(row.optional_text("write gate")?, |text| FACTS.gate(text))?;
    rows.tenant_gate = read(row.optional_text("write gate")?, |text| FACTS.gate(text))?;
    for tenant in [None, Some(&query.tenant_id)] {
        let grants = row.optional_text("grants")?;
        let grants = read(grants, |text| FACTS.grants(tenant, text))?;
        rows.grants.extend(grants.into_iter().flatten());
    }
    for tenant in [None, Some(&query.tenant_id)] {
        let found = row.optional_text("prerequisites")?;
        let found = read(found, |text| FACTS.prerequisites(tenant, text))?;
        rows.prerequisites.extend(found.into_iter().flatten());
    }
    let mut roles = Columns::of(row.value()?, OPERATION)?;
    while roles.left() > 0 {
        let name = roles.parsed("role")?;
        if let Some(definition) = roles.optional_text("role")? {
            rows.roles.insert(name, FACTS.role(&definition)?);
        }
    }
    if !is_accounted_for && !rows.grants.is_empty() {
        let detail = format_args!(
            "the slice of workspace `{}` has grants of a user and not the user",
            query.workspace_id
        );
        return Err(PortError::new(PortErrorKind::Corrupt, OPERATION, detail));
    }
    Ok(rows)
}

fn read<T>(text: Option<String>, read: impl Fn(&str) -> PortResult<T>) -> PortResult<Option<T>> {
    text.as_deref().map(read).transpose()
}
