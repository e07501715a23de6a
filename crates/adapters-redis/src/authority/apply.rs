//! Applies changes: facts, revisions and log in one script.

use countersign_domain::{AttributedChange, AuthorityChange, RoleRow, ScopeRevision, TenantId};
use countersign_ports::{Applied, PortError, PortResult};
use uuid::Uuid;

use super::RedisAuthority;
use super::facts::{expiry_text, flag, gate_text, role_text};
use crate::rows::Columns;
use crate::script::{Call, script};

const OPERATION: &str = "apply";

script!(APPLY writes "plan", "apply");

pub(super) async fn apply(
    authority: &RedisAuthority,
    changes: &[AttributedChange],
) -> PortResult<Applied> {
    let keys = authority.shared.keys();
    let mut call = Call::script(
        &APPLY,
        vec![
            keys.store(),
            keys.workspaces(),
            keys.users(),
            keys.tenants(),
            keys.connections(),
            keys.roles(),
            keys.log(),
        ],
    )
    .arg(authority.shared.identity().id.to_string())
    .arg(keys.prefix())
    // Two random UUIDs: what they are hashed with is told by nobody, and never used again.
    .arg(format!("{}{}", Uuid::new_v4(), Uuid::new_v4()));
    for attributed in changes {
        call.push(line(attributed)?);
    }
    let answer = authority.shared.link().call(OPERATION, call).await?;
    let mut columns = Columns::of(answer, OPERATION)?;
    let mut raised = Vec::with_capacity(columns.left() / 2);
    while columns.left() > 0 {
        raised.push(ScopeRevision {
            workspace: columns.parsed("workspace id")?,
            revision: columns.parsed("revision")?,
        });
    }
    raised.sort_by(|one, other| one.workspace.cmp(&other.workspace));
    Ok(Applied {
        changes: changes.len() as u64,
        raised,
    })
}

/// A change as the script takes it: its kind, its parts, who made it, and all of it for the log.
fn line(attributed: &AttributedChange) -> PortResult<String> {
    let change = &attributed.change;
    let mut line = vec![change.kind().as_str().to_owned()];
    line.extend(parts(change));
    line.push(
        attributed
            .by
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    );
    line.push(json(change)?);
    json(&line)
}

fn json(value: &impl serde::Serialize) -> PortResult<String> {
    serde_json::to_string(value)
        .map_err(|error| PortError::corrupt(OPERATION, "a change that is no JSON", error))
}

fn parts(change: &AuthorityChange) -> Vec<String> {
    match change {
        AuthorityChange::DefineRole {
            role,
            capabilities,
            all_tenants,
        } => {
            let definition = RoleRow {
                capabilities: capabilities.clone(),
                all_tenants: *all_tenants,
            };
            vec![role.to_string(), role_text(&definition)]
        }
        AuthorityChange::SetWorkspace { workspace, active } => {
            vec![workspace.to_string(), flag(*active).to_owned()]
        }
        AuthorityChange::SetTenant {
            tenant,
            workspace,
            lifecycle,
        } => vec![
            tenant.to_string(),
            workspace.to_string(),
            lifecycle.to_string(),
        ],
        AuthorityChange::SetUser { user, active } => {
            vec![user.to_string(), flag(*active).to_owned()]
        }
        AuthorityChange::RemoveUser { user } => vec![user.to_string()],
        AuthorityChange::Grant {
            user,
            workspace,
            tenant,
            role,
            expires_at,
        } => vec![
            user.to_string(),
            workspace.to_string(),
            or_empty(tenant.as_ref()),
            role.to_string(),
            expiry_text(*expires_at),
        ],
        AuthorityChange::Revoke {
            user,
            workspace,
            tenant,
            role,
        } => vec![
            user.to_string(),
            workspace.to_string(),
            or_empty(tenant.as_ref()),
            role.to_string(),
        ],
        AuthorityChange::SetConnection {
            connection,
            tenant,
            enabled,
        } => vec![
            connection.to_string(),
            tenant.to_string(),
            flag(*enabled).to_owned(),
        ],
        AuthorityChange::SetWriteGate {
            workspace,
            tenant,
            open,
            reason,
        } => vec![
            workspace.to_string(),
            or_empty(tenant.as_ref()),
            gate_text(*open, reason.as_deref()),
        ],
        AuthorityChange::SetPrerequisite {
            workspace,
            tenant,
            name,
            met,
        } => vec![
            workspace.to_string(),
            or_empty(tenant.as_ref()),
            name.to_string(),
            flag(*met).to_owned(),
        ],
    }
}

/// No id is empty, so the empty text stands for none.
fn or_empty(tenant: Option<&TenantId>) -> String {
    tenant.map(TenantId::to_string).unwrap_or_default()
}
