//! A history: who asked for what, and what was answered, in the order in which that happened.

use std::fmt::Write as _;
use std::sync::Mutex;

use stateright::semantics::{ConsistencyTester, LinearizabilityTester};

use super::sequential::{Op, Ret, Sequential};

/// Of one place, written by all who act there.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<Vec<(Actor, Event)>>);

/// Somebody who does one thing at a time.
pub(super) type Actor = usize;

#[derive(Debug, Clone, Copy)]
enum Event {
    Invoked(Op),
    Returned(Ret),
}

impl History {
    pub(super) fn invoked(&self, actor: Actor, op: Op) {
        self.write(actor, Event::Invoked(op));
    }

    pub(super) fn returned(&self, actor: Actor, ret: Ret) {
        self.write(actor, Event::Returned(ret));
    }

    fn write(&self, actor: Actor, event: Event) {
        self.0.lock().unwrap().push((actor, event));
    }

    /// How often that was answered.
    pub(super) fn count(&self, of: impl Fn(Ret) -> bool) -> usize {
        let events = self.0.lock().unwrap();
        let such = |event: &&(Actor, Event)| match event.1 {
            Event::Returned(ret) => of(ret),
            Event::Invoked(_) => false,
        };
        events.iter().filter(such).count()
    }

    /// Whether all of it could have happened one after the other, each between its call and its answer.
    pub(super) fn is_linearizable(&self, runs: usize) -> bool {
        let mut tester = LinearizabilityTester::new(Sequential::with_runs(runs));
        for (actor, event) in self.0.lock().unwrap().iter() {
            let told = match *event {
                Event::Invoked(op) => tester.on_invoke(*actor, op),
                Event::Returned(ret) => tester.on_return(*actor, ret),
            };
            assert!(
                told.is_ok(),
                "calls and answers alternate: {:?}",
                told.err()
            );
        }
        tester.is_consistent()
    }

    /// One line for each event.
    pub(super) fn told(&self) -> String {
        let mut told = String::new();
        for (actor, event) in self.0.lock().unwrap().iter() {
            // Writing to a string does not fail.
            let _written = writeln!(told, "  {actor}: {event:?}");
        }
        told
    }
}
