//! Changes of authority as commands: every kind of them, over the pools of the world.

use countersign_conformance::change::{
    define_role, grant_until, id, remove_user, revoke, set_connection, set_gate, set_lifecycle,
    set_prerequisite, set_user, set_workspace,
};
use countersign_domain::{AuthorityChange, TenantLifecycle, Timestamp};
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use super::world::{
    CAPABILITIES, CONNECTIONS, PREREQUISITES, ROLES, SOON, TENANTS, USERS, WORKSPACES, pick,
    pick_or_none,
};

/// One change. Its numbers pick from the pools; for a tenant that may be left out they pick none, too.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    DefineRole {
        role: u8,
        capabilities: u8,
        all_tenants: bool,
    },
    SetWorkspace {
        workspace: u8,
        active: bool,
    },
    SetTenant {
        tenant: u8,
        workspace: u8,
        lifecycle: u8,
    },
    SetUser {
        user: u8,
        active: bool,
    },
    RemoveUser {
        user: u8,
    },
    Grant {
        user: u8,
        workspace: u8,
        tenant: u8,
        role: u8,
        until: Until,
    },
    Revoke {
        user: u8,
        workspace: u8,
        tenant: u8,
        role: u8,
    },
    SetConnection {
        connection: u8,
        tenant: u8,
        enabled: bool,
    },
    SetWriteGate {
        workspace: u8,
        tenant: u8,
        open: bool,
    },
    SetPrerequisite {
        workspace: u8,
        tenant: u8,
        name: u8,
        met: bool,
    },
}

/// When a grant ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Never,
    LongSince,
    Soon,
    OneDay,
}

impl Change {
    /// The change, as it is to be applied at that time.
    pub(super) fn at(self, now: Timestamp) -> AuthorityChange {
        match self {
            Self::DefineRole {
                role,
                capabilities,
                all_tenants,
            } => {
                let some = usize::from(capabilities) % (CAPABILITIES.len() + 1);
                define_role(pick(&ROLES, role), &CAPABILITIES[..some], all_tenants)
            }
            Self::SetWorkspace { workspace, active } => {
                set_workspace(pick(&WORKSPACES, workspace), active)
            }
            Self::SetTenant {
                tenant,
                workspace,
                lifecycle,
            } => {
                let lifecycle = match lifecycle {
                    0..3 => TenantLifecycle::Active,
                    other => pick(&TenantLifecycle::ALL, other),
                };
                set_lifecycle(
                    pick(&TENANTS, tenant),
                    pick(&WORKSPACES, workspace),
                    lifecycle,
                )
            }
            Self::SetUser { user, active } => set_user(pick(&USERS, user), active),
            Self::RemoveUser { user } => remove_user(pick(&USERS, user)),
            Self::Grant {
                user,
                workspace,
                tenant,
                role,
                until,
            } => grant_until(
                pick(&USERS, user),
                pick(&WORKSPACES, workspace),
                pick_or_none(&TENANTS, tenant),
                pick(&ROLES, role),
                until.after(now),
            ),
            Self::Revoke {
                user,
                workspace,
                tenant,
                role,
            } => revoke(
                pick(&USERS, user),
                pick(&WORKSPACES, workspace),
                pick_or_none(&TENANTS, tenant),
                pick(&ROLES, role),
            ),
            Self::SetConnection {
                connection,
                tenant,
                enabled,
            } => set_connection(
                pick(&CONNECTIONS, connection),
                pick(&TENANTS, tenant),
                enabled,
            ),
            Self::SetWriteGate {
                workspace,
                tenant,
                open,
            } => set_gate(
                pick(&WORKSPACES, workspace),
                pick_or_none(&TENANTS, tenant),
                open,
            ),
            Self::SetPrerequisite {
                workspace,
                tenant,
                name,
                met,
            } => set_prerequisite(
                pick(&WORKSPACES, workspace),
                pick_or_none(&TENANTS, tenant),
                pick(&PREREQUISITES, name),
                met,
            ),
        }
    }
}

impl Until {
    fn after(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::LongSince => Some(Timestamp::UNIX_EPOCH),
            Self::Soon => Some(now.plus(SOON)),
            Self::OneDay => Some(id("2100-01-01T00:00:00Z")),
        }
    }
}

/// Any change; what gives authority is drawn more often, or in the end nobody would have any.
pub(super) fn change() -> impl Strategy<Value = Change> {
    let index = || 0..6u8;
    prop_oneof![
        1 => (index(), 0..6u8, any::<bool>()).prop_map(|(role, capabilities, all_tenants)| {
            Change::DefineRole { role, capabilities, all_tenants }
        }),
        2 => (index(), any::<bool>())
            .prop_map(|(workspace, active)| Change::SetWorkspace { workspace, active }),
        2 => (index(), index(), 0..7u8).prop_map(|(tenant, workspace, lifecycle)| {
            Change::SetTenant { tenant, workspace, lifecycle }
        }),
        2 => (index(), any::<bool>()).prop_map(|(user, active)| Change::SetUser { user, active }),
        1 => index().prop_map(|user| Change::RemoveUser { user }),
        3 => (index(), index(), 0..4u8, index(), until()).prop_map(
            |(user, workspace, tenant, role, until)| Change::Grant { user, workspace, tenant, role, until }
        ),
        2 => (index(), index(), 0..4u8, index()).prop_map(|(user, workspace, tenant, role)| {
            Change::Revoke { user, workspace, tenant, role }
        }),
        4 => (known_grant(), soon()).prop_map(|((user, workspace, tenant, role), until)| {
            Change::Grant { user, workspace, tenant, role, until }
        }),
        2 => known_grant().prop_map(|(user, workspace, tenant, role)| {
            Change::Revoke { user, workspace, tenant, role }
        }),
        1 => (index(), index(), any::<bool>()).prop_map(|(connection, tenant, enabled)| {
            Change::SetConnection { connection, tenant, enabled }
        }),
        2 => (index(), 0..4u8, any::<bool>()).prop_map(|(workspace, tenant, open)| {
            Change::SetWriteGate { workspace, tenant, open }
        }),
        1 => (index(), 0..4u8, index(), any::<bool>()).prop_map(|(workspace, tenant, name, met)| {
            Change::SetPrerequisite { workspace, tenant, name, met }
        }),
    ]
}

/// User, workspace, tenant and role of a grant that there is at first.
fn known_grant() -> impl Strategy<Value = (u8, u8, u8, u8)> {
    const NO_TENANT: u8 = 3;
    let grants = [
        (0, 0, NO_TENANT, 0),
        (0, 0, 0, 1),
        (0, 1, NO_TENANT, 2),
        (1, 1, NO_TENANT, 0),
        (1, 1, 1, 1),
    ];
    proptest::sample::select(grants.to_vec())
}

fn until() -> impl Strategy<Value = Until> {
    prop_oneof![
        3 => Just(Until::Never),
        1 => Just(Until::LongSince),
        4 => Just(Until::Soon),
        1 => Just(Until::OneDay),
    ]
}

fn soon() -> impl Strategy<Value = Until> {
    prop_oneof![5 => Just(Until::Soon), 1 => until()]
}
