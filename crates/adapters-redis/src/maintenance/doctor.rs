//! Holds the server's settings and what the store holds against the guarantees. Looking changes nothing.

use countersign_domain::{Revision, WorkspaceId};
use countersign_ports::{Finding, PortErrorKind, PortResult, RetryClass};

use super::finding::{WHAT_WAS_ANSWERED, error, note, of_all, untold, warning};
use super::server::Server;
use super::{cluster, require_current_marker};
use crate::connect::Link;
use crate::keys::Keys;
use crate::moving::standing as moving;
use crate::rows::{Columns, list, optional_text};
use crate::script::Call;

const OPERATION: &str = "doctor";

/// Everything that rests on what the server has answered.
const ALL_BUT_ISOLATION: &[&str] = &["G1", "G2", "G3", "G4", "G5"];

/// Scopes read in one round trip.
const PAGE: usize = 500;

pub(super) async fn doctor(link: &Link, keys: &Keys) -> PortResult<Vec<Finding>> {
    require_current_marker(link, keys, OPERATION).await?;
    let servers = Server::ask_each(link, OPERATION).await?;
    let of_each = |look: fn(&Server) -> Finding| {
        let found = servers.iter().map(|(node, server)| (&**node, look(server)));
        of_all(found.collect())
    };
    let mut findings: Vec<Finding> = of_each(version).into_iter().collect();
    if link.is_a_cluster() {
        findings.extend(cluster::findings(link, &servers, OPERATION).await?);
    } else {
        findings.extend([role, no_cluster].into_iter().filter_map(of_each));
    }
    findings.extend(of_each(append_only));
    findings.extend(append_fsync(link).await?);
    let settings = [last_write, eviction, memory];
    findings.extend(settings.into_iter().filter_map(of_each));
    findings.push(scopes(link, keys).await?);
    findings.extend(home(link, keys).await?);
    Ok(findings)
}

/// A move: what an operator should know who finds the store closed. Nothing to say of an open one.
async fn home(link: &Link, keys: &Keys) -> PortResult<Option<Finding>> {
    const CODE: &str = "home";
    let call = Call::command("HMGET", keys.store())
        .arg("home")
        .arg("next")
        .arg("sealed");
    let mut marker = Columns::of(link.call(OPERATION, call).await?, OPERATION)?;
    let home = marker.optional_text("where the store stands")?;
    let next = marker.optional_text("where the store is to stand")?;
    let sealed = marker.optional_text("why the store is closed")?;
    let stands = |text: &String| moving::read(text, OPERATION);
    let standing = home.as_ref().map(stands).transpose()?;
    let refusal = standing.and_then(|standing| standing.refusal());
    if let Some(next) = next.as_ref().map(stands).transpose()? {
        return Ok(Some(warning(
            CODE,
            format!("a step of a move is under way, after which {next}"),
            &[],
            "go on with the move, or abandon it: `countersign migrate-store`",
        )));
    }
    Ok(match (refusal, sealed) {
        (None, None) => None,
        (Some(refusal), Some(sealed)) if refusal == sealed => Some(warning(
            CODE,
            refusal,
            &[],
            "go on with the move, or abandon it: `countersign migrate-store`",
        )),
        (refusal, _) => Some(error(
            CODE,
            format!(
                "{}; but its marker says something else to scripts",
                refusal.as_deref().unwrap_or("the store is open")
            ),
            &["G2", "G3"],
            "let nobody use the store; somebody changed its marker by hand",
        )),
    })
}

fn version(server: &Server) -> Finding {
    const CODE: &str = "version";
    let Some(version) = server.says("redis_version") else {
        return untold(CODE, "its version", "+info");
    };
    let found = format!("Redis {version}");
    if server.is_too_old() {
        let why = format!("{found}: scripts may be stopped in the middle by a lack of memory");
        return error(
            CODE,
            why,
            ALL_BUT_ISOLATION,
            "upgrade to Redis 7.0 or newer",
        );
    }
    note(CODE, found)
}

/// What a failover may undo.
fn role(server: &Server) -> Finding {
    const CODE: &str = "store_class";
    if server.is_a_replica() {
        return error(
            CODE,
            "the server is a replica: it takes no changes, and what it holds may be out of date",
            WHAT_WAS_ANSWERED,
            "use the address of its master",
        );
    }
    match server.number("connected_slaves") {
        None => untold(CODE, "whether it has replicas", "+info"),
        Some(0) => note(CODE, "Redis: one server, one script at a time"),
        Some(replicas) => warning(
            CODE,
            format!(
                "Redis: {replicas} asynchronous replicas; promoting one may undo the last starts and revocations"
            ),
            WHAT_WAS_ANSWERED,
            "promote none; let the server come back from its own append-only file",
        ),
    }
}

fn no_cluster(server: &Server) -> Finding {
    const CODE: &str = "cluster";
    if server.is_a_node() {
        return error(
            CODE,
            "the server is a node of a cluster: it holds the keys of some slots alone",
            &["G2"],
            "write its address as `redis-cluster://HOST`",
        );
    }
    note(CODE, "the server is no part of a cluster")
}

fn append_only(server: &Server) -> Finding {
    const CODE: &str = "appendonly";
    match server.says("aof_enabled") {
        None => untold(CODE, "whether it keeps an append-only file", "+info"),
        Some("1") => note(CODE, "appendonly is yes"),
        Some(_) => error(
            CODE,
            "appendonly is no: a server that stops forgets starts, revocations and runs since its last snapshot",
            WHAT_WAS_ANSWERED,
            "set `appendonly yes` and `appendfsync always`",
        ),
    }
}

async fn append_fsync(link: &Link) -> PortResult<Option<Finding>> {
    const CODE: &str = "appendfsync";
    let levels = ask_setting(link, CODE).await?;
    let found = levels
        .iter()
        .map(|(node, level)| (&**node, of_fsync(CODE, level.as_deref())));
    Ok(of_all(found.collect()))
}

/// What each node that answers has for a setting; none where it does not say.
pub(super) async fn ask_setting(
    link: &Link,
    name: &'static str,
) -> PortResult<Vec<(String, Option<String>)>> {
    let ask = || Call::bare("CONFIG").arg("GET").arg(name);
    let mut settings = Vec::new();
    for (node, answer) in link.ask_each_primary(OPERATION, ask).await? {
        let value = match answer {
            Ok(answer) => list(answer, OPERATION)?.into_iter().nth(1),
            // Not permitted, or not there: servers that others run often know no `CONFIG`.
            Err(error) if matches!(error.kind(), PortErrorKind::Refused | PortErrorKind::Other) => {
                None
            }
            // A node that is not there is told of as such.
            Err(_) if link.is_a_cluster() => continue,
            Err(error) => return Err(error),
        };
        let value = match value {
            Some(value) => optional_text(value, name, OPERATION)?,
            None => None,
        };
        settings.push((node, value));
    }
    Ok(settings)
}

fn of_fsync(code: &'static str, level: Option<&str>) -> Finding {
    const MEND: &str = "set `appendfsync always`";
    match level {
        None => untold(code, "when its file is on the disk", "+config|get"),
        Some("always") => note(code, "appendfsync is always"),
        Some("everysec") => warning(
            code,
            "appendfsync is everysec: a crash of the machine may undo the starts, revocations and submissions of the last two seconds",
            WHAT_WAS_ANSWERED,
            MEND,
        ),
        Some(other) => error(
            code,
            format!(
                "appendfsync is {other}: a crash of the machine may undo the starts, revocations and submissions of half a minute"
            ),
            WHAT_WAS_ANSWERED,
            MEND,
        ),
    }
}

fn last_write(server: &Server) -> Finding {
    const CODE: &str = "last_write";
    match server.says("aof_last_write_status") {
        None | Some("ok") => note(CODE, "the last write to the append-only file went well"),
        Some(status) => error(
            CODE,
            format!(
                "the last write to the append-only file ended with `{status}`: the server takes no changes, or does not keep them"
            ),
            WHAT_WAS_ANSWERED,
            "make room on its disk",
        ),
    }
}

fn eviction(server: &Server) -> Finding {
    const CODE: &str = "maxmemory_policy";
    match server.says("maxmemory_policy") {
        None => untold(CODE, "what it does when memory runs out", "+info"),
        Some("noeviction") => note(CODE, "maxmemory-policy is noeviction"),
        // No key of a store has a time to live, and these evict no others.
        Some(policy) if policy.starts_with("volatile-") => warning(
            CODE,
            format!(
                "maxmemory-policy is {policy}: a key that somebody gives a time to live may be evicted"
            ),
            ALL_BUT_ISOLATION,
            "set `maxmemory-policy noeviction`",
        ),
        Some(policy) => error(
            CODE,
            format!(
                "maxmemory-policy is {policy}: runs and facts are thrown away when memory runs out"
            ),
            ALL_BUT_ISOLATION,
            "set `maxmemory-policy noeviction`",
        ),
    }
}

fn memory(server: &Server) -> Finding {
    const CODE: &str = "memory";
    const MIB: u64 = 1024 * 1024;
    let (used, most) = (server.number("used_memory"), server.number("maxmemory"));
    let (Some(used), Some(most)) = (used, most) else {
        return untold(CODE, "how much memory it uses", "+info");
    };
    let used_mib = used / MIB;
    if most == 0 {
        return note(CODE, format!("{used_mib} MiB are used, without a limit"));
    }
    let found = format!("{used_mib} MiB of {} are used", most / MIB);
    if used > most / 10 * 9 {
        let why = format!("{found}: nothing is queued, started or revoked once they are");
        return warning(CODE, why, &["G5"], "raise `maxmemory`");
    }
    note(CODE, found)
}

/// Scopes that do not read, or that their slice of authority does not belong to.
async fn scopes(link: &Link, keys: &Keys) -> PortResult<Finding> {
    const CODE: &str = "scopes";
    let call = Call::command("SMEMBERS", keys.workspaces());
    let workspaces = list(link.call(OPERATION, call).await?, OPERATION)?;
    let mut damaged = Vec::new();
    let mut unread = 0_usize;
    for page in workspaces.chunks(PAGE) {
        let mut names: Vec<WorkspaceId> = Vec::with_capacity(page.len());
        for value in page {
            names.push(Columns::one(value.clone(), OPERATION).parsed("a workspace id")?);
        }
        let calls: Vec<Call> = names
            .iter()
            .map(|name| keys.workspace(name))
            .flat_map(|keys| {
                let scope = Call::command("HMGET", keys.scope());
                let slice = Call::command("HGET", keys.slice());
                [scope.arg("counter").arg("nonce"), slice.arg("revision")]
            })
            .collect();
        let mut answers = link.call_each(OPERATION, &calls).await?.into_iter();
        for name in names {
            let (scope, slice) = (answers.next(), answers.next());
            match (scope, slice) {
                (Some(Ok(scope)), Some(Ok(slice))) => {
                    if !belong_together(scope, slice) {
                        damaged.push(format!("`{name}`"));
                    }
                }
                // Its node is not there, or does something else: that damages nothing.
                (Some(Err(error)), _) | (_, Some(Err(error)))
                    if error.retry() == RetryClass::Later =>
                {
                    unread += 1;
                }
                _ => damaged.push(format!("`{name}`")),
            }
        }
    }
    Ok(match damaged.first() {
        None if unread > 0 => warning(
            CODE,
            format!(
                "the scopes of {unread} of {} workspaces cannot be read now",
                workspaces.len()
            ),
            &["G2"],
            "look again once all nodes answer",
        ),
        None => note(
            CODE,
            format!("the scopes of {} workspaces are whole", workspaces.len()),
        ),
        Some(first) => error(
            CODE,
            format!(
                "{} scopes are missing, malformed, or of another revision than their slice; the first is that of workspace {first}",
                damaged.len()
            ),
            &["G2"],
            "put the keys back from a backup; somebody changed them past Countersign, or they were evicted",
        ),
    })
}

/// Neither, where authority was never asked for or changed; or both, of one revision.
fn belong_together(scope: redis::Value, slice: redis::Value) -> bool {
    let read = || -> PortResult<bool> {
        let mut scope = Columns::of(scope, OPERATION)?;
        let counter = scope.optional_text("counter")?;
        let nonce = scope.optional_text("nonce")?;
        let slice: Option<Revision> = Columns::one(slice, OPERATION).optional("revision")?;
        Ok(match (counter, nonce, slice) {
            (None, None, None) => true,
            (Some(counter), Some(nonce), Some(slice)) => {
                slice.to_string() == format!("{counter}-{nonce}")
            }
            _ => false,
        })
    };
    read().unwrap_or(false)
}
