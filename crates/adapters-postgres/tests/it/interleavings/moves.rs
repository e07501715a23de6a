//! Connections that are disabled or taken away while they, or their tenants, move.
//!
//! A connection belongs to a tenant and a tenant to a workspace: a change that found the workspace before
//! the move was committed would miss the one that they moved to.

use countersign_conformance::change::{
    grant, set_connection, set_prerequisite, set_tenant, set_workspace,
};
use countersign_conformance::scene::{AWAY, HOME, Place, Scene};
use countersign_domain::ReasonCode;

use super::hand::{assert_raised, hold_tenant};
use super::stage::play;

/// Where the tenant of one place is once it has moved, with its connection, to the workspace of another:
/// in order for the user of that other place.
fn settled<'a>(moved: Place<'a>, to: Place<'a>) -> Place<'a> {
    Place {
        tenant: moved.tenant,
        connection: moved.connection,
        ..to
    }
}

/// Gives the user of a place what the tenant needs that is to move there.
async fn prepare(scene: &Scene, place: Place<'_>) {
    let Place {
        workspace,
        tenant,
        user,
        ..
    } = place;
    scene
        .apply(&[
            set_workspace(workspace, true),
            grant(user, workspace, None, "member"),
            grant(user, workspace, tenant, "operator"),
            set_prerequisite(workspace, tenant, "baseline", true),
        ])
        .await;
}

#[tokio::test]
async fn g2_a_connection_is_disabled_also_where_its_tenant_was_moving_to() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        scene.apply(&AWAY.changes()).await;
        let there = settled(HOME, AWAY);
        prepare(scene, there).await;
        let key = scene.submit(there.restore()).await;

        let moving = set_tenant(HOME.tenant, AWAY.workspace);
        let moving = stage.uncommitted(&[moving]).await;
        let mut disabling = stage.begins().await;
        let disabled = [set_connection(HOME.connection, HOME.tenant, false)];
        let applied = stage.apply_after(moving, &mut disabling, &disabled).await;
        assert_raised(&applied, &[AWAY.workspace]);
        // The worst moment: moved, and not yet disabled.
        let start = scene.judge(&key).await;
        assert!(start.decision().is_allowed());
        stage.starts_nothing(&[start], disabling).await;
        stage
            .is_blocked(&key, ReasonCode::ProviderConnectionDisabled)
            .await;
    })
    .await;
}

#[tokio::test]
async fn g2_a_tenant_waits_to_move_for_its_connection_that_is_disabled() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        scene.apply(&AWAY.changes()).await;
        let there = settled(HOME, AWAY);
        prepare(scene, there).await;
        let old = scene.submit(HOME.restore()).await;
        let new = scene.submit(there.restore()).await;
        let before = scene.judge(&old).await;
        assert!(before.decision().is_allowed());

        let disabled = set_connection(HOME.connection, HOME.tenant, false);
        let disabling = stage.uncommitted(&[disabled]).await;
        let mut moving = stage.begins().await;
        let moved = [set_tenant(HOME.tenant, AWAY.workspace)];
        let applied = stage.apply_after(disabling, &mut moving, &moved).await;
        assert_raised(&applied, &[AWAY.workspace, HOME.workspace]);
        // Disabled, and not yet moved.
        let between = scene.judge(&new).await;
        stage.starts_nothing(&[before, between], moving).await;
        stage.is_blocked(&old, ReasonCode::WorkspaceMismatch).await;
        stage
            .is_blocked(&new, ReasonCode::ProviderConnectionDisabled)
            .await;
    })
    .await;
}

#[tokio::test]
async fn g2_a_connection_is_taken_away_also_where_it_and_its_tenant_were_moving_to() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        scene.apply(&AWAY.changes()).await;
        scene.apply(&[set_tenant("yurt", "steppe")]).await;
        // Where the connection is to be for a moment: with a tenant that is on its way itself.
        let tundra = Place {
            workspace: "tundra",
            connection: HOME.connection,
            ..AWAY
        };
        prepare(scene, tundra).await;
        let key = scene.submit(tundra.restore()).await;

        // The change that takes it away has found it at home, and waits for its new tenant.
        let yurt = hold_tenant(&stage, "yurt").await;
        let mut taking = stage.begins().await;
        let pid = taking.pid;
        let taken = [set_connection(HOME.connection, "yurt", true)];
        let (applied, ()) = tokio::join!(taking.apply(&taken), async {
            stage.waits_for(pid, yurt.pid).await;
            // Meanwhile it comes to another tenant, and that one is about to move.
            scene
                .apply(&[set_connection(HOME.connection, AWAY.tenant, true)])
                .await;
            let moved = set_tenant(AWAY.tenant, tundra.workspace);
            let moving = stage.uncommitted(&[moved]).await;
            yurt.roll_back().await;
            // It looks again where the connection is, now that it has it.
            stage.waits_for(pid, moving.pid).await;
            moving.commit().await;
        });
        assert_raised(&applied, &["steppe", "tundra"]);
        // The worst moment: moved, both of them, and not yet taken away.
        let start = scene.judge(&key).await;
        assert!(start.decision().is_allowed());
        stage.starts_nothing(&[start], taking).await;
        stage
            .is_blocked(&key, ReasonCode::ProviderConnectionMismatch)
            .await;
    })
    .await;
}
