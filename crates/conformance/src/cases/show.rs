//! Authority told as the changes that would make it.

use std::collections::BTreeSet;

use countersign_domain::{
    AuthorityChange, AuthorityQuery, AuthorityState, ChangeKind, WorkspaceId,
};
use countersign_ports::ShowQuery;

use crate::Ports;
use crate::change::{grant, id, set_connection, set_gate, set_prerequisite, set_tenant, set_user};
use crate::dice::{Dice, every_query};
use crate::oracle::{Oracle, comparable};
use crate::scene::{AWAY, HOME, Scene, patiently};

async fn show(ports: &Ports, query: &ShowQuery) -> Vec<AuthorityChange> {
    ports.authority.show(query).await.unwrap()
}

fn whole(workspace_id: WorkspaceId) -> ShowQuery {
    ShowQuery {
        workspace_id,
        tenant_id: None,
        user_id: None,
    }
}

fn applied(changes: &[AuthorityChange]) -> AuthorityState {
    let mut state = AuthorityState::default();
    changes.iter().for_each(|change| state.apply(change));
    state
}

/// Where a change stands among what is shown.
fn place(change: &AuthorityChange) -> u8 {
    match change.kind() {
        ChangeKind::DefineRole => 0,
        ChangeKind::SetWorkspace => 1,
        ChangeKind::SetTenant => 2,
        ChangeKind::SetUser => 3,
        ChangeKind::Grant => 4,
        ChangeKind::SetConnection => 5,
        ChangeKind::SetWriteGate => 6,
        ChangeKind::SetPrerequisite => 7,
        ChangeKind::RemoveUser | ChangeKind::Revoke => panic!("shows what is there: {change:?}"),
    }
}

/// A store in which a long sequence of changes has left its mark.
struct Rolled {
    scene: Scene,
    oracle: Oracle,
    dice: Dice,
}

impl Rolled {
    fn bare(ports: &Ports, seed: u64) -> Self {
        Self {
            scene: Scene::bare(ports),
            oracle: Oracle::default(),
            dice: Dice::new(seed),
        }
    }

    /// Rolls on.
    async fn roll(&mut self) {
        for _ in 0..30 {
            let batch = self.dice.batch();
            patiently(|| self.scene.ports.authority.apply(&batch)).await;
            for one in &batch {
                self.oracle.apply(&one.change);
            }
        }
    }

    /// Every query whose facts are the workspace's own.
    fn queries(&self) -> Vec<AuthorityQuery> {
        let queries = every_query().into_iter();
        queries.filter(|query| self.oracle.belongs(query)).collect()
    }
}

/// What is shown of a workspace makes, applied to an empty store, the facts that the workspace has: for
/// each of its tenants, with each of its users and connections.
pub async fn what_is_shown_makes_the_same_facts(ports: &Ports) {
    let mut rolled = Rolled::bare(ports, 41);
    let mut compared = 0;
    for _ in 0..5 {
        rolled.roll().await;
        let as_of = rolled.scene.clock().await;
        for query in rolled.queries() {
            let shown = applied(&show(ports, &whole(query.workspace_id.clone())).await);
            let found = comparable(shown.rows(&query), as_of);
            assert_eq!(found, rolled.oracle.rows(&query, as_of), "{query:?}");
            compared += 1;
        }
    }
    assert!(compared > 50, "something to show: {compared}");
}

/// What is shown of one tenant and one user explains their runs as well as the whole would, and names
/// no other tenant and no other user.
pub async fn what_is_shown_of_one_makes_the_same_facts(ports: &Ports) {
    let mut rolled = Rolled::bare(ports, 43);
    for _ in 0..5 {
        rolled.roll().await;
        let as_of = rolled.scene.clock().await;
        for query in rolled.queries() {
            let narrow = ShowQuery {
                tenant_id: Some(query.tenant_id.clone()),
                user_id: query.initiator.clone(),
                ..whole(query.workspace_id.clone())
            };
            let shown = show(ports, &narrow).await;
            let found = comparable(applied(&shown).rows(&query), as_of);
            assert_eq!(found, rolled.oracle.rows(&query, as_of), "{query:?}");
            for change in &shown {
                assert!(concerns(change, &query), "{change:?} for {query:?}");
            }
        }
    }
}

/// Whether a change names no other tenant than the query's, and, where it has a user, no other user.
fn concerns(change: &AuthorityChange, query: &AuthorityQuery) -> bool {
    let (tenant, user) = match change {
        AuthorityChange::DefineRole { .. } | AuthorityChange::SetWorkspace { .. } => (None, None),
        AuthorityChange::SetTenant { tenant, .. }
        | AuthorityChange::SetConnection { tenant, .. } => (Some(tenant), None),
        AuthorityChange::SetUser { user, .. } | AuthorityChange::RemoveUser { user } => {
            (None, Some(user))
        }
        AuthorityChange::Grant { user, tenant, .. }
        | AuthorityChange::Revoke { user, tenant, .. } => (tenant.as_ref(), Some(user)),
        AuthorityChange::SetWriteGate { tenant, .. }
        | AuthorityChange::SetPrerequisite { tenant, .. } => (tenant.as_ref(), None),
    };
    tenant.is_none_or(|tenant| *tenant == query.tenant_id)
        && (query.initiator.is_none()
            || user.is_none_or(|user| Some(user) == query.initiator.as_ref()))
}

/// Roles first, then workspace, tenants, users, grants, connections, gates, prerequisites; each once.
pub async fn what_is_shown_stands_in_its_order(ports: &Ports) {
    Rolled::bare(ports, 47).roll().await;
    let workspaces: BTreeSet<_> = every_query()
        .into_iter()
        .map(|query| query.workspace_id)
        .collect();
    for workspace in workspaces {
        let shown = show(ports, &whole(workspace)).await;
        assert!(shown.is_sorted_by_key(place), "{shown:?}");
        for (n, change) in shown.iter().enumerate() {
            assert!(!shown[..n].contains(change), "twice: {change:?}");
        }
        let roles: Vec<_> = shown
            .iter()
            .filter_map(|change| match change {
                AuthorityChange::DefineRole { role, .. } => Some(role),
                AuthorityChange::SetWorkspace { .. }
                | AuthorityChange::SetTenant { .. }
                | AuthorityChange::SetUser { .. }
                | AuthorityChange::RemoveUser { .. }
                | AuthorityChange::Grant { .. }
                | AuthorityChange::Revoke { .. }
                | AuthorityChange::SetConnection { .. }
                | AuthorityChange::SetWriteGate { .. }
                | AuthorityChange::SetPrerequisite { .. } => None,
            })
            .collect();
        assert!(roles.is_sorted(), "each by id: {roles:?}");
    }
}

/// G8: nothing of another workspace is shown.
pub async fn nothing_of_another_workspace_is_shown(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    scene
        .apply(&[
            grant(HOME.guest, AWAY.workspace, HOME.tenant, "secret"),
            set_gate(AWAY.workspace, HOME.tenant, false),
            set_prerequisite(AWAY.workspace, HOME.tenant, "secret", true),
            set_connection("secret", AWAY.tenant, true),
        ])
        .await;
    let shown = format!("{:?}", show(ports, &whole(id(HOME.workspace))).await);
    for word in [
        AWAY.workspace,
        AWAY.tenant,
        AWAY.user,
        AWAY.connection,
        "secret",
    ] {
        assert!(!shown.contains(&format!("{word:?}")), "{word} in {shown}");
    }
    let nowhere = show(ports, &whole(id("nowhere"))).await;
    assert_eq!(nowhere, []);
}

/// A disabled user is shown disabled, though a grant alone would make them active.
pub async fn a_disabled_user_is_shown_disabled(ports: &Ports) {
    let scene = Scene::home(ports).await;
    scene.apply(&[set_user(HOME.user, false)]).await;
    let shown = show(ports, &whole(id(HOME.workspace))).await;
    let rows = applied(&shown).rows(&HOME.query());
    assert!(!rows.user.unwrap().active);
}

/// Applied to the store that it was shown of, it changes no fact.
pub async fn what_is_shown_can_be_applied_again(ports: &Ports) {
    let scene = Scene::home(ports).await;
    scene
        .apply(&[
            set_user(HOME.guest, false),
            set_tenant("other", HOME.workspace),
            set_gate(HOME.workspace, "other", false),
        ])
        .await;
    let shown = show(ports, &whole(id(HOME.workspace))).await;
    let before = scene.look_up(&HOME.query()).await;
    scene.apply(&shown).await;
    assert_eq!(show(ports, &whole(id(HOME.workspace))).await, shown);
    let after = scene.look_up(&HOME.query()).await;
    let as_of = after.facts().as_of;
    assert_eq!(
        comparable(after.rows().clone(), as_of),
        comparable(before.rows().clone(), as_of)
    );
}
