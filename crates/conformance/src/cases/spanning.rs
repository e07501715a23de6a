//! Changes that span workspaces: they move every authority that depends on them, and no other.

use std::sync::Arc;

use countersign_domain::{AuthorityChange, TenantLifecycle};
use countersign_ports::{RunKey, Start};
use tokio::sync::Barrier;

use crate::Ports;
use crate::change::{
    define_role, grant, id, remove_user, revoke, set_connection, set_gate, set_lifecycle,
    set_prerequisite, set_tenant, set_user, set_workspace,
};
use crate::scene::{AWAY, Came, HOME, Place, Scene};

/// [`AWAY`], with the users of [`HOME`].
const COLONY: Place<'static> = Place {
    user: HOME.user,
    guest: HOME.guest,
    ..AWAY
};

async fn home_and_colony(ports: &Ports) -> Scene {
    let scene = Scene::home(ports).await;
    scene.apply(&COLONY.changes()).await;
    scene
}

/// One judged run in each of two places.
async fn judged(scene: &Scene, places: [Place<'_>; 2]) -> (Vec<RunKey>, Vec<Start>) {
    let keys = scene.submit_all(places.map(|place| place.restore())).await;
    let starts = scene.judge_all(&keys).await;
    (keys, starts)
}

async fn again(scene: &Scene, keys: &[RunKey]) -> Vec<Came> {
    let starts = scene.judge_all(keys).await;
    scene.begin(&starts).await
}

/// G2: a user who is disabled starts nothing in any workspace.
pub async fn a_disabled_user_moves_the_authority_of_each_of_their_workspaces(ports: &Ports) {
    let scene = home_and_colony(ports).await;
    let (keys, starts) = judged(&scene, [HOME, COLONY]).await;
    let applied = scene.apply(&[set_user(HOME.user, false)]).await;
    assert_eq!(applied.raised.len(), 2);
    assert_eq!(scene.begin(&starts).await, [Came::Moved; 2]);
    assert_eq!(again(&scene, &keys).await, [Came::Blocked; 2]);
}

/// G2: a user who is removed loses the grants in every workspace, and does not get them back with the
/// account.
pub async fn a_removed_user_moves_the_authority_of_each_of_their_workspaces(ports: &Ports) {
    let scene = home_and_colony(ports).await;
    let (keys, starts) = judged(&scene, [HOME, COLONY]).await;
    scene.apply(&[remove_user(HOME.user)]).await;
    scene.apply(&[set_user(HOME.user, true)]).await;
    assert_eq!(scene.begin(&starts).await, [Came::Moved; 2]);
    assert_eq!(again(&scene, &keys).await, [Came::Blocked; 2]);
}

/// G2: a role that is redefined counts wherever it is granted.
pub async fn a_redefined_role_moves_the_authority_wherever_it_is_granted(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let (keys, starts) = judged(&scene, [HOME, AWAY]).await;
    scene.apply(&[define_role("operator", &[], false)]).await;
    assert_eq!(scene.begin(&starts).await, [Came::Moved; 2]);
    assert_eq!(again(&scene, &keys).await, [Came::Blocked; 2]);
}

/// G2: a tenant that moves leaves one workspace and comes to another: both are moved.
pub async fn a_tenant_that_moves_moves_its_old_and_its_new_workspace(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let (keys, starts) = judged(&scene, [HOME, AWAY]).await;
    scene
        .apply(&[set_tenant(HOME.tenant, AWAY.workspace)])
        .await;
    assert_eq!(scene.begin(&starts).await, [Came::Moved; 2]);
    assert_eq!(
        again(&scene, &keys).await,
        [Came::Blocked, Came::Started],
        "grants do not follow a tenant"
    );
}

/// … and a tenant that is awaited in its new workspace is found there.
pub async fn a_tenant_that_arrives_is_allowed_where_it_was_denied(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let (user, tenant) = (AWAY.user, HOME.tenant);
    scene
        .apply(&[grant(user, AWAY.workspace, tenant, "operator")])
        .await;
    let awaited = countersign_domain::Submission {
        tenant_id: id(tenant),
        ..AWAY.sync()
    };
    let keys = scene.submit_all([awaited.clone(), awaited]).await;
    let starts = scene.judge_all(&keys).await;
    assert!(starts.iter().all(|start| !start.decision().is_allowed()));
    scene.apply(&[set_tenant(tenant, AWAY.workspace)]).await;
    assert_eq!(scene.begin(&starts).await, [Came::Moved; 2]);
    assert_eq!(again(&scene, &keys).await, [Came::Started; 2]);
}

/// G2: a connection that moves concerns the workspace of its old tenant and that of its new one.
pub async fn a_connection_that_moves_moves_both_its_tenants_workspaces(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let (keys, starts) = judged(&scene, [HOME, AWAY]).await;
    scene
        .apply(&[set_connection(HOME.connection, AWAY.tenant, true)])
        .await;
    assert_eq!(scene.begin(&starts).await, [Came::Moved; 2]);
    assert_eq!(again(&scene, &keys).await, [Came::Blocked, Came::Started]);
}

/// Changes that touch [`AWAY`] alone, of each kind.
fn of_another_workspace() -> Vec<AuthorityChange> {
    let Place {
        workspace,
        tenant,
        connection,
        user,
        guest,
    } = AWAY;
    vec![
        set_workspace(workspace, false),
        set_lifecycle(tenant, workspace, TenantLifecycle::Suspended),
        set_user(user, false),
        set_user("a user without grants", false),
        grant(user, workspace, None, "far-off"),
        define_role("far-off", &["restore.execute"], true),
        define_role("a role that nobody has", &[], true),
        // A grant on a tenant of another workspace is the affair of the workspace that it names.
        grant(HOME.user, workspace, HOME.tenant, "viewer"),
        revoke(HOME.user, workspace, HOME.tenant, "viewer"),
        set_connection(connection, tenant, false),
        set_connection("a connection of nobody", "a tenant of nowhere", true),
        set_gate(workspace, None, false),
        set_gate(workspace, HOME.tenant, false),
        set_prerequisite(workspace, HOME.tenant, "baseline", false),
        set_prerequisite(workspace, None, "baseline", false),
        remove_user(guest),
    ]
}

/// A decision stands as long as nothing that its workspace depends on has changed: no change of another
/// workspace moves it, of whatever kind.
pub async fn a_change_in_another_workspace_moves_nothing_here(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let key = scene.submit(HOME.restore()).await;
    let start = scene.judge(&key).await;
    for change in of_another_workspace() {
        let raised = scene.apply(std::slice::from_ref(&change)).await.raised;
        let home = raised.iter().any(|one| one.workspace == id(HOME.workspace));
        assert!(!home, "{change:?} raised {raised:?}");
    }
    assert_eq!(scene.begin_one(&start).await, Came::Started);
}

/// Fence protocol, step 3: a grant in a new workspace and the disabling of its user, at the same time,
/// do not miss each other. Either the grant came first, and its workspace is raised with the others;
/// or it came second, and its user is seen to be disabled.
pub async fn a_grant_in_a_new_workspace_does_not_escape_a_disabled_user(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let elsewhere = scene.elsewhere().await;
    for round in 0..30 {
        let workspace = format!("outpost {round}");
        let place = Place {
            workspace: &workspace,
            tenant: HOME.tenant,
            ..HOME
        };
        scene
            .apply(&[
                set_user(HOME.user, true),
                set_workspace(&workspace, true),
                set_tenant(HOME.tenant, &workspace),
            ])
            .await;
        let key = scene.submit(place.sync()).await;
        let together = Arc::new(Barrier::new(2));

        let granted = tokio::spawn({
            let (scene, together, key) = (elsewhere.clone(), together.clone(), key.clone());
            let grants = [
                grant(HOME.user, &workspace, None, "member"),
                grant(HOME.user, &workspace, HOME.tenant, "operator"),
            ];
            async move {
                together.wait().await;
                scene.apply(&grants).await;
                scene.judge(&key).await
            }
        });
        together.wait().await;
        scene.apply(&[set_user(HOME.user, false)]).await;
        // Judged at whatever moment, and begun after the user was disabled: it must not start.
        let start = granted.await.unwrap();
        let came = scene.begin_one(&start).await;
        if came == Came::Moved {
            assert_eq!(scene.try_start(&key).await, Came::Blocked, "{round}");
        } else {
            assert_eq!(came, Came::Blocked, "{round}");
        }
    }
}
