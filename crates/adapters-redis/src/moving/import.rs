//! Writing what was exported elsewhere, as it was: nothing is raised and nothing is logged.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::{ActorName, AuthorityChange, MoveId, ScopeRevision, WorkspaceId};
use countersign_ports::{
    Imported, LogEntry, Moved, MovedRun, PortError, PortResult, require_facts,
};
use redis::Value;

use super::import_facts::import_facts;
use super::import_runs::import_runs;
use crate::error::unreadable;
use crate::keys::WorkspaceKeys;
use crate::rows::Columns;
use crate::script::{Call, Script, script};
use crate::store::Shared;
use crate::workspaces;

pub(super) const OPERATION: &str = "import";

script!(IMPORT_SCOPE writes "plan", "slice", "import_scope");
script!(IMPORT_NUMBERS writes "import_numbers");
script!(IMPORT_LOG writes "log", "import_log");

pub(super) async fn import(
    shared: &Shared,
    movement: MoveId,
    items: &[Moved],
) -> PortResult<Vec<Imported>> {
    require_facts(items, OPERATION)?;
    let into = Filling { shared, movement };
    let mut batch = Batch::default();
    for (place, item) in items.iter().enumerate() {
        batch.add(place, item);
    }
    let mut answers = vec![Imported::Present; items.len()];
    let mut answer = |places: &[usize], imported: Vec<Imported>| {
        for (place, imported) in places.iter().zip(imported) {
            if let Some(answer) = answers.get_mut(*place) {
                *answer = imported;
            }
        }
    };
    answer(
        &batch.facts.places,
        import_facts(&into, &batch.facts.items).await?,
    );
    answer(
        &batch.scopes.places,
        import_scopes(&into, &batch.scopes.items).await?,
    );
    answer(
        &batch.log.places,
        import_log(&into, &batch.log.items).await?,
    );
    answer(
        &batch.runs.places,
        import_runs(&into, &batch.runs.items).await?,
    );
    Ok(answers)
}

/// A store that is being filled, and the move that fills it: every script makes sure.
pub(super) struct Filling<'a> {
    pub(super) shared: &'a Shared,
    pub(super) movement: MoveId,
}

impl Filling<'_> {
    /// A script about a workspace's slot, with what each begins with.
    pub(super) fn call(
        &self,
        script: &'static Script,
        workspace: &WorkspaceId,
        keys: impl FnOnce(&WorkspaceKeys) -> Vec<String>,
    ) -> Call {
        let of_workspace = self.shared.keys().workspace(workspace);
        let mut named = vec![self.shared.marker(&of_workspace)];
        named.extend(keys(&of_workspace));
        self.guarded(script, named)
    }

    /// The store and the move, for the script to hold against the marker.
    pub(super) fn guarded(&self, script: &'static Script, keys: Vec<String>) -> Call {
        Call::script(script, keys)
            .arg(self.shared.id())
            .arg(self.movement.to_string())
    }

    /// Makes workspaces known.
    pub(super) async fn enlist(&self, workspaces: BTreeSet<&WorkspaceId>) -> PortResult<()> {
        workspaces::enlist_import(self.shared, self.movement, workspaces, OPERATION).await
    }

    /// Sends calls together, all or an error.
    pub(super) async fn call_all(&self, calls: &[Call]) -> PortResult<Vec<Value>> {
        self.shared.link().call_all(OPERATION, calls).await
    }
}

/// Whether something was there, as scripts tell it.
pub(super) fn imported(told: Value) -> PortResult<Imported> {
    match Columns::one(told, OPERATION).parsed("whether it was there")? {
        0_u8 => Ok(Imported::Added),
        1 => Ok(Imported::Present),
        _ => Err(unreadable(OPERATION, "whether it was there")),
    }
}

/// The items of one call, by kind, each kind with their places among all.
#[derive(Default)]
struct Batch<'a> {
    facts: OfKind<&'a AuthorityChange>,
    scopes: OfKind<&'a ScopeRevision>,
    log: OfKind<&'a LogEntry>,
    runs: OfKind<&'a MovedRun>,
}

struct OfKind<T> {
    places: Vec<usize>,
    items: Vec<T>,
}

impl<T> Default for OfKind<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            items: Vec::new(),
        }
    }
}

impl<T> OfKind<T> {
    fn add(&mut self, place: usize, item: T) {
        self.places.push(place);
        self.items.push(item);
    }
}

impl<'a> Batch<'a> {
    fn add(&mut self, place: usize, item: &'a Moved) {
        match item {
            Moved::Fact(fact) => self.facts.add(place, fact),
            Moved::Scope(scope) => self.scopes.add(place, scope),
            Moved::Log(entry) => self.log.add(place, entry),
            Moved::Run(run) => self.runs.add(place, run),
        }
    }
}

async fn import_scopes(into: &Filling<'_>, scopes: &[&ScopeRevision]) -> PortResult<Vec<Imported>> {
    into.enlist(scopes.iter().map(|scope| &scope.workspace).collect())
        .await?;
    let call = |scope: &&ScopeRevision| {
        let keys = |keys: &WorkspaceKeys| vec![keys.scope(), keys.slice()];
        into.call(&IMPORT_SCOPE, &scope.workspace, keys)
            .arg(scope.revision.counter().to_string())
            .arg(format!("{:032x}", scope.revision.nonce()))
    };
    let calls: Vec<Call> = scopes.iter().map(call).collect();
    let told = into.call_all(&calls).await?;
    told.into_iter().map(imported).collect()
}

/// Which entries concern a workspace is in its slot, and written first: an entry that is there has been told to all.
async fn import_log(into: &Filling<'_>, entries: &[&LogEntry]) -> PortResult<Vec<Imported>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let mut numbers: BTreeMap<&WorkspaceId, Vec<u64>> = BTreeMap::new();
    for entry in entries {
        for scope in &entry.raised {
            numbers.entry(&scope.workspace).or_default().push(entry.seq);
        }
    }
    into.enlist(numbers.keys().copied().collect()).await?;
    let call = |(workspace, numbers): (&&WorkspaceId, &Vec<u64>)| {
        into.call(&IMPORT_NUMBERS, workspace, |keys| vec![keys.log()])
            .arg(numbers)
    };
    let calls: Vec<Call> = numbers.iter().map(call).collect();
    into.call_all(&calls).await?;
    let mut in_order: Vec<(usize, &LogEntry)> = entries.iter().copied().enumerate().collect();
    in_order.sort_by_key(|(_, entry)| entry.seq);
    let keys = into.shared.keys();
    let mut call = into.guarded(&IMPORT_LOG, vec![keys.store(), keys.log()]);
    for (_, entry) in &in_order {
        let json = serde_json::to_string(&entry.change)
            .map_err(|error| PortError::corrupt(OPERATION, "a logged change", error))?;
        let raised = |scope: &ScopeRevision| format!("{}\t{}", scope.revision, scope.workspace);
        let raised: Vec<String> = entry.raised.iter().map(raised).collect();
        call.push(entry.seq);
        call.push(entry.at.as_micros());
        call.push(entry.by.as_ref().map_or("", ActorName::as_str));
        call.push(json);
        call.push(raised.join("\n"));
    }
    let told = into.shared.link().call(OPERATION, call).await?;
    let mut told = Columns::of(told, OPERATION)?;
    let mut answers = vec![Imported::Present; entries.len()];
    for (place, _) in in_order {
        let imported = imported(told.value()?)?;
        if let Some(answer) = answers.get_mut(place) {
            *answer = imported;
        }
    }
    Ok(answers)
}
