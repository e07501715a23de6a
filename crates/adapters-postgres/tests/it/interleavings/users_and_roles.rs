//! What is taken from a user or a role everywhere, while a grant brings in one workspace more.
//!
//! A change that found the workspaces that depend on it before the grant was committed would miss that
//! one: what was judged there in between would start once the authority is gone.

use countersign_conformance::change::{define_role, grant, set_user};
use countersign_conformance::scene::{AWAY, HOME, Place, Scene};
use countersign_domain::{AuthorityChange, ReasonCode};

use super::hand::assert_raised;
use super::stage::{Stage, play};

/// The workspace that is brought in: of one who so far has no business there.
const COLONY: Place<'static> = Place {
    user: HOME.user,
    ..AWAY
};

/// What the grants give for a while.
const SCOUT: &str = "scout";

fn scouts(capabilities: &[&str]) -> AuthorityChange {
    define_role(SCOUT, capabilities, true)
}

/// The grant that makes the user a member there, and a scout.
fn first_grant() -> AuthorityChange {
    grant(COLONY.user, COLONY.workspace, None, SCOUT)
}

async fn set(scene: &Scene) {
    scene.apply(&HOME.changes()).await;
    scene.apply(&AWAY.changes()).await;
    scene.apply(&[scouts(&["inventory.sync"])]).await;
}

/// The grant is made first and not committed: the removal waits for it, and reaches its workspace.
async fn grant_first(stage: &Stage, removal: AuthorityChange, raised: &[&str], reason: ReasonCode) {
    let scene = &stage.scene;
    set(scene).await;
    let key = scene.submit(COLONY.sync()).await;
    let granting = stage.uncommitted(&[first_grant()]).await;
    let mut removing = stage.begins().await;
    let applied = stage.apply_after(granting, &mut removing, &[removal]).await;
    assert_raised(&applied, raised);
    // The worst moment: granted, and not yet taken away.
    let start = scene.judge(&key).await;
    assert!(start.decision().is_allowed());
    stage.starts_nothing(&[start], removing).await;
    stage.is_blocked(&key, reason).await;
}

/// The removal is made first and not committed: the grant waits for it, and gives nothing any more.
async fn removal_first(stage: &Stage, removal: AuthorityChange, reason: ReasonCode) {
    let scene = &stage.scene;
    set(scene).await;
    let key = scene.submit(COLONY.sync()).await;
    let removing = stage.uncommitted(&[removal]).await;
    let mut granting = stage.begins().await;
    let pids = (granting.pid, removing.pid);
    let changes = [first_grant()];
    let (_, before) = tokio::join!(granting.apply(&changes), async {
        stage.waits_for(pids.0, pids.1).await;
        let before = scene.judge(&key).await;
        removing.commit().await;
        before
    });
    let between = scene.judge(&key).await;
    let judged = [before, between];
    assert!(judged.iter().all(|start| !start.decision().is_allowed()));
    // A deny is fenced as an allow is.
    stage.starts_nothing(&judged, granting).await;
    stage.is_blocked(&key, reason).await;
}

#[tokio::test]
async fn g2_a_user_is_disabled_also_where_a_first_grant_was_under_way() {
    play(|stage| async move {
        let disabled = set_user(COLONY.user, false);
        let reason = ReasonCode::InitiatorDisabled;
        grant_first(&stage, disabled, &[AWAY.workspace, HOME.workspace], reason).await;
    })
    .await;
}

#[tokio::test]
async fn g2_a_first_grant_waits_for_its_user_who_is_disabled_and_stays_so() {
    play(|stage| async move {
        let disabled = set_user(COLONY.user, false);
        removal_first(&stage, disabled, ReasonCode::InitiatorDisabled).await;
    })
    .await;
}

#[tokio::test]
async fn g2_a_role_is_redefined_also_where_its_first_grant_was_under_way() {
    play(|stage| async move {
        let reason = ReasonCode::MissingCapability;
        grant_first(&stage, scouts(&[]), &[AWAY.workspace], reason).await;
    })
    .await;
}

#[tokio::test]
async fn g2_a_first_grant_waits_for_its_role_that_is_redefined() {
    play(|stage| async move {
        removal_first(&stage, scouts(&[]), ReasonCode::MissingCapability).await;
    })
    .await;
}
