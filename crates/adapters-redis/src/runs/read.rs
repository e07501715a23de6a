//! Reads and lists runs. A run is read at one moment, with its hash if it has one; what else is kept apart from it never
//! changes.

use std::collections::{HashMap, HashSet};

use countersign_domain::{OperationRun, RunId, RunOutcome, WorkspaceId};
use countersign_ports::{
    ContextDetail, PortError, PortErrorKind, PortResult, QueueEntry, RunCursor, RunFilter, RunKey,
    RunPage,
};
use redis::Value;

use super::RedisRuns;
use super::batch::{Answers, by_workspace};
use super::merged::{Merged, Order};
use super::places;
use super::texts::texts;
use crate::keys::WorkspaceKeys;
use crate::rows::{Columns, optional_text};
use crate::script::{Call, script};
use crate::store::Shared;
use crate::stored_run::{Besides, StoredRun};
use crate::workspaces;

script!(READ_MORE reads "read_more");

/// Runs read in one round trip where most of them may be passed over.
const PAGE: usize = 500;

pub(super) async fn load(
    runs: &RedisRuns,
    keys: &[RunKey],
    operation: &'static str,
) -> PortResult<Vec<Option<OperationRun>>> {
    let shared = &*runs.shared;
    // Together: whoever starts runs waits for both.
    let (stored, contexts) = futures::try_join!(
        stored(shared, keys, operation),
        texts(shared, keys, WorkspaceKeys::context, operation)
    )?;
    let mut answers = Answers::to(keys.len(), operation);
    let (mut found, mut places, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (stored, context)) in stored.into_iter().zip(contexts).enumerate() {
        match stored {
            Ok(Some(stored)) => {
                theirs.push(there(context, &stored.key, operation));
                found.push(stored);
                places.push(place);
            }
            Ok(None) => answers.set(place, Ok(None)),
            Err(error) => answers.set(place, Err(error)),
        }
    }
    let rulings = rulings(shared, &found, operation).await?;
    let whole = assemble(found, theirs, &rulings, operation);
    for (place, run) in places.into_iter().zip(whole) {
        answers.set(place, run.map(Some));
    }
    answers.settle_read(|| None)
}

/// A run, and what its store knows of it besides.
pub(crate) struct StoredWhole {
    pub(crate) run: OperationRun,
    pub(crate) besides: Besides,
}

/// Runs with all that belongs to them; none for those that are not there. Unlike [`load`] it fails for one that does
/// not read: none is to be left out unseen.
pub(crate) async fn read_whole(
    shared: &Shared,
    keys: &[RunKey],
    operation: &'static str,
) -> PortResult<Vec<Option<StoredWhole>>> {
    let mut read: Vec<Option<StoredWhole>> = Vec::with_capacity(keys.len());
    read.resize_with(keys.len(), || None);
    let (mut found, mut places) = (Vec::new(), Vec::new());
    for (place, run) in (stored(shared, keys, operation).await?.into_iter()).enumerate() {
        if let Some(run) = run? {
            places.push((place, run.besides()));
            found.push(run);
        }
    }
    let whole = whole(shared, found, ContextDetail::Full, operation).await?;
    for ((place, besides), run) in places.into_iter().zip(whole) {
        if let Some(slot) = read.get_mut(place) {
            let run = run?;
            *slot = Some(StoredWhole { run, besides });
        }
    }
    Ok(read)
}

pub(super) async fn find(runs: &RedisRuns, ids: &[RunId]) -> PortResult<Vec<Option<OperationRun>>> {
    const OPERATION: &str = "find";
    let workspaces = places::find(&runs.shared, ids.iter().copied(), OPERATION).await?;
    let keys: Vec<RunKey> = ids
        .iter()
        .zip(&workspaces)
        .filter_map(|(id, workspace)| {
            Some(RunKey {
                id: *id,
                workspace_id: workspace.clone()?,
            })
        })
        .collect();
    let mut found = load(runs, &keys, OPERATION).await?.into_iter();
    Ok(workspaces
        .into_iter()
        .map(|workspace| workspace.and_then(|_| found.next().flatten()))
        .collect())
}

pub(super) async fn list(
    runs: &RedisRuns,
    filter: &RunFilter,
    after: Option<RunCursor>,
    limit: u32,
    detail: ContextDetail,
) -> PortResult<RunPage> {
    const OPERATION: &str = "list";
    let shared = &*runs.shared;
    let workspaces = match &filter.workspace_id {
        Some(workspace) => vec![workspace.clone()],
        None => workspaces::all(shared, OPERATION).await?,
    };
    let blocked = filter.reason.is_some() || filter.outcome == Some(RunOutcome::Blocked);
    let after = after.map(|after| format!("{:018}.{}", after.queued_at.as_micros(), after.id));
    let mut members = Merged::new(
        shared,
        &workspaces,
        |keys| if blocked { keys.blocked() } else { keys.runs() },
        Order::Falling,
        after.as_deref(),
        OPERATION,
    );
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found: Vec<StoredRun> = Vec::new();
    // One more than asked for tells whether there is another page.
    while found.len() <= limit {
        let many = match *filter == unfiltered(filter) {
            true => (limit - found.len()).saturating_add(1).min(PAGE),
            false => PAGE,
        };
        let page = members.next(many).await?;
        let keys = page
            .iter()
            .map(|(workspace, member)| run_key(workspace, member, OPERATION))
            .collect::<PortResult<Vec<RunKey>>>()?;
        for run in stored(shared, &keys, OPERATION).await? {
            found.extend(run?.filter(|run| matches(run, filter)));
        }
        if page.len() < many {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| RunCursor {
        queued_at: last.run().queued_at,
        id: last.run().id,
    });
    let runs = whole(shared, found, detail, OPERATION).await?;
    Ok(RunPage {
        runs: runs.into_iter().collect::<PortResult<_>>()?,
        next,
    })
}

/// The filter that asks for nothing but the workspace, whose index has no others.
fn unfiltered(filter: &RunFilter) -> RunFilter {
    RunFilter {
        workspace_id: filter.workspace_id.clone(),
        ..RunFilter::default()
    }
}

fn matches(stored: &StoredRun, filter: &RunFilter) -> bool {
    let run = stored.run();
    filter.status.is_none_or(|status| run.status == status)
        && filter.outcome.is_none_or(|outcome| run.outcome == outcome)
        && (filter.reason.is_none()
            || (run.outcome == RunOutcome::Blocked && stored.reason == filter.reason))
        && (filter.tenant_id.as_ref()).is_none_or(|tenant| run.tenant_id == *tenant)
}

/// A member of an index that orders by time, or by id alone.
pub(crate) fn run_key(
    workspace: &WorkspaceId,
    member: &str,
    operation: &'static str,
) -> PortResult<RunKey> {
    let id = member.split_once('.').map_or(member, |(_, id)| id);
    Ok(RunKey {
        id: id.parse().map_err(|error| {
            let what = format_args!("a member of an index of workspace `{workspace}`");
            PortError::corrupt(operation, what, error)
        })?,
        workspace_id: workspace.clone(),
    })
}

/// The entries of runs, whatever became of them; none where there is no such run.
pub(super) async fn entries(
    shared: &Shared,
    keys: &[RunKey],
    operation: &'static str,
) -> PortResult<Vec<Option<QueueEntry>>> {
    let found = stored(shared, keys, operation).await?;
    found
        .into_iter()
        .map(|run| Ok(run?.map(|run| run.entry())))
        .collect()
}

/// Runs without what is kept apart from them, each read for itself.
pub(crate) async fn stored(
    shared: &Shared,
    keys: &[RunKey],
    operation: &'static str,
) -> PortResult<Vec<PortResult<Option<StoredRun>>>> {
    let texts = texts(shared, keys, WorkspaceKeys::run, operation).await?;
    let mut runs: Vec<PortResult<Option<StoredRun>>> = (keys.iter().zip(texts))
        .map(|(key, text)| match text? {
            Some(text) => StoredRun::read(key.clone(), &text, operation).map(Some),
            None => Ok(None),
        })
        .collect();
    read_more(shared, &mut runs, operation).await?;
    Ok(runs)
}

/// Reads those once more that have more in a hash: with that, at one moment.
async fn read_more(
    shared: &Shared,
    runs: &mut [PortResult<Option<StoredRun>>],
    operation: &'static str,
) -> PortResult<()> {
    let has_more = |run: &PortResult<Option<StoredRun>>| {
        let run = run.as_ref().ok()?.as_ref()?;
        run.has_more.then(|| run.key.clone())
    };
    let with_more: Vec<(usize, RunKey)> = (runs.iter().enumerate())
        .filter_map(|(place, run)| Some((place, has_more(run)?)))
        .collect();
    let workspaces = with_more.iter().map(|(_, key)| Some(&key.workspace_id));
    let groups = by_workspace(shared.keys(), workspaces);
    let calls: Vec<Call> = groups
        .iter()
        .map(|group| {
            let of_each = group.each(&with_more);
            let keys = of_each.flat_map(|(_, key)| group.keys.run_and_more(key.id));
            Call::script(&READ_MORE, keys.collect())
        })
        .collect();
    let told = shared.link().call_each(operation, &calls).await?;
    for (group, told) in groups.iter().zip(told) {
        let told = told.and_then(|told| Columns::of(told, operation));
        let mut told = match told {
            Ok(told) => told,
            Err(error) => {
                for (place, _) in group.each(&with_more) {
                    if let Some(slot) = runs.get_mut(*place) {
                        *slot = Err(PortError::new(error.kind(), operation, &error));
                    }
                }
                continue;
            }
        };
        for (place, key) in group.each(&with_more) {
            let run = with_its_more(key, &mut told, operation);
            if let Some(slot) = runs.get_mut(*place) {
                *slot = run;
            }
        }
    }
    Ok(())
}

fn with_its_more(
    key: &RunKey,
    told: &mut Columns,
    operation: &'static str,
) -> PortResult<Option<StoredRun>> {
    let (text, more) = (told.optional_text("the text of a run")?, told.value()?);
    if let Value::BulkString(problem) = &more {
        let problem = String::from_utf8_lossy(problem);
        return Err(PortError::new(PortErrorKind::Corrupt, operation, problem));
    }
    let Some(text) = text else {
        return Ok(None);
    };
    let mut run = StoredRun::read(key.clone(), &text, operation)?;
    if run.has_more {
        run.read_more(more, operation)?;
    }
    Ok(Some(run))
}

/// Adds contexts and rulings to runs.
async fn whole(
    shared: &Shared,
    found: Vec<StoredRun>,
    detail: ContextDetail,
    operation: &'static str,
) -> PortResult<Vec<PortResult<OperationRun>>> {
    let (contexts, rulings) = futures::try_join!(
        contexts(shared, &found, detail, operation),
        rulings(shared, &found, operation)
    )?;
    Ok(assemble(found, contexts, &rulings, operation))
}

/// Runs with the context and the ruling of each.
fn assemble(
    found: Vec<StoredRun>,
    contexts: Vec<PortResult<Option<String>>>,
    rulings: &HashMap<RulingKey, RulingRead>,
    operation: &'static str,
) -> Vec<PortResult<OperationRun>> {
    found
        .into_iter()
        .zip(contexts)
        .map(|(run, context)| {
            let ruling = run.ruling.map(|number| ruling_of(&run.key, number));
            let ruling = match ruling.and_then(|ruling| rulings.get(&ruling)) {
                Some(Ok(text)) => text.as_deref(),
                Some(Err((kind, detail))) => return Err(PortError::new(*kind, operation, detail)),
                None => None,
            };
            run.whole(context?, ruling, operation)
        })
        .collect()
}

/// The submitters' contexts, one a run; none where they are not wanted.
async fn contexts(
    shared: &Shared,
    found: &[StoredRun],
    detail: ContextDetail,
    operation: &'static str,
) -> PortResult<Vec<PortResult<Option<String>>>> {
    if detail == ContextDetail::Omitted {
        return Ok(found.iter().map(|_| Ok(None)).collect());
    }
    let keys: Vec<RunKey> = found.iter().map(|run| run.key.clone()).collect();
    let contexts = texts(shared, &keys, WorkspaceKeys::context, operation).await?;
    let theirs = contexts.into_iter().zip(&keys);
    Ok(theirs
        .map(|(context, key)| there(context, key, operation))
        .collect())
}

/// The context of a run that is there, and so has one.
fn there(
    context: PortResult<Option<String>>,
    run: &RunKey,
    operation: &'static str,
) -> PortResult<Option<String>> {
    let missing = || {
        let detail = format_args!("the context of run `{}` is missing", run.id);
        PortError::new(PortErrorKind::Corrupt, operation, detail)
    };
    context?.map(Some).ok_or_else(missing)
}

/// What finds a ruling: its workspace and its number there.
type RulingKey = (WorkspaceId, u64);

fn ruling_of(run: &RunKey, number: u64) -> RulingKey {
    (run.workspace_id.clone(), number)
}

/// A ruling's text, or why it cannot be read: an error that many runs share.
type RulingRead = Result<Option<String>, (PortErrorKind, String)>;

/// The rulings that runs were begun under, each read once.
async fn rulings(
    shared: &Shared,
    found: &[StoredRun],
    operation: &'static str,
) -> PortResult<HashMap<RulingKey, RulingRead>> {
    let wanted: HashSet<RulingKey> = found
        .iter()
        .filter_map(|run| Some(ruling_of(&run.key, run.ruling?)))
        .collect();
    let wanted: Vec<RulingKey> = wanted.into_iter().collect();
    let calls: Vec<Call> = wanted
        .iter()
        .map(|(workspace, number)| {
            let rulings = shared.keys().workspace(workspace).rulings();
            Call::command("HGET", rulings).arg(number.to_string())
        })
        .collect();
    let values = shared.link().call_each(operation, &calls).await?;
    let read = |value: PortResult<Value>| {
        let text = value.and_then(|value| optional_text(value, "a ruling", operation));
        text.map_err(|error| (error.kind(), error.to_string()))
    };
    Ok(wanted
        .into_iter()
        .zip(values.into_iter().map(read))
        .collect())
}
