//! Where the store stands, and the steps of a move.
//!
//! On one server a step is one script on the marker that every other script looks at. In a cluster each workspace has
//! a marker of its own. A step is decided in the directory; then the markers follow, each once and never back to an
//! earlier step; and only when all have followed does the store stand there. Whoever finds a step under way ends it.

use countersign_domain::WorkspaceId;
use countersign_ports::{PortError, PortErrorKind, PortResult, Standing, Step, Stepped};
use redis::Value;

use crate::authority::intent;
use crate::error::unreadable;
use crate::rows::Columns;
use crate::script::{Call, script};
use crate::store::Shared;
use crate::workspaces;

script!(STANDING reads_the_primary "standing");
script!(STEP writes "step");
script!(FOLLOW writes "follow");
script!(ARRIVE writes "arrive");

/// How often a step makes way for one of somebody else.
const ROUNDS: u32 = 16;

pub(super) async fn standing(shared: &Shared) -> PortResult<Standing> {
    Ok(seen(shared, "standing").await?.standing)
}

pub(super) async fn step(shared: &Shared, step: &Step) -> PortResult<Stepped> {
    const OPERATION: &str = "move";
    for _ in 0..ROUNDS {
        let here = seen(shared, OPERATION).await?;
        let now = shared.clock(OPERATION).await?;
        let Some(next) = here.standing.after(step, shared.identity().id, now) else {
            return Ok(Stepped::Refused(here.standing));
        };
        if next == here.standing {
            return Ok(Stepped::Stands(next));
        }
        let call = call(shared, &here, &next, matches!(step, Step::Fill(_)))?;
        let told = shared.link().call(OPERATION, call).await?;
        match &*Columns::one(told, OPERATION).text("what became of a step")? {
            "stands" => {
                if shared.is_in_slots() {
                    // Its workspaces follow.
                    seen(shared, OPERATION).await?;
                }
                return Ok(Stepped::Stands(next));
            }
            "not_empty" => return Ok(Stepped::NotEmpty),
            "stands_elsewhere" => {}
            _ => return Err(unreadable(OPERATION, "what became of a step")),
        }
    }
    let detail = "others keep taking steps of moves";
    Err(PortError::new(PortErrorKind::Busy, OPERATION, detail))
}

fn call(shared: &Shared, here: &Seen, next: &Standing, is_to_be_empty: bool) -> PortResult<Call> {
    let keys = shared.keys();
    let keys = vec![
        keys.store(),
        // An empty store has none of these.
        keys.workspaces(),
        keys.opening(),
        keys.users(),
        keys.tenants(),
        keys.connections(),
        keys.roles(),
        keys.log(),
    ];
    let text = serde_json::to_string(next)
        .map_err(|error| PortError::corrupt("move", "where the store is to stand", error))?;
    Ok(Call::script(&STEP, keys)
        .arg(shared.id())
        .arg(&here.text)
        .arg(text)
        .arg(next.refusal().unwrap_or_default())
        .arg(filling(next))
        .arg(u8::from(is_to_be_empty))
        .arg(u8::from(shared.is_in_slots())))
}

/// The move that fills a store which stands there; empty for none.
fn filling(standing: &Standing) -> String {
    match standing {
        Standing::Filling { movement, .. } => movement.id.to_string(),
        Standing::Open { .. } | Standing::Sealed { .. } | Standing::Abandoned { .. } => {
            String::new()
        }
    }
}

/// Where the store was seen to stand.
struct Seen {
    standing: Standing,
    /// As the marker has it; empty where nobody ever moved the store.
    text: String,
}

/// Reads where the store stands, and ends a step that is under way first.
async fn seen(shared: &Shared, operation: &'static str) -> PortResult<Seen> {
    for _ in 0..ROUNDS {
        let keys = shared.keys();
        let mut named = vec![keys.store()];
        if shared.is_in_slots() {
            named.extend([keys.opening(), keys.workspaces()]);
        }
        let call = Call::script(&STANDING, named).arg(shared.id());
        let told = shared.link().call(operation, call).await?;
        let mut told = Columns::of(told, operation)?;
        let home = told.optional_text("where the store stands")?;
        if told.left() == 0 {
            return Ok(Seen {
                standing: home
                    .as_deref()
                    .map_or(Ok(Standing::NEW), |text| read(text, operation))?,
                text: home.unwrap_or_default(),
            });
        }
        let next = read(&told.text("where the store is to stand")?, operation)?;
        let under_way = UnderWay {
            next,
            step: told.parsed("the number of a step")?,
            opening: workspaces::read(told.value()?, operation)?,
            opened: workspaces::read(told.value()?, operation)?,
        };
        under_way.end(shared, operation).await?;
    }
    let detail = "others keep taking steps of moves";
    Err(PortError::new(PortErrorKind::Busy, operation, detail))
}

/// Reads a standing as markers have it.
pub(crate) fn read(text: &str, operation: &'static str) -> PortResult<Standing> {
    serde_json::from_str(text)
        .map_err(|error| PortError::corrupt(operation, "where the store stands", error))
}

/// A step in a cluster that was decided, and that not all markers have followed yet.
struct UnderWay {
    next: Standing,
    step: u64,
    opening: Vec<WorkspaceId>,
    opened: Vec<WorkspaceId>,
}

impl UnderWay {
    async fn end(&self, shared: &Shared, operation: &'static str) -> PortResult<()> {
        // A closed directory takes no new change; one that was begun before ends before.
        intent::roll_forward(shared, operation).await?;
        let opening = self.opening.iter().map(|workspace| (workspace, true));
        let opened = self.opened.iter().map(|workspace| (workspace, false));
        let calls: Vec<Call> = (opening.chain(opened))
            .map(|(workspace, is_opening)| {
                let marker = shared.keys().workspace(workspace).marker();
                Call::script(&FOLLOW, vec![marker])
                    .arg(shared.id())
                    .arg(self.step)
                    .arg(self.next.refusal().unwrap_or_default())
                    .arg(filling(&self.next))
                    .arg(u8::from(is_opening))
            })
            .collect();
        shared.link().call_all(operation, &calls).await?;
        let arrive = Call::script(&ARRIVE, vec![shared.keys().store()])
            .arg(shared.id())
            .arg(self.step)
            .arg(u8::from(matches!(self.next, Standing::Open { .. })));
        let _nothing: Value = shared.link().call(operation, arrive).await?;
        Ok(())
    }
}
