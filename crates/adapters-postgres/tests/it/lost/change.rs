//! Changes of authority whose line is cut: called again, they leave the facts as they were meant.

use countersign_conformance::change::{grant, revoke};
use countersign_conformance::scene::{Came, HOME};
use countersign_domain::{AttributedChange, AuthorityChange};
use countersign_ports::LogQuery;

use super::fault::Fault;
use super::{Line, on_a_line};

/// The operator becomes a viewer.
pub(super) fn changes() -> Vec<AttributedChange> {
    let demotion: [AuthorityChange; 2] = [
        revoke(HOME.user, HOME.workspace, HOME.tenant, "operator"),
        grant(HOME.user, HOME.workspace, HOME.tenant, "viewer"),
    ];
    demotion.into_iter().map(Into::into).collect()
}

impl Line {
    /// How often the demotion was applied.
    pub(super) async fn times_applied(&self) -> usize {
        let all = LogQuery {
            workspace_id: None,
            before: None,
            limit: 1000,
        };
        let log = self.past.ports.authority.log(&all).await.unwrap();
        let demotion = &changes()[0].change;
        log.iter().filter(|entry| entry.change == *demotion).count()
    }

    /// Applies over a line that is cut so at the commit.
    async fn apply_and_lose(&self, fault: Fault) {
        let apply = changes();
        let authority = &self.scene.ports.authority;
        self.cut_at_commit(fault, authority.apply(&apply)).await;
    }
}

#[tokio::test]
async fn an_apply_cut_after_its_commit_holds_and_may_be_called_again() {
    on_a_line(|line| async move {
        let keys = line.past.submit_all([HOME.sync(), HOME.sync()]).await;
        let allowed = line.past.judge(&keys[0]).await;
        line.apply_and_lose(Fault::CutAfterCommit).await;
        assert_eq!(line.times_applied().await, 1);
        // Nobody was told, and it holds (G2).
        assert_eq!(line.past.begin_one(&allowed).await, Came::Moved);
        assert_eq!(line.past.try_start(&keys[0]).await, Came::Blocked);

        line.scene.ports.authority.apply(&changes()).await.unwrap();
        assert_eq!(line.past.try_start(&keys[1]).await, Came::Blocked);
    })
    .await;
}

#[tokio::test]
async fn an_apply_cut_before_its_commit_changes_nothing_until_it_is_called_again() {
    on_a_line(|line| async move {
        let keys = line.past.submit_all([HOME.sync(), HOME.sync()]).await;
        let allowed = line.past.judge(&keys[0]).await;
        line.apply_and_lose(Fault::CutBeforeCommit).await;
        assert_eq!(line.times_applied().await, 0);
        assert_eq!(line.past.begin_one(&allowed).await, Came::Started);

        line.scene.ports.authority.apply(&changes()).await.unwrap();
        assert_eq!(line.times_applied().await, 1);
        assert_eq!(line.past.try_start(&keys[1]).await, Came::Blocked);
    })
    .await;
}
