//! Pages of facts, chapter by chapter: what the directory has of each kind, and then what each slice has alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use countersign_domain::{AuthorityChange, WorkspaceId};
use countersign_ports::{MoveCursor, MovePage, Moved, PortError, PortResult};

use super::export::{OPERATION, in_order};
use super::{RedisMove, foreign_cursor};
use crate::authority::{self, DirectoryKind};
use crate::rows::Columns;
use crate::script::Call;
use crate::store::Shared;

/// Which facts: of a kind, or of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Chapter {
    Directory(DirectoryKind),
    Slice(WorkspaceId),
}

/// The facts of a chapter, in the order of their texts.
type Facts = BTreeMap<String, AuthorityChange>;

/// The chapter in which the last page ended, so that it is not read anew for the next one.
#[derive(Debug, Clone, Default)]
pub(super) struct LastChapter(Arc<Mutex<Option<Kept>>>);

type Kept = (Chapter, Arc<Facts>);

impl LastChapter {
    fn keep(&self, chapter: &Chapter, facts: &Arc<Facts>) {
        if let Ok(mut kept) = self.0.lock() {
            *kept = Some((chapter.clone(), Arc::clone(facts)));
        }
    }

    fn take(&self, chapter: &Chapter) -> Option<Arc<Facts>> {
        let kept = self.0.lock().ok()?.take()?;
        (kept.0 == *chapter).then_some(kept.1)
    }
}

/// The place of a chapter among all, the workspace that it is about (empty: none), and the last fact read of it (empty:
/// none). Chapters about workspaces are all in one place, in the order of their ids.
type Cursor = (usize, String, String);

pub(super) async fn export(
    store: &RedisMove,
    after: Option<&MoveCursor>,
    limit: usize,
) -> PortResult<MovePage> {
    let shared = &*store.shared;
    let (place, workspace, mut read): Cursor = match after {
        None => Cursor::default(),
        Some(cursor) => serde_json::from_str(&cursor.0).map_err(|_| foreign_cursor(cursor))?,
    };
    let kinds = DirectoryKind::ALL.into_iter().enumerate();
    let kinds = kinds.map(|(place, kind)| (place, String::new(), Chapter::Directory(kind)));
    let about = |workspace: WorkspaceId| {
        let place = DirectoryKind::ALL.len();
        (place, workspace.to_string(), Chapter::Slice(workspace))
    };
    let all = kinds.chain(in_order(shared).await?.into_iter().map(about));
    let left = all.skip_while(|(at, about, _)| (*at, about) < (place, &workspace));
    let mut items = Vec::new();
    for (at, about, chapter) in left {
        let is_gone_on_with = (at, &about) == (place, &workspace) && !read.is_empty();
        let known = (is_gone_on_with.then(|| store.last_chapter.take(&chapter))).flatten();
        let facts = match known {
            Some(facts) => facts,
            None => Arc::new(facts_of(shared, &chapter).await?),
        };
        let from = if is_gone_on_with {
            std::mem::take(&mut read)
        } else {
            String::new()
        };
        let mut rest = facts
            .range(from.clone()..)
            .filter(|(text, _)| **text != from);
        let room = limit - items.len();
        let taken: Vec<(&String, &AuthorityChange)> = rest.by_ref().take(room).collect();
        items.extend(taken.iter().map(|(_, fact)| Moved::Fact((*fact).clone())));
        if items.len() >= limit {
            let last = taken.last().map_or(from, |(text, _)| (*text).clone());
            store.last_chapter.keep(&chapter, &facts);
            let next = serde_json::to_string(&(at, about, last));
            let next = next.map_err(|error| PortError::corrupt(OPERATION, "a cursor", error))?;
            return Ok(MovePage {
                items,
                next: Some(MoveCursor(next)),
            });
        }
    }
    Ok(MovePage { items, next: None })
}

async fn facts_of(shared: &Shared, chapter: &Chapter) -> PortResult<Facts> {
    let facts = match chapter {
        Chapter::Directory(kind) => {
            let fields = fields(shared, kind.key(shared.keys())).await?;
            let fact = |(name, text): (String, String)| kind.fact(&name, &text, OPERATION);
            fields
                .into_iter()
                .map(fact)
                .collect::<PortResult<Vec<_>>>()?
        }
        Chapter::Slice(workspace) => {
            let slice = shared.keys().workspace(workspace).slice();
            authority::facts_of_slice(workspace, fields(shared, slice).await?, OPERATION)?
        }
    };
    let named = |fact: AuthorityChange| match serde_json::to_string(&fact) {
        Ok(text) => Ok((text, fact)),
        Err(error) => Err(PortError::corrupt(OPERATION, "a fact", error)),
    };
    facts.into_iter().map(named).collect()
}

/// How many fields of a hash the server is asked for at once.
const AT_ONCE: u32 = 1000;

/// All fields of a hash, a few at a time: it may be large, and the server does one thing at a time.
async fn fields(shared: &Shared, key: String) -> PortResult<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    let mut cursor = "0".to_owned();
    loop {
        let call = Call::command("HSCAN", key.clone())
            .arg(cursor)
            .arg("COUNT")
            .arg(AT_ONCE);
        let mut told = Columns::of(shared.link().call(OPERATION, call).await?, OPERATION)?;
        cursor = told.text("a cursor")?;
        let mut page = Columns::of(told.value()?, OPERATION)?;
        while page.left() > 0 {
            fields.insert(page.text("name of a fact")?, page.text("fact")?);
        }
        if cursor == "0" {
            return Ok(fields);
        }
    }
}
