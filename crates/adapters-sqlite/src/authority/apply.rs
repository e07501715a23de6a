//! Applies changes: facts, revisions and log in one commit.

use std::collections::BTreeMap;

use countersign_domain::{
    ActorName, AttributedChange, AuthorityChange, Revision, ScopeRevision, TenantId, Timestamp,
    WorkspaceId,
};
use countersign_ports::{Applied, PortResult};
use sqlx::{Sqlite, SqliteConnection};

use super::SqliteAuthority;
use super::raise::{raise, touched};
use crate::error::failed;
use crate::runs::json;

const OPERATION: &str = "apply";

type Query = sqlx::query::Query<'static, Sqlite, sqlx::sqlite::SqliteArguments>;

pub(super) async fn apply(
    authority: &SqliteAuthority,
    changes: &[AttributedChange],
) -> PortResult<Applied> {
    let mut write = authority.shared.write(OPERATION).await?;
    let now = authority.shared.now();
    let mut newest: BTreeMap<WorkspaceId, Revision> = BTreeMap::new();
    for attributed in changes {
        let raised = apply_one(write.connection(), attributed, now).await?;
        newest.extend(
            raised
                .into_iter()
                .map(|scope| (scope.workspace, scope.revision)),
        );
    }
    write.commit().await?;
    Ok(Applied {
        changes: changes.len() as u64,
        raised: newest
            .into_iter()
            .map(|(workspace, revision)| ScopeRevision {
                workspace,
                revision,
            })
            .collect(),
    })
}

async fn apply_one(
    connection: &mut SqliteConnection,
    attributed: &AttributedChange,
    now: Timestamp,
) -> PortResult<Vec<ScopeRevision>> {
    let scopes = touched(connection, &attributed.change).await?;
    for statement in statements(&attributed.change, true) {
        statement
            .execute(&mut *connection)
            .await
            .map_err(failed(OPERATION))?;
    }
    let mut raised = raise(connection, &scopes).await?;
    raised.sort_by(|a, b| a.workspace.cmp(&b.workspace));
    log(connection, attributed, &raised, now).await?;
    Ok(raised)
}

/// Writes a fact that another store held, and nothing besides: a grant makes no user known, and a fact that is
/// there stays as it is. Answers whether it was not.
pub(crate) async fn write_fact(
    connection: &mut SqliteConnection,
    fact: &AuthorityChange,
    operation: &'static str,
) -> PortResult<bool> {
    let Some(statement) = statements(fact, false).pop() else {
        return Ok(false);
    };
    let written = statement
        .execute(connection)
        .await
        .map_err(failed(operation))?;
    Ok(written.rows_affected() > 0)
}

/// The statements that make the change, the fact itself last; whether that writes over what is there.
fn statements(change: &AuthorityChange, writes_over: bool) -> Vec<Query> {
    match change {
        AuthorityChange::DefineRole {
            role,
            capabilities,
            all_tenants,
        } => {
            vec![
                sqlx::query(include_str!("../sql/define_role.sql"))
                    .bind(role.to_string())
                    .bind(json(capabilities))
                    .bind(*all_tenants)
                    .bind(writes_over),
            ]
        }
        AuthorityChange::SetWorkspace { workspace, active } => {
            vec![
                sqlx::query(include_str!("../sql/set_workspace.sql"))
                    .bind(workspace.to_string())
                    .bind(*active)
                    .bind(writes_over),
            ]
        }
        AuthorityChange::SetTenant {
            tenant,
            workspace,
            lifecycle,
        } => {
            vec![
                sqlx::query(include_str!("../sql/set_tenant.sql"))
                    .bind(tenant.to_string())
                    .bind(workspace.to_string())
                    .bind(lifecycle.as_str())
                    .bind(writes_over),
            ]
        }
        AuthorityChange::SetUser { user, active } => {
            vec![
                sqlx::query(include_str!("../sql/set_user.sql"))
                    .bind(user.to_string())
                    .bind(*active)
                    .bind(writes_over),
            ]
        }
        AuthorityChange::RemoveUser { user } => {
            vec![
                sqlx::query(include_str!("../sql/remove_grants.sql")).bind(user.to_string()),
                sqlx::query(include_str!("../sql/remove_user.sql")).bind(user.to_string()),
            ]
        }
        AuthorityChange::Grant {
            user,
            workspace,
            tenant,
            role,
            expires_at,
        } => {
            vec![
                sqlx::query(include_str!("../sql/know_user.sql")).bind(user.to_string()),
                sqlx::query(include_str!("../sql/grant.sql"))
                    .bind(user.to_string())
                    .bind(workspace.to_string())
                    .bind(or_empty(tenant.as_ref()))
                    .bind(role.to_string())
                    .bind(expires_at.map(Timestamp::as_micros))
                    .bind(writes_over),
            ]
        }
        AuthorityChange::Revoke {
            user,
            workspace,
            tenant,
            role,
        } => {
            vec![
                sqlx::query(include_str!("../sql/revoke.sql"))
                    .bind(user.to_string())
                    .bind(workspace.to_string())
                    .bind(or_empty(tenant.as_ref()))
                    .bind(role.to_string()),
            ]
        }
        AuthorityChange::SetConnection {
            connection,
            tenant,
            enabled,
        } => {
            vec![
                sqlx::query(include_str!("../sql/set_connection.sql"))
                    .bind(connection.to_string())
                    .bind(tenant.to_string())
                    .bind(*enabled)
                    .bind(writes_over),
            ]
        }
        AuthorityChange::SetWriteGate {
            workspace,
            tenant,
            open,
            reason,
        } => {
            vec![
                sqlx::query(include_str!("../sql/set_write_gate.sql"))
                    .bind(workspace.to_string())
                    .bind(or_empty(tenant.as_ref()))
                    .bind(*open)
                    .bind(reason.clone())
                    .bind(writes_over),
            ]
        }
        AuthorityChange::SetPrerequisite {
            workspace,
            tenant,
            name,
            met,
        } => {
            vec![
                sqlx::query(include_str!("../sql/set_prerequisite.sql"))
                    .bind(workspace.to_string())
                    .bind(or_empty(tenant.as_ref()))
                    .bind(name.to_string())
                    .bind(*met)
                    .bind(writes_over),
            ]
        }
    }
}

/// No id is empty, so the empty text stands for none and a primary key can hold it.
fn or_empty(tenant: Option<&TenantId>) -> String {
    tenant.map(TenantId::to_string).unwrap_or_default()
}

async fn log(
    connection: &mut SqliteConnection,
    attributed: &AttributedChange,
    raised: &[ScopeRevision],
    now: Timestamp,
) -> PortResult<()> {
    let seq: i64 = sqlx::query_scalar(include_str!("../sql/log_change.sql"))
        .bind(now.as_micros())
        .bind(attributed.by.as_ref().map(ActorName::to_string))
        .bind(json(&attributed.change))
        .bind(json(&raised))
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let scopes: Vec<&WorkspaceId> = raised.iter().map(|scope| &scope.workspace).collect();
    sqlx::query(include_str!("../sql/log_scopes.sql"))
        .bind(json(&scopes))
        .bind(seq)
        .execute(connection)
        .await
        .map_err(failed(OPERATION))?;
    Ok(())
}
