//! Moving house: sealing the store, exporting what it holds, and filling it from another store.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::MoveId;
use countersign_ports::{
    Imported, MoveCursor, MovePage, Moved, Part, PortError, PortErrorKind, PortResult, Standing,
    Step, Stepped, StoreIdentity, StoreMove,
};

use crate::store::Shared;

mod export;
mod export_facts;
mod export_runs;
mod import;
mod import_facts;
mod import_runs;
pub(crate) mod standing;

use export_facts::LastChapter;

/// A Redis store as a home that is moved out of, or into.
#[derive(Debug, Clone)]
pub struct RedisMove {
    shared: Arc<Shared>,
    last_chapter: LastChapter,
}

impl RedisMove {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            last_chapter: LastChapter::default(),
        }
    }
}

#[async_trait]
impl StoreMove for RedisMove {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    async fn standing(&self) -> PortResult<Standing> {
        standing::standing(&self.shared).await
    }

    async fn step(&self, step: &Step) -> PortResult<Stepped> {
        standing::step(&self.shared, step).await
    }

    async fn export<'a>(
        &self,
        part: Part,
        after: Option<&'a MoveCursor>,
        limit: u32,
    ) -> PortResult<MovePage> {
        export::export(self, part, after, limit).await
    }

    async fn import(&self, movement: MoveId, items: &[Moved]) -> PortResult<Vec<Imported>> {
        import::import(&self.shared, movement, items).await
    }
}

/// A cursor that this adapter did not make.
fn foreign_cursor(cursor: &MoveCursor) -> PortError {
    let detail = format!("`{}` is not a cursor of this store", cursor.0);
    PortError::new(PortErrorKind::Refused, "export", detail)
}
