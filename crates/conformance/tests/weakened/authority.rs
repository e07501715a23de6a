//! Authority, weakened.

use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{
    AttributedChange, AuthorityChange, AuthorityQuery, ChangeKind, GrantRow, Revision, RoleName,
    RoleRow, UserRow,
};
use countersign_ports::{
    Applied, Authority, AuthorityLookup, AuthorityStore, LogEntry, LogQuery, LookedUp, PortResult,
    ShowQuery, StoreIdentity,
};

use super::{Weakened, Weakness};
use crate::memory::state::State;

#[async_trait]
impl AuthorityLookup for Weakened {
    fn store(&self) -> &StoreIdentity {
        AuthorityLookup::store(&self.inner)
    }

    async fn look_up(&self, queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>> {
        let known = self.inner.lock().scopes.clone();
        let mut answers = self.inner.look_up(queries).await?;
        match self.weakness {
            Weakness::FactsReadBeforeTheirRevision => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let later = self.inner.look_up(queries).await?;
                let both = answers.into_iter().zip(later);
                answers = both.map(|(facts, fence)| mixed(facts, fence)).collect();
            }
            Weakness::AnswersBackwards => answers.reverse(),
            Weakness::RecordNotKept => self.inner.lock().scopes = known,
            Weakness::GrantsOfEveryWorkspace | Weakness::GrantsOfEveryTenant => {
                let state = self.inner.lock();
                let answered = answers.into_iter();
                answers = answered.map(|one| self.with_more(&state, one)).collect();
            }
            _ => {}
        }
        Ok(answers)
    }
}

impl Weakened {
    /// An answer with grants that it ought not to have.
    fn with_more(&self, state: &State, answer: LookedUp) -> LookedUp {
        let LookedUp::Found(found) = answer else {
            return answer;
        };
        let query = found.query().clone();
        let mut rows = found.rows().clone();
        for (grant, expires_at) in &state.facts.grants {
            let more = match self.weakness {
                Weakness::GrantsOfEveryWorkspace => grant.workspace != query.workspace_id,
                _ => {
                    grant.workspace == query.workspace_id
                        && grant.tenant.is_some()
                        && grant.tenant.as_ref() != Some(&query.tenant_id)
                }
            };
            if more && Some(&grant.user) == query.initiator.as_ref() {
                rows.grants.push(GrantRow {
                    tenant_id: Some(query.tenant_id.clone()),
                    role: grant.role.clone(),
                    expires_at: *expires_at,
                });
                let role = state.facts.roles.get_key_value(&grant.role);
                rows.roles
                    .extend(role.map(|(name, row)| (name.clone(), row.clone())));
            }
        }
        let as_of = found.facts().as_of;
        LookedUp::Found(Authority::resolved(
            query,
            rows,
            as_of,
            found.fence().clone(),
        ))
    }
}

/// The facts of one look-up under the fence of another.
fn mixed(facts: LookedUp, fence: LookedUp) -> LookedUp {
    match (facts, fence) {
        (LookedUp::Found(facts), LookedUp::Found(fence)) => LookedUp::Found(Authority::resolved(
            facts.query().clone(),
            facts.rows().clone(),
            facts.facts().as_of,
            fence.fence().clone(),
        )),
        (_, undecided) => undecided,
    }
}

#[async_trait]
impl AuthorityStore for Weakened {
    async fn apply(&self, changes: &[AttributedChange]) -> PortResult<Applied> {
        if self.weakness == Weakness::BatchAppliedInParts {
            let mut all = Applied {
                changes: 0,
                raised: Vec::new(),
            };
            for change in changes {
                let applied = self.inner.apply(std::slice::from_ref(change)).await?;
                all.changes += applied.changes;
                all.raised.extend(applied.raised);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            return Ok(all);
        }
        let mut changes = changes.to_vec();
        if self.weakness == Weakness::BatchAppliedBackwards {
            changes.reverse();
        }
        let mut state = self.inner.lock();
        let before = state.scopes.clone();
        let applied = state.apply(&changes);
        match self.weakness {
            Weakness::NotRaisedFor(kind) => {
                if changes.iter().all(|one| one.change.kind() == kind) {
                    state.scopes = before;
                }
            }
            Weakness::OneWorkspaceRaised => {
                for scope in applied.raised.iter().skip(1) {
                    let old = before.get(&scope.workspace).copied();
                    state
                        .scopes
                        .extend(old.map(|old| (scope.workspace.clone(), old)));
                }
            }
            Weakness::EveryWorkspaceRaised => {
                for revision in state.scopes.values_mut() {
                    *revision = Revision::new(revision.counter() + 1, fastrand::u128(..));
                }
            }
            Weakness::NonceKept => {
                for (workspace, revision) in &mut state.scopes {
                    let old = before.get(workspace);
                    let nonce = old.map_or(0, |old| old.nonce());
                    *revision = Revision::new(revision.counter(), nonce);
                }
            }
            Weakness::LogForgetsWho => state.log.iter_mut().for_each(|entry| entry.by = None),
            Weakness::LogForgetsRevisions => {
                state.log.iter_mut().for_each(|entry| entry.raised.clear());
            }
            Weakness::GrantEnables => enable_granted(&mut state, &changes),
            _ => {}
        }
        Ok(applied)
    }

    async fn show(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        let mut query = query.clone();
        if self.weakness == Weakness::ShowNotNarrowed {
            (query.tenant_id, query.user_id) = (None, None);
        }
        let mut shown = self.inner.show(&query).await?;
        match self.weakness {
            Weakness::ShowsBackwards => shown.reverse(),
            Weakness::ShowsUsersActive => {
                shown.retain(|one| one.kind() != ChangeKind::SetUser);
            }
            Weakness::ShowForgetsGates => {
                shown.retain(|one| one.kind() != ChangeKind::SetWriteGate);
            }
            Weakness::ShowsGrantsOfEveryWorkspace => {
                let state = self.inner.lock();
                let grants = state.facts.grants.iter();
                shown.extend(grants.map(|(grant, expires_at)| AuthorityChange::Grant {
                    user: grant.user.clone(),
                    workspace: grant.workspace.clone(),
                    tenant: grant.tenant.clone(),
                    role: grant.role.clone(),
                    expires_at: *expires_at,
                }));
            }
            _ => {}
        }
        Ok(shown)
    }

    async fn roles(&self, roles: &[RoleName]) -> PortResult<Vec<Option<RoleRow>>> {
        let mut roles = roles.to_vec();
        if self.weakness == Weakness::RolesSorted {
            roles.sort_unstable();
        }
        self.inner.roles(&roles).await
    }

    async fn log(&self, query: &LogQuery) -> PortResult<Vec<LogEntry>> {
        let mut query = query.clone();
        match self.weakness {
            Weakness::LogNotFiltered => query.workspace_id = None,
            Weakness::LogPagesOverlap => query.before = query.before.map(|before| before + 1),
            _ => {}
        }
        self.inner.log(&query).await
    }
}

fn enable_granted(state: &mut State, changes: &[AttributedChange]) {
    for one in changes {
        if let AuthorityChange::Grant { user, .. } = &one.change {
            let enabled = UserRow { active: true };
            state.facts.users.insert(user.clone(), enabled);
        }
    }
}
