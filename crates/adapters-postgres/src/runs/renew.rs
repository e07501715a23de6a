//! Extends leases, and keeps what a renewal found.

use std::collections::{HashMap, HashSet};

use countersign_domain::{ActorName, CancelNote, JsonText};
use countersign_ports::{PortResult, Renewal, Renewed};
use uuid::Uuid;

use super::PostgresRuns;
use super::lease::Lease;
use crate::error::failed;
use crate::rows::{Columns, micros, storable};
use crate::transaction::again_on_conflict;

const OPERATION: &str = "renew";

pub(super) async fn renew(runs: &PostgresRuns, renewals: &[Renewal]) -> PortResult<Vec<Renewed>> {
    let mut named = HashSet::with_capacity(renewals.len());
    let mut firsts: Vec<&Renewal> = renewals
        .iter()
        .filter(|renewal| named.insert(Lease::of(&renewal.run, renewal.lease_id)))
        .collect();
    firsts.sort_unstable_by_key(|renewal| renewal.run.id);
    let held = again_on_conflict(|| renew_once(runs, &firsts)).await?;
    Ok(renewals
        .iter()
        .map(
            |renewal| match held.get(&Lease::of(&renewal.run, renewal.lease_id)) {
                Some(cancel) => Renewed::Held {
                    cancel: cancel.clone(),
                },
                None => Renewed::LeaseLost,
            },
        )
        .collect())
}

async fn renew_once(
    runs: &PostgresRuns,
    renewals: &[&Renewal],
) -> PortResult<HashMap<Lease, Option<CancelNote>>> {
    let mut write = runs.shared.write(OPERATION).await?;
    let ids: Vec<Uuid> = renewals.iter().map(|one| one.run.id.as_uuid()).collect();
    let workspaces: Vec<&str> = renewals
        .iter()
        .map(|one| one.run.workspace_id.as_str())
        .collect();
    let leases: Vec<Uuid> = renewals.iter().map(|one| one.lease_id.as_uuid()).collect();
    let lengths: Vec<i64> = renewals.iter().map(|one| micros(one.lease_for)).collect();
    let continuity: Vec<Option<&str>> = renewals
        .iter()
        .map(|one| one.continuity.as_ref().map(JsonText::as_str))
        .collect();
    let cancelled_by: Vec<Option<&str>> = renewals
        .iter()
        .map(|one| one.cancel.as_ref().map(|note| note.by.as_str()))
        .collect();
    let reasons: Vec<Option<String>> = renewals
        .iter()
        .map(|one| {
            let reason = one.cancel.as_ref().and_then(|note| note.reason.as_deref());
            reason.map(storable)
        })
        .collect();
    let rows = runs
        .shared
        .query(include_str!("../sql/renew.sql"))
        .bind(ids)
        .bind(workspaces)
        .bind(leases)
        .bind(lengths)
        .bind(continuity)
        .bind(cancelled_by)
        .bind(reasons)
        .fetch_all(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let mut held = HashMap::with_capacity(rows.len());
    for row in &rows {
        let mut columns = Columns::of(row, OPERATION);
        let lease = Lease::read(&mut columns)?;
        let by: Option<ActorName> = columns.optional("cancelled by")?;
        let reason = columns.optional_text()?.map(str::to_owned);
        held.insert(lease, by.map(|by| CancelNote { by, reason }));
    }
    write.commit().await?;
    Ok(held)
}
