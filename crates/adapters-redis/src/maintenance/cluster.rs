//! What `doctor` finds of a cluster besides what it finds at each node.

use std::time::Duration;

use countersign_ports::{Finding, PortErrorKind, PortResult};

use super::doctor::ask_setting;
use super::finding::{WHAT_WAS_ANSWERED, error, note, of_all, untold, warning};
use super::server::Server;
use crate::connect::{Link, SLOTS};
use crate::rows::{optional_text, read_time};
use crate::script::Call;

/// How far the clocks of two nodes may be apart.
const APART: Duration = Duration::from_secs(1);

/// How often clocks are compared that are further apart: a node that was busy answered late.
const COMPARISONS: usize = 3;

pub(super) async fn findings(
    link: &Link,
    servers: &[(String, Server)],
    operation: &'static str,
) -> PortResult<Vec<Finding>> {
    let mut findings = vec![role(servers)];
    findings.extend(state(link, operation).await?);
    findings.extend(moving(link, operation).await?);
    findings.extend(coverage(link).await?);
    findings.push(clocks(link, operation).await?);
    Ok(findings)
}

/// What a failover may undo, and where there is none to hope for.
fn role(servers: &[(String, Server)]) -> Finding {
    const CODE: &str = "store_class";
    let mut followed = Vec::new();
    for (node, server) in servers {
        match server.number("connected_slaves") {
            None => return untold(CODE, "whether it has replicas", "+info"),
            Some(0) => {}
            Some(_) => followed.push(&**node),
        }
    }
    let primaries = servers.len();
    if followed.is_empty() {
        return note(
            CODE,
            format!(
                "Redis Cluster: {primaries} primaries without replicas; the loss of one stops its workspaces until it is back"
            ),
        );
    }
    warning(
        CODE,
        format!(
            "Redis Cluster: {primaries} primaries, with asynchronous replicas of {}; promoting one may undo the last starts and revocations of its workspaces",
            followed.join(", ")
        ),
        WHAT_WAS_ANSWERED,
        "let a node come back from its own append-only file and have no replicas; `min-replicas-to-write` makes such a loss rarer, and does not exclude it",
    )
}

/// Whether every slot is served, as each primary has it.
async fn state(link: &Link, operation: &'static str) -> PortResult<Option<Finding>> {
    const CODE: &str = "cluster";
    let ask = || Call::bare("CLUSTER").arg("INFO");
    let mut found = Vec::new();
    for (node, answer) in link.ask_each_primary(operation, ask).await? {
        let finding = match answer {
            Ok(answer) => {
                let told = optional_text(answer, "the state of the cluster", operation)?;
                of_state(CODE, &Server::read(&told.unwrap_or_default()))
            }
            Err(refused) if refused.kind() == PortErrorKind::Refused => {
                untold(CODE, "the state of the cluster", "+cluster|info")
            }
            Err(silent) => error(
                CODE,
                format!("the node does not answer: {silent}"),
                &["G5"],
                "bring it back: its workspaces stand still",
            ),
        };
        found.push((node, finding));
    }
    let found = found
        .iter()
        .map(|(node, finding)| (&**node, finding.clone()));
    Ok(of_all(found.collect()))
}

fn of_state(code: &'static str, told: &Server) -> Finding {
    let slots = told.number("cluster_slots_ok").unwrap_or_default();
    let state = told.says("cluster_state").unwrap_or("unknown");
    if state == "ok" && slots == u64::from(SLOTS) {
        return note(
            code,
            format!("the cluster is ok: all {SLOTS} slots are served"),
        );
    }
    error(
        code,
        format!("the cluster is {state}: {slots} of {SLOTS} slots are served"),
        &["G5"],
        "give the other slots to nodes that live; their workspaces stand still",
    )
}

/// Slots that are on their way from one node to another.
async fn moving(link: &Link, operation: &'static str) -> PortResult<Option<Finding>> {
    const CODE: &str = "cluster_slots";
    let ask = || Call::bare("CLUSTER").arg("NODES");
    let mut moving = 0_usize;
    for (_, answer) in link.ask_each_primary(operation, ask).await? {
        match answer {
            Ok(answer) => {
                let told = optional_text(answer, "the nodes of the cluster", operation)?;
                moving += count_moving(&told.unwrap_or_default());
            }
            Err(refused) if refused.kind() == PortErrorKind::Refused => {
                let what = "which slots are being moved";
                return Ok(Some(untold(CODE, what, "+cluster|nodes")));
            }
            // A node that is not there is told of as such.
            Err(_) => {}
        }
    }
    Ok(Some(match moving {
        0 => note(CODE, "no slot is being moved"),
        moving => note(
            CODE,
            format!(
                "{moving} slots are being moved: their workspaces and queues wait, a second at a time, until they are"
            ),
        ),
    }))
}

/// Each node tells of its own alone: `[SLOT->-NODE]` of those that it gives away.
fn count_moving(nodes: &str) -> usize {
    nodes.matches("->-").count()
}

async fn coverage(link: &Link) -> PortResult<Option<Finding>> {
    const CODE: &str = "cluster-require-full-coverage";
    let settings = ask_setting(link, CODE).await?;
    let found = settings.iter().map(|(node, setting)| {
        let finding = match setting.as_deref() {
            None => untold(
                "cluster_coverage",
                "whether it stops while a slot is not served",
                "+config|get",
            ),
            Some("no") => note(
                "cluster_coverage",
                format!("{CODE} is no: the loss of a node stops its own workspaces"),
            ),
            Some(other) => note(
                "cluster_coverage",
                format!("{CODE} is {other}: the loss of a node stops all workspaces"),
            ),
        };
        (&**node, finding)
    });
    Ok(of_all(found.collect()))
}

/// Leases and grants end by the clock of the node that holds their workspace.
async fn clocks(link: &Link, operation: &'static str) -> PortResult<Finding> {
    const CODE: &str = "clocks";
    let mut least = Duration::MAX;
    for _ in 0..COMPARISONS {
        let told = link
            .call_on_each_primary(operation, || Call::bare("TIME"))
            .await;
        let told = match told {
            Ok(told) => told,
            Err(error) if error.kind() == PortErrorKind::Refused => {
                return Ok(untold(CODE, "its time", "+time"));
            }
            Err(_) => {
                return Ok(warning(
                    CODE,
                    "not every node tells its time",
                    &["G2"],
                    "look again once all nodes answer",
                ));
            }
        };
        let mut times = Vec::with_capacity(told.len());
        for time in told {
            times.push(read_time(time, operation)?.as_micros());
        }
        least = least.min(apart(&times));
        if least <= APART {
            break;
        }
    }
    Ok(of_clocks(CODE, least))
}

/// How far the first and the last of these times are apart, in microseconds.
fn apart(times: &[i64]) -> Duration {
    let (first, last) = (times.iter().min(), times.iter().max());
    let micros = first.zip(last).map(|(first, last)| last.abs_diff(*first));
    Duration::from_micros(micros.unwrap_or_default())
}

fn of_clocks(code: &'static str, apart: Duration) -> Finding {
    if apart <= APART {
        return note(code, "the clocks of the nodes are at most a second apart");
    }
    warning(
        code,
        format!(
            "the clocks of the nodes are {:.1} s apart: leases and grants end by the clock of the node that holds the workspace",
            apart.as_secs_f64()
        ),
        &["G2", "G5"],
        "have all nodes keep the time, by NTP",
    )
}

#[cfg(test)]
mod tests {
    use countersign_ports::Severity;

    use super::*;

    #[test]
    fn a_slot_that_nobody_serves_is_an_error() {
        let of = |info: &str| of_state("cluster", &Server::read(info)).severity;
        assert_eq!(
            of("cluster_state:ok\r\ncluster_slots_ok:16384\r\n"),
            Severity::Note
        );
        assert_eq!(
            of("cluster_state:ok\r\ncluster_slots_ok:16383\r\n"),
            Severity::Error
        );
        assert_eq!(
            of("cluster_state:fail\r\ncluster_slots_ok:16384\r\n"),
            Severity::Error
        );
        assert_eq!(of(""), Severity::Error);
    }

    #[test]
    fn slots_that_are_given_away_are_counted_once() {
        let nodes = "1f 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-99 [5->-2e] [7->-2e] [9-<-2e]\n2e 127.0.0.1:3@4 master - 0 0 2 connected 100-16383\n";
        assert_eq!(count_moving(nodes), 2);
    }

    #[test]
    fn replicas_are_a_warning_and_their_absence_is_not() {
        let node = |replicas: u32| {
            let told = Server::read(&format!("connected_slaves:{replicas}\r\n"));
            (format!("node-{replicas}"), told)
        };
        assert_eq!(role(&[node(0), node(0)]).severity, Severity::Note);
        let found = role(&[node(0), node(1)]);
        assert_eq!(found.severity, Severity::Warning);
        assert!(found.found.contains("of node-1;"), "{found:?}");
        assert!(found.endangers.contains(&"G2"));
    }

    #[test]
    fn clocks_that_are_more_than_a_second_apart_are_a_warning() {
        let of = |times: &[i64]| of_clocks("clocks", apart(times));
        assert_eq!(of(&[5_000_000, 4_000_000]).severity, Severity::Note);
        assert_eq!(of(&[]).severity, Severity::Note);
        let found = of(&[5_000_000, 7_500_000, 6_000_000]);
        assert_eq!(found.severity, Severity::Warning);
        assert!(found.found.contains("2.5 s apart"), "{found:?}");
    }
}
