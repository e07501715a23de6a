//! The server: its version, what it keeps of a crash, its clock, and who holds it back.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_ports::{Finding, PortResult};

use super::{Patient, error, note, warning};

/// The oldest version whose SQL the schema speaks.
const OLDEST: i32 = 140_000;

/// How far apart the clocks of this machine and the server may be, in seconds.
const SKEW: f64 = 2.0;

pub(super) async fn look(patient: &mut Patient<'_>) -> PortResult<Vec<Finding>> {
    Ok(vec![
        version(patient).await?,
        class_of_store(patient).await?,
        fsync(patient).await?,
        full_page_writes(patient).await?,
        synchronous_commit(patient).await?,
        clock(patient).await?,
        stuck_transactions(patient).await?,
        prepared_transactions(patient).await?,
        dead_entries(patient).await?,
    ])
}

async fn version(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "version";
    let number: i32 = patient
        .ask("SELECT current_setting('server_version_num')::integer")
        .await?;
    let found = format!("PostgreSQL {}.{}", number / 10_000, number % 10_000);
    Ok(if number < OLDEST {
        let mend = "upgrade to PostgreSQL 14 or newer";
        error(CODE, found, &["G2", "G3"], mend)
    } else {
        note(CODE, found)
    })
}

/// What a failover may undo.
async fn class_of_store(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "store_class";
    let standbys: i64 = patient
        .ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'async' AND state = 'streaming'")
        .await?;
    let names: String = patient
        .ask("SELECT current_setting('synchronous_standby_names')")
        .await?;
    Ok(if !names.is_empty() {
        note(
            CODE,
            "PostgreSQL: every commit is on a synchronous standby before it is answered",
        )
    } else if standbys == 0 {
        note(
            CODE,
            "PostgreSQL: one primary, every commit durable before it is answered",
        )
    } else {
        warning(
            CODE,
            format!(
                "PostgreSQL: {standbys} asynchronous standbys; promoting one may undo the last starts and revocations"
            ),
            &["G2", "G3", "G5"],
            "set `synchronous_standby_names`, or promote none that has not replayed everything",
        )
    })
}

async fn fsync(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "fsync";
    let on: bool = patient
        .ask("SELECT current_setting('fsync')::boolean")
        .await?;
    Ok(if on {
        note(CODE, "fsync is on")
    } else {
        error(
            CODE,
            "fsync is off: after a crash of the machine the store may be another one than was answered for",
            &["G1", "G2", "G3", "G4", "G5"],
            "set `fsync = on`",
        )
    })
}

async fn full_page_writes(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "full_page_writes";
    let on: bool = patient
        .ask("SELECT current_setting('full_page_writes')::boolean")
        .await?;
    Ok(if on {
        note(CODE, "full_page_writes is on")
    } else {
        error(
            CODE,
            "full_page_writes is off: a page that was half written in a crash stays so",
            &["G1", "G2", "G3", "G4", "G5"],
            "set `full_page_writes = on`, unless the file system cannot tear pages",
        )
    })
}

async fn synchronous_commit(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "synchronous_commit";
    let level: String = patient
        .ask("SELECT current_setting('synchronous_commit')")
        .await?;
    let ours = "it is raised for starts and changes of authority whatever the default";
    Ok(match level.as_str() {
        "on" | "remote_apply" => note(CODE, format!("synchronous_commit is {level}")),
        _ => warning(
            CODE,
            format!(
                "synchronous_commit is {level}; {ours}, but not for runs that are submitted in transactions of your own"
            ),
            &["G5"],
            "set `synchronous_commit = on` where a submitted run must outlive a crash",
        ),
    })
}

async fn clock(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "clock";
    let before = seconds_here();
    let there: f64 = patient
        .ask("SELECT extract(epoch FROM clock_timestamp())::double precision")
        .await?;
    let after = seconds_here();
    // How far outside of the interval in which it was read.
    let skew = (before - there).max(there - after).max(0.0);
    let found = format!("the server's clock and this machine's are {skew:.1} s apart");
    Ok(if skew <= SKEW {
        note(CODE, found)
    } else {
        warning(
            CODE,
            format!("{found}; grants expire and runs are due by the server's"),
            &[],
            "keep both in step with NTP, or expect expiries to be off by as much",
        )
    })
}

fn seconds_here() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

async fn stuck_transactions(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "stuck_transactions";
    let stuck = patient
        .list(include_str!("../../sql/doctor/stuck_transactions.sql"))
        .await?;
    Ok(if stuck.is_empty() {
        note(CODE, "no transaction has been open for long")
    } else {
        warning(
            CODE,
            format!(
                "open for more than a minute: {}; what left the queue meanwhile cannot be cleaned up, and every receive reads past it",
                stuck.join("; ")
            ),
            &[],
            "end them (`SELECT pg_terminate_backend(PID)`), and set `idle_in_transaction_session_timeout`",
        )
    })
}

async fn prepared_transactions(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "prepared_transactions";
    let held = patient
        .list("SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND prepared < now() - interval '1 minute' ORDER BY prepared")
        .await?;
    Ok(if held.is_empty() {
        note(CODE, "no prepared transaction is waiting")
    } else {
        warning(
            CODE,
            format!(
                "prepared and neither committed nor rolled back: {}; they keep their locks, on scopes too",
                held.join(", ")
            ),
            &[],
            "`COMMIT PREPARED` or `ROLLBACK PREPARED` them",
        )
    })
}

async fn dead_entries(patient: &mut Patient<'_>) -> PortResult<Finding> {
    const CODE: &str = "dead_entries";
    let (dead, vacuums): (i64, bool) = sqlx::query_as(
        patient
            .schema
            .sql(include_str!("../../sql/doctor/dead_entries.sql")),
    )
    .fetch_one(&mut *patient.connection)
    .await
    .map_err(crate::error::failed(super::OPERATION))?;
    let found = format!("{dead} dead entries in the queue");
    Ok(if !vacuums {
        let mend = "set `autovacuum = on`, and do not switch it off for the queue";
        warning(CODE, format!("{found}, and autovacuum is off"), &[], mend)
    } else if dead > 1_000_000 {
        let mend = "see what holds vacuum back, then `VACUUM` the queue";
        warning(
            CODE,
            format!("{found}: autovacuum does not keep up"),
            &[],
            mend,
        )
    } else {
        note(CODE, found)
    })
}
