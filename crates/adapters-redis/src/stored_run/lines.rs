//! The three lines of a run's text, as `lua/run.lua` has them: columns with a tab between them, none of which has
//! one itself.

use countersign_domain::{AuthorityMode, ConnectionId, OperationType, TenantId, UserId};

/// The lines of a text, as they are.
pub(super) struct Lines<'a> {
    /// How far it has come.
    pub(super) head: &'a str,
    /// What it asks for.
    pub(super) asked: &'a str,
    /// What was settled when it was queued.
    pub(super) settled: &'a str,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let mut lines = text.split('\n');
        let lines = (lines.next()?, lines.next()?, lines.next()?, lines.next());
        let (head, asked, settled, None) = lines else {
            return None;
        };
        Some(Self {
            head,
            asked,
            settled,
        })
    }
}

/// What a run asks for, as its second line. Rulings are held against it byte by byte (G8).
pub(crate) fn asked(
    tenant: &TenantId,
    initiator: Option<&UserId>,
    mode: AuthorityMode,
    operation: &OperationType,
    connection: Option<&ConnectionId>,
) -> String {
    let initiator = initiator.map_or("", AsRef::as_ref);
    let connection = connection.map_or("", AsRef::as_ref);
    let mode = mode.as_str();
    format!("{tenant}\t{initiator}\t{mode}\t{operation}\t{connection}")
}
