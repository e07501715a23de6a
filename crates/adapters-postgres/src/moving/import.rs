//! Writing what was exported elsewhere, as it was: nothing is raised and nothing is logged.

use std::collections::HashSet;

use countersign_domain::{ActorName, AuthorityChange, MoveId, ScopeRevision};
use countersign_ports::{
    Imported, LogEntry, Moved, MovedRun, PortError, PortErrorKind, PortResult, require_facts,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::import_runs::import_runs;
use super::{PostgresMove, standing};
use crate::error::failed;
use crate::rows::{Columns, PgTime};
use crate::transaction::again_on_conflict;

const OPERATION: &str = "import";

pub(super) async fn import(
    store: &PostgresMove,
    movement: MoveId,
    items: &[Moved],
) -> PortResult<Vec<Imported>> {
    require_facts(items, OPERATION)?;
    again_on_conflict(|| import_once(store, movement, items)).await
}

async fn import_once(
    store: &PostgresMove,
    movement: MoveId,
    items: &[Moved],
) -> PortResult<Vec<Imported>> {
    let shared = &store.shared;
    let mut write = shared.write(OPERATION).await?;
    // The tables before the row, as everybody takes them.
    sqlx::raw_sql(shared.sql(include_str!("../sql/lock_for_import.sql")))
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    // Shared until the commit: no step of the move is taken meanwhile.
    let statement = include_str!("../sql/home_for_import.sql");
    let standing = standing::read(shared, write.connection(), statement, OPERATION).await?;
    if !standing.is_filled_by(movement) {
        let detail = format!("move `{movement}` does not fill this store: {standing}");
        return Err(PortError::new(PortErrorKind::Sealed, OPERATION, detail));
    }
    shared
        .query(include_str!("../sql/importing.sql"))
        .bind(movement.to_string())
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let mut batch = Batch::default();
    for item in items {
        batch.add(item);
    }
    let mut added: HashSet<String> = HashSet::with_capacity(items.len());
    added.extend(import_facts(store, write.connection(), &batch.facts).await?);
    added.extend(import_scopes(store, write.connection(), &batch.scopes).await?);
    added.extend(import_log(store, write.connection(), &batch.log).await?);
    added.extend(import_runs(store, write.connection(), &batch.runs).await?);
    write.commit().await?;
    let answer = |item: &Moved| match added.remove(&key_of(item)) {
        true => Imported::Added,
        false => Imported::Present,
    };
    Ok(items.iter().map(answer).collect())
}

/// The items of one call, by kind.
#[derive(Default)]
struct Batch<'a> {
    facts: Vec<&'a AuthorityChange>,
    scopes: Vec<&'a ScopeRevision>,
    log: Vec<&'a LogEntry>,
    runs: Vec<&'a MovedRun>,
}

impl<'a> Batch<'a> {
    fn add(&mut self, item: &'a Moved) {
        match item {
            Moved::Fact(fact) => self.facts.push(fact),
            Moved::Scope(scope) => self.scopes.push(scope),
            Moved::Log(entry) => self.log.push(entry),
            Moved::Run(run) => self.runs.push(run),
        }
    }
}

/// What tells the items of one call apart.
fn key_of(item: &Moved) -> String {
    match item {
        Moved::Fact(fact) => fact_key(fact.kind().as_str(), &fact.key()),
        Moved::Scope(scope) => scope_key(scope.workspace.as_str()),
        Moved::Log(entry) => entry.seq.to_string(),
        Moved::Run(run) => run.run.id.to_string(),
    }
}

/// Ids hold no line break.
fn fact_key<T: AsRef<str>>(kind: &str, key: &[T]) -> String {
    let ids: Vec<&str> = key.iter().map(AsRef::as_ref).collect();
    format!("{kind} {}", ids.join("\n"))
}

/// Apart from every number and UUID.
fn scope_key(workspace: &str) -> String {
    format!("scope {workspace}")
}

async fn import_facts(
    store: &PostgresMove,
    connection: &mut PgConnection,
    facts: &[&AuthorityChange],
) -> PortResult<Vec<String>> {
    if facts.is_empty() {
        return Ok(Vec::new());
    }
    let batch = serde_json::to_string(facts)
        .map_err(|error| PortError::corrupt(OPERATION, "facts to be imported", error))?;
    let rows = store
        .shared
        .query(include_str!("../sql/import_facts.sql"))
        .bind(batch)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let key = |row| {
        let mut columns = Columns::of(row, OPERATION);
        let (kind, key): (&str, Vec<String>) = (columns.text()?, columns.take()?);
        Ok(fact_key(kind, &key))
    };
    rows.iter().map(key).collect()
}

async fn import_scopes(
    store: &PostgresMove,
    connection: &mut PgConnection,
    scopes: &[&ScopeRevision],
) -> PortResult<Vec<String>> {
    if scopes.is_empty() {
        return Ok(Vec::new());
    }
    let workspaces: Vec<&str> = scopes.iter().map(|one| one.workspace.as_str()).collect();
    let counters: Vec<i64> = scopes
        .iter()
        .map(|one| i64::try_from(one.revision.counter()).unwrap_or(i64::MAX))
        .collect();
    let nonces: Vec<Uuid> = scopes
        .iter()
        .map(|one| Uuid::from_u128(one.revision.nonce()))
        .collect();
    let rows = store
        .shared
        .query(include_str!("../sql/import_scopes.sql"))
        .bind(workspaces)
        .bind(counters)
        .bind(nonces)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let key = |row| Ok(scope_key(Columns::of(row, OPERATION).text()?));
    rows.iter().map(key).collect()
}

async fn import_log(
    store: &PostgresMove,
    connection: &mut PgConnection,
    entries: &[&LogEntry],
) -> PortResult<Vec<String>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let corrupt = |error| PortError::corrupt(OPERATION, "a log entry to be imported", error);
    let (mut changes, mut raised) = (Vec::new(), Vec::new());
    for entry in entries {
        changes.push(serde_json::to_string(&entry.change).map_err(corrupt)?);
        raised.push(serde_json::to_string(&entry.raised).map_err(corrupt)?);
    }
    let number = |entry: &&LogEntry| i64::try_from(entry.seq).unwrap_or(i64::MAX);
    let by = |entry: &&LogEntry| entry.by.as_ref().map(ActorName::to_string);
    let rows = store
        .shared
        .query(include_str!("../sql/import_log.sql"))
        .bind(entries.iter().map(number).collect::<Vec<i64>>())
        .bind(
            entries
                .iter()
                .map(|entry| PgTime(entry.at))
                .collect::<Vec<_>>(),
        )
        .bind(entries.iter().map(by).collect::<Vec<_>>())
        .bind(changes)
        .bind(raised)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| Ok(Columns::of(row, OPERATION).take::<i64>()?.to_string()))
        .collect()
}
