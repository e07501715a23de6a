//! A store that is sealed while somebody's own transaction has done what a sealed store refuses, and has not
//! committed.

use std::time::Duration;

use countersign_conformance::change::set_workspace;
use countersign_conformance::scene::{HOME, patiently, refused};
use countersign_ports::{
    Movement, PortErrorKind, Side, Standing, Step, Stepped, StoreMove, fresh_move_id,
    fresh_store_id,
};
use tokio::task::JoinHandle;

use super::hand::Hand;
use super::stage::{Stage, play};

impl Stage {
    fn seal(&self) -> Step {
        let side = |store| Side {
            store,
            address: "postgres://elsewhere".to_owned(),
        };
        Step::Seal(Movement {
            id: fresh_move_id(),
            from: side(self.store.home().store().id),
            to: side(fresh_store_id()),
        })
    }

    /// Seals the store, however often it has to wait; seen waiting for that transaction when this returns.
    async fn sealing_behind(&self, holder: &Hand) -> JoinHandle<()> {
        let (home, seal) = (self.store.home(), self.seal());
        let sealing = tokio::spawn(async move {
            let sealed = patiently(|| home.step(&seal)).await;
            assert!(matches!(sealed, Stepped::Stands(Standing::Sealed { .. })));
        });
        self.who_waits_for(holder.pid).await;
        assert_eq!(self.store.home().standing().await.unwrap(), Standing::NEW);
        sealing
    }
}

#[tokio::test]
async fn a_seal_waits_for_a_run_that_is_queued_and_not_committed() {
    play(|stage| async move {
        let mut queueing = stage.begins().await;
        let runs = stage.store.runs();
        let submitted = runs.submit_in(queueing.connection(), &[HOME.sync()]).await;
        submitted.unwrap();
        let sealing = stage.sealing_behind(&queueing).await;
        queueing.commit().await;
        sealing.await.unwrap();
        assert_eq!(
            stage
                .scene
                .ports
                .runs
                .queued_entries(None, 10)
                .await
                .unwrap()
                .len(),
            1
        );
        refused(stage.scene.ports.runs.submit(&[HOME.sync()]).await);
    })
    .await;
}

#[tokio::test]
async fn a_seal_waits_for_a_change_that_is_made_and_not_committed() {
    play(|stage| async move {
        let changing = stage.uncommitted(&[set_workspace("w", true)]).await;
        let sealing = stage.sealing_behind(&changing).await;
        changing.commit().await;
        sealing.await.unwrap();
        let change = set_workspace("w", false);
        refused(stage.scene.ports.authority.apply(&[change.into()]).await);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_from_before_a_seal_gets_nothing_past_it() {
    play(|stage| async move {
        for begin in [
            "BEGIN ISOLATION LEVEL READ COMMITTED",
            "BEGIN ISOLATION LEVEL REPEATABLE READ",
        ] {
            let mut before = stage.begins_with(begin).await;
            before
                .execute("SELECT count(*) FROM pg_class")
                .await
                .unwrap();
            let seal = stage.seal();
            let Step::Seal(movement) = &seal else {
                panic!("a seal")
            };
            let home = stage.store.home();
            let _sealed = patiently(|| home.step(&seal)).await;
            let runs = stage.store.runs();
            let submitted = runs.submit_in(before.connection(), &[HOME.sync()]).await;
            let kind = submitted.unwrap_err().kind();
            // Where the snapshot does not show why, it is to be begun again.
            let expected = match begin.contains("REPEATABLE") {
                true => PortErrorKind::Busy,
                false => PortErrorKind::Sealed,
            };
            assert_eq!(kind, expected, "{begin}");
            before.roll_back().await;
            let unseal = Step::Unseal(movement.id);
            let _open = patiently(|| home.step(&unseal)).await;
        }
        assert_eq!(
            stage
                .scene
                .ports
                .runs
                .queued_entries(None, 10)
                .await
                .unwrap(),
            []
        );
    })
    .await;
}

#[tokio::test]
async fn a_seal_that_waits_for_long_lets_others_pass_in_between() {
    play(|stage| async move {
        let mut queueing = stage.begins().await;
        let runs = stage.store.runs();
        let submitted = runs.submit_in(queueing.connection(), &[HOME.sync()]).await;
        submitted.unwrap();
        let (home, seal) = (stage.store.home(), stage.seal());
        let sealed = home.step(&seal).await;
        assert_eq!(sealed.unwrap_err().kind(), PortErrorKind::Busy);
        let other = stage.scene.submit(HOME.sync());
        tokio::time::timeout(Duration::from_secs(20), other)
            .await
            .unwrap();
        queueing.roll_back().await;
    })
    .await;
}
