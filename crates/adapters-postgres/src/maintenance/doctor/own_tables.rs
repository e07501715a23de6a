//! Tables of the team's own: whether every change of theirs raises what it touches, and whether what their
//! views tell changes only with them.

use countersign_ports::{Finding, PortResult};

use super::{Patient, error, note, warning};

pub(super) async fn look(patient: &mut Patient<'_>) -> PortResult<Vec<Finding>> {
    let sources = patient
        .list(include_str!("../../sql/doctor/fact_sources.sql"))
        .await?;
    if sources.is_empty() {
        return Ok(vec![note(
            "fact_sources",
            "every fact is read from the store's own tables",
        )]);
    }
    let found = format!("facts are read from elsewhere: {}", sources.join(", "));
    Ok(vec![
        note("fact_sources", found),
        watched(patient).await?,
        only_tables(patient).await?,
        clock_or_session(patient).await?,
        functions(patient).await?,
    ])
}

async fn watched(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "watched";
    let unwatched = patient
        .list(include_str!("../../sql/doctor/unwatched.sql"))
        .await?;
    Ok(if unwatched.is_empty() {
        note(CODE, "every table under those views is watched")
    } else {
        error(
            CODE,
            format!(
                "not watched, or their triggers are switched off: {}; a change there moves no authority",
                unwatched.join(", ")
            ),
            &["G2"],
            format!(
                "`SELECT {}.watch('TABLE', 'SELECT …')` for each",
                patient.schema
            ),
        )
    })
}

async fn only_tables(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "fact_relations";
    let others = patient
        .list(include_str!("../../sql/doctor/no_tables.sql"))
        .await?;
    Ok(if others.is_empty() {
        note(CODE, "those views read nothing but tables")
    } else {
        error(
            CODE,
            format!(
                "read by those views, and not to be watched: {}",
                others.join(", ")
            ),
            &["G2"],
            "read tables instead of materialized views and foreign tables: they change without anybody being told",
        )
    })
}

async fn clock_or_session(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "fact_purity";
    let impure = patient
        .list(include_str!("../../sql/doctor/clock_or_session.sql"))
        .await?;
    Ok(if impure.is_empty() {
        note(CODE, "those views depend on neither clock nor session")
    } else {
        error(
            CODE,
            format!(
                "they depend on the clock, on chance or on the session: {}",
                impure.join(", ")
            ),
            &["G2"],
            "tell expiries as `expires_at` of a grant, and everything else by what the tables hold: what changes by itself raises nothing",
        )
    })
}

async fn functions(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "fact_functions";
    let doubtful = patient
        .list(include_str!("../../sql/doctor/doubtful_functions.sql"))
        .await?;
    Ok(if doubtful.is_empty() {
        note(CODE, "those views call nothing that is not immutable")
    } else {
        warning(
            CODE,
            format!(
                "called by those views and not immutable: {}",
                doubtful.join(", ")
            ),
            &["G2"],
            "see that they read no tables and no settings, or do without them",
        )
    })
}
