//! Moving house: two scenes, and the steps from the one to the other.

use std::fmt::Debug;
use std::sync::Arc;

use countersign_ports::{
    Imported, MoveCursor, Moved, Movement, Part, PortErrorKind, PortResult, QueueUpkeep,
    RetryClass, Side, Standing, Step, Stepped, StoreMove, fresh_move_id,
};

use super::{Scene, patiently};
use crate::Ports;

/// A move from one store to another.
#[derive(Debug, Clone)]
pub struct House {
    /// What is moved out of.
    pub from: Scene,
    /// What is moved into.
    pub to: Scene,
    /// The move.
    pub movement: Movement,
}

impl House {
    /// A source in which [`HOME`](super::HOME) is in order, and an empty target.
    pub async fn new(from: &Ports, to: &Ports) -> Self {
        Self {
            from: Scene::home(from).await,
            to: Scene::bare(to),
            movement: movement(from, to),
        }
    }

    /// Another move between the same stores.
    #[must_use]
    pub fn another_move(&self) -> Movement {
        movement(&self.from.ports, &self.to.ports)
    }

    /// The target becomes one.
    pub async fn fill(&self) {
        let step = Step::Fill(self.movement.clone());
        assert!(matches!(
            self.to.stands_after(&step).await,
            Standing::Filling { .. }
        ));
    }

    /// The source is sealed.
    pub async fn seal(&self) {
        let step = Step::Seal(self.movement.clone());
        assert!(matches!(
            self.from.stands_after(&step).await,
            Standing::Sealed { .. }
        ));
    }

    /// The target opens.
    pub async fn open(&self) {
        let opened = self.to.stands_after(&Step::Open(self.movement.id)).await;
        let filled_by = Some(self.movement.id);
        assert_eq!(opened, Standing::Open { filled_by });
        if self.to.ports.runs.queue_upkeep() == QueueUpkeep::Caller {
            let runs = &self.to.ports.runs;
            let entries = patiently(|| runs.queued_entries(None, 10_000)).await;
            self.to.push(&entries).await;
        }
    }

    /// Imports into the target what the source holds.
    pub async fn copy(&self) -> Vec<Imported> {
        let items = self.from.contents().await;
        self.import(&items).await
    }

    /// Imports into the target.
    pub async fn import(&self, items: &[Moved]) -> Vec<Imported> {
        let home = self.to.ports.home();
        let imported = patiently(|| home.import(self.movement.id, items)).await;
        assert_eq!(imported.len(), items.len(), "an answer for each");
        imported
    }

    /// The whole move of a source in which nothing runs.
    pub async fn move_out(&self) {
        self.fill().await;
        self.seal().await;
        self.copy().await;
        self.open().await;
    }
}

fn movement(from: &Ports, to: &Ports) -> Movement {
    let side = |ports: &Ports| {
        let store = ports.home().store().clone();
        Side {
            address: format!("{}://{}", store.kind, store.id),
            store: store.id,
        }
    };
    Movement {
        id: fresh_move_id(),
        from: side(from),
        to: side(to),
    }
}

impl Scene {
    /// Takes a step.
    pub async fn step(&self, step: &Step) -> Stepped {
        let home = self.ports.home();
        patiently(|| home.step(step)).await
    }

    /// Takes a step that leads on, and answers with where it led.
    pub async fn stands_after(&self, step: &Step) -> Standing {
        match self.step(step).await {
            Stepped::Stands(standing) => {
                assert_eq!(self.standing().await, standing);
                standing
            }
            other => panic!("{step:?} leads on: {other:?}"),
        }
    }

    /// Where the store stands.
    pub async fn standing(&self) -> Standing {
        let home = self.ports.home();
        patiently(|| home.standing()).await
    }

    /// Everything that the store holds, in a fixed order.
    pub async fn contents(&self) -> Vec<Moved> {
        self.contents_by(1000).await
    }

    /// The same in pages of that length.
    pub async fn contents_by(&self, limit: u32) -> Vec<Moved> {
        let home: Arc<dyn StoreMove> = self.ports.home();
        let mut contents = Vec::new();
        for part in Part::ALL {
            let mut after: Option<MoveCursor> = None;
            loop {
                let page = patiently(|| home.export(part, after.as_ref(), limit)).await;
                assert!(page.items.len() <= limit as usize, "as many as asked for");
                assert!(page.items.iter().all(|item| item.part() == part));
                contents.extend(page.items);
                assert!(page.next.is_none() || page.next != after, "it gets on");
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        contents.sort_by_cached_key(|item| (item.part(), told(item)));
        contents
    }
}

/// An item in words.
fn told(item: &Moved) -> String {
    match item {
        Moved::Run(run) => run.run.id.to_string(),
        Moved::Log(entry) => format!("{:020}", entry.seq),
        Moved::Fact(_) | Moved::Scope(_) => format!("{item:?}"),
    }
}

/// Demands that a store which is not open refused a call, and answers with its words.
pub fn refused<T: Debug>(result: PortResult<T>) -> String {
    match result {
        Err(error) => {
            assert_eq!(error.kind(), PortErrorKind::Sealed, "{error}");
            assert_eq!(error.retry(), RetryClass::Never);
            error.to_string()
        }
        Ok(answer) => panic!("a store that is not open refuses it: {answer:?}"),
    }
}
