//! Reading a part page by page, with pages that fit into memory however large runs are.

use countersign_ports::{MoveCursor, Moved, Part, PortError, StoreMove};

use super::patience::patiently;

/// The first page of a part, and the longest one.
const FIRST: u32 = 64;
const LONGEST: u32 = 1000;

/// How large a page is aimed at, in bytes of what runs carry with them.
const AIM: usize = 4 << 20;

/// A part of a store, read from its beginning to its end.
pub(super) struct Pages<'a> {
    store: &'a dyn StoreMove,
    part: Part,
    limit: u32,
    after: Option<MoveCursor>,
    ended: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn of(store: &'a dyn StoreMove, part: Part) -> Self {
        Self {
            store,
            part,
            limit: FIRST,
            after: None,
            ended: false,
        }
    }

    /// The next page; none after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Moved>>, PortError> {
        if self.ended {
            return Ok(None);
        }
        let page = {
            let (store, part, limit) = (self.store, self.part, self.limit);
            let after = self.after.as_ref();
            patiently(|| store.export(part, after, limit)).await?
        };
        self.ended = page.next.is_none();
        self.after = page.next;
        let items: Vec<Moved> = page.items.into_iter().map(Moved::storable).collect();
        self.limit = next_limit(self.limit, items.iter().map(size_of).sum());
        Ok(Some(items))
    }
}

fn next_limit(limit: u32, bytes: usize) -> u32 {
    if bytes > AIM {
        (limit / 2).max(1)
    } else if bytes < AIM / 4 {
        (limit * 2).min(LONGEST)
    } else {
        limit
    }
}

/// About how large a thing is: of runs what they carry, the rest is small.
fn size_of(item: &Moved) -> usize {
    match item {
        Moved::Fact(_) | Moved::Scope(_) | Moved::Log(_) => 0,
        Moved::Run(moved) => {
            let run = &moved.run;
            let texts = [&run.result, &run.output, &run.decision, &run.continuity];
            let texts = texts.into_iter().flatten().map(|text| text.as_str().len());
            run.context.as_str().len() + texts.sum::<usize>()
        }
    }
}
