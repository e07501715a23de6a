//! Authority changes in few words, for scenes and cases.

use std::fmt::Debug;
use std::str::FromStr;

use countersign_domain::{AuthorityChange, TenantId, TenantLifecycle, Timestamp};

/// Reads an id, or anything else that a case writes down as text.
///
/// # Panics
/// When the text is not one.
pub fn id<T>(text: impl AsRef<str>) -> T
where
    T: FromStr<Err: Debug>,
{
    text.as_ref().parse().unwrap()
}

fn tenant_of<'a>(tenant: impl Into<Option<&'a str>>) -> Option<TenantId> {
    tenant.into().map(id)
}

/// Defines a role.
#[must_use]
pub fn define_role(role: &str, capabilities: &[&str], all_tenants: bool) -> AuthorityChange {
    AuthorityChange::DefineRole {
        role: id(role),
        capabilities: capabilities.iter().map(id).collect(),
        all_tenants,
    }
}

/// Creates a workspace, or switches it on or off.
#[must_use]
pub fn set_workspace(workspace: &str, active: bool) -> AuthorityChange {
    AuthorityChange::SetWorkspace {
        workspace: id(workspace),
        active,
    }
}

/// Creates an active tenant, or moves it to a workspace.
#[must_use]
pub fn set_tenant(tenant: &str, workspace: &str) -> AuthorityChange {
    set_lifecycle(tenant, workspace, TenantLifecycle::Active)
}

/// Sets a tenant's lifecycle.
#[must_use]
pub fn set_lifecycle(tenant: &str, workspace: &str, lifecycle: TenantLifecycle) -> AuthorityChange {
    AuthorityChange::SetTenant {
        tenant: id(tenant),
        workspace: id(workspace),
        lifecycle,
    }
}

/// Creates a user, or enables or disables the account.
#[must_use]
pub fn set_user(user: &str, active: bool) -> AuthorityChange {
    AuthorityChange::SetUser {
        user: id(user),
        active,
    }
}

/// Forgets a user.
#[must_use]
pub fn remove_user(user: &str) -> AuthorityChange {
    AuthorityChange::RemoveUser { user: id(user) }
}

/// Grants a role without end.
#[must_use]
pub fn grant<'a>(
    user: &str,
    workspace: &str,
    tenant: impl Into<Option<&'a str>>,
    role: &str,
) -> AuthorityChange {
    grant_until(user, workspace, tenant, role, None)
}

/// Grants a role up to a time.
#[must_use]
pub fn grant_until<'a>(
    user: &str,
    workspace: &str,
    tenant: impl Into<Option<&'a str>>,
    role: &str,
    expires_at: impl Into<Option<Timestamp>>,
) -> AuthorityChange {
    AuthorityChange::Grant {
        user: id(user),
        workspace: id(workspace),
        tenant: tenant_of(tenant),
        role: id(role),
        expires_at: expires_at.into(),
    }
}

/// Takes a grant back.
#[must_use]
pub fn revoke<'a>(
    user: &str,
    workspace: &str,
    tenant: impl Into<Option<&'a str>>,
    role: &str,
) -> AuthorityChange {
    AuthorityChange::Revoke {
        user: id(user),
        workspace: id(workspace),
        tenant: tenant_of(tenant),
        role: id(role),
    }
}

/// Creates a connection, moves it, or switches it on or off.
#[must_use]
pub fn set_connection(connection: &str, tenant: &str, enabled: bool) -> AuthorityChange {
    AuthorityChange::SetConnection {
        connection: id(connection),
        tenant: id(tenant),
        enabled,
    }
}

/// Opens or closes a write gate.
#[must_use]
pub fn set_gate<'a>(
    workspace: &str,
    tenant: impl Into<Option<&'a str>>,
    open: bool,
) -> AuthorityChange {
    AuthorityChange::SetWriteGate {
        workspace: id(workspace),
        tenant: tenant_of(tenant),
        open,
        reason: (!open).then(|| "change freeze".to_owned()),
    }
}

/// Says whether a prerequisite is met.
#[must_use]
pub fn set_prerequisite<'a>(
    workspace: &str,
    tenant: impl Into<Option<&'a str>>,
    name: &str,
    met: bool,
) -> AuthorityChange {
    AuthorityChange::SetPrerequisite {
        workspace: id(workspace),
        tenant: tenant_of(tenant),
        name: id(name),
        met,
    }
}
