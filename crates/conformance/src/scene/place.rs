//! A workspace that is in order, and what may be asked for in it.

use countersign_domain::{AuthorityChange, AuthorityMode, AuthorityQuery, Submission};

use crate::change::{
    define_role, grant, id, set_connection, set_prerequisite, set_tenant, set_workspace,
};

/// A workspace with a tenant, a connection, a user who may do everything there and a guest who may do
/// nothing.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The workspace, active.
    pub workspace: &'a str,
    /// Its tenant, active.
    pub tenant: &'a str,
    /// The tenant's connection, enabled.
    pub connection: &'a str,
    /// A member of the workspace, and `operator` on the tenant.
    pub user: &'a str,
    /// A member of the workspace, and `viewer` on the tenant.
    pub guest: &'a str,
}

/// Where most cases play.
pub const HOME: Place<'static> = Place {
    workspace: "home",
    tenant: "hearth",
    connection: "line",
    user: "ada",
    guest: "eve",
};

/// Another workspace, with users of its own. The roles are the same.
pub const AWAY: Place<'static> = Place {
    workspace: "away",
    tenant: "tent",
    connection: "radio",
    user: "bob",
    guest: "mallory",
};

impl Place<'_> {
    /// The changes that bring the place in order.
    #[must_use]
    pub fn changes(&self) -> Vec<AuthorityChange> {
        let Self {
            workspace,
            tenant,
            connection,
            user,
            guest,
        } = *self;
        vec![
            define_role("member", &[], false),
            define_role("viewer", &["inventory.view"], false),
            define_role("operator", &["inventory.sync", "restore.execute"], false),
            set_workspace(workspace, true),
            set_tenant(tenant, workspace),
            grant(user, workspace, None, "member"),
            grant(user, workspace, tenant, "operator"),
            grant(guest, workspace, None, "member"),
            grant(guest, workspace, tenant, "viewer"),
            set_connection(connection, tenant, true),
            set_prerequisite(workspace, tenant, "baseline", true),
        ]
    }

    /// The user's run of an operation.
    #[must_use]
    pub fn run_of(&self, operation: &str) -> Submission {
        Submission::new(
            id(self.workspace),
            id(self.tenant),
            id(self.user),
            id(operation),
        )
    }

    /// A run that is allowed: the user's `inventory_sync`.
    #[must_use]
    pub fn sync(&self) -> Submission {
        self.run_of("inventory_sync")
    }

    /// A run that is allowed and rests on everything there is: the user's `restore.execute`.
    #[must_use]
    pub fn restore(&self) -> Submission {
        Submission {
            provider_connection_id: Some(id(self.connection)),
            ..self.run_of("restore.execute")
        }
    }

    /// A run that is denied with `missing_capability`: the guest's `inventory_sync`.
    #[must_use]
    pub fn denied(&self) -> Submission {
        Submission {
            initiator: Some(id(self.guest)),
            ..self.sync()
        }
    }

    /// A run that is allowed on the system's own authority.
    #[must_use]
    pub fn system(&self) -> Submission {
        Submission {
            authority_mode: AuthorityMode::System,
            initiator: None,
            ..self.run_of("housekeeping")
        }
    }

    /// What the gate asks about the user's runs that name the connection.
    #[must_use]
    pub fn query(&self) -> AuthorityQuery {
        AuthorityQuery {
            workspace_id: id(self.workspace),
            tenant_id: id(self.tenant),
            initiator: Some(id(self.user)),
            provider_connection_id: Some(id(self.connection)),
        }
    }
}
