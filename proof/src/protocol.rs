//! Workers, changes of authority, a sweeper and one store, step by step.
//!
//! A step is what nothing can come between. A change takes its locks, finds the scopes that it concerns, raises them
//! and commits, each a step of its own; a start locks its scope and compares, and commits in another. That is how
//! the PostgreSQL adapter does it; SQLite and Redis take several of these steps at once, and so do less.
//!
//! What a run needs is simple here: its initiator is active and is granted something in the run's workspace. All
//! that G1 to G6 are about is which of the facts a verdict rests on when.

mod authority;
mod omission;
mod properties;
mod run;
mod step;
mod taken;
mod worker;
mod world;

use std::collections::BTreeSet;

use stateright::{Model, Property};

pub use authority::Kind;
pub use omission::Omission;
pub use step::Step;
pub use world::{Budget, World};

use authority::{Authority, Change};
use properties::Faults;
use run::{Decision, Run};
use worker::{Asked, Opened, Worker};

/// How many workspaces there are.
const WORKSPACES: usize = 2;

/// Everything there is at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    authority: Authority,
    changes: Vec<Change>,
    runs: Vec<Run>,
    workers: Vec<Worker>,
    /// Starts on their way to the store.
    wire: Vec<Asked>,
    /// Starts that the store has compared and not committed yet.
    opened: Vec<Opened>,
    /// Decisions whose workers know nothing of them any more: they were killed, or were too late.
    forgotten: BTreeSet<Decision>,
    /// What may still go wrong.
    left: Budget,
    /// What has gone wrong that no state shows any more.
    faults: Faults,
}

/// The protocol in a [`World`], whole or without one of its steps.
#[derive(Debug, Clone)]
pub struct Protocol {
    world: World,
    omits: Option<Omission>,
}

impl Protocol {
    /// As it is.
    #[must_use]
    pub fn whole(world: World) -> Self {
        Self { world, omits: None }
    }

    /// Without one step.
    #[must_use]
    pub fn without(omission: Omission, world: World) -> Self {
        Self {
            world,
            omits: Some(omission),
        }
    }

    fn omits(&self, omission: Omission) -> bool {
        self.omits == Some(omission)
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![self.world.begins()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.possible(state, steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut next = last.clone();
        self.take(&mut next, step);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
