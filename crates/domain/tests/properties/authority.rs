//! What holds of authority as a value: rows make a state, a state makes rows, and a change made twice
//! is a change made once.

use countersign_domain::{AuthorityChange, AuthorityState};
use proptest::prelude::*;

use crate::config;
use crate::worlds::{change, changes, every_role, query};

proptest! {
    #![proptest_config(config())]

    /// The rows of a query make a state that has these rows, in whatever order they were selected.
    #[test]
    fn rows_make_a_state_and_a_state_makes_rows(made in changes(24), query in query()) {
        let rows = state_after(&made).rows(&query);
        let mut turned = rows.clone();
        turned.grants.reverse();
        turned.prerequisites.reverse();
        prop_assert_eq!(&AuthorityState::of_rows(&query, &turned).rows(&query), &rows);
    }

    /// What `simulate` does: changes applied to the rows of one query come to what they come to when
    /// applied to everything, provided the definitions of the roles that they grant are at hand.
    #[test]
    fn simulating_on_rows_agrees_with_the_whole(
        made in changes(24),
        simulated in changes(8),
        query in query(),
    ) {
        let mut whole = state_after(&made);
        let mut rows = whole.rows(&query);
        rows.roles = every_role(&whole);
        let mut part = AuthorityState::of_rows(&query, &rows);
        for change in &simulated {
            whole.apply(change);
            part.apply(change);
            prop_assert_eq!(&part.rows(&query), &whole.rows(&query), "after {:?}", change);
        }
    }

    #[test]
    fn changes_are_idempotent(made in changes(16), again in change()) {
        let mut once = state_after(&made);
        once.apply(&again);
        let mut twice = once.clone();
        twice.apply(&again);
        prop_assert_eq!(once, twice);
    }
}

fn state_after(changes: &[AuthorityChange]) -> AuthorityState {
    let mut state = AuthorityState::default();
    for change in changes {
        state.apply(change);
    }
    state
}
