//! The authority log, newest first.

use countersign_domain::{ScopeRevision, WorkspaceId};
use countersign_ports::{LogEntry, LogQuery, PortError, PortErrorKind, PortResult};
use redis::Value;

use super::RedisAuthority;
use crate::error::unreadable;
use crate::rows::{Columns, list};
use crate::script::Call;
use crate::store::Shared;

const OPERATION: &str = "log";

pub(super) async fn log(authority: &RedisAuthority, query: &LogQuery) -> PortResult<Vec<LogEntry>> {
    if query.limit == 0 {
        return Ok(Vec::new());
    }
    let entries = match &query.workspace_id {
        None => whole(authority, query).await?,
        Some(workspace) => of_workspace(authority, workspace, query).await?,
    };
    let read = |entry| read_entry(entry, OPERATION);
    entries.into_iter().map(read).collect()
}

async fn whole(authority: &RedisAuthority, query: &LogQuery) -> PortResult<Vec<Value>> {
    let before = query
        .before
        .map_or("+".to_owned(), |seq| format!("({seq}-0"));
    let call = Call::command("XREVRANGE", authority.shared.keys().log())
        .arg(before)
        .arg("-")
        .arg("COUNT")
        .arg(query.limit);
    list(
        authority.shared.link().call(OPERATION, call).await?,
        OPERATION,
    )
}

/// In two steps, as the numbers are in the workspace's slot and the entries in the directory's. The log is
/// only appended to: what the first step found, the second finds.
async fn of_workspace(
    authority: &RedisAuthority,
    workspace: &WorkspaceId,
    query: &LogQuery,
) -> PortResult<Vec<Value>> {
    let (keys, link) = (authority.shared.keys(), authority.shared.link());
    let before = query
        .before
        .map_or("+inf".to_owned(), |seq| format!("({seq}"));
    let numbers = Call::command("ZRANGE", keys.workspace(workspace).log())
        .arg(before)
        .arg("-inf")
        .arg("BYSCORE")
        .arg("REV")
        .arg("LIMIT")
        .arg(0)
        .arg(query.limit);
    let mut numbers = Columns::of(link.call(OPERATION, numbers).await?, OPERATION)?;
    let mut calls = Vec::with_capacity(numbers.left());
    while numbers.left() > 0 {
        let id = format!("{}-0", numbers.parsed::<u64>("number in the log")?);
        calls.push(
            Call::command("XRANGE", keys.log())
                .arg(id.as_str())
                .arg(id.as_str()),
        );
    }
    let mut entries = Vec::with_capacity(calls.len());
    for found in link.call_all(OPERATION, &calls).await? {
        entries.extend(list(found, OPERATION)?);
    }
    Ok(entries)
}

/// The revisions that an intent has made, in order; none where the log does not have it.
pub(super) async fn made_by(
    shared: &Shared,
    seed: &str,
    first: u64,
    changes: usize,
) -> PortResult<Option<Vec<ScopeRevision>>> {
    let call = Call::command("XRANGE", shared.keys().log())
        .arg(format!("{first}-0"))
        .arg("+")
        .arg("COUNT")
        .arg(changes);
    let entries = list(shared.link().call(OPERATION, call).await?, OPERATION)?;
    if entries.is_empty() || !entries.iter().all(|entry| is_of_intent(entry, seed)) {
        return Ok(None);
    }
    let mut made = Vec::new();
    for entry in entries {
        made.extend(read_entry(entry, OPERATION)?.raised);
    }
    Ok(Some(made))
}

/// The last field of an entry that an intent has made says which.
fn is_of_intent(entry: &Value, seed: &str) -> bool {
    let Value::Array(entry) = entry else {
        return false;
    };
    let Some(Value::Array(fields)) = entry.last() else {
        return false;
    };
    matches!(fields.last(), Some(Value::BulkString(text)) if text == seed.as_bytes())
}

/// An entry as the stream holds it.
pub(crate) fn read_entry(entry: Value, operation: &'static str) -> PortResult<LogEntry> {
    let mut entry = Columns::of(entry, operation)?;
    let id = entry.text("number in the log")?;
    let seq = id.strip_suffix("-0").and_then(|seq| seq.parse().ok());
    let seq = seq.ok_or_else(|| unreadable(operation, "a number in the log"))?;
    let mut fields = Columns::of(entry.value()?, operation)?;
    named(&mut fields, "at", operation)?;
    let at = fields.time("time of a logged change")?;
    named(&mut fields, "by", operation)?;
    let by =
        match fields.text("who made a logged change")?.as_str() {
            "" => None,
            name => Some(name.parse().map_err(|error| {
                PortError::corrupt(operation, "who made a logged change", error)
            })?),
        };
    named(&mut fields, "change", operation)?;
    let change = serde_json::from_str(&fields.text("logged change")?)
        .map_err(|error| PortError::corrupt(operation, "a logged change", error))?;
    named(&mut fields, "raised", operation)?;
    let raised = read_raised(&fields.text("revisions of a logged change")?, operation)?;
    Ok(LogEntry {
        seq,
        at,
        by,
        change,
        raised,
    })
}

/// Fields of an entry stand in the order in which the script wrote them.
fn named(fields: &mut Columns, name: &str, operation: &'static str) -> PortResult<()> {
    if fields.text("field of the log")? == name {
        Ok(())
    } else {
        let detail = format_args!("an entry of the log lacks its field `{name}`");
        Err(PortError::new(PortErrorKind::Corrupt, operation, detail))
    }
}

/// A revision, a tab and its workspace each line.
fn read_raised(text: &str, operation: &'static str) -> PortResult<Vec<ScopeRevision>> {
    let read = |line: &str| {
        let (revision, workspace) = line.split_once('\t')?;
        Some(ScopeRevision {
            workspace: workspace.parse().ok()?,
            revision: revision.parse().ok()?,
        })
    };
    let mut raised = text
        .lines()
        .map(|line| {
            read(line).ok_or_else(|| unreadable(operation, "a revision of a logged change"))
        })
        .collect::<PortResult<Vec<_>>>()?;
    raised.sort_by(|one, other| one.workspace.cmp(&other.workspace));
    Ok(raised)
}
