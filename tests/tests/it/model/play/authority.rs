//! Authority changes.

use std::collections::BTreeSet;

use countersign_domain::AuthorityChange;

use super::super::changes::Change;
use super::Play;

impl Play {
    pub(super) async fn change(&mut self, changes: &[Change]) {
        let now = self.clock().await;
        let changes: Vec<_> = changes.iter().map(|change| change.at(now)).collect();
        self.apply(&changes).await;
    }

    /// Every scope that the changes touch has another revision afterwards, and no other scope has.
    pub(super) async fn apply(&mut self, changes: &[AuthorityChange]) {
        let applied = self.scene().apply(changes).await;
        assert_eq!(
            applied.changes,
            changes.len() as u64,
            "all of them, or none"
        );
        let touched: BTreeSet<_> = changes
            .iter()
            .flat_map(|change| self.authority.apply(change))
            .collect();
        let raised: BTreeSet<_> = applied
            .raised
            .into_iter()
            .map(|scope| scope.workspace)
            .collect();
        assert_eq!(raised, touched, "raised by {changes:?}");
    }
}
