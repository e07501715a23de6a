//! Applies changes: facts, revisions and log in one script. In a cluster it takes several, see `intent`.

use std::collections::BTreeMap;

use countersign_domain::{
    AttributedChange, AuthorityChange, Revision, RoleRow, ScopeRevision, TenantId, WorkspaceId,
};
use countersign_ports::{Applied, PortError, PortResult};
use redis::Value;
use uuid::Uuid;

use super::facts::{expiry_text, flag, gate_text, role_text};
use super::{RedisAuthority, intent};
use crate::rows::Columns;
use crate::script::{Call, Script, script};
use crate::store::Shared;

pub(super) const OPERATION: &str = "apply";

script!(APPLY writes "plan", "log", "directory", "slice", "apply");

pub(super) async fn apply(
    authority: &RedisAuthority,
    changes: &[AttributedChange],
) -> PortResult<Applied> {
    let shared = &*authority.shared;
    let lines: Vec<String> = changes.iter().map(line).collect::<PortResult<_>>()?;
    // Two random UUIDs: what nonces are hashed from is told by nobody, and never used again.
    let seed = format!("{}{}", Uuid::new_v4(), Uuid::new_v4());
    let raised = if shared.is_in_slots() {
        intent::apply(shared, &seed, &lines).await?
    } else {
        let call = changing_call(shared, &APPLY, &seed).arg(&lines);
        read_raised(shared.link().call(OPERATION, call).await?)?
    };
    // Of several the last one counts.
    let raised: BTreeMap<WorkspaceId, Revision> = raised
        .into_iter()
        .map(|scope| (scope.workspace, scope.revision))
        .collect();
    Ok(Applied {
        changes: changes.len() as u64,
        raised: raised
            .into_iter()
            .map(|(workspace, revision)| ScopeRevision {
                workspace,
                revision,
            })
            .collect(),
    })
}

/// A script that changes the directory, with what all of them begin with.
pub(super) fn changing_call(shared: &Shared, script: &'static Script, seed: &str) -> Call {
    let keys = shared.keys();
    let directory = vec![
        keys.store(),
        keys.workspaces(),
        keys.users(),
        keys.tenants(),
        keys.connections(),
        keys.roles(),
        keys.log(),
        // Where it takes several steps.
        keys.intent(),
    ];
    Call::script(script, directory)
        .arg(shared.id())
        .arg(keys.prefix())
        .arg(seed)
}

/// The same for a script that raises nothing.
pub(crate) fn directory_call(shared: &Shared, script: &'static Script) -> Call {
    changing_call(shared, script, "")
}

fn read_raised(answer: Value) -> PortResult<Vec<ScopeRevision>> {
    let mut columns = Columns::of(answer, OPERATION)?;
    let mut raised = Vec::with_capacity(columns.left() / 2);
    while columns.left() > 0 {
        raised.push(ScopeRevision {
            workspace: columns.parsed("workspace id")?,
            revision: columns.parsed("revision")?,
        });
    }
    Ok(raised)
}

/// A change as the script takes it: its kind, its parts, who made it, and all of it for the log.
fn line(attributed: &AttributedChange) -> PortResult<String> {
    let change = &attributed.change;
    let mut line = words(change);
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

/// What a change says, as scripts take it: its kind, and its parts.
pub(crate) fn words(change: &AuthorityChange) -> Vec<String> {
    let mut words = vec![change.kind().as_str().to_owned()];
    words.extend(parts(change));
    words
}

pub(super) fn json(value: &impl serde::Serialize) -> PortResult<String> {
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
