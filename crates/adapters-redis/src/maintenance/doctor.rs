//! Holds the server's settings and what the store holds against the guarantees. Looking changes nothing.

use countersign_domain::{Revision, WorkspaceId};
use countersign_ports::{Finding, PortErrorKind, PortResult, Severity};

use super::require_current_marker;
use super::server::Server;
use crate::connect::Link;
use crate::keys::Keys;
use crate::rows::{Columns, list, optional_text};
use crate::script::Call;

const OPERATION: &str = "doctor";

/// Everything that rests on what the server has answered.
const ALL_BUT_ISOLATION: &[&str] = &["G1", "G2", "G3", "G4", "G5"];

/// What a start, a revocation or a run that is undone endangers.
const WHAT_WAS_ANSWERED: &[&str] = &["G2", "G3", "G5"];

/// Scopes read in one round trip.
const PAGE: usize = 500;

pub(super) async fn doctor(link: &Link, keys: &Keys) -> PortResult<Vec<Finding>> {
    require_current_marker(link, keys, OPERATION).await?;
    let server = Server::ask(link, OPERATION).await?;
    Ok(vec![
        version(&server),
        role(&server),
        cluster(&server),
        append_only(&server),
        append_fsync(link).await?,
        last_write(&server),
        eviction(&server),
        memory(&server),
        scopes(link, keys).await?,
    ])
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

fn cluster(server: &Server) -> Finding {
    const CODE: &str = "cluster";
    if server.says("cluster_enabled") == Some("1") {
        return error(
            CODE,
            "the server is a node of a cluster: changes of authority reach several slots at once",
            &["G2"],
            "use a server that is no part of a cluster",
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

async fn append_fsync(link: &Link) -> PortResult<Finding> {
    const CODE: &str = "appendfsync";
    const MEND: &str = "set `appendfsync always`";
    let call = Call::bare("CONFIG").arg("GET").arg(CODE);
    let answer = match link.call(OPERATION, call).await {
        Ok(answer) => list(answer, OPERATION)?.into_iter().nth(1),
        // Not permitted, or not there: servers that others run often know no `CONFIG`.
        Err(error) if matches!(error.kind(), PortErrorKind::Refused | PortErrorKind::Other) => None,
        Err(error) => return Err(error),
    };
    let level = match answer {
        Some(value) => optional_text(value, CODE, OPERATION)?,
        None => None,
    };
    Ok(match level.as_deref() {
        None => untold(CODE, "when its file is on the disk", "+config|get"),
        Some("always") => note(CODE, "appendfsync is always"),
        Some("everysec") => warning(
            CODE,
            "appendfsync is everysec: a crash of the machine may undo the starts, revocations and submissions of the last two seconds",
            WHAT_WAS_ANSWERED,
            MEND,
        ),
        Some(other) => error(
            CODE,
            format!(
                "appendfsync is {other}: a crash of the machine may undo the starts, revocations and submissions of half a minute"
            ),
            WHAT_WAS_ANSWERED,
            MEND,
        ),
    })
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
            let is_whole = match (scope, slice) {
                (Some(Ok(scope)), Some(Ok(slice))) => belong_together(scope, slice),
                _ => false,
            };
            if !is_whole {
                damaged.push(format!("`{name}`"));
            }
        }
    }
    Ok(match damaged.first() {
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

/// The server does not say, or not to this user.
fn untold(code: &'static str, what: &str, right: &str) -> Finding {
    warning(
        code,
        format!("the server does not say {what}"),
        WHAT_WAS_ANSWERED,
        format!("give the user the right `{right}`, or make sure of it yourself"),
    )
}

/// As it should be, or worth knowing.
fn note(code: &'static str, found: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Note,
        code,
        found: found.into(),
        endangers: &[],
        mend: String::new(),
    }
}

fn warning(
    code: &'static str,
    found: impl Into<String>,
    endangers: &'static [&'static str],
    mend: impl Into<String>,
) -> Finding {
    Finding {
        severity: Severity::Warning,
        code,
        found: found.into(),
        endangers,
        mend: mend.into(),
    }
}

fn error(
    code: &'static str,
    found: impl Into<String>,
    endangers: &'static [&'static str],
    mend: impl Into<String>,
) -> Finding {
    Finding {
        severity: Severity::Error,
        ..warning(code, found, endangers, mend)
    }
}
