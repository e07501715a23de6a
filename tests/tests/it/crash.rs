//! Workers killed with SIGKILL at many moments: nothing is lost, nothing starts twice, nothing that is
//! blocked starts (G1, G3, G5).

use std::collections::{BTreeMap, HashSet};
use std::time::SystemTime;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Site, chains, until};

/// Each command notes its run and ends. Leases lapse within a second of a worker's death.
const CONFIG: &str = r#"
[worker]
lease = "1s"
concurrency = 4

[operations.note]
capability = "note"
max_attempts = 1000
command = ["sh", "-c", "echo $COUNTERSIGN_RUN_ID >> journal"]
"#;

const AUTHORITY: &str = r#"
{"change":"define_role","role":"member","capabilities":[],"all_tenants":true}
{"change":"define_role","role":"writer","capabilities":["note"],"all_tenants":true}
{"change":"set_workspace","workspace":"w","active":true}
{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"active"}
{"change":"grant","user":"writer","workspace":"w","role":"writer"}
{"change":"grant","user":"leaver","workspace":"w","role":"writer"}
{"change":"grant","user":"leaver","workspace":"w","role":"member"}
{"change":"grant","user":"reader","workspace":"w","role":"member"}
"#;

const LEAVING: &str = r#"{"change":"revoke","user":"leaver","workspace":"w","role":"writer"}"#;

/// One worker is started and killed in each.
const ROUNDS: u64 = 24;
/// In whose name runs are queued before each round: more by those who may than a round waits for.
const SUBMITTERS: [&str; 24] = {
    let mut submitters = ["writer"; 24];
    let mut at = 0;
    while at < 24 {
        submitters[at] = match at % 8 {
            2 | 5 => "leaver",
            7 => "reader",
            _ => "writer",
        };
        at += 1;
    }
    submitters
};

#[test]
fn workers_killed_at_any_moment_lose_nothing_start_nothing_twice_and_start_nothing_blocked() {
    let site = Site::new(CONFIG);
    site.apply(AUTHORITY);
    let mut submitted = Vec::new();
    for round in 0..ROUNDS {
        if round == ROUNDS / 2 {
            site.apply(LEAVING);
        }
        submitted.extend(site.submit_lines(&SUBMITTERS.map(line).join("\n")));
        let name = format!("victim-{round}");
        let moment = Moment::of(round);
        let before = Standing::of(&site);
        let victim = site.start_worker(&name, []);
        moment.wait(&site, &before);
        victim.kill();
    }
    finish(&site);

    let runs = site.runs();
    let journal = site.lines("journal");
    let noted: HashSet<&str> = journal.iter().map(String::as_str).collect();
    assert_eq!(noted.len(), journal.len(), "a run was started twice");
    for run in &runs {
        assert_consistent(run, &noted);
    }
    for id in &journal {
        assert!(runs.iter().any(|run| run["id"] == **id), "{id} is no run");
    }
    let chains = chains(&runs);
    assert!(
        chains
            .keys()
            .eq(BTreeMap::from_iter(submitted.iter().map(|id| (id.as_str(), ()))).keys())
    );
    let ends = chains.values().map(|chain| assert_chain(chain));
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for end in ends {
        *counts.entry(end).or_default() += 1;
    }
    assert_counts(&counts, &runs);
}

fn line(user: &str) -> String {
    format!(r#"{{"workspace":"w","tenant":"t","user":"{user}","type":"note"}}"#)
}

/// Workers that nobody kills work off what is left, and rescue what the others held.
///
/// A look at what is queued and then at what runs can miss a run that is rescued in between. So it is
/// looked again once the worker has ended, when nothing moves.
fn finish(site: &Site) {
    for survivor in 0..ROUNDS {
        let last = site.start_worker(&format!("survivor-{survivor}"), []);
        until("every run is completed", || is_all_completed(site));
        last.signal(Signal::SIGTERM);
        let report = last.wait().report();
        if is_all_completed(site) {
            assert_eq!(report["left"], 0, "{report}");
            return;
        }
    }
    panic!("runs are left after {ROUNDS} workers that nobody killed");
}

fn is_all_completed(site: &Site) -> bool {
    ["queued", "running"].iter().all(|status| {
        let unfinished = ["runs", "list", "--status", status, "--limit", "1"];
        site.json(unfinished).is_empty()
    })
}

/// The event after which a worker is killed; together they spread over everything it does.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// As soon as it is a process: it opens its store, stands for office, receives.
    Spawned,
    /// When so many more commands have run: around begins and completions.
    Noted(usize),
    /// When the store was written to so many more times: within a commit, or right after it.
    Written(usize),
    /// When a run is running.
    Running,
}

impl Moment {
    /// The same ones every time, in an order without a pattern.
    fn of(round: u64) -> Self {
        // The upper bits of a multiplicative hash (Knuth's).
        let dice = round.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let more = 1 + usize::try_from(dice / 6).unwrap() % 12;
        match dice % 6 {
            0 => Self::Spawned,
            1 | 2 => Self::Written(more),
            3 => Self::Running,
            _ => Self::Noted(more),
        }
    }

    fn wait(self, site: &Site, before: &Standing) {
        match self {
            Self::Spawned => {}
            Self::Noted(more) => until("more runs are noted", || {
                site.lines("journal").len() >= before.noted + more
            }),
            Self::Written(times) => {
                let mut last = before.written;
                for _ in 0..times {
                    until("the store is written to", || written(site) != last);
                    last = written(site);
                }
            }
            Self::Running => until("a run is running", || {
                let running = ["runs", "list", "--status", "running", "--limit", "1"];
                !site.json(running).is_empty()
            }),
        }
    }
}

/// How things stand before a worker is started.
struct Standing {
    noted: usize,
    written: Option<SystemTime>,
}

impl Standing {
    fn of(site: &Site) -> Self {
        Self {
            noted: site.lines("journal").len(),
            written: written(site),
        }
    }
}

fn written(site: &Site) -> Option<SystemTime> {
    let log = site.path("countersign.db-wal").metadata();
    log.and_then(|log| log.modified()).ok()
}

/// What must hold of each run by itself.
fn assert_consistent(run: &Value, noted: &HashSet<&str>) {
    assert_eq!(run["status"], "completed", "{run}");
    let is_noted = noted.contains(run["id"].as_str().unwrap());
    let allowed = &run["context"]["execution_legitimacy"]["allowed"];
    match run["outcome"].as_str().unwrap() {
        "succeeded" => assert!(is_noted, "succeeded without a start: {run}"),
        // Its worker died before its command, in it, or after it.
        "failed" => assert_eq!(run["failure"]["code"], "worker_lost", "{run}"),
        "blocked" => {
            assert!(!is_noted, "blocked and started: {run}");
            assert!(run["started_at"].is_null(), "blocked and started: {run}");
            assert_eq!(run["context"]["reason_code"], "missing_capability");
            assert_eq!(allowed, false);
            return;
        }
        other => panic!("{other}: {run}"),
    }
    assert!(run["started_at"].is_string(), "{run}");
    assert_eq!(allowed, true, "{run}");
}

/// A chain is linked without a gap, each of its runs but the last was lost; says whose it is and what
/// it came to.
fn assert_chain<'v>(chain: &[&'v Value]) -> (&'v str, &'v str) {
    for (at, run) in chain.iter().enumerate() {
        assert_eq!(run["attempt"], at + 1, "{run}");
        let before = at
            .checked_sub(1)
            .map_or(&Value::Null, |before| &chain[before]["id"]);
        assert_eq!(&run["retry_of"], before, "{run}");
    }
    let (last, lost) = chain.split_last().unwrap();
    assert!(lost.iter().all(|run| run["outcome"] == "failed"));
    let text = |key: &str| last[key].as_str().unwrap();
    (text("initiator"), text("outcome"))
}

/// Every chain came to an end that its authority explains, and each case did occur.
fn assert_counts(counts: &BTreeMap<(&str, &str), usize>, runs: &[Value]) {
    let submitted = |user| {
        let each_round = SUBMITTERS.iter().filter(|one| **one == user).count();
        each_round * usize::try_from(ROUNDS).unwrap()
    };
    let count = |user, outcome| counts.get(&(user, outcome)).copied().unwrap_or(0);
    assert_eq!(count("writer", "succeeded"), submitted("writer"));
    assert_eq!(count("reader", "blocked"), submitted("reader"));
    assert!(count("leaver", "blocked") > 0);
    assert_eq!(
        count("leaver", "blocked") + count("leaver", "succeeded"),
        submitted("leaver")
    );
    let lost = runs.iter().filter(|run| run["outcome"] == "failed").count();
    assert!(lost > 0, "no kill has hit a running run: nothing was shown");
}
