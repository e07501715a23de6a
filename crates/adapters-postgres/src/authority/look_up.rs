//! Reads facts and revisions in one snapshot; makes the scope records that are missing.

use std::collections::BTreeSet;

use countersign_domain::{
    AuthorityQuery, AuthorityRows, Revision, ScopeRevision, Timestamp, WorkspaceId,
};
use countersign_ports::{Authority, Fence, LookedUp, PortError, PortResult, UndecidedCause};

use self::told::Told;
use super::PostgresAuthority;
use crate::error::{failed, is_lock_timeout};

mod told;

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
    let told = told(authority, queries).await?;
    let Some(as_of) = told.as_of else {
        let undecided = |_| LookedUp::Undecided(UndecidedCause::MarkerMissing);
        return Ok((queries.iter().map(undecided).collect(), BTreeSet::new()));
    };
    let missing = queries
        .iter()
        .map(|query| &query.workspace_id)
        .filter(|workspace| !told.revisions.contains_key(*workspace))
        .cloned()
        .collect();
    let answers = queries.iter().zip(told.rows).map(|(query, rows)| {
        let revision = told.revisions.get(&query.workspace_id);
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

/// Asks for everything at once. One statement is one snapshot, and one round trip.
async fn told(authority: &PostgresAuthority, queries: &[AuthorityQuery]) -> PortResult<Told> {
    macro_rules! each {
        ($of:expr) => {
            queries.iter().map($of).collect::<Vec<_>>()
        };
    }
    let asked = authority
        .shared
        .query(include_str!("../sql/look_up.sql"))
        .bind(authority.shared.identity().id.as_uuid())
        .bind(each!(|one| one.workspace_id.as_str()))
        .bind(each!(|one| one.tenant_id.as_str()))
        .bind(each!(|one| one.initiator.as_ref().map(|id| id.as_str())))
        .bind(each!(|one| one
            .provider_connection_id
            .as_ref()
            .map(|id| id.as_str())));
    let rows = authority.shared.call(asked, OPERATION).await?;
    Told::read(&rows, queries.len(), OPERATION)
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
