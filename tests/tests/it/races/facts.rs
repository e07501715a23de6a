//! What every run of a race rests on: facts that are switched off and on again, at two places.

use countersign_conformance::change::{
    define_role, grant, id, remove_user, revoke, set_connection, set_gate, set_prerequisite,
    set_tenant, set_user, set_workspace,
};
use countersign_conformance::scene::{AWAY, HOME, Place};
use countersign_domain::{AuthorityChange, Submission};

/// Who queues all the runs, at both places.
const USER: &str = "ada";

/// Where a tenant is while it is away from its workspace.
const NOWHERE: &str = "nowhere";

const CAPABILITIES: [&str; 2] = ["inventory.sync", "restore.execute"];

/// The places: each has a scope of its own, and a history of its own.
pub(super) const PLACES: [Place<'static>; 2] = [HOME, AWAY];

/// Facts as bits: those that are off.
pub(super) type Facts = u16;

const USER_ENABLED: Facts = 1;
const GRANTS: Facts = 1 << 7;

/// A kind of change, which switches a fact off or on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    User,
    Role,
    Workspace,
    Tenant,
    Connection,
    Gate,
    Prerequisite,
    Grants,
    /// Off: the user is forgotten, with all grants; on: there are grants again.
    RemovedUser,
}

pub(super) const SWITCHES: [Switch; 9] = [
    Switch::User,
    Switch::Role,
    Switch::Workspace,
    Switch::Tenant,
    Switch::Connection,
    Switch::Gate,
    Switch::Prerequisite,
    Switch::Grants,
    Switch::RemovedUser,
];

/// What a change does to the facts of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Effect {
    pub(super) off: Facts,
    pub(super) on: Facts,
}

impl Switch {
    fn bit(self) -> Facts {
        match self {
            Self::User => USER_ENABLED,
            Self::Role => 1 << 1,
            Self::Workspace => 1 << 2,
            Self::Tenant => 1 << 3,
            Self::Connection => 1 << 4,
            Self::Gate => 1 << 5,
            Self::Prerequisite => 1 << 6,
            Self::Grants | Self::RemovedUser => GRANTS,
        }
    }

    /// What it does to each of the places, when it is switched at one of them.
    pub(super) fn effects(self, at: usize, on: bool) -> Vec<(usize, Effect)> {
        let bit = self.bit();
        match (self, on) {
            // A user who is forgotten is not disabled any more either: the next grant makes an active one.
            (Self::RemovedUser, false) => everywhere(Effect {
                off: GRANTS,
                on: USER_ENABLED,
            }),
            (Self::User | Self::Role, true) => everywhere(Effect { off: 0, on: bit }),
            (Self::User | Self::Role, false) => everywhere(Effect { off: bit, on: 0 }),
            (_, true) => vec![(at, Effect { off: 0, on: bit })],
            (_, false) => vec![(at, Effect { off: bit, on: 0 })],
        }
    }

    /// The changes that make it so, in one commit.
    pub(super) fn changes(self, at: usize, on: bool) -> Vec<AuthorityChange> {
        let place = PLACES[at];
        let (workspace, tenant) = (place.workspace, place.tenant);
        match self {
            Self::User => vec![set_user(USER, on)],
            Self::Role => {
                let allowed = if on { &CAPABILITIES[..] } else { &[] };
                vec![define_role("operator", allowed, false)]
            }
            Self::Workspace => vec![set_workspace(workspace, on)],
            Self::Tenant => vec![set_tenant(tenant, if on { workspace } else { NOWHERE })],
            Self::Connection => vec![set_connection(place.connection, tenant, on)],
            Self::Gate => vec![set_gate(workspace, tenant, on)],
            Self::Prerequisite => vec![set_prerequisite(workspace, tenant, "baseline", on)],
            Self::Grants | Self::RemovedUser if on => vec![
                grant(USER, workspace, None, "member"),
                grant(USER, workspace, tenant, "operator"),
            ],
            Self::Grants => vec![
                revoke(USER, workspace, None, "member"),
                revoke(USER, workspace, tenant, "operator"),
            ],
            Self::RemovedUser => vec![remove_user(USER)],
        }
    }
}

fn everywhere(effect: Effect) -> Vec<(usize, Effect)> {
    (0..PLACES.len()).map(|place| (place, effect)).collect()
}

/// The changes that switch everything on.
pub(super) fn all_on() -> Vec<AuthorityChange> {
    let mut changes = vec![define_role("member", &[], false)];
    for at in 0..PLACES.len() {
        changes.extend(SWITCHES.iter().flat_map(|switch| switch.changes(at, true)));
    }
    changes
}

/// A run that rests on everything there is.
pub(super) fn run_at(place: usize) -> Submission {
    Submission {
        initiator: Some(id(USER)),
        ..PLACES[place].restore()
    }
}
