//! Where a store stands in a move, and which steps lead on from there: one pure function, for every store.

use std::fmt;

use countersign_domain::{MoveId, StoreId, Timestamp};
use serde::{Deserialize, Serialize};

/// One end of a move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The store.
    pub store: StoreId,
    /// Its address, without a password: for people.
    pub address: String,
}

/// One move: from where, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// The move.
    pub id: MoveId,
    /// The source.
    pub from: Side,
    /// The target.
    pub to: Side,
}

/// Where a store stands. Serializes to the text that stores keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Standing {
    /// Runs are queued and start here.
    Open {
        /// The move that filled it, where one did.
        filled_by: Option<MoveId>,
    },
    /// Everything in it moves out; what runs may end.
    Sealed {
        /// The move.
        movement: Movement,
        /// Since when, by its own clock.
        since: Timestamp,
    },
    /// It is being filled and has never been open.
    Filling {
        /// The move.
        movement: Movement,
        /// Since when, by its own clock.
        since: Timestamp,
    },
    /// It was being filled when the move was given up. It never opens.
    Abandoned {
        /// The move.
        movement: Movement,
        /// Since when, by its own clock.
        since: Timestamp,
    },
}

/// One step of a move, taken at one of its two stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An open, empty store becomes the target.
    Fill(Movement),
    /// An open store becomes the source.
    Seal(Movement),
    /// The target holds everything: it opens.
    Open(MoveId),
    /// The target never opens.
    Abandon(MoveId),
    /// The source opens again, as its target never will.
    Unseal(MoveId),
}

impl Standing {
    /// Where a store stands that never was part of a move.
    pub const NEW: Self = Self::Open { filled_by: None };

    /// Where the step leads from here, taken at that store and time; none where it does not lead on. A
    /// step that was taken already leads to where the store stands.
    #[must_use]
    pub fn after(&self, step: &Step, store: StoreId, now: Timestamp) -> Option<Self> {
        match (self, step) {
            (Self::Open { .. }, Step::Fill(movement)) if movement.to.store == store => {
                Some(Self::Filling {
                    movement: movement.clone(),
                    since: now,
                })
            }
            (Self::Open { .. }, Step::Seal(movement)) if movement.from.store == store => {
                Some(Self::Sealed {
                    movement: movement.clone(),
                    since: now,
                })
            }
            (Self::Filling { movement, .. }, Step::Open(id)) if movement.id == *id => {
                Some(Self::Open {
                    filled_by: Some(*id),
                })
            }
            (Self::Filling { movement, .. }, Step::Abandon(id)) if movement.id == *id => {
                Some(Self::Abandoned {
                    movement: movement.clone(),
                    since: now,
                })
            }
            (Self::Sealed { movement, .. }, Step::Unseal(id)) if movement.id == *id => {
                Some(Self::NEW)
            }
            (here, step) => here.was_reached_by(step).then(|| here.clone()),
        }
    }

    /// Whether this is where that step leads.
    fn was_reached_by(&self, step: &Step) -> bool {
        match (self, step) {
            (Self::Filling { movement, .. }, Step::Fill(step))
            | (Self::Sealed { movement, .. }, Step::Seal(step)) => movement.id == step.id,
            (Self::Open { filled_by }, Step::Open(id)) => *filled_by == Some(*id),
            (Self::Open { .. }, Step::Unseal(_)) => true,
            (Self::Abandoned { movement, .. }, Step::Abandon(id)) => movement.id == *id,
            (Self::Open { .. }, Step::Fill(_) | Step::Seal(_) | Step::Abandon(_))
            | (
                Self::Filling { .. },
                Step::Seal(_) | Step::Open(_) | Step::Abandon(_) | Step::Unseal(_),
            )
            | (
                Self::Sealed { .. },
                Step::Fill(_) | Step::Open(_) | Step::Abandon(_) | Step::Unseal(_),
            )
            | (
                Self::Abandoned { .. },
                Step::Fill(_) | Step::Seal(_) | Step::Open(_) | Step::Unseal(_),
            ) => false,
        }
    }

    /// The state's name as it stands in records.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Sealed { .. } => "sealed",
            Self::Filling { .. } => "filling",
            Self::Abandoned { .. } => "abandoned",
        }
    }

    /// The move that closes the store; none while it is open.
    #[must_use]
    pub const fn movement(&self) -> Option<&Movement> {
        match self {
            Self::Open { .. } => None,
            Self::Sealed { movement, .. }
            | Self::Filling { movement, .. }
            | Self::Abandoned { movement, .. } => Some(movement),
        }
    }

    /// Whether the store is being filled by that move.
    #[must_use]
    pub fn is_filled_by(&self, id: MoveId) -> bool {
        match self {
            Self::Filling { movement, .. } => movement.id == id,
            Self::Open { .. } | Self::Sealed { .. } | Self::Abandoned { .. } => false,
        }
    }

    /// Why nothing is queued, started or changed here, in words; none while the store is open.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let told = match self {
            Self::Open { .. } => return None,
            Self::Sealed { movement, .. } => format!(
                "the store is sealed: everything in it moves to `{}`, use that one",
                movement.to.address
            ),
            Self::Filling { movement, .. } => format!(
                "the store is not open yet: it is being filled from `{}`",
                movement.from.address
            ),
            Self::Abandoned { movement, .. } => format!(
                "the store never opens: the move from `{}` that was to fill it was abandoned",
                movement.from.address
            ),
        };
        Some(told)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.refusal() {
            None => f.write_str("the store is open"),
            Some(refusal) => f.write_str(&refusal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn store(n: u128) -> StoreId {
        uuid::Uuid::from_u128(n).into()
    }

    fn movement(id: u128) -> Movement {
        let side = |n| Side {
            store: store(n),
            address: format!("sqlite://{n}"),
        };
        Movement {
            id: uuid::Uuid::from_u128(id).into(),
            from: side(1),
            to: side(2),
        }
    }

    fn steps(movement: &Movement) -> [Step; 5] {
        [
            Step::Fill(movement.clone()),
            Step::Seal(movement.clone()),
            Step::Open(movement.id),
            Step::Abandon(movement.id),
            Step::Unseal(movement.id),
        ]
    }

    #[test]
    fn a_target_opens_or_is_abandoned_and_never_both() {
        let movement = movement(7);
        let at = |standing: &Standing, step| standing.after(&step, store(2), NOW);
        let filling = at(&Standing::NEW, Step::Fill(movement.clone())).unwrap();
        let opened = at(&filling, Step::Open(movement.id)).unwrap();
        let abandoned = at(&filling, Step::Abandon(movement.id)).unwrap();
        assert_eq!(at(&opened, Step::Abandon(movement.id)), None);
        assert_eq!(at(&abandoned, Step::Open(movement.id)), None);
        assert_eq!(at(&abandoned, Step::Fill(movement.clone())), None);
        assert_eq!(at(&opened, Step::Open(movement.id)), Some(opened.clone()));
    }

    #[test]
    fn a_source_opens_again_by_its_own_move() {
        let movement = movement(7);
        let sealed = Standing::NEW.after(&Step::Seal(movement.clone()), store(1), NOW);
        let unseal = Step::Unseal(movement.id);
        let opened = sealed.and_then(|sealed| sealed.after(&unseal, store(1), NOW));
        assert_eq!(opened, Some(Standing::NEW));
    }

    #[test]
    fn a_step_of_another_move_leads_nowhere() {
        let (ours, theirs) = (movement(7), movement(8));
        for (step, at) in steps(&ours).into_iter().zip([2, 1, 2, 2, 1]) {
            for first in [Step::Fill(ours.clone()), Step::Seal(ours.clone())] {
                let stands = Standing::NEW.after(&first, store(at), NOW);
                let Some(stands) = stands.and_then(|it| it.after(&step, store(at), NOW)) else {
                    continue;
                };
                for other in steps(&theirs) {
                    let led = stands.after(&other, store(at), NOW);
                    let open = matches!(stands, Standing::Open { .. });
                    assert!(led.is_none() || open, "{stands:?} {other:?} {led:?}");
                }
            }
        }
    }

    #[test]
    fn a_step_is_taken_at_its_own_store() {
        let movement = movement(7);
        let fill = Step::Fill(movement.clone());
        assert_eq!(Standing::NEW.after(&fill, store(1), NOW), None);
        let seal = Step::Seal(movement);
        assert_eq!(Standing::NEW.after(&seal, store(2), NOW), None);
    }

    #[test]
    fn a_step_taken_twice_leads_to_the_same_place() {
        let movement = movement(7);
        for (step, at) in steps(&movement).into_iter().zip([2, 1, 2, 2, 1]) {
            let mut seen = vec![Standing::NEW];
            for before in [Step::Fill(movement.clone()), Step::Seal(movement.clone())] {
                seen.extend(Standing::NEW.after(&before, store(at), NOW));
            }
            for standing in seen {
                let later = NOW.plus(std::time::Duration::from_secs(1));
                if let Some(once) = standing.after(&step, store(at), NOW) {
                    assert_eq!(once.after(&step, store(at), later), Some(once.clone()));
                }
            }
        }
    }

    #[test]
    fn what_is_closed_says_where_to_go() {
        let sealed = Standing::NEW.after(&Step::Seal(movement(7)), store(1), NOW);
        let told = sealed.and_then(|sealed| sealed.refusal()).unwrap();
        assert!(told.contains("`sqlite://2`"), "{told}");
        assert_eq!(Standing::NEW.refusal(), None);
    }

    #[test]
    fn a_standing_tells_its_name_its_move_and_where_to_go() {
        let (ours, theirs) = (movement(7), movement(8));
        let filling = Standing::NEW.after(&Step::Fill(ours.clone()), store(2), NOW);
        let filling = filling.unwrap();
        let abandoned = filling.after(&Step::Abandon(ours.id), store(2), NOW);
        let sealed = Standing::NEW.after(&Step::Seal(ours.clone()), store(1), NOW);
        for (standing, name, told) in [
            (Standing::NEW, "open", "the store is open"),
            (filling.clone(), "filling", "filled from `sqlite://1`"),
            (sealed.unwrap(), "sealed", "moves to `sqlite://2`"),
            (
                abandoned.unwrap(),
                "abandoned",
                "never opens: the move from `sqlite://1`",
            ),
        ] {
            assert_eq!(standing.as_str(), name);
            let movement = (standing != Standing::NEW).then_some(&ours);
            assert_eq!(standing.movement(), movement, "{name}");
            assert_eq!(
                standing.is_filled_by(ours.id),
                standing == filling,
                "{name}"
            );
            assert!(!standing.is_filled_by(theirs.id), "{name}");
            assert!(standing.to_string().contains(told), "{standing}");
        }
    }

    #[test]
    fn a_standing_is_kept_as_json() {
        let sealed = Standing::NEW.after(&Step::Seal(movement(7)), store(1), NOW);
        for standing in [Some(Standing::NEW), sealed].into_iter().flatten() {
            let text = serde_json::to_string(&standing).unwrap();
            assert_eq!(serde_json::from_str::<Standing>(&text).unwrap(), standing);
        }
        let text = serde_json::to_string(&Standing::NEW).unwrap();
        assert_eq!(text, r#"{"state":"open","filled_by":null}"#);
    }
}
