//! Changes in a cluster, where a script reaches one slot, and changes concern several.
//!
//! The directory is changed first, and in the same script what is asked of the slices is written down: the *intent*.
//! Then each slice is changed in its slot, once, whoever sends it and however often; and when all are, the intent is
//! concluded in the log. There is one intent at a time, so that no slice sees an older one after a newer. Whoever
//! finds an unfinished one finishes it. A change counts for G2 from when `apply` returns: all slices have it by then.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use countersign_domain::{ScopeRevision, WorkspaceId};
use countersign_ports::{PortError, PortErrorKind, PortResult, RetryClass};
use redis::Value;

use super::apply::{self, OPERATION};
use super::log;
use crate::error::unreadable;
use crate::rows::Columns;
use crate::script::{Call, Script, script};
use crate::store::Shared;
use crate::workspaces;

script!(INTEND writes "plan", "log", "directory", "intend");
script!(FIT reads_the_primary "plan", "slice", "seen", "fit");
script!(FULFIL writes "plan", "slice", "seen", "fulfil");
script!(CONCLUDE writes "plan", "log", "conclude");

/// How often changes make way for an intent of somebody else, or for workspaces that they come to concern.
const ROUNDS: u32 = 64;

/// How often a step is tried again that can be repeated without harm.
const TRIES: u32 = 6;

/// The first wait before that; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Applies changes, as `apply::line` writes them, and answers with the revisions that they made, in order.
pub(super) async fn apply(
    shared: &Shared,
    seed: &str,
    changes: &[String],
) -> PortResult<Vec<ScopeRevision>> {
    let mut fit = BTreeMap::new();
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    for _ in 0..ROUNDS {
        let call = apply::changing_call(shared, &INTEND, seed).arg(apply::json(&fit)?);
        let call = call.arg(changes);
        let mut answer = Columns::of(shared.link().call(OPERATION, call).await?, OPERATION)?;
        match answer.text("what became of an intent")?.as_str() {
            "intended" => {
                let (first, changes) = (answer.parsed("number in the log")?, changes.len());
                let written = Written {
                    seed,
                    first,
                    changes,
                };
                return finish(shared, &written).await;
            }
            "unfinished" => roll_forward(shared, OPERATION).await?,
            "touches" => {
                let mut touched = Vec::with_capacity(answer.left());
                while answer.left() > 0 {
                    touched.push(answer.parsed("workspace id")?);
                }
                fit = fitness(shared, &touched).await?;
            }
            _ => return Err(unreadable(OPERATION, "what became of an intent")),
        }
    }
    let detail = "others keep changing authority";
    Err(PortError::new(PortErrorKind::Busy, OPERATION, detail))
}

/// What is known of the intent that was written down here.
struct Written<'a> {
    seed: &'a str,
    first: u64,
    changes: usize,
}

/// Makes sure of every slot before anything is written; answers with the last intent that each has seen.
async fn fitness(
    shared: &Shared,
    touched: &[WorkspaceId],
) -> PortResult<BTreeMap<WorkspaceId, u64>> {
    workspaces::enlist(shared, touched.iter().collect(), OPERATION).await?;
    let calls: Vec<Call> = touched
        .iter()
        .map(|workspace| slot_call(shared, &FIT, workspace))
        .collect();
    let seen = shared.link().call_all(OPERATION, &calls).await?;
    let mut fit = BTreeMap::new();
    for (workspace, seen) in touched.iter().zip(seen) {
        let seen = Columns::one(seen, OPERATION).parsed("number of an intent")?;
        fit.insert(workspace.clone(), seen);
    }
    Ok(fit)
}

fn slot_call(shared: &Shared, script: &'static Script, workspace: &WorkspaceId) -> Call {
    let keys = shared.keys().workspace(workspace);
    let keys = vec![keys.marker(), keys.scope(), keys.slice(), keys.log()];
    Call::script(script, keys).arg(shared.id())
}

/// An intent as the directory holds it.
struct Intent {
    version: String,
    seed: String,
    /// The number that its first change will have in the log.
    first: u64,
    /// How many changes it makes.
    changes: usize,
    /// What is asked of each workspace, as `intend.lua` wrote it down.
    slots: Vec<(WorkspaceId, String)>,
}

/// A revision that an intent made, and the place of the change that it was made by.
type Made = (usize, ScopeRevision);

/// What became of the slices.
struct Fulfilled {
    made: Vec<Made>,
    is_overtaken: bool,
}

impl Intent {
    /// The one that is not finished yet.
    async fn read(shared: &Shared, operation: &'static str) -> PortResult<Option<Self>> {
        let call = Call::command("HGETALL", shared.keys().intent());
        let mut columns = Columns::of(shared.link().call(operation, call).await?, operation)?;
        let mut fields = BTreeMap::new();
        let mut slots = Vec::new();
        while columns.left() > 0 {
            let field = columns.text("field of an intent")?;
            let value = columns.text("what an intent says")?;
            match field.strip_prefix("slot:") {
                Some(workspace) => slots.push((parsed(workspace, operation)?, value)),
                None => {
                    fields.insert(field, value);
                }
            }
        }
        let mut said = |field: &str| {
            let said = fields.remove(field);
            said.ok_or_else(|| unreadable(operation, "an intent"))
        };
        let Ok(seed) = said("seed") else {
            return Ok(None);
        };
        Ok(Some(Self {
            version: said("version")?,
            seed,
            first: parsed(&said("first")?, operation)?,
            changes: parsed(&said("changes")?, operation)?,
            slots,
        }))
    }

    /// Changes every slice; answers with the revisions that this made. A slice that has seen a later intent stays as
    /// it is: somebody has finished this one, or the directory has forgotten that it was finished.
    async fn fulfil(&self, shared: &Shared, operation: &'static str) -> PortResult<Fulfilled> {
        let calls: Vec<Call> = self
            .slots
            .iter()
            .map(|(workspace, asked)| {
                slot_call(shared, &FULFIL, workspace)
                    .arg(workspace.as_str())
                    .arg(&self.version)
                    .arg(&self.seed)
                    .arg(self.first)
                    .arg(asked)
            })
            .collect();
        let mut fulfilled = Fulfilled {
            made: Vec::new(),
            is_overtaken: false,
        };
        let told = persistently(shared, &calls, operation).await?;
        for ((workspace, _), told) in self.slots.iter().zip(told) {
            let mut told = Columns::of(told, operation)?;
            fulfilled.is_overtaken |= told.text("what became of an intent")? == "overtaken";
            while told.left() > 0 {
                let change = told.parsed("place of a change")?;
                let revision = told.parsed("revision")?;
                let workspace = workspace.clone();
                fulfilled.made.push((
                    change,
                    ScopeRevision {
                        workspace,
                        revision,
                    },
                ));
            }
        }
        Ok(fulfilled)
    }

    /// Writes the log. False where the directory knows nothing of the intent.
    async fn conclude(
        &self,
        shared: &Shared,
        made: &[Made],
        operation: &'static str,
    ) -> PortResult<bool> {
        let mut lines = vec![String::new(); self.changes];
        for (
            change,
            ScopeRevision {
                workspace,
                revision,
            },
        ) in made
        {
            // Lua counts from one.
            let line = change.checked_sub(1).and_then(|at| lines.get_mut(at));
            let line = line.ok_or_else(|| unreadable(operation, "place of a change"))?;
            let rest = if line.is_empty() { "" } else { "\n" };
            line.push_str(&format!("{rest}{revision}\t{workspace}"));
        }
        let keys = shared.keys();
        let keys = vec![keys.store(), keys.intent(), keys.log()];
        let call = Call::script(&CONCLUDE, keys)
            .arg(shared.id())
            .arg(&self.version)
            .arg(&self.seed)
            .arg(self.first)
            .arg(&lines);
        let mut told = persistently(shared, &[call], operation).await?;
        let told = told.pop().unwrap_or(Value::Nil);
        Ok(Columns::one(told, operation).text("what became of an intent")? == "concluded")
    }
}

fn parsed<T: FromStr>(text: &str, operation: &'static str) -> PortResult<T> {
    let read = text.parse();
    read.map_err(|_| unreadable(operation, "an intent"))
}

/// Finishes the intent that is under way, if there is one.
pub(crate) async fn roll_forward(shared: &Shared, operation: &'static str) -> PortResult<()> {
    let Some(intent) = Intent::read(shared, operation).await? else {
        return Ok(());
    };
    let Fulfilled { made, .. } = intent.fulfil(shared, operation).await?;
    intent.conclude(shared, &made, operation).await?;
    Ok(())
}

/// The same for whoever has something else to do: where it cannot be done, that must not hold them up.
pub(crate) async fn roll_forward_if_possible(shared: &Shared, operation: &'static str) {
    if let Err(error) = roll_forward(shared, operation).await {
        tracing::error!(%error, "a change of authority is unfinished, and no other is made before it");
    }
}

/// Finishes the intent that was just written down. An error leaves it to somebody else, and says that nobody knows.
async fn finish(shared: &Shared, written: &Written<'_>) -> PortResult<Vec<ScopeRevision>> {
    let unknown = |error: PortError| {
        let detail = "the changes were begun, and not every workspace is known to have them";
        PortError::new(PortErrorKind::CommitUnknown, OPERATION, detail).caused_by(error)
    };
    match try_to_finish(shared, written).await.map_err(unknown)? {
        Some(raised) => Ok(raised),
        None => {
            let detail =
                "the changes were begun, and the directory has lost them: apply them again";
            let kind = PortErrorKind::CommitUnknown;
            Err(PortError::new(kind, OPERATION, detail))
        }
    }
}

async fn try_to_finish(
    shared: &Shared,
    written: &Written<'_>,
) -> PortResult<Option<Vec<ScopeRevision>>> {
    if let Some(intent) = Intent::read(shared, OPERATION).await?
        && intent.seed == written.seed
    {
        let Fulfilled { made, is_overtaken } = intent.fulfil(shared, OPERATION).await?;
        let is_logged = intent.conclude(shared, &made, OPERATION).await?;
        if !is_overtaken {
            return Ok(is_logged.then(|| made.into_iter().map(|(_, scope)| scope).collect()));
        }
    }
    // Somebody has finished it, and has logged what it made.
    log::made_by(shared, written.seed, written.first, written.changes).await
}

/// Sends calls that can be repeated without harm, and sends them again for a while.
async fn persistently(
    shared: &Shared,
    calls: &[Call],
    operation: &'static str,
) -> PortResult<Vec<Value>> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match shared.link().call_all(operation, calls).await {
            Err(error) if error.retry() != RetryClass::Never => {
                tracing::debug!(%error, "a step of changes will be tried again");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            end => return end,
        }
    }
    shared.link().call_all(operation, calls).await
}
