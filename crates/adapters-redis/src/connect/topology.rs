//! What is known of the cluster: learned when it is needed, and again once it is doubted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::node::Node;
use super::slots::Slots;

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Topology {
    known: Mutex<Known>,
    /// Held while nodes are asked: of many callers one asks.
    learning: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    seen: Seen,
    /// Whether something spoke against it.
    is_doubted: bool,
    /// Who knows better.
    ask_first: Option<Node>,
    /// Who did not answer.
    ask_last: Option<Node>,
}

/// What a caller goes by.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// How often it was learned: tells what is doubted from what was learned since. Zero is nothing.
    version: u64,
    pub(super) slots: Arc<Slots>,
}

impl Topology {
    /// What is known, unless it is nothing or doubted.
    pub(super) fn known(&self) -> Option<Seen> {
        let known = self.lock();
        (known.seen.version > 0 && !known.is_doubted).then(|| known.seen.clone())
    }

    /// Learns it by `ask`, unless somebody else did in the meantime. `ask` is given those who may know, the
    /// likeliest first.
    pub(super) async fn learn<E>(
        &self,
        seeds: &[Node],
        ask: impl AsyncFnOnce(Vec<Node>) -> Result<Slots, E>,
    ) -> Result<Seen, E> {
        let _one_at_a_time = self.learning.lock().await;
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let slots = ask(self.candidates(seeds)).await?;
        let mut known = self.lock();
        let version = known.seen.version + 1;
        let slots = Arc::new(slots);
        *known = Known {
            seen: Seen { version, slots },
            ..Known::default()
        };
        Ok(known.seen.clone())
    }

    /// A node said that another serves a slot.
    pub(super) fn contradict(&self, seen: &Seen, knows_better: &Node) {
        let mut known = self.lock();
        if known.seen.version == seen.version {
            known.is_doubted = true;
            known.ask_first = Some(knows_better.clone());
        }
    }

    /// A node did not answer, or no slot is known to be served where one should be.
    pub(super) fn doubt(&self, seen: &Seen, silent: Option<&Node>) {
        let mut known = self.lock();
        if known.seen.version == seen.version {
            known.is_doubted = true;
            known.ask_last = silent.cloned().or(known.ask_last.take());
        }
    }

    fn candidates(&self, seeds: &[Node]) -> Vec<Node> {
        let known = self.lock();
        let mut candidates: Vec<Node> = Vec::new();
        let primaries = known.seen.slots.primaries();
        for node in (known.ask_first.iter()).chain(primaries).chain(seeds) {
            if !candidates.contains(node) {
                candidates.push(node.clone());
            }
        }
        candidates.sort_by_key(|node| known.ask_last.as_ref() == Some(node));
        candidates
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(port: u16) -> Node {
        Node::new("h", port)
    }

    async fn learn(topology: &Topology, asked: &mut Vec<Vec<Node>>) -> Seen {
        let seeds = [node(1), node(2)];
        let ask = async |candidates| {
            asked.push(candidates);
            Ok::<_, ()>(Slots::default())
        };
        topology.learn(&seeds, ask).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_learned_since_is_not_doubted_for_what_was_known_before() {
        let topology = Topology::default();
        let mut asked = Vec::new();
        let first = learn(&topology, &mut asked).await;
        let again = learn(&topology, &mut asked).await;
        assert_eq!((first.version, again.version, asked.len()), (1, 1, 1));
        topology.doubt(&first, None);
        assert!(topology.known().is_none());
        let second = learn(&topology, &mut asked).await;
        topology.doubt(&first, None);
        topology.contradict(&first, &node(2));
        assert_eq!(topology.known().unwrap().version, second.version);
        assert_eq!(asked.len(), 2);
    }

    #[tokio::test]
    async fn who_knows_better_is_asked_first_and_who_was_silent_last() {
        let topology = Topology::default();
        let mut asked = Vec::new();
        let seen = learn(&topology, &mut asked).await;
        topology.contradict(&seen, &node(3));
        topology.doubt(&seen, Some(&node(1)));
        learn(&topology, &mut asked).await;
        assert_eq!(asked[0], [node(1), node(2)]);
        assert_eq!(asked[1], [node(3), node(2), node(1)]);
    }
}
