//! What the directory has of each kind of fact that slices hold copies of.

use countersign_domain::AuthorityChange;
use countersign_ports::PortResult;

use super::facts::Facts;
use crate::keys::Keys;

/// A kind of fact that the directory has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectoryKind {
    Roles,
    Users,
    Tenants,
    Connections,
}

impl DirectoryKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 4] = [Self::Roles, Self::Users, Self::Tenants, Self::Connections];

    /// The hash that holds them.
    pub(crate) fn key(self, keys: &Keys) -> String {
        match self {
            Self::Roles => keys.roles(),
            Self::Users => keys.users(),
            Self::Tenants => keys.tenants(),
            Self::Connections => keys.connections(),
        }
    }

    /// A field of that hash, told as the change that would make it.
    pub(crate) fn fact(
        self,
        name: &str,
        text: &str,
        operation: &'static str,
    ) -> PortResult<AuthorityChange> {
        let facts = Facts { operation };
        Ok(match self {
            Self::Roles => {
                let row = facts.role(text)?;
                AuthorityChange::DefineRole {
                    role: facts.id("role", name)?,
                    capabilities: row.capabilities,
                    all_tenants: row.all_tenants,
                }
            }
            Self::Users => AuthorityChange::SetUser {
                user: facts.id("user id", name)?,
                active: facts.flag("user", text)?,
            },
            Self::Tenants => {
                let row = facts.tenant(text)?;
                AuthorityChange::SetTenant {
                    tenant: facts.id("tenant id", name)?,
                    workspace: row.workspace_id,
                    lifecycle: row.lifecycle,
                }
            }
            Self::Connections => {
                let row = facts.connection(text)?;
                AuthorityChange::SetConnection {
                    connection: facts.id("connection id", name)?,
                    tenant: row.tenant_id,
                    enabled: row.enabled,
                }
            }
        })
    }
}
