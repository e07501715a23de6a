//! Reads facts and revisions in one snapshot; makes the scope records that are missing.

use std::collections::{HashMap, HashSet};

use countersign_domain::{
    AuthorityQuery, AuthorityRows, ConnectionRow, GateRow, GrantRow, PrerequisiteRow, Revision,
    ScopeRevision, TenantRow, Timestamp, UserRow, WorkspaceId, WorkspaceRow,
};
use countersign_ports::{
    Authority, Fence, LookedUp, PortError, PortErrorKind, PortResult, UndecidedCause,
};
use sqlx::SqliteConnection;

use super::SqliteAuthority;
use super::roles::defined;
use crate::error::failed;
use crate::rows::Columns;
use crate::runs::json;

const OPERATION: &str = "look_up";

pub(super) async fn look_up(
    authority: &SqliteAuthority,
    queries: &[AuthorityQuery],
) -> PortResult<Vec<LookedUp>> {
    if let Some(answers) = try_snapshot(authority, queries).await? {
        return Ok(answers);
    }
    make_scopes(authority, queries).await?;
    try_snapshot(authority, queries).await?.ok_or_else(|| {
        let detail = "a scope record that was just made is missing";
        PortError::new(PortErrorKind::Corrupt, OPERATION, detail)
    })
}

/// Answers every query from one snapshot; none where a scope has no record yet.
async fn try_snapshot(
    authority: &SqliteAuthority,
    queries: &[AuthorityQuery],
) -> PortResult<Option<Vec<LookedUp>>> {
    let mut snapshot = authority.shared.read(OPERATION).await?;
    if !has_marker(authority, &mut snapshot).await? {
        let undecided = |_| LookedUp::Undecided(UndecidedCause::MarkerMissing);
        return Ok(Some(queries.iter().map(undecided).collect()));
    }
    let revisions = revisions(&mut snapshot, queries).await?;
    if queries
        .iter()
        .any(|query| !revisions.contains_key(&query.workspace_id))
    {
        return Ok(None);
    }
    let as_of = authority.shared.now();
    let rows = read_rows(&mut snapshot, queries).await?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    let answers = queries.iter().zip(rows).map(|(query, rows)| {
        answer(
            authority,
            query,
            rows,
            revisions.get(&query.workspace_id),
            as_of,
        )
    });
    Ok(Some(answers.collect()))
}

fn answer(
    authority: &SqliteAuthority,
    query: &AuthorityQuery,
    rows: Result<AuthorityRows, PortError>,
    revision: Option<&Result<Revision, PortError>>,
    as_of: Timestamp,
) -> LookedUp {
    let workspace = query.workspace_id.clone();
    let Some(Ok(revision)) = revision else {
        return LookedUp::Undecided(UndecidedCause::ScopeMalformed { workspace });
    };
    match rows {
        Ok(rows) => LookedUp::Found(Authority::resolved(
            query.clone(),
            rows,
            as_of,
            Fence {
                store: authority.shared.identity().id,
                scopes: [ScopeRevision {
                    workspace,
                    revision: *revision,
                }]
                .into_iter()
                .collect(),
            },
        )),
        Err(error) => LookedUp::Undecided(UndecidedCause::FactMalformed {
            problem: error.to_string(),
        }),
    }
}

async fn has_marker(
    authority: &SqliteAuthority,
    connection: &mut SqliteConnection,
) -> PortResult<bool> {
    sqlx::query_scalar(include_str!("../sql/has_marker.sql"))
        .bind(authority.shared.identity().id.to_string())
        .fetch_one(connection)
        .await
        .map_err(failed(OPERATION))
}

async fn revisions(
    connection: &mut SqliteConnection,
    queries: &[AuthorityQuery],
) -> PortResult<HashMap<WorkspaceId, Result<Revision, PortError>>> {
    let scopes: HashSet<&WorkspaceId> = queries.iter().map(|query| &query.workspace_id).collect();
    let rows = sqlx::query(include_str!("../sql/scope_revisions.sql"))
        .bind(json(&scopes))
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row, OPERATION);
            Ok((columns.parsed("workspace id")?, columns.revision()))
        })
        .collect()
}

async fn make_scopes(authority: &SqliteAuthority, queries: &[AuthorityQuery]) -> PortResult<()> {
    let scopes: HashSet<&WorkspaceId> = queries.iter().map(|query| &query.workspace_id).collect();
    let mut write = authority.shared.write(OPERATION).await?;
    sqlx::query(include_str!("../sql/make_scopes.sql"))
        .bind(json(&scopes))
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    write.commit().await
}

/// The rows of each query; an error of its own where one of them cannot be read (G6).
async fn read_rows(
    connection: &mut SqliteConnection,
    queries: &[AuthorityQuery],
) -> PortResult<Vec<Result<AuthorityRows, PortError>>> {
    let batch = json(
        &queries
            .iter()
            .map(|query| {
                let connection = &query.provider_connection_id;
                (
                    &query.workspace_id,
                    &query.tenant_id,
                    &query.initiator,
                    connection,
                )
            })
            .collect::<Vec<_>>(),
    );
    let mut answers: Vec<Result<AuthorityRows, PortError>> = queries
        .iter()
        .map(|_| Ok(AuthorityRows::default()))
        .collect();
    read_into(
        connection,
        include_str!("../sql/look_up_subjects.sql"),
        &batch,
        &mut answers,
        subjects,
    )
    .await?;
    read_into(
        connection,
        include_str!("../sql/look_up_grants.sql"),
        &batch,
        &mut answers,
        grant,
    )
    .await?;
    let prerequisites = include_str!("../sql/look_up_prerequisites.sql");
    read_into(
        connection,
        prerequisites,
        &batch,
        &mut answers,
        prerequisite,
    )
    .await?;
    read_roles(connection, &mut answers).await?;
    Ok(answers)
}

/// Runs a statement whose first column is the place of a query, and reads each row into its answer.
async fn read_into(
    connection: &mut SqliteConnection,
    statement: &'static str,
    batch: &str,
    answers: &mut [Result<AuthorityRows, PortError>],
    read: fn(&mut Columns<'_>, &mut AuthorityRows) -> PortResult<()>,
) -> PortResult<()> {
    let rows = sqlx::query(statement)
        .bind(batch.to_owned())
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    for row in &rows {
        let mut columns = Columns::of(row, OPERATION);
        let at: usize = columns.number("place")?;
        let Some(answer) = answers.get_mut(at) else {
            continue;
        };
        if let Ok(known) = answer
            && let Err(error) = read(&mut columns, known)
        {
            *answer = Err(error);
        }
    }
    Ok(())
}

fn subjects(columns: &mut Columns<'_>, rows: &mut AuthorityRows) -> PortResult<()> {
    rows.workspace = columns
        .optional_flag()?
        .map(|active| WorkspaceRow { active });
    rows.user = columns.optional_flag()?.map(|active| UserRow { active });
    let workspace = columns.optional("workspace id")?;
    let lifecycle = columns.optional("lifecycle")?;
    rows.tenant = workspace
        .zip(lifecycle)
        .map(|(workspace_id, lifecycle)| TenantRow {
            workspace_id,
            lifecycle,
        });
    let tenant = columns.optional("tenant id")?;
    let enabled = columns.optional_flag()?;
    rows.connection = tenant
        .zip(enabled)
        .map(|(tenant_id, enabled)| ConnectionRow { tenant_id, enabled });
    rows.workspace_gate = gate(columns)?;
    rows.tenant_gate = gate(columns)?;
    Ok(())
}

fn gate(columns: &mut Columns<'_>) -> PortResult<Option<GateRow>> {
    let open = columns.optional_flag()?;
    let reason = columns.optional_text()?.map(str::to_owned);
    Ok(open.map(|open| GateRow { open, reason }))
}

fn grant(columns: &mut Columns<'_>, rows: &mut AuthorityRows) -> PortResult<()> {
    rows.grants.push(GrantRow {
        tenant_id: columns.unless_empty("tenant id")?,
        role: columns.parsed("role")?,
        expires_at: columns.optional_time("expires at")?,
    });
    Ok(())
}

fn prerequisite(columns: &mut Columns<'_>, rows: &mut AuthorityRows) -> PortResult<()> {
    rows.prerequisites.push(PrerequisiteRow {
        tenant_id: columns.unless_empty("tenant id")?,
        name: columns.parsed("prerequisite")?,
        met: columns.flag()?,
    });
    Ok(())
}

async fn read_roles(
    connection: &mut SqliteConnection,
    answers: &mut [Result<AuthorityRows, PortError>],
) -> PortResult<()> {
    let names: Vec<_> = {
        let granted = answers.iter().flatten().flat_map(|rows| rows.grants.iter());
        granted
            .map(|grant| &grant.role)
            .collect::<HashSet<_>>()
            .into_iter()
            .cloned()
            .collect()
    };
    let roles = defined(connection, &names.iter().collect::<Vec<_>>(), OPERATION).await?;
    for rows in answers.iter_mut().flatten() {
        rows.roles = rows
            .grants
            .iter()
            .filter_map(|grant| roles.get_key_value(&grant.role))
            .map(|(name, role)| (name.clone(), role.clone()))
            .collect();
    }
    Ok(())
}
