//! Extends leases, and keeps what their renewal found.

use std::collections::{HashMap, HashSet};

use countersign_domain::{ActorName, CancelNote, JsonText};
use countersign_ports::{PortResult, Renewal, Renewed};

use super::lease::Lease;
use super::{SqliteRuns, json};
use crate::error::failed;
use crate::rows::Columns;

pub(super) async fn renew(runs: &SqliteRuns, renewals: &[Renewal]) -> PortResult<Vec<Renewed>> {
    const OPERATION: &str = "renew";
    let mut write = runs.shared.write(OPERATION).await?;
    let now = runs.shared.now();
    let mut named = HashSet::with_capacity(renewals.len());
    let rows: Vec<_> = renewals
        .iter()
        .filter(|renewal| named.insert(Lease::of(&renewal.run, renewal.lease_id)))
        .map(|renewal| {
            (
                renewal.run.id,
                renewal.lease_id,
                now.plus(renewal.lease_for).as_micros(),
                renewal.continuity.as_ref().map(JsonText::as_str),
                renewal.cancel.as_ref().map(|note| &note.by),
                renewal
                    .cancel
                    .as_ref()
                    .and_then(|note| note.reason.as_deref()),
                &renewal.run.workspace_id,
            )
        })
        .collect();
    let rows = sqlx::query(include_str!("../sql/renew.sql"))
        .bind(json(&rows))
        .fetch_all(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let mut held: HashMap<Lease, Option<CancelNote>> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let mut columns = Columns::of(row, OPERATION);
        let lease = Lease::read(&mut columns)?;
        let by: Option<ActorName> = columns.optional("cancelled by")?;
        let reason = columns.optional_text()?.map(str::to_owned);
        held.insert(lease, by.map(|by| CancelNote { by, reason }));
    }
    write.commit().await?;
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
