//! What one snapshot tells, as `countersign.look_up` answers with it. Whatever does not read spoils the queries that it
//! belongs to, and no other (G6).

use std::collections::{BTreeMap, HashMap};

use countersign_domain::{
    AuthorityRows, ConnectionRow, GateRow, GrantRow, PrerequisiteRow, Revision, RoleName, RoleRow,
    TenantRow, Timestamp, UserRow, WorkspaceId, WorkspaceRow,
};
use countersign_ports::{PortError, PortErrorKind, PortResult};
use sqlx::postgres::PgRow;

use super::super::roles::read_capabilities;
use crate::rows::Columns;

pub(super) struct Told {
    /// The store's clock; none where this is not the store that was opened.
    pub(super) as_of: Option<Timestamp>,
    /// Of the scopes that have a record, their revision if it can be read.
    pub(super) revisions: HashMap<WorkspaceId, PortResult<Revision>>,
    /// The rows of each query; an error of its own where one of them cannot be read.
    pub(super) rows: Vec<PortResult<AuthorityRows>>,
}

impl Told {
    pub(super) fn read(
        rows: &[PgRow],
        queries: usize,
        operation: &'static str,
    ) -> PortResult<Self> {
        let mut told = Self {
            as_of: None,
            revisions: HashMap::new(),
            rows: (0..queries).map(|_| Ok(AuthorityRows::default())).collect(),
        };
        let mut told_subjects = vec![false; queries];
        let mut roles = BTreeMap::new();
        for row in rows {
            let mut columns = Columns::of(row, operation);
            let kind = columns.text()?;
            let place: usize = columns.number("place")?;
            let mut words = Words {
                words: columns.take::<Vec<Option<String>>>()?.into_iter(),
                operation,
            };
            match kind {
                "marker" => told.as_of = marked(&mut words, &mut columns)?,
                "scope" => {
                    let workspace = words.parsed("workspace id")?;
                    told.revisions.insert(workspace, revision(&mut words));
                }
                "role" => {
                    let name: RoleName = words.parsed("role")?;
                    let definition = match roles.contains_key(&name) {
                        true => Err(words.damaged(format!("role `{name}` is defined twice"))),
                        false => role(&mut words),
                    };
                    roles.insert(name, definition);
                }
                "subjects" => {
                    let is_told = told_subjects.get_mut(place);
                    let is_again = is_told.is_some_and(|told| std::mem::replace(told, true));
                    told.add(place, |rows| match is_again {
                        true => Err(words.damaged("a view tells a fact twice")),
                        false => subjects(&mut words, rows),
                    });
                }
                "grant" => told.add(place, |rows| {
                    rows.grants.push(grant(&mut words, &mut columns)?);
                    Ok(())
                }),
                "prerequisite" => told.add(place, |rows| {
                    rows.prerequisites.push(prerequisite(&mut words)?);
                    Ok(())
                }),
                other => return Err(words.damaged(format!("a fact of the kind `{other}`"))),
            }
        }
        told.define(&roles, operation);
        Ok(told)
    }

    /// Adds to the rows of one query, unless they are spoilt already.
    fn add(&mut self, place: usize, add: impl FnOnce(&mut AuthorityRows) -> PortResult<()>) {
        let Some(answer) = self.rows.get_mut(place) else {
            return;
        };
        if let Ok(rows) = answer
            && let Err(error) = add(rows)
        {
            *answer = Err(error);
        }
    }

    /// Gives each query the roles of its grants.
    fn define(&mut self, roles: &BTreeMap<RoleName, PortResult<RoleRow>>, operation: &'static str) {
        for answer in &mut self.rows {
            let Ok(rows) = answer else { continue };
            let mut problem = None;
            for grant in &rows.grants {
                match roles.get(&grant.role) {
                    None => {}
                    Some(Ok(role)) => {
                        rows.roles.insert(grant.role.clone(), role.clone());
                    }
                    Some(Err(error)) => problem = Some((error.kind(), error.to_string())),
                }
            }
            if let Some((kind, problem)) = problem {
                *answer = Err(PortError::new(kind, operation, problem));
            }
        }
    }
}

/// The values of a row, one after the other.
struct Words {
    words: std::vec::IntoIter<Option<String>>,
    operation: &'static str,
}

impl Words {
    fn text(&mut self) -> Option<String> {
        self.words.next().flatten()
    }

    fn optional<T>(&mut self, what: &'static str) -> PortResult<Option<T>>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let Some(text) = self.text() else {
            return Ok(None);
        };
        let shown: String = text.chars().take(64).collect();
        let corrupt =
            |error| PortError::corrupt(self.operation, format_args!("{what} `{shown}`"), error);
        text.parse().map(Some).map_err(corrupt)
    }

    fn parsed<T>(&mut self, what: &'static str) -> PortResult<T>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let value = self.optional(what)?;
        value.ok_or_else(|| self.damaged(format!("a {what} that is null")))
    }

    fn damaged(&self, problem: impl std::fmt::Display) -> PortError {
        PortError::new(PortErrorKind::Corrupt, self.operation, problem)
    }
}

fn marked(words: &mut Words, columns: &mut Columns<'_>) -> PortResult<Option<Timestamp>> {
    let has_marker: bool = words.parsed("marker")?;
    if words.parsed::<bool>("state of the server")? {
        let detail =
            "the server is a standby, which may be behind: authority is read from the primary";
        return Err(PortError::new(
            PortErrorKind::Refused,
            words.operation,
            detail,
        ));
    }
    let now = columns.time()?;
    Ok(has_marker.then_some(now))
}

fn revision(words: &mut Words) -> PortResult<Revision> {
    let counter = words.parsed("revision")?;
    let nonce: uuid::Uuid = words.parsed("nonce")?;
    Ok(Revision::new(counter, nonce.as_u128()))
}

fn role(words: &mut Words) -> PortResult<RoleRow> {
    let all_tenants = words.parsed("role's reach")?;
    if !words.parsed::<bool>("role")? {
        return Err(words.damaged("the capabilities of a role are no list"));
    }
    let capabilities: Option<Vec<String>> = words.words.by_ref().collect();
    let Some(capabilities) = capabilities else {
        return Err(words.damaged("a capability of a role is null"));
    };
    Ok(RoleRow {
        capabilities: read_capabilities(&capabilities, words.operation)?,
        all_tenants,
    })
}

fn subjects(words: &mut Words, rows: &mut AuthorityRows) -> PortResult<()> {
    let told = words.text();
    let active = words.optional("workspace's state")?;
    rows.workspace = whole(words, told, active, "workspace")?.map(|active| WorkspaceRow { active });
    let told = words.text();
    let active = words.optional("user's state")?;
    rows.user = whole(words, told, active, "user")?.map(|active| UserRow { active });
    let told = words.text();
    let workspace = words.optional("workspace id")?;
    let lifecycle = words.optional("lifecycle")?;
    let tenant = whole(words, told, workspace.zip(lifecycle), "tenant")?;
    rows.tenant = tenant.map(|(workspace_id, lifecycle)| TenantRow {
        workspace_id,
        lifecycle,
    });
    let told = words.text();
    let tenant = words.optional("tenant id")?;
    let enabled = words.optional("connection's state")?;
    let connection = whole(words, told, tenant.zip(enabled), "connection")?;
    rows.connection = connection.map(|(tenant_id, enabled)| ConnectionRow { tenant_id, enabled });
    rows.workspace_gate = gate(words)?;
    rows.tenant_gate = gate(words)?;
    Ok(())
}

fn gate(words: &mut Words) -> PortResult<Option<GateRow>> {
    let told = words.text();
    let open = words.optional("write gate's state")?;
    let open = whole(words, told, open, "write gate")?;
    let reason = words.text();
    Ok(open.map(|open| GateRow { open, reason }))
}

/// The value of a fact that is told. One that is told without its value is neither there nor absent.
fn whole<T>(
    words: &Words,
    told: Option<String>,
    value: Option<T>,
    what: &'static str,
) -> PortResult<Option<T>> {
    if told.is_some() && value.is_none() {
        return Err(words.damaged(format!("a {what} has a column that is null")));
    }
    Ok(value)
}

fn grant(words: &mut Words, columns: &mut Columns<'_>) -> PortResult<GrantRow> {
    Ok(GrantRow {
        tenant_id: words.optional("tenant id")?,
        role: words.parsed("role")?,
        expires_at: columns.optional_time()?,
    })
}

fn prerequisite(words: &mut Words) -> PortResult<PrerequisiteRow> {
    Ok(PrerequisiteRow {
        tenant_id: words.optional("tenant id")?,
        name: words.parsed("prerequisite")?,
        met: words.parsed("state of a prerequisite")?,
    })
}
