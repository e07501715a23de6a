//! What an authority store holds about one query: the rows of one snapshot, unjudged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Capability, PrerequisiteName, RoleName, TenantId, Timestamp, WorkspaceId};

/// Where a tenant stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantLifecycle {
    /// Being set up.
    Onboarding,
    /// In use.
    Active,
    /// Stopped for now.
    Suspended,
    /// Kept for the record.
    Archived,
}

impl TenantLifecycle {
    /// Every lifecycle.
    pub const ALL: [Self; 4] = [
        Self::Onboarding,
        Self::Active,
        Self::Suspended,
        Self::Archived,
    ];

    /// The name as it stands in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Onboarding => "onboarding",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for TenantLifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for TenantLifecycle {
    type Err = crate::UnknownName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| {
                crate::UnknownName::new("lifecycle", text, Self::ALL.iter().map(|one| one.as_str()))
            })
    }
}

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceRow {
    /// Whether it is switched on.
    pub active: bool,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Whether the account is enabled.
    pub active: bool,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// The workspace that it belongs to now.
    pub workspace_id: WorkspaceId,
    /// Where it stands in its life.
    pub lifecycle: TenantLifecycle,
}

/// A provider connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// The tenant that it belongs to now.
    pub tenant_id: TenantId,
    /// Whether it is switched on.
    pub enabled: bool,
}

/// A grant of the queried user in the queried workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// The tenant it reaches; none makes the user a member of the workspace.
    pub tenant_id: Option<TenantId>,
    /// The role granted.
    pub role: RoleName,
    /// From when on it no longer holds.
    pub expires_at: Option<Timestamp>,
}

/// The definition of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    /// What it allows.
    pub capabilities: BTreeSet<Capability>,
    /// Whether a grant of it without tenant reaches every tenant of the workspace.
    pub all_tenants: bool,
}

/// A write gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRow {
    /// Whether writing is permitted.
    pub open: bool,
    /// Why it was set, in the words of whoever set it.
    pub reason: Option<String>,
}

/// A prerequisite of the queried workspace, or of the queried tenant in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrerequisiteRow {
    /// The tenant it is the prerequisite of; none for the whole workspace.
    pub tenant_id: Option<TenantId>,
    /// Its name.
    pub name: PrerequisiteName,
    /// Whether it is met.
    pub met: bool,
}

/// Everything one authority store holds about one [`crate::AuthorityQuery`], of one snapshot.
///
/// An absent row means that the fact is absent. Adapters select; [`crate::resolve`] judges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorityRows {
    /// The queried workspace.
    pub workspace: Option<WorkspaceRow>,
    /// The queried user; none for queries without initiator.
    pub user: Option<UserRow>,
    /// The queried tenant, whatever workspace it belongs to now.
    pub tenant: Option<TenantRow>,
    /// The queried connection, whatever tenant it belongs to now.
    pub connection: Option<ConnectionRow>,
    /// The user's grants in the workspace: those without tenant, and those with the queried tenant.
    /// Expired ones may be among them. In any order.
    pub grants: Vec<GrantRow>,
    /// The definitions of the roles that those grants name. A role without definition is absent.
    pub roles: BTreeMap<RoleName, RoleRow>,
    /// The write gate of the workspace.
    pub workspace_gate: Option<GateRow>,
    /// The write gate of the tenant in the workspace.
    pub tenant_gate: Option<GateRow>,
    /// Prerequisites of the workspace and of the tenant in it. In any order.
    pub prerequisites: Vec<PrerequisiteRow>,
}
