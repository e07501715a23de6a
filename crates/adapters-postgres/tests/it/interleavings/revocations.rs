//! A revocation under way, and a start of what it revokes.

use countersign_conformance::change::{grant, revoke};
use countersign_conformance::scene::{Came, HOME};
use countersign_domain::{AuthorityChange, ReasonCode};
use countersign_postgres::sqlx::{self, AssertSqlSafe};

use super::stage::{Stage, play};

/// A start that waits gives up after a while, and on a busy server that may be before it was seen to
/// wait. So often is it tried.
const TRIES: usize = 40;

/// Without it, the user is a member of the workspace that no tenant is open to.
fn revocation() -> AuthorityChange {
    revoke(HOME.user, HOME.workspace, HOME.tenant, "operator")
}

#[tokio::test]
async fn g2_nothing_starts_while_its_revocation_is_under_way_nor_once_it_is_committed() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        let key = scene.submit(HOME.sync()).await;
        let start = scene.judge(&key).await;
        assert!(start.decision().is_allowed());

        let revoking = stage.uncommitted(&[revocation()]).await;
        stage.starts_nothing(&[start], revoking).await;
        stage.is_blocked(&key, ReasonCode::TenantNotEntitled).await;
    })
    .await;
}

#[tokio::test]
async fn g2_nothing_starts_after_a_revocation_that_was_made_from_sql() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        let key = scene.submit(HOME.sync()).await;
        let start = scene.judge(&key).await;

        let mut revoking = stage.begins().await;
        let statement = "SELECT workspace_id FROM countersign.apply_validated('[{\"change\": \"revoke\",
            \"user\": \"ada\", \"workspace\": \"home\", \"tenant\": \"hearth\", \"role\": \"operator\"}]')";
        let raised: Vec<String> = sqlx::query_scalar(AssertSqlSafe(stage.rewritten(statement)))
            .fetch_all(revoking.connection())
            .await
            .unwrap();
        assert_eq!(raised, [HOME.workspace]);
        stage.starts_nothing(&[start], revoking).await;
        stage.is_blocked(&key, ReasonCode::TenantNotEntitled).await;
    })
    .await;
}

/// What a start comes to that is seen waiting for an uncommitted revocation, which then ends in that way.
async fn came_of_waiting(stage: &Stage, commits: bool) -> Came {
    let scene = &stage.scene;
    for _ in 0..TRIES {
        let standing = grant(HOME.user, HOME.workspace, HOME.tenant, "operator");
        scene.apply(&[standing]).await;
        let key = scene.submit(HOME.sync()).await;
        let start = scene.judge(&key).await;
        let revoking = stage.uncommitted(&[revocation()]).await;
        let (came, ()) = tokio::join!(scene.begin_one(&start), async {
            stage.who_waits_for(revoking.pid).await;
            match commits {
                true => revoking.commit().await,
                false => revoking.roll_back().await,
            }
        });
        if came != Came::Busy {
            return came;
        }
    }
    panic!("no start that was seen to wait was there when the wait was over");
}

#[tokio::test]
async fn a_start_that_waits_for_a_revocation_happens_when_it_is_rolled_back() {
    play(|stage| async move {
        stage.scene.apply(&HOME.changes()).await;
        assert_eq!(came_of_waiting(&stage, false).await, Came::Started);
    })
    .await;
}

#[tokio::test]
async fn g2_a_start_that_waits_for_a_revocation_does_not_happen_when_it_is_committed() {
    play(|stage| async move {
        stage.scene.apply(&HOME.changes()).await;
        assert_eq!(came_of_waiting(&stage, true).await, Came::Moved);
    })
    .await;
}
