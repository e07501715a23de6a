//! Reads facts and revision in one snapshot of a workspace's slice; makes the scope records that are missing.
//!
//! A verdict rests on the slice and its revision alone. What a slice lacks is elsewhere or nowhere: the
//! directory tells which, so that the reason of a deny is right.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::{
    AuthorityQuery, AuthorityRows, Revision, ScopeRevision, Timestamp, WorkspaceId,
};
use countersign_ports::{
    Authority, Fence, LookedUp, PortErrorKind, PortResult, RetryClass, UndecidedCause,
};
use redis::Value;
use uuid::Uuid;

use super::elsewhere::{Told, tell_the_rest};
use super::slice::read_row;
use super::{RedisAuthority, intent};
use crate::error::unreadable;
use crate::rows::Columns;
use crate::script::{Call, script};
use crate::workspaces;

pub(super) const OPERATION: &str = "look_up";

/// How many queries one script answers.
const AT_ONCE: usize = 256;

/// How often a query is put that finds no scope, or facts that move while they are read.
const ROUNDS: u32 = 4;

script!(LOOK_UP reads_the_primary "look_up");
script!(MAKE_SCOPE writes "make_scope");

pub(super) async fn look_up(
    authority: &RedisAuthority,
    queries: &[AuthorityQuery],
) -> PortResult<Vec<LookedUp>> {
    let mut answers: BTreeMap<usize, LookedUp> = BTreeMap::new();
    for round in 0..ROUNDS {
        let open: Vec<Asked<'_>> = (queries.iter().enumerate())
            .filter(|(place, _)| !answers.contains_key(place))
            .map(|(place, query)| Asked { place, query })
            .collect();
        if open.is_empty() {
            break;
        }
        answers.extend(one_round(authority, open, round == 0).await?);
    }
    let answer = |(place, query): (usize, &AuthorityQuery)| {
        answers.remove(&place).unwrap_or_else(|| {
            undecided(format_args!(
                "what the directory places in workspace `{}` is not in its slice",
                query.workspace_id
            ))
        })
    };
    Ok(queries.iter().enumerate().map(answer).collect())
}

/// A query, and its place among all.
#[derive(Clone, Copy)]
struct Asked<'a> {
    place: usize,
    query: &'a AuthorityQuery,
}

/// What a workspace's slice holds about one query.
pub(super) struct Found<'a> {
    place: usize,
    pub(super) query: &'a AuthorityQuery,
    pub(super) rows: AuthorityRows,
    revision: Revision,
    as_of: Timestamp,
}

/// Answers what can be answered by now.
async fn one_round(
    authority: &RedisAuthority,
    open: Vec<Asked<'_>>,
    is_first: bool,
) -> PortResult<Vec<(usize, LookedUp)>> {
    let batches = by_workspace(open);
    let calls: Vec<Call> = (batches.iter())
        .map(|(workspace, batch)| call(authority, workspace, batch))
        .collect();
    let mut round = Round::default();
    let told = authority.shared.link().call_each(OPERATION, &calls).await?;
    let slices: Vec<PortResult<Slice>> = (batches.iter().zip(told))
        .map(|((workspace, _), told)| read(told, workspace))
        .collect();
    let is_something_read = slices.iter().any(Result::is_ok);
    for ((workspace, batch), slice) in batches.into_iter().zip(slices) {
        let slice = match slice {
            Ok(slice) => slice,
            // What one slot does not serve at the moment holds up no other.
            Err(error) if is_something_read => {
                let problem = error.to_string();
                Slice::Undecided(UndecidedCause::FactMalformed { problem })
            }
            Err(error) => return Err(error),
        };
        round.take(workspace, batch, slice);
    }
    let Round {
        mut answers,
        found,
        missing,
        unmarked,
    } = round;
    if is_first && authority.shared.is_in_slots() {
        let unmarked = unmarked.into_iter().map(|(workspace, _)| workspace);
        enlist(authority, unmarked.collect()).await?;
    } else {
        let marker_missing = |asked: Asked<'_>| {
            let cause = UndecidedCause::MarkerMissing;
            (asked.place, LookedUp::Undecided(cause))
        };
        let unmarked = unmarked.into_iter().flat_map(|(_, batch)| batch);
        answers.extend(unmarked.map(marker_missing));
    }
    make_scopes(authority, missing).await?;
    let mut is_in_motion = false;
    for (one, told) in tell_the_rest(authority, found).await? {
        match told {
            Ok(Told::All) => answers.push((one.place, one.resolved(authority))),
            Ok(Told::InMotion) => is_in_motion = true,
            Err(error) => answers.push((one.place, undecided(error))),
        }
    }
    if is_in_motion && authority.shared.is_in_slots() {
        // Whoever made the change may be gone.
        intent::roll_forward_if_possible(&authority.shared, OPERATION).await;
    }
    Ok(answers)
}

/// What the slices came to.
#[derive(Default)]
struct Round<'a> {
    answers: Vec<(usize, LookedUp)>,
    found: Vec<Found<'a>>,
    missing: BTreeSet<&'a WorkspaceId>,
    /// Those that bear no marker: in a cluster, because nobody has asked for them yet, or because it was lost.
    unmarked: Vec<(&'a WorkspaceId, Vec<Asked<'a>>)>,
}

impl<'a> Round<'a> {
    fn take(&mut self, workspace: &'a WorkspaceId, batch: Vec<Asked<'a>>, slice: Slice) {
        match slice {
            Slice::Missing => {
                self.missing.insert(workspace);
            }
            Slice::Unmarked => self.unmarked.push((workspace, batch)),
            Slice::Undecided(cause) => {
                let answer = |asked: Asked<'_>| (asked.place, LookedUp::Undecided(cause.clone()));
                self.answers.extend(batch.into_iter().map(answer));
            }
            Slice::Found {
                revision,
                as_of,
                mut rows,
            } => {
                for Asked { place, query } in batch {
                    match rows.value().and_then(|row| read_row(row, query)) {
                        Ok(rows) => self.found.push(Found {
                            place,
                            query,
                            rows,
                            revision,
                            as_of,
                        }),
                        Err(error) => self.answers.push((place, undecided(error))),
                    }
                }
            }
        }
    }
}

impl Found<'_> {
    fn resolved(self, authority: &RedisAuthority) -> LookedUp {
        let scope = ScopeRevision {
            workspace: self.query.workspace_id.clone(),
            revision: self.revision,
        };
        let fence = Fence {
            store: authority.shared.identity().id,
            scopes: [scope].into_iter().collect(),
        };
        let query = self.query.clone();
        LookedUp::Found(Authority::resolved(query, self.rows, self.as_of, fence))
    }
}

fn by_workspace(open: Vec<Asked<'_>>) -> Vec<(&WorkspaceId, Vec<Asked<'_>>)> {
    let mut workspaces: BTreeMap<&WorkspaceId, Vec<Asked<'_>>> = BTreeMap::new();
    for asked in open {
        let workspace = &asked.query.workspace_id;
        workspaces.entry(workspace).or_default().push(asked);
    }
    let mut batches = Vec::with_capacity(workspaces.len());
    for (workspace, asked) in workspaces {
        let parts = asked.chunks(AT_ONCE);
        batches.extend(parts.map(|part| (workspace, part.to_vec())));
    }
    batches
}

fn call(authority: &RedisAuthority, workspace: &WorkspaceId, batch: &[Asked<'_>]) -> Call {
    let mut call = scope_call(authority, &LOOK_UP, workspace);
    for Asked { query, .. } in batch {
        call.push(query.initiator.as_ref().map_or("", AsRef::as_ref));
        call.push(query.tenant_id.as_str());
        let connection = query.provider_connection_id.as_ref();
        call.push(connection.map_or("", AsRef::as_ref));
    }
    call
}

fn scope_call(
    authority: &RedisAuthority,
    script: &'static crate::script::Script,
    workspace: &WorkspaceId,
) -> Call {
    let keys = authority.shared.keys();
    let of_workspace = keys.workspace(workspace);
    let marker = authority.shared.marker(&of_workspace);
    let keys = vec![marker, of_workspace.scope(), of_workspace.slice()];
    Call::script(script, keys).arg(authority.shared.id())
}

/// A slice as the script tells it.
enum Slice {
    Missing,
    Unmarked,
    Undecided(UndecidedCause),
    Found {
        revision: Revision,
        as_of: Timestamp,
        rows: Columns,
    },
}

/// Whatever the store holds and should not is undecided (G6); an error says that nothing could be read.
fn read(told: PortResult<Value>, workspace: &WorkspaceId) -> PortResult<Slice> {
    let mut told = match told {
        Ok(told) => Columns::of(told, OPERATION)?,
        Err(error) if error.kind() == PortErrorKind::NotMigrated => {
            return Ok(Slice::Unmarked);
        }
        Err(error) if error.kind() == PortErrorKind::Corrupt => {
            let problem = error.to_string();
            return Ok(Slice::Undecided(UndecidedCause::FactMalformed { problem }));
        }
        Err(error) => return Err(error),
    };
    let malformed = Slice::Undecided(UndecidedCause::ScopeMalformed {
        workspace: workspace.clone(),
    });
    match told.text("what a look-up found")?.as_str() {
        "missing" => Ok(Slice::Missing),
        "malformed" => Ok(malformed),
        "found" => Ok(match told.parsed("revision") {
            Ok(revision) => Slice::Found {
                revision,
                as_of: told.time("the server's time")?,
                rows: told,
            },
            Err(_) => malformed,
        }),
        _ => Err(unreadable(OPERATION, "what a look-up found")),
    }
}

/// What the directory refuses, it refuses for good: the next round tells, unless it says that the store is closed.
async fn enlist(authority: &RedisAuthority, workspaces: BTreeSet<&WorkspaceId>) -> PortResult<()> {
    match workspaces::enlist(&authority.shared, workspaces, OPERATION).await {
        Err(error)
            if error.retry() != RetryClass::Never || error.kind() == PortErrorKind::Sealed =>
        {
            Err(error)
        }
        Err(_) | Ok(()) => Ok(()),
    }
}

async fn make_scopes(
    authority: &RedisAuthority,
    workspaces: BTreeSet<&WorkspaceId>,
) -> PortResult<()> {
    if !authority.shared.is_in_slots() {
        // In a cluster they have their markers by now.
        enlist(authority, workspaces.clone()).await?;
    }
    let call = |workspace: &WorkspaceId| {
        let nonce = Uuid::new_v4().simple().to_string();
        scope_call(authority, &MAKE_SCOPE, workspace).arg(nonce)
    };
    let calls: Vec<Call> = workspaces.into_iter().map(call).collect();
    for made in authority.shared.link().call_each(OPERATION, &calls).await? {
        match made {
            Ok(_) => {}
            // The next round finds it, too, and tells whose affair it is.
            Err(error)
                if matches!(
                    error.kind(),
                    PortErrorKind::NotMigrated | PortErrorKind::Corrupt
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn undecided(problem: impl ToString) -> LookedUp {
    LookedUp::Undecided(UndecidedCause::FactMalformed {
        problem: problem.to_string(),
    })
}
