//! Offices that one worker at a time holds.

use countersign_ports::{Candidacy, Elected, PortResult};

use super::PostgresRuns;
use crate::error::failed;
use crate::rows::micros;

pub(super) async fn elect(runs: &PostgresRuns, candidacy: &Candidacy<'_>) -> PortResult<Elected> {
    const OPERATION: &str = "elect";
    let mut write = runs.shared.write(OPERATION).await?;
    let changed = runs
        .shared
        .query(include_str!("../sql/elect.sql"))
        .bind(candidacy.office)
        .bind(candidacy.holder)
        .bind(micros(candidacy.term))
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    write.commit().await?;
    Ok(if changed.rows_affected() > 0 {
        Elected::Holder
    } else {
        Elected::Another
    })
}

pub(super) async fn step_down(runs: &PostgresRuns, office: &str, holder: &str) -> PortResult<()> {
    const OPERATION: &str = "step_down";
    let mut write = runs.shared.write(OPERATION).await?;
    runs.shared
        .query(include_str!("../sql/step_down.sql"))
        .bind(office)
        .bind(holder)
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    write.commit().await
}
