//! Reads facts and revisions in one snapshot; makes the scope records that are missing.

use std::collections::{BTreeSet, HashMap};

use countersign_domain::{
    AuthorityQuery, AuthorityRows, ConnectionRow, GateRow, GrantRow, PrerequisiteRow, Revision,
    RoleName, ScopeRevision, TenantRow, Timestamp, UserRow, WorkspaceId, WorkspaceRow,
};
use countersign_ports::{
    Authority, Fence, LookedUp, PortError, PortErrorKind, PortResult, UndecidedCause,
};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use super::PostgresAuthority;
use super::roles::defined;
use crate::error::{failed, is_lock_timeout};
use crate::rows::Columns;

const OPERATION: &str = "look_up";

/// How long a look-up waits for somebody who is making the same scope record. As a setting of the
/// transaction's.
const PATIENCE: &str = "SET LOCAL lock_timeout = '100ms'";

pub(super) async fn look_up(
    authority: &PostgresAuthority,
    queries: &[AuthorityQuery],
) -> PortResult<Vec<LookedUp>> {
    let (answers, missing) = snapshot(authority, queries).await?;
    if missing.is_empty() {
        return Ok(answers);
    }
    make_scopes(authority, &missing).await?;
    let (answers, _under_way) = snapshot(authority, queries).await?;
    Ok(answers)
}

/// Answers every query from one snapshot, and names the scopes that have no record yet.
async fn snapshot(
    authority: &PostgresAuthority,
    queries: &[AuthorityQuery],
) -> PortResult<(Vec<LookedUp>, BTreeSet<WorkspaceId>)> {
    let mut snapshot = authority.shared.read(OPERATION).await?;
    let Some(as_of) = marked(authority, &mut snapshot).await? else {
        let undecided = |_| LookedUp::Undecided(UndecidedCause::MarkerMissing);
        return Ok((queries.iter().map(undecided).collect(), BTreeSet::new()));
    };
    let asked = Asked::of(queries);
    let revisions = revisions(authority, &mut snapshot, &asked).await?;
    let rows = read_rows(authority, &mut snapshot, &asked).await?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    let missing = queries
        .iter()
        .map(|query| &query.workspace_id)
        .filter(|workspace| !revisions.contains_key(*workspace))
        .cloned()
        .collect();
    let answers = queries.iter().zip(rows).map(|(query, rows)| {
        let revision = revisions.get(&query.workspace_id);
        answer(authority, query, rows, revision, as_of)
    });
    Ok((answers.collect(), missing))
}

fn answer(
    authority: &PostgresAuthority,
    query: &AuthorityQuery,
    rows: Result<AuthorityRows, PortError>,
    revision: Option<&PortResult<Revision>>,
    as_of: Timestamp,
) -> LookedUp {
    let workspace = query.workspace_id.clone();
    let revision = match revision {
        Some(Ok(revision)) => revision,
        Some(Err(_)) => return LookedUp::Undecided(UndecidedCause::ScopeMalformed { workspace }),
        None => return LookedUp::Undecided(UndecidedCause::ScopeUnderWay { workspace }),
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

/// The store's clock, where this is the primary of the store that was opened; none where the marker is
/// gone.
async fn marked(
    authority: &PostgresAuthority,
    connection: &mut PgConnection,
) -> PortResult<Option<Timestamp>> {
    let row = authority
        .shared
        .query(include_str!("../sql/marker.sql"))
        .bind(authority.shared.identity().id.as_uuid())
        .fetch_one(connection)
        .await
        .map_err(failed(OPERATION))?;
    let mut columns = Columns::of(&row, OPERATION);
    let has_marker: bool = columns.take()?;
    if columns.take::<bool>()? {
        let detail =
            "the server is a standby, which may be behind: authority is read from the primary";
        return Err(PortError::new(PortErrorKind::Refused, OPERATION, detail));
    }
    let now = columns.time()?;
    Ok(has_marker.then_some(now))
}

/// The queries, column by column.
struct Asked<'a> {
    workspaces: Vec<&'a str>,
    tenants: Vec<&'a str>,
    initiators: Vec<Option<&'a str>>,
    connections: Vec<Option<&'a str>>,
}

impl<'a> Asked<'a> {
    fn of(queries: &'a [AuthorityQuery]) -> Self {
        Self {
            workspaces: queries
                .iter()
                .map(|one| one.workspace_id.as_str())
                .collect(),
            tenants: queries.iter().map(|one| one.tenant_id.as_str()).collect(),
            initiators: queries
                .iter()
                .map(|one| one.initiator.as_ref().map(|id| id.as_str()))
                .collect(),
            connections: queries
                .iter()
                .map(|one| one.provider_connection_id.as_ref().map(|id| id.as_str()))
                .collect(),
        }
    }
}

async fn revisions(
    authority: &PostgresAuthority,
    connection: &mut PgConnection,
    asked: &Asked<'_>,
) -> PortResult<HashMap<WorkspaceId, PortResult<Revision>>> {
    let rows = authority
        .shared
        .query(include_str!("../sql/scope_revisions.sql"))
        .bind(&asked.workspaces)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row, OPERATION);
            Ok((columns.parsed("workspace id")?, columns.revision()?))
        })
        .collect()
}

/// Makes scope records, those of one commit at first. Where somebody else is making one of them and has not
/// committed, each by itself: a workspace whose first change is under way must not hold up the others.
async fn make_scopes(
    authority: &PostgresAuthority,
    workspaces: &BTreeSet<WorkspaceId>,
) -> PortResult<()> {
    let names: Vec<&str> = workspaces.iter().map(WorkspaceId::as_str).collect();
    if try_to_make(authority, &names).await? {
        return Ok(());
    }
    for name in names {
        try_to_make(authority, &[name]).await?;
    }
    Ok(())
}

/// Whether the records are there now.
async fn try_to_make(authority: &PostgresAuthority, workspaces: &[&str]) -> PortResult<bool> {
    let mut write = authority.shared.write(OPERATION).await?;
    authority
        .shared
        .query(PATIENCE)
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let made = authority
        .shared
        .query(include_str!("../sql/make_scopes.sql"))
        .bind(workspaces)
        .execute(write.connection())
        .await;
    match made {
        Ok(_) => write.commit().await.map(|()| true),
        Err(error) if is_lock_timeout(&error) => write.roll_back().await.map(|()| false),
        Err(error) => Err(failed(OPERATION)(error)),
    }
}

type Answers = Vec<Result<AuthorityRows, PortError>>;

/// The rows of each query; an error of its own where one of them cannot be read (G6).
async fn read_rows(
    authority: &PostgresAuthority,
    connection: &mut PgConnection,
    asked: &Asked<'_>,
) -> PortResult<Answers> {
    let shared = &authority.shared;
    let mut answers: Answers = asked
        .workspaces
        .iter()
        .map(|_| Ok(AuthorityRows::default()))
        .collect();
    let rows = shared
        .query(include_str!("../sql/look_up_subjects.sql"))
        .bind(&asked.workspaces)
        .bind(&asked.tenants)
        .bind(&asked.initiators)
        .bind(&asked.connections)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let mut told = vec![false; answers.len()];
    read_into(&rows, &mut answers, |at, columns, rows| {
        match told.get_mut(at) {
            Some(told) if !*told => *told = true,
            Some(_) | None => {
                let detail = "a view tells a fact twice";
                return Err(PortError::new(PortErrorKind::Corrupt, OPERATION, detail));
            }
        }
        subjects(columns, rows)
    })?;
    let rows = shared
        .query(include_str!("../sql/look_up_grants.sql"))
        .bind(&asked.workspaces)
        .bind(&asked.tenants)
        .bind(&asked.initiators)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    read_into(&rows, &mut answers, |_, columns, rows| grant(columns, rows))?;
    let rows = shared
        .query(include_str!("../sql/look_up_prerequisites.sql"))
        .bind(&asked.workspaces)
        .bind(&asked.tenants)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    read_into(&rows, &mut answers, |_, columns, rows| {
        prerequisite(columns, rows)
    })?;
    read_roles(authority, connection, &mut answers).await?;
    Ok(answers)
}

/// Reads rows whose first column is the place of a query, each into its answer.
fn read_into(
    rows: &[PgRow],
    answers: &mut Answers,
    mut read: impl FnMut(usize, &mut Columns<'_>, &mut AuthorityRows) -> PortResult<()>,
) -> PortResult<()> {
    for row in rows {
        let mut columns = Columns::of(row, OPERATION);
        let at: usize = columns.number("place")?;
        let Some(answer) = answers.get_mut(at) else {
            continue;
        };
        if let Ok(known) = answer
            && let Err(error) = read(at, &mut columns, known)
        {
            *answer = Err(error);
        }
    }
    Ok(())
}

fn subjects(columns: &mut Columns<'_>, rows: &mut AuthorityRows) -> PortResult<()> {
    rows.workspace =
        whole(columns.take()?, columns.take()?, "workspace")?.map(|active| WorkspaceRow { active });
    rows.user = whole(columns.take()?, columns.take()?, "user")?.map(|active| UserRow { active });
    let told: Option<bool> = columns.take()?;
    let workspace = columns.optional("workspace id")?;
    let lifecycle = columns.optional("lifecycle")?;
    rows.tenant =
        whole(told, workspace.zip(lifecycle), "tenant")?.map(|(workspace_id, lifecycle)| {
            TenantRow {
                workspace_id,
                lifecycle,
            }
        });
    let told: Option<bool> = columns.take()?;
    let tenant = columns.optional("tenant id")?;
    let enabled: Option<bool> = columns.take()?;
    rows.connection = whole(told, tenant.zip(enabled), "connection")?
        .map(|(tenant_id, enabled)| ConnectionRow { tenant_id, enabled });
    rows.workspace_gate = gate(columns)?;
    rows.tenant_gate = gate(columns)?;
    Ok(())
}

fn gate(columns: &mut Columns<'_>) -> PortResult<Option<GateRow>> {
    let told: Option<bool> = columns.take()?;
    let open = whole(told, columns.take()?, "write gate")?;
    let reason = columns.optional_text()?.map(str::to_owned);
    Ok(open.map(|open| GateRow { open, reason }))
}

/// The value of a fact that is told. One that is told without its value is neither there nor absent.
fn whole<T>(told: Option<bool>, value: Option<T>, what: &'static str) -> PortResult<Option<T>> {
    if told.is_some() && value.is_none() {
        let detail = format!("a {what} has a column that is null");
        return Err(PortError::new(PortErrorKind::Corrupt, OPERATION, detail));
    }
    Ok(value)
}

fn grant(columns: &mut Columns<'_>, rows: &mut AuthorityRows) -> PortResult<()> {
    rows.grants.push(GrantRow {
        tenant_id: columns.optional("tenant id")?,
        role: columns.parsed("role")?,
        expires_at: columns.optional_time()?,
    });
    Ok(())
}

fn prerequisite(columns: &mut Columns<'_>, rows: &mut AuthorityRows) -> PortResult<()> {
    rows.prerequisites.push(PrerequisiteRow {
        tenant_id: columns.optional("tenant id")?,
        name: columns.parsed("prerequisite")?,
        met: columns.take()?,
    });
    Ok(())
}

async fn read_roles(
    authority: &PostgresAuthority,
    connection: &mut PgConnection,
    answers: &mut Answers,
) -> PortResult<()> {
    let names: BTreeSet<RoleName> = answers
        .iter()
        .flatten()
        .flat_map(|rows| rows.grants.iter().map(|grant| grant.role.clone()))
        .collect();
    let names: Vec<&RoleName> = names.iter().collect();
    let roles = defined(&authority.shared, connection, &names, OPERATION).await?;
    for answer in answers.iter_mut() {
        let Ok(rows) = answer else { continue };
        let mut problem = None;
        for grant in &rows.grants {
            match roles.get_key_value(&grant.role) {
                None => {}
                Some((name, Ok(role))) => {
                    rows.roles.insert(name.clone(), role.clone());
                }
                Some((_, Err(error))) => problem = Some(error.to_string()),
            }
        }
        if let Some(problem) = problem {
            *answer = Err(PortError::new(PortErrorKind::Corrupt, OPERATION, problem));
        }
    }
    Ok(())
}
