//! Rulings and starts as the call takes them.

use countersign_domain::StoreId;
use countersign_ports::{Ruling, Start};
use uuid::Uuid;

use crate::rows::{PgTime, micros};

/// What was ruled, a ruling a place.
#[derive(Default)]
pub(super) struct Rulings<'a> {
    pub(super) records: Vec<&'a str>,
    pub(super) attempts: Vec<i32>,
    /// Whether it holds up to its age limit, and not by revisions.
    pub(super) by_age: Vec<bool>,
    pub(super) until: Vec<Option<PgTime>>,
    pub(super) scopes: Scopes<'a>,
}

/// The revisions that rulings rest on, a revision a place.
#[derive(Default)]
pub(super) struct Scopes<'a> {
    /// Places of rulings, from one.
    pub(super) rulings: Vec<i32>,
    pub(super) workspaces: Vec<&'a str>,
    pub(super) counters: Vec<i64>,
    pub(super) nonces: Vec<Uuid>,
}

impl<'a> Rulings<'a> {
    /// Rulings as this store sees them: one by the revisions of another has none that can be compared, and so never
    /// holds.
    pub(super) fn of(rulings: &[&'a Ruling], store: StoreId) -> Self {
        let mut asked = Self::default();
        for (place, ruling) in (1..).zip(rulings) {
            let fence = ruling.fence();
            if ruling.bound().is_none() && fence.store == store {
                for scope in &fence.scopes {
                    let revision = scope.revision;
                    asked.scopes.rulings.push(place);
                    asked.scopes.workspaces.push(scope.workspace.as_str());
                    // What no scope can have holds nowhere.
                    let counter = i64::try_from(revision.counter()).unwrap_or(-1);
                    asked.scopes.counters.push(counter);
                    let nonce = Uuid::from_u128(revision.nonce());
                    asked.scopes.nonces.push(nonce);
                }
            }
            asked.records.push(ruling.text().as_str());
            let attempts = i32::try_from(ruling.max_attempts());
            asked.attempts.push(attempts.unwrap_or(i32::MAX));
            let until = match ruling.bound() {
                Some(bound) => Some(bound.read_at.plus(bound.max_age)),
                None => ruling.decision().lapses_at(),
            };
            asked.by_age.push(ruling.bound().is_some());
            asked.until.push(until.map(PgTime));
        }
        asked
    }
}

/// The starts, a start a place.
pub(super) struct Starts<'a> {
    pub(super) runs: Vec<Uuid>,
    pub(super) workspaces: Vec<&'a str>,
    pub(super) decisions: Vec<Uuid>,
    /// Places of rulings, from one.
    pub(super) rulings: Vec<i32>,
    pub(super) reasons: Vec<Option<&'static str>>,
    pub(super) leases: Vec<Uuid>,
    pub(super) lease_micros: Vec<i64>,
}

impl<'a> Starts<'a> {
    pub(super) fn of(starts: &[&'a Start], places: &[usize]) -> Self {
        macro_rules! each {
            ($start:ident => $of:expr) => {
                starts.iter().map(|$start| $of).collect()
            };
        }
        Self {
            runs: each!(start => start.run().id.as_uuid()),
            workspaces: each!(start => start.run().workspace_id.as_str()),
            decisions: each!(start => start.decision_id().as_uuid()),
            rulings: places.iter().map(|place| from_one(*place)).collect(),
            reasons: each!(start => start.decision().reason().map(|reason| reason.as_str())),
            leases: each!(start => start.lease_id().as_uuid()),
            lease_micros: each!(start => micros(start.lease_for())),
        }
    }
}

/// A place from one; none of a batch that is too large to be sent.
fn from_one(place: usize) -> i32 {
    i32::try_from(place).map_or(i32::MAX, |place| place.saturating_add(1))
}
