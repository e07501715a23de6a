//! The fence: one script a workspace compares every revision and moves what is still queued.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use countersign_domain::{Timestamp, WorkspaceId};
use countersign_ports::{Begun, Fence, PortResult, ReadBack, Ruling, Start};

use super::batch::{Answers, Group, by_workspace, unknown};
use super::{RedisRuns, micros_of};
use crate::script::{Call, script};
use crate::store::Shared;
use crate::stored_run::asked;

script!(BEGIN writes "run", "rulings", "begin");
script!(READ_BACK writes "run", "read_back");

pub(super) async fn begin(runs: &RedisRuns, starts: &[Start]) -> PortResult<Vec<Begun>> {
    const OPERATION: &str = "begin";
    let shared = &*runs.shared;
    let mut named = HashSet::with_capacity(starts.len());
    let mut answers = Answers::to(starts.len(), OPERATION);
    let first: Vec<bool> = starts
        .iter()
        .map(|start| named.insert(start.run().id) && !start.is_spent())
        .collect();
    for (place, _) in first.iter().enumerate().filter(|(_, first)| !**first) {
        answers.set(place, Ok(Became::NotQueued));
    }
    let workspaces = starts
        .iter()
        .zip(&first)
        .map(|(start, first)| first.then_some(&start.run().workspace_id));
    let mut groups = by_workspace(shared.keys(), workspaces);
    let calls: Vec<Call> = groups
        .iter_mut()
        .map(|group| call(shared, group, starts))
        .collect();
    answers
        .ask(shared, &groups, &calls, |_, mut said| {
            Ok(match said.word.as_str() {
                "started" | "blocked" => Became::Committed(said.rest.time("started at")?),
                "moved" => Became::Moved,
                "not_queued" => Became::NotQueued,
                other => return unknown(other, OPERATION),
            })
        })
        .await?;
    let answers = answers.settle_apart(|| Some(Became::NotQueued), || Some(Became::Unreached))?;
    Ok(starts
        .iter()
        .zip(answers)
        .map(|(start, said)| match said {
            Became::Committed(at) => start.committed(at),
            Became::Moved => Begun::AuthorityMoved,
            Became::NotQueued => Begun::NotQueued,
            Became::Unreached => Begun::AuthorityBusy,
        })
        .collect())
}

/// What the script came to, before a permit is made of it.
enum Became {
    Committed(Timestamp),
    Moved,
    NotQueued,
    /// Its slot is served by nobody at the moment.
    Unreached,
}

/// The script takes runs by their rulings: the group is put in that order.
fn call(shared: &Shared, group: &mut Group, starts: &[Start]) -> Call {
    let these: Vec<&Start> = group.each(starts).collect();
    let (rulings, of_each) = Ruling::distinct(&these);
    let scopes = match (shared.is_in_slots(), these.first()) {
        (true, Some(start)) => Scopes::of(&rulings).within(&start.run().workspace_id),
        _ => Scopes::of(&rulings),
    };
    let mut runs_of = vec![0_usize; rulings.len()];
    for ruling in &of_each {
        if let Some(runs) = runs_of.get_mut(*ruling) {
            *runs += 1;
        }
    }
    let rank: HashMap<usize, usize> = group.places.iter().copied().zip(of_each).collect();
    group.sort_by_key(|place| rank.get(place).copied());
    let mut keys = group.keys.of_runs();
    keys.push(shared.marker(&group.keys));
    keys.extend(
        scopes
            .0
            .iter()
            .map(|scope| shared.keys().workspace(scope).scope()),
    );
    keys.extend(
        group
            .each(starts)
            .map(|start| group.keys.run(start.run().id)),
    );
    let mut call = Call::script(&BEGIN, keys)
        .arg(shared.id())
        .arg(scopes.0.len())
        .arg(rulings.len());
    for (ruling, runs) in rulings.into_iter().zip(runs_of) {
        push_ruling(&mut call, shared, &scopes, ruling);
        call.push(runs);
    }
    for start in group.each(starts) {
        call.push(becomes(start));
    }
    call
}

/// What the head of a run says of its start after the times, or of its verdict.
fn becomes(start: &Start) -> String {
    let (lease, limit, decision) = (start.lease_id(), start.max_attempts(), start.decision_id());
    match start.decision().reason() {
        None => format!("{lease}\t{limit}\t{decision}"),
        Some(reason) => format!("{}\t{decision}", reason.as_str()),
    }
}

/// The scopes that rulings are fenced by: their own workspace's, and whatever else a fence names.
struct Scopes<'a>(Vec<&'a WorkspaceId>);

impl<'a> Scopes<'a> {
    fn of(rulings: &[&'a Ruling]) -> Self {
        let mut scopes: Vec<&WorkspaceId> = (rulings.iter())
            .filter(|ruling| ruling.bound().is_none())
            .flat_map(|ruling| ruling.fence().scopes.iter().map(|scope| &scope.workspace))
            .collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }

    /// Those that a script in the slot of this workspace can read: its own. A fence that names another is never
    /// found to stand; no look-up of a cluster makes one.
    fn within(mut self, workspace: &WorkspaceId) -> Self {
        self.0.retain(|scope| *scope == workspace);
        self
    }

    /// The places of a fence's scopes, from one, each with its revision.
    fn text(&self, fence: &Fence) -> String {
        let mut text = String::new();
        for scope in &fence.scopes {
            // One that is not among them has no place, and no revision that it could be held against.
            let place = self.0.binary_search(&&scope.workspace);
            let place = place.map_or(0, |place| place + 1);
            // Writing to a string does not fail.
            let _written = write!(text, "{place}:{} ", scope.revision);
        }
        text
    }
}

fn push_ruling(call: &mut Call, shared: &Shared, scopes: &Scopes<'_>, ruling: &Ruling) {
    let (kind, fence, ends) = standing(shared, scopes, ruling);
    let (asks, decision) = (ruling.asked(), ruling.decision());
    let micros = |time: Timestamp| time.as_micros().to_string();
    call.push(kind);
    call.push(fence);
    call.push(ends.map(micros).unwrap_or_default());
    call.push(u8::from(decision.is_allowed()));
    call.push(ruling.text().as_str());
    call.push(micros_of(ruling.lease_for()));
    call.push(asked(
        &asks.target_scope.tenant_id,
        asks.initiator.as_ref(),
        asks.authority_mode,
        asks.operation_type(),
        asks.target_scope.provider_connection_id.as_ref(),
    ));
}

/// What the script has to hold a ruling against: revisions and when it lapses, a bound, or nothing that
/// could hold.
fn standing(
    shared: &Shared,
    scopes: &Scopes<'_>,
    ruling: &Ruling,
) -> (&'static str, String, Option<Timestamp>) {
    if let Some(bound) = ruling.bound() {
        // Whatever lapses does so by the authority store's clock, which is not this one.
        let ends = bound.read_at.plus(bound.max_age);
        return ("bounded", String::new(), Some(ends));
    }
    let fence = ruling.fence();
    if fence.store != shared.identity().id {
        return ("moved", String::new(), None);
    }
    ("fenced", scopes.text(fence), ruling.decision().lapses_at())
}

pub(super) async fn read_back(runs: &RedisRuns, starts: &[Start]) -> PortResult<Vec<ReadBack>> {
    const OPERATION: &str = "read_back";
    let shared = &*runs.shared;
    let workspaces = starts.iter().map(|start| Some(&start.run().workspace_id));
    let groups = by_workspace(shared.keys(), workspaces);
    let calls: Vec<Call> = groups
        .iter()
        .map(|group| {
            let mut keys = group.keys.of_runs();
            keys.extend((group.each(starts)).flat_map(|one| group.keys.run_and_more(one.run().id)));
            let mut call = Call::script(&READ_BACK, keys);
            for start in group.each(starts) {
                call.push(start.decision_id().to_string());
            }
            call
        })
        .collect();
    let mut answers = Answers::to(starts.len(), OPERATION);
    answers
        .ask(shared, &groups, &calls, |_, mut said| {
            Ok(match said.word.as_str() {
                "committed" => Found::Committed(said.rest.time("started at")?),
                "queued" => Found::Queued,
                "not_queued" => Found::NotQueued,
                other => return unknown(other, OPERATION),
            })
        })
        .await?;
    let answers = answers.settle(|| Some(Found::NotQueued))?;
    Ok(starts
        .iter()
        .zip(answers)
        .map(|(start, found)| match found {
            Found::Committed(at) => ReadBack::Committed(start.committed(at)),
            Found::Queued => {
                start.abandon();
                ReadBack::StillQueued
            }
            Found::NotQueued => ReadBack::NotQueued,
        })
        .collect())
}

/// What reading back found, before a permit is made of it.
enum Found {
    Committed(Timestamp),
    Queued,
    NotQueued,
}
