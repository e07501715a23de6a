//! Moving house: sealing the store, exporting what it holds, and filling it from another one.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::MoveId;
use countersign_ports::{
    Imported, MoveCursor, MovePage, Moved, Part, PortError, PortResult, QueueUpkeep, Standing,
    Step, Stepped, StoreIdentity, StoreMove,
};

use crate::store::Shared;

mod export;
mod export_facts;
mod import;
mod import_runs;
mod standing;

/// A PostgreSQL store as a home that is moved out of, or into.
#[derive(Debug, Clone)]
pub struct PostgresMove {
    shared: Arc<Shared>,
    upkeep: QueueUpkeep,
}

impl PostgresMove {
    pub(crate) fn new(shared: Arc<Shared>, upkeep: QueueUpkeep) -> Self {
        Self { shared, upkeep }
    }
}

#[async_trait]
impl StoreMove for PostgresMove {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    async fn standing(&self) -> PortResult<Standing> {
        standing::standing(self).await
    }

    async fn step(&self, step: &Step) -> PortResult<Stepped> {
        standing::step(self, step).await
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
        import::import(self, movement, items).await
    }
}

/// A cursor that this adapter did not make.
fn foreign_cursor(cursor: &MoveCursor) -> PortError {
    let detail = format!("`{}` is not a cursor of this store", cursor.0);
    PortError::new(countersign_ports::PortErrorKind::Refused, "export", detail)
}
