//! What a workspace's slice lacks, as the directory has it.
//!
//! None of it lets a run start: a tenant that is not in the slice belongs elsewhere, a user who is not in it
//! has no grant here, a connection that is not in it belongs to a tenant of elsewhere.

use countersign_domain::UserRow;
use countersign_ports::PortResult;
use redis::Value;

use super::RedisAuthority;
use super::facts::Facts;
use super::look_up::{Found, OPERATION};
use crate::script::Call;

const FACTS: Facts = Facts {
    operation: OPERATION,
};

/// What the directory made of one query.
pub(super) enum Told {
    /// Slice and directory tell all there is.
    All,
    /// The directory places in the workspace what its slice lacked a moment ago.
    InMotion,
}

/// Reads in one round trip whatever the slices lack.
pub(super) async fn tell_the_rest<'a>(
    authority: &RedisAuthority,
    mut found: Vec<Found<'a>>,
) -> PortResult<Vec<(Found<'a>, PortResult<Told>)>> {
    let keys = authority.shared.keys();
    let mut calls = Vec::new();
    for one in &found {
        let Lacking {
            user,
            tenant,
            connection,
        } = Lacking::of(one);
        let get = |key: String, id: &str| Call::command("HGET", key).arg(id);
        calls.extend(user.map(|id| get(keys.users(), id)));
        calls.extend(tenant.map(|id| get(keys.tenants(), id)));
        calls.extend(connection.map(|id| get(keys.connections(), id)));
    }
    let told = match calls.is_empty() {
        true => Vec::new(),
        false => authority.shared.link().call_each(OPERATION, &calls).await?,
    };
    let mut told = told.into_iter();
    let tell = |mut one: Found<'a>| {
        let told = fill_in(&mut one, &mut told);
        (one, told)
    };
    Ok(found.drain(..).map(tell).collect())
}

/// The ids that a query names and its slice does not have.
struct Lacking<'a> {
    user: Option<&'a str>,
    tenant: Option<&'a str>,
    connection: Option<&'a str>,
}

impl<'a> Lacking<'a> {
    fn of(found: &Found<'a>) -> Self {
        let (query, rows) = (found.query, &found.rows);
        let user = query.initiator.as_ref().filter(|_| rows.user.is_none());
        let connection = query.provider_connection_id.as_ref();
        let connection = connection.filter(|_| rows.connection.is_none());
        Self {
            user: user.map(AsRef::as_ref),
            tenant: rows.tenant.is_none().then(|| query.tenant_id.as_str()),
            connection: connection.map(AsRef::as_ref),
        }
    }
}

fn fill_in(
    found: &mut Found<'_>,
    told: &mut impl Iterator<Item = PortResult<Value>>,
) -> PortResult<Told> {
    let query = found.query;
    let lacking = Lacking::of(found);
    // All of them are taken first: what comes after belongs to the next query.
    let mut next = |lacking: Option<&str>| lacking.and_then(|_| told.next());
    let user = next(lacking.user);
    let tenant = next(lacking.tenant);
    let connection = next(lacking.connection);
    let is_at_home = found.rows.tenant.is_some();
    let mut told = Told::All;
    if let Some(active) = text(user)? {
        let active = FACTS.flag("user", &active)?;
        found.rows.user = Some(UserRow { active });
    }
    if let Some(tenant) = text(tenant)? {
        let tenant = FACTS.tenant(&tenant)?;
        if tenant.workspace_id == query.workspace_id {
            told = Told::InMotion;
        }
        found.rows.tenant = Some(tenant);
    }
    if let Some(connection) = text(connection)? {
        let connection = FACTS.connection(&connection)?;
        if is_at_home && connection.tenant_id == query.tenant_id {
            told = Told::InMotion;
        }
        found.rows.connection = Some(connection);
    }
    Ok(told)
}

fn text(value: Option<PortResult<Value>>) -> PortResult<Option<String>> {
    match value {
        Some(value) => crate::rows::optional_text(value?, "a fact of the directory", OPERATION),
        None => Ok(None),
    }
}
