//! A move: what an operator should know who finds the store closed.

use countersign_ports::{Finding, PortError, PortResult, Standing};

use super::{OPERATION, Patient, error, warning};
use crate::error::failed;
use crate::rows::Columns;

/// The guards that are switched on while the store is not open.
const GUARDS: i64 = 5;

/// Nothing to say of an open store.
pub(super) async fn look(patient: &mut Patient<'_>) -> PortResult<Option<Finding>> {
    const CODE: &str = "home";
    let row = sqlx::query(
        patient
            .schema
            .sql(include_str!("../../sql/doctor/home.sql")),
    )
    .fetch_one(&mut *patient.connection)
    .await
    .map_err(failed(OPERATION))?;
    let mut columns = Columns::of(&row, OPERATION);
    let standing: Standing = serde_json::from_str(columns.text()?)
        .map_err(|error| PortError::corrupt(OPERATION, "where the store stands", error))?;
    let guards: i64 = columns.take()?;
    let Some(refusal) = standing.refusal() else {
        return Ok(None);
    };
    Ok(Some(if guards == GUARDS {
        warning(
            CODE,
            refusal,
            &[],
            "go on with the move, or abandon it: `countersign migrate-store`",
        )
    } else {
        let found = format!("{refusal}; but {guards} of its {GUARDS} guards are switched on");
        let mend = "switch the `closed_` triggers on with ENABLE ALWAYS; somebody switched them off with raw SQL";
        error(CODE, found, &["G2", "G3"], mend)
    }))
}
