//! Looking up with a fence, applying changes, and their log.

use std::collections::BTreeMap;

use countersign_domain::{
    AttributedChange, AuthorityQuery, Revision, RoleName, RoleRow, ScopeRevision, WorkspaceId,
};
use countersign_ports::{Applied, Authority, Fence, LogEntry, LogQuery, LookedUp};

use super::state::State;

impl State {
    /// Facts, revision and clock of one moment: nobody else has the lock.
    pub(crate) fn look_up(&mut self, query: &AuthorityQuery) -> LookedUp {
        let as_of = self.now();
        let workspace = &query.workspace_id;
        // The first look-up makes the scope's record; it is never deleted.
        let revision = *self
            .scopes
            .entry(workspace.clone())
            .or_insert_with(|| Revision::new(1, fastrand::u128(..)));
        let fence = Fence {
            store: self.id,
            scopes: [ScopeRevision {
                workspace: workspace.clone(),
                revision,
            }]
            .into(),
        };
        let rows = self.facts.rows(query);
        LookedUp::Found(Authority::resolved(query.clone(), rows, as_of, fence))
    }

    /// Applies the changes in order. Each raises what it touches, and is logged with it.
    pub(crate) fn apply(&mut self, changes: &[AttributedChange]) -> Applied {
        let at = self.now();
        let mut latest = BTreeMap::new();
        for AttributedChange { change, by } in changes {
            let touched = self.facts.apply(change);
            let raised: Vec<_> = touched.into_iter().map(|scope| self.raise(scope)).collect();
            for scope in &raised {
                latest.insert(scope.workspace.clone(), scope.clone());
            }
            self.log.push(LogEntry {
                seq: self.log.len() as u64 + 1,
                at,
                by: by.clone(),
                change: change.clone(),
                raised,
            });
        }
        Applied {
            changes: changes.len() as u64,
            raised: latest.into_values().collect(),
        }
    }

    /// Replaces a scope's revision: the counter is one more, and the nonce is another.
    fn raise(&mut self, workspace: WorkspaceId) -> ScopeRevision {
        let before = self.scopes.get(&workspace);
        let counter = before.map_or(1, |revision| revision.counter() + 1);
        let revision = Revision::new(counter, fastrand::u128(..));
        self.scopes.insert(workspace.clone(), revision);
        ScopeRevision {
            workspace,
            revision,
        }
    }

    pub(crate) fn roles(&self, roles: &[RoleName]) -> Vec<Option<RoleRow>> {
        let rows = roles.iter().map(|role| self.facts.roles.get(role).cloned());
        rows.collect()
    }

    pub(crate) fn log(&self, query: &LogQuery) -> Vec<LogEntry> {
        let wanted = |entry: &&LogEntry| {
            query.before.is_none_or(|before| entry.seq < before)
                && query
                    .workspace_id
                    .as_ref()
                    .is_none_or(|id| entry.raised.iter().any(|scope| scope.workspace == *id))
        };
        let newest_first = self.log.iter().rev().filter(wanted);
        newest_first.take(query.limit as usize).cloned().collect()
    }
}
