//! Writing what was exported elsewhere, as it was: nothing is raised and nothing is logged.

use std::collections::HashSet;

use countersign_domain::{ActorName, AuthorityChange, MoveId, ScopeRevision};
use countersign_ports::{
    Imported, LogEntry, Moved, MovedRun, PortError, PortErrorKind, PortResult, require_facts,
};
use sqlx::SqliteConnection;

use super::SqliteMove;
use super::import_runs::import_runs;
use super::standing::current;
use crate::authority::write_fact;
use crate::error::failed;
use crate::runs::json;

const OPERATION: &str = "import";

pub(super) async fn import(
    store: &SqliteMove,
    movement: MoveId,
    items: &[Moved],
) -> PortResult<Vec<Imported>> {
    require_facts(items, OPERATION)?;
    let mut write = store.shared.write(OPERATION).await?;
    let standing = current(write.connection(), OPERATION).await?;
    if !standing.is_filled_by(movement) {
        let detail = format!("move `{movement}` does not fill this store: {standing}");
        return Err(PortError::new(PortErrorKind::Sealed, OPERATION, detail));
    }
    importing(write.connection(), true).await?;
    let mut batch = Batch::default();
    for item in items {
        batch.add(item);
    }
    let mut added: HashSet<String> = HashSet::with_capacity(items.len());
    added.extend(import_scopes(write.connection(), &batch.scopes).await?);
    added.extend(import_log(write.connection(), &batch.log).await?);
    added.extend(import_runs(store, write.connection(), &batch.runs).await?);
    for fact in batch.facts {
        if write_fact(write.connection(), fact, OPERATION).await? {
            added.insert(json(fact));
        }
    }
    importing(write.connection(), false).await?;
    write.commit().await?;
    let answer = |item: &Moved| match added.remove(&key_of(item)) {
        true => Imported::Added,
        false => Imported::Present,
    };
    Ok(items.iter().map(answer).collect())
}

/// Lets this transaction past the guards of a closed store, or no longer.
async fn importing(connection: &mut SqliteConnection, on: bool) -> PortResult<()> {
    sqlx::query(include_str!("../sql/importing.sql"))
        .bind(on)
        .execute(connection)
        .await
        .map_err(failed(OPERATION))?;
    Ok(())
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
        Moved::Fact(fact) => json(fact),
        Moved::Scope(scope) => scope_key(scope.workspace.as_str()),
        Moved::Log(entry) => entry.seq.to_string(),
        Moved::Run(run) => run.run.id.to_string(),
    }
}

/// Apart from every number and UUID.
fn scope_key(workspace: &str) -> String {
    format!("scope {workspace}")
}

async fn import_scopes(
    connection: &mut SqliteConnection,
    scopes: &[&ScopeRevision],
) -> PortResult<Vec<String>> {
    if scopes.is_empty() {
        return Ok(Vec::new());
    }
    let row = |scope: &&ScopeRevision| {
        let nonce = format!("{:032x}", scope.revision.nonce());
        (scope.workspace.clone(), scope.revision.counter(), nonce)
    };
    let rows: Vec<_> = scopes.iter().map(row).collect();
    let added: Vec<String> = sqlx::query_scalar(include_str!("../sql/import_scopes.sql"))
        .bind(json(&rows))
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    Ok(added.iter().map(|workspace| scope_key(workspace)).collect())
}

async fn import_log(
    connection: &mut SqliteConnection,
    entries: &[&LogEntry],
) -> PortResult<Vec<String>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let row = |entry: &&LogEntry| {
        let by = entry.by.as_ref().map(ActorName::to_string);
        let (change, raised) = (json(&entry.change), json(&entry.raised));
        (entry.seq, entry.at.as_micros(), by, change, raised)
    };
    let rows: Vec<_> = entries.iter().map(row).collect();
    let added: Vec<i64> = sqlx::query_scalar(include_str!("../sql/import_log.sql"))
        .bind(json(&rows))
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    sqlx::query(include_str!("../sql/import_log_scopes.sql"))
        .bind(json(&added))
        .execute(connection)
        .await
        .map_err(failed(OPERATION))?;
    Ok(added.iter().map(ToString::to_string).collect())
}
