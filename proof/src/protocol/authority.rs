//! Who may do what, at which revision, and the changes that are under way.

use super::WORKSPACES;

/// A scope's revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Revision {
    pub(super) counter: u8,
    pub(super) nonce: u8,
}

/// Facts and revisions, as they were committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Facts {
    pub(super) user_active: bool,
    pub(super) granted: [bool; WORKSPACES],
    /// None where the record was lost.
    pub(super) scopes: [Option<Revision>; WORKSPACES],
}

/// Authority, and what about it is not committed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Authority {
    pub(super) facts: Facts,
    /// Whether the grant in the first workspace ends at some time.
    pub(super) grant_expires: bool,
    /// Whether it has ended, by the store's clock.
    pub(super) has_expired: bool,
    /// No nonce is drawn twice.
    pub(super) next_nonce: u8,
    pub(super) backup: Option<Facts>,
}

impl Authority {
    pub(super) fn new(granted_in_both: bool, grant_expires: bool) -> Self {
        let scope = |nonce| Some(Revision { counter: 1, nonce });
        Self {
            facts: Facts {
                user_active: true,
                granted: [true, granted_in_both],
                scopes: [scope(0), scope(1)],
            },
            grant_expires,
            has_expired: false,
            next_nonce: 2,
            backup: None,
        }
    }

    /// What holds in a workspace, before the grant that expires has done so or after it.
    pub(super) fn allows(&self, workspace: usize, has_expired: bool) -> bool {
        let lapsed = self.lapses(workspace) && has_expired;
        self.facts.user_active && self.facts.granted[workspace] && !lapsed
    }

    /// Whether an allow in this workspace ends by itself.
    pub(super) fn lapses(&self, workspace: usize) -> bool {
        workspace == 0 && self.grant_expires
    }

    /// Puts a new revision in the place of a scope's old one.
    pub(super) fn raise(&mut self, workspace: usize) {
        let nonce = self.next_nonce;
        let counter = self.facts.scopes[workspace].map_or(0, |old| old.counter) + 1;
        self.facts.scopes[workspace] = Some(Revision { counter, nonce });
        self.next_nonce += 1;
    }
}

/// What a change changes. The user is its subject: the first two kinds change them, the others refer to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The user is disabled.
    Disable,
    /// The user is enabled.
    Enable,
    /// The user is granted something in a workspace.
    Grant(usize),
    /// It is taken back.
    Revoke(usize),
}

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// Nothing was done.
    Begun,
    /// It holds the lock of its subject.
    Locked,
    /// It knows the scopes that it concerns.
    Found([bool; WORKSPACES]),
    /// It holds their locks.
    Raised([bool; WORKSPACES]),
    /// Everybody sees it.
    Committed,
}

/// A change on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) phase: Phase,
    pub(super) holds_subject: bool,
}

impl Change {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            phase: Phase::Begun,
            holds_subject: false,
        }
    }

    /// Whether it changes its subject, and does not merely refer to it.
    pub(super) fn is_exclusive(&self) -> bool {
        match self.kind {
            Kind::Disable | Kind::Enable => true,
            Kind::Grant(_) | Kind::Revoke(_) => false,
        }
    }

    /// Whether it keeps others from a scope.
    pub(super) fn holds(&self, workspace: usize) -> bool {
        matches!(self.phase, Phase::Raised(scopes) if scopes[workspace])
    }

    /// The scopes that it concerns, as the facts are.
    pub(super) fn concerns(&self, facts: &Facts) -> [bool; WORKSPACES] {
        match self.kind {
            Kind::Disable | Kind::Enable => facts.granted,
            Kind::Grant(workspace) | Kind::Revoke(workspace) => {
                let mut concerned = [false; WORKSPACES];
                concerned[workspace] = true;
                concerned
            }
        }
    }

    pub(super) fn make(&self, facts: &mut Facts) {
        match self.kind {
            Kind::Disable => facts.user_active = false,
            Kind::Enable => facts.user_active = true,
            Kind::Grant(workspace) => facts.granted[workspace] = true,
            Kind::Revoke(workspace) => facts.granted[workspace] = false,
        }
    }
}
