//! G2: a change between decision and start, of whatever kind, stops the start.
//!
//! Each case judges an allowed and a denied run, changes something that their workspace depends on,
//! and begins both: neither may start, neither may be blocked. Judged again, each gets the verdict of
//! the reference.

use std::slice::from_ref;

use countersign_domain::{
    AuthorityChange, AuthorityState, ChangeKind, RunStatus, TenantLifecycle, Timestamp, decide,
    resolve,
};
use countersign_ports::RunKey;

use crate::Ports;
use crate::change::{
    define_role, grant, grant_until, remove_user, revoke, set_connection, set_gate, set_lifecycle,
    set_prerequisite, set_tenant, set_user, set_workspace,
};
use crate::scene::{Came, HOME, Place, Scene};

/// Changes of that kind that touch the place's workspace. A new kind of change must find its place
/// here, and a case below.
fn touching(kind: ChangeKind, place: &Place<'_>) -> Vec<AuthorityChange> {
    let Place {
        workspace,
        tenant,
        connection,
        user,
        guest,
    } = *place;
    match kind {
        ChangeKind::DefineRole => vec![
            define_role("operator", &["inventory.sync"], false),
            define_role("viewer", &["inventory.sync"], true),
            define_role("member", &["restore.execute"], true),
        ],
        ChangeKind::SetWorkspace => vec![set_workspace(workspace, false)],
        ChangeKind::SetTenant => vec![
            set_lifecycle(tenant, workspace, TenantLifecycle::Suspended),
            set_lifecycle(tenant, workspace, TenantLifecycle::Archived),
            set_tenant(tenant, "elsewhere"),
        ],
        ChangeKind::SetUser => vec![set_user(user, false), set_user(guest, false)],
        ChangeKind::RemoveUser => vec![remove_user(user), remove_user(guest)],
        ChangeKind::Grant => vec![
            grant(guest, workspace, tenant, "operator"),
            grant(guest, workspace, None, "operator"),
            grant_until(user, workspace, tenant, "operator", Timestamp::UNIX_EPOCH),
            grant_until(user, workspace, None, "member", Timestamp::UNIX_EPOCH),
        ],
        ChangeKind::Revoke => vec![
            revoke(user, workspace, tenant, "operator"),
            revoke(user, workspace, None, "member"),
            revoke(guest, workspace, tenant, "viewer"),
        ],
        ChangeKind::SetConnection => vec![
            set_connection(connection, tenant, false),
            set_connection(connection, "another tenant", true),
        ],
        ChangeKind::SetWriteGate => vec![
            set_gate(workspace, None, false),
            set_gate(workspace, tenant, false),
        ],
        ChangeKind::SetPrerequisite => vec![
            set_prerequisite(workspace, tenant, "baseline", false),
            set_prerequisite(workspace, None, "baseline", false),
        ],
    }
}

async fn moves_the_authority(ports: &Ports, kind: ChangeKind) {
    let scene = Scene::bare(ports);
    let mut reference = AuthorityState::default();
    for n in 0..touching(kind, &HOME).len() {
        // Each change has a place of its own, or one would undo what the next is to do.
        let [workspace, tenant, connection, user, guest] =
            ["home", "hearth", "line", "ada", "eve"].map(|name| format!("{name} {n}"));
        let place = Place {
            workspace: &workspace,
            tenant: &tenant,
            connection: &connection,
            user: &user,
            guest: &guest,
        };
        let change = touching(kind, &place).swap_remove(n);
        set_up(&scene, &mut reference, &place.changes()).await;
        let keys = scene.submit_all([place.restore(), place.denied()]).await;
        let starts = scene.judge_all(&keys).await;
        let allowed = starts.iter().map(|start| start.decision().is_allowed());
        assert_eq!(allowed.collect::<Vec<_>>(), [true, false]);

        set_up(&scene, &mut reference, from_ref(&change)).await;
        let came = scene.begin(&starts).await;
        assert_eq!(came, [Came::Moved, Came::Moved], "{change:?}");
        for key in &keys {
            let run = scene.load(key).await;
            assert_eq!((run.status, run.decision), (RunStatus::Queued, None));
            comes_to_the_verdict_of(&scene, &reference, key).await;
        }
    }
}

async fn set_up(scene: &Scene, reference: &mut AuthorityState, changes: &[AuthorityChange]) {
    scene.apply(changes).await;
    changes.iter().for_each(|change| reference.apply(change));
}

async fn comes_to_the_verdict_of(scene: &Scene, reference: &AuthorityState, key: &RunKey) {
    let context = scene.context(&scene.load(key).await);
    let query = context.query();
    let as_of = scene.clock().await;
    let expected = decide(&context, &resolve(&query, &reference.rows(&query), as_of));
    let start = scene.judge(key).await;
    assert_eq!(start.decision().reason(), expected.reason());
    let came = scene.begin_one(&start).await;
    let run = scene.load(key).await;
    if expected.is_allowed() {
        assert_eq!((came, run.status), (Came::Started, RunStatus::Running));
    } else {
        assert_eq!((came, run.started_at), (Came::Blocked, None));
    }
    assert_eq!(run.decision.as_ref(), Some(&start.record()));
}

/// G2, [`ChangeKind::DefineRole`].
pub async fn a_redefined_role_between_decision_and_start_moves_the_authority(ports: &Ports) {
    moves_the_authority(ports, ChangeKind::DefineRole).await;
}

/// G2, [`ChangeKind::SetWorkspace`].
pub async fn a_switched_workspace_between_decision_and_start_moves_the_authority(ports: &Ports) {
    moves_the_authority(ports, ChangeKind::SetWorkspace).await;
}

/// G2, [`ChangeKind::SetTenant`].
pub async fn a_changed_tenant_between_decision_and_start_moves_the_authority(ports: &Ports) {
    moves_the_authority(ports, ChangeKind::SetTenant).await;
}

/// G2, [`ChangeKind::SetUser`].
pub async fn a_disabled_user_between_decision_and_start_moves_the_authority(ports: &Ports) {
    moves_the_authority(ports, ChangeKind::SetUser).await;
}

/// G2, [`ChangeKind::RemoveUser`].
pub async fn a_removed_user_between_decision_and_start_moves_the_authority(ports: &Ports) {
    moves_the_authority(ports, ChangeKind::RemoveUser).await;
}

/// G2, [`ChangeKind::Grant`].
pub async fn a_grant_between_decision_and_start_moves_the_authority(ports: &Ports) {
    moves_the_authority(ports, ChangeKind::Grant).await;
}

/// G2, [`ChangeKind::Revoke`].
pub async fn a_revoked_grant_between_decision_and_start_moves_the_authority(ports: &Ports) {
    moves_the_authority(ports, ChangeKind::Revoke).await;
}

/// G2, [`ChangeKind::SetConnection`].
pub async fn a_changed_connection_between_decision_and_start_moves_the_authority(ports: &Ports) {
    moves_the_authority(ports, ChangeKind::SetConnection).await;
}

/// G2, [`ChangeKind::SetWriteGate`].
pub async fn a_write_gate_set_between_decision_and_start_moves_the_authority(ports: &Ports) {
    moves_the_authority(ports, ChangeKind::SetWriteGate).await;
}

/// G2, [`ChangeKind::SetPrerequisite`].
pub async fn a_prerequisite_set_between_decision_and_start_moves_the_authority(ports: &Ports) {
    moves_the_authority(ports, ChangeKind::SetPrerequisite).await;
}

/// A change raises the revision even where the facts stay the same: of every kind there is.
pub async fn a_change_that_changes_nothing_moves_the_authority_all_the_same(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for kind in ChangeKind::ALL {
        // The second time, each of these finds what it says already so; but for a removed user, who
        // has no grants left to say where to look.
        let changes = match kind {
            ChangeKind::RemoveUser => vec![remove_user(HOME.guest)],
            ChangeKind::DefineRole
            | ChangeKind::SetWorkspace
            | ChangeKind::SetTenant
            | ChangeKind::SetUser
            | ChangeKind::Grant
            | ChangeKind::Revoke
            | ChangeKind::SetConnection
            | ChangeKind::SetWriteGate
            | ChangeKind::SetPrerequisite => {
                let change = touching(kind, &HOME).swap_remove(0);
                scene.apply(from_ref(&change)).await;
                vec![change]
            }
        };
        let key = scene.submit(HOME.restore()).await;
        let start = scene.judge(&key).await;
        scene.apply(&changes).await;
        assert_eq!(scene.begin_one(&start).await, Came::Moved, "{kind}");
        scene.apply(&HOME.changes()).await;
        scene
            .apply(&[
                set_user(HOME.user, true),
                set_gate(HOME.workspace, None, true),
            ])
            .await;
    }
}
