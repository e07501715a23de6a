//! Changes and queries over a small world of ids that look alike, drawn by the same dice every time.

use countersign_domain::{
    AttributedChange, AuthorityChange, AuthorityQuery, ChangeKind, TenantLifecycle, Timestamp,
};
use fastrand::Rng;

use crate::change::{
    define_role, grant_until, id, remove_user, revoke, set_connection, set_gate, set_lifecycle,
    set_prerequisite, set_user, set_workspace,
};

const WORKSPACES: [&str; 4] = ["w", "W", "w ", "w%"];
const TENANTS: [&str; 4] = ["t", "t_", "é", "e\u{301}"];
const USERS: [&str; 4] = ["ada", "Ada", "a:da", "ada'"];
const ROLES: [&str; 3] = ["operator", "Operator", "op*"];
const CONNECTIONS: [&str; 3] = ["c", "C", "{c}"];
const PREREQUISITES: [&str; 2] = ["baseline", "base_line"];
const CAPABILITIES: [&str; 3] = ["sync", "Sync", "s\"ync"];
const ACTORS: [&str; 2] = ["ops", "o\\ps"];

/// The dice.
pub(crate) struct Dice(Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())]
    }

    fn tenant(&mut self) -> Option<&'static str> {
        self.0.bool().then(|| self.one(&TENANTS))
    }

    /// Never, long since, or not for a long time: what does not depend on when it is looked at.
    fn expiry(&mut self) -> Option<Timestamp> {
        self.one(&[
            None,
            Some(Timestamp::UNIX_EPOCH),
            Some(Timestamp::LATEST),
            None,
        ])
    }

    fn change(&mut self) -> AuthorityChange {
        let workspace = self.one(&WORKSPACES);
        let user = self.one(&USERS);
        let on = self.0.u8(..4) > 0;
        match self.one(&ChangeKind::ALL) {
            ChangeKind::DefineRole => {
                let some = self.0.usize(..=CAPABILITIES.len());
                define_role(self.one(&ROLES), &CAPABILITIES[..some], self.0.bool())
            }
            ChangeKind::SetWorkspace => set_workspace(workspace, on),
            ChangeKind::SetTenant => {
                let lifecycle = self.one(&TenantLifecycle::ALL);
                set_lifecycle(self.one(&TENANTS), workspace, lifecycle)
            }
            ChangeKind::SetUser => set_user(user, on),
            // Seldom, or nobody would have any grants.
            ChangeKind::RemoveUser if self.0.bool() => remove_user(user),
            ChangeKind::RemoveUser | ChangeKind::Grant => {
                let (tenant, role) = (self.tenant(), self.one(&ROLES));
                grant_until(user, workspace, tenant, role, self.expiry())
            }
            ChangeKind::Revoke => revoke(user, workspace, self.tenant(), self.one(&ROLES)),
            ChangeKind::SetConnection => {
                set_connection(self.one(&CONNECTIONS), self.one(&TENANTS), on)
            }
            ChangeKind::SetWriteGate => set_gate(workspace, self.tenant(), on),
            ChangeKind::SetPrerequisite => {
                set_prerequisite(workspace, self.tenant(), self.one(&PREREQUISITES), on)
            }
        }
    }

    /// A batch of one to six changes.
    pub(crate) fn batch(&mut self) -> Vec<AttributedChange> {
        (0..self.0.usize(1..=6))
            .map(|_| AttributedChange {
                change: self.change(),
                by: self.0.bool().then(|| id(self.one(&ACTORS))),
            })
            .collect()
    }
}

/// Every query that this world admits of.
pub(crate) fn every_query() -> Vec<AuthorityQuery> {
    let mut queries = Vec::new();
    for workspace in WORKSPACES {
        for tenant in TENANTS {
            for user in USERS.map(Some).into_iter().chain([None]) {
                for connection in CONNECTIONS.map(Some).into_iter().chain([None]) {
                    queries.push(AuthorityQuery {
                        workspace_id: id(workspace),
                        tenant_id: id(tenant),
                        initiator: user.map(id),
                        provider_connection_id: connection.map(id),
                    });
                }
            }
        }
    }
    queries
}
