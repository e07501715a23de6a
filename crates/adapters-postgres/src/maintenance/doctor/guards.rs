//! The schema: whether everything that holds the guarantees against other writers is in place.

use std::collections::BTreeSet;

use countersign_ports::{Finding, PortResult};

use super::{Patient, error, note};

/// What must be there, by kind: constraints and indexes as the migrations name them, triggers that fire.
const GUARDS: &str = include_str!("../../sql/doctor/guards.txt");

pub(super) async fn look(patient: &mut Patient<'_>) -> PortResult<Vec<Finding>> {
    Ok(vec![in_place(patient).await?, scopes(patient).await?])
}

async fn in_place(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "guards";
    let found = patient
        .list(include_str!("../../sql/doctor/guards.sql"))
        .await?;
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let expected = GUARDS.lines().filter(|line| !line.is_empty());
    let missing: Vec<&str> = expected
        .clone()
        .filter(|name| !found.contains(name))
        .collect();
    Ok(if missing.is_empty() {
        let number = expected.count();
        note(
            CODE,
            format!("all {number} constraints, triggers and unique indexes are in place"),
        )
    } else {
        error(
            CODE,
            format!("missing, or switched off: {}", missing.join(", ")),
            &["G1", "G2", "G3", "G4", "G5", "G8"],
            "put them back as `countersign migrate --print` on an empty schema shows them; somebody removed them with raw SQL",
        )
    })
}

/// Workspaces whose scope record is gone although it has been raised before.
async fn scopes(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "scopes";
    let missing: i64 = patient
        .ask(include_str!("../../sql/doctor/missing_scopes.sql"))
        .await?;
    Ok(if missing == 0 {
        note(CODE, "every scope that was ever raised has its record")
    } else {
        error(
            CODE,
            format!("{missing} scope records are missing"),
            &["G2"],
            "restore them from a backup; somebody removed them past the guards",
        )
    })
}
