//! Two worker processes on one SQLite file: each run starts once, and none after its authority went.

use std::collections::{BTreeMap, HashSet};

use countersign_ports::RunRepository;
use countersign_sqlite::SqliteStore;
use serde_json::Value;

use crate::support::{Site, apply, until, until_async};

const AUTHORITY: &str = r#"
{"change":"define_role","role":"writer","capabilities":["note"],"all_tenants":true}
{"change":"define_role","role":"member","capabilities":[],"all_tenants":true}
{"change":"set_workspace","workspace":"w","active":true}
{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"active"}
"#;

/// Who queues runs, in turns.
const USERS: usize = 30;

/// A site with runs of every user, in turns; so many of them may run.
fn site(config: &str, runs: usize, writers: usize) -> Site {
    let site = Site::new(config);
    let grants: Vec<String> = (0..USERS)
        .map(|user| {
            let role = if user < writers { "writer" } else { "member" };
            format!(r#"{{"change":"grant","user":"user-{user}","workspace":"w","role":"{role}"}}"#)
        })
        .collect();
    site.apply(&format!("{AUTHORITY}{}", grants.join("\n")));
    let lines: Vec<String> = (0..runs)
        .map(|run| {
            let user = run % USERS;
            format!(r#"{{"workspace":"w","tenant":"t","user":"user-{user}","type":"note"}}"#)
        })
        .collect();
    assert_eq!(site.submit_lines(&lines.join("\n")).len(), runs);
    site
}

#[test]
fn two_workers_start_every_allowed_run_exactly_once_and_no_blocked_one() {
    const CONCURRENCY: usize = 8;
    // Nobody ends before both workers have their hands full.
    let site = site(
        r#"
        [worker]
        concurrency = 8
        [operations.note]
        capability = "note"
        command = ["sh", "-c", "until [ -e go ]; do sleep 0.01; done; echo $COUNTERSIGN_RUN_ID >> journal"]
        "#,
        360,
        25,
    );
    let workers = ["one", "two"].map(|name| site.start_worker(name, ["--drain"]));
    until("both workers have their hands full", || {
        let running = ["runs", "list", "--status", "running"];
        site.json(running).len() == 2 * CONCURRENCY
    });
    site.write("go", "");
    let reports = workers.map(|worker| worker.wait().report());

    let runs = site.runs();
    let journal = site.lines("journal");
    let noted: HashSet<&str> = journal.iter().map(String::as_str).collect();
    assert_eq!(noted.len(), journal.len(), "a run was started twice");
    let allowed: HashSet<&str> = ids(&runs, "succeeded");
    let blocked: HashSet<&str> = ids(&runs, "blocked");
    assert_eq!((allowed.len(), blocked.len(), runs.len()), (300, 60, 360));
    assert_eq!(noted, allowed);
    let sum = |key: &str| -> u64 { reports.iter().map(|told| told[key].as_u64().unwrap()).sum() };
    assert_eq!((sum("started"), sum("blocked")), (300, 60));
    for report in &reports {
        assert!(report["started"].as_u64().unwrap() >= CONCURRENCY as u64);
        assert_eq!(report["left"], 0);
    }
}

#[test]
fn no_run_is_started_after_the_revocation_that_concerns_it_has_committed() {
    const REVOKED: usize = 12;
    let site = site(
        r#"
        [worker]
        concurrency = 4
        [operations.note]
        capability = "note"
        command = ["sh", "-c", "echo $COUNTERSIGN_RUN_ID >> journal"]
        "#,
        360,
        USERS,
    );
    let workers = ["one", "two"].map(|name| site.start_worker(name, ["--drain"]));
    // A third process revokes one user after another, as the work goes on: at least 216 runs are of
    // users who keep their grants.
    for user in 0..REVOKED {
        until("the work goes on", || {
            site.lines("journal").len() >= 10 * (1 + user)
        });
        site.apply(&format!(
            r#"{{"change":"revoke","user":"user-{user}","workspace":"w","role":"writer"}}"#
        ));
    }
    for worker in workers {
        worker.wait().report();
    }

    let revocations = revocations(&site);
    assert_eq!(revocations.len(), REVOKED);
    let runs = site.runs();
    let noted: HashSet<String> = site.lines("journal").into_iter().collect();
    let (mut before, mut after) = (0, 0);
    for run in &runs {
        let record = &run["context"]["execution_legitimacy"];
        let started = run["started_at"].as_str();
        assert_eq!(record["allowed"], started.is_some(), "{run}");
        assert_eq!(
            noted.contains(run["id"].as_str().unwrap()),
            started.is_some()
        );
        let revoked = revocations.get(run["initiator"].as_str().unwrap());
        match (started, revoked) {
            (Some(_), None) => assert_eq!(run["outcome"], "succeeded"),
            (None, None) => panic!("blocked, and nothing was revoked: {run}"),
            (Some(at), Some(revocation)) => {
                assert!(
                    at < revocation.at.as_str(),
                    "started after {}: {run}",
                    revocation.at
                );
                assert!(
                    counter(&record["authority"]["scopes"]) < revocation.counter,
                    "{run}"
                );
                before += 1;
            }
            (None, Some(revocation)) => {
                assert!(
                    counter(&record["authority"]["scopes"]) >= revocation.counter,
                    "{run}"
                );
                after += 1;
            }
        }
    }
    assert!(
        before > 0 && after > 0,
        "the revocations fell between no runs: {before}, {after}"
    );
}

/// A run is started or blocked by what held at that moment: before the change that comes next in the
/// log. Without the fence this fails within the first hundred changes.
#[tokio::test]
async fn no_start_and_no_block_is_overtaken_by_a_change() {
    const RUNS: usize = 1000;
    // No lease is renewed: what has been taken at that moment stops the runs under way.
    let site = site(
        r#"
        [worker]
        concurrency = 4
        lease = "10m"
        [operations.note]
        capability = "note"
        command = ["true"]
        "#,
        RUNS,
        USERS,
    );
    let workers = ["one", "two"].map(|name| site.start_worker(name, ["--drain"]));
    // This process is the third one: it takes everybody's capability and gives it back, again each time
    // the workers have come further.
    let store = SqliteStore::open(site.path("countersign.db"))
        .await
        .unwrap();
    let queued = async || {
        let left = store.runs().queued_entries(None, 10_000).await.unwrap();
        left.len()
    };
    let (mut changes, mut left) = (0, RUNS);
    while left > 0 {
        let capabilities = ["", r#""note""#][changes % 2];
        let line = format!(
            r#"{{"change":"define_role","role":"writer","capabilities":[{capabilities}],"all_tenants":true}}"#
        );
        apply(&store.authority(), &line).await;
        changes += 1;
        let before = left;
        left = until_async("the workers come further", async || {
            Some(queued().await).filter(|left| *left < before)
        })
        .await;
    }
    store.close().await;
    for worker in workers {
        worker.wait().report();
    }

    // When each revision came to be.
    let made: BTreeMap<u64, String> = site
        .log()
        .iter()
        .filter(|entry| !entry["raised"].as_array().unwrap().is_empty())
        .map(|entry| {
            (
                counter(&entry["raised"]),
                entry["at"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let runs = site.runs();
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for run in &runs {
        let record = &run["context"]["execution_legitimacy"];
        let decided_by = counter(&record["authority"]["scopes"]);
        let moved_at = run["started_at"]
            .as_str()
            .or(run["completed_at"].as_str())
            .unwrap();
        if let Some(next) = made.get(&(decided_by + 1)) {
            assert!(
                moved_at <= next.as_str(),
                "overtaken by the change at {next}: {run}"
            );
        }
        *outcomes
            .entry(run["outcome"].as_str().unwrap())
            .or_default() += 1;
    }
    let count = |outcome| outcomes.get(outcome).copied().unwrap_or(0);
    let other: Vec<&Value> = runs
        .iter()
        .filter(|run| run["outcome"] != "succeeded" && run["outcome"] != "blocked")
        .collect();
    assert!(
        other.is_empty(),
        "neither started and done nor blocked: {other:#?}"
    );
    assert_eq!(runs.len(), RUNS);
    assert!(
        count("succeeded") > 50 && count("blocked") > 50 && changes > 50,
        "too little happened at once to show anything: {outcomes:?}, {changes} changes"
    );
}

/// A revocation as the authority log has it: when it committed, and the revision that it made.
struct Revocation {
    at: String,
    counter: u64,
}

fn revocations(site: &Site) -> BTreeMap<String, Revocation> {
    let log = site.log();
    let revocations = log
        .iter()
        .filter(|entry| entry["change"]["change"] == "revoke");
    revocations
        .map(|entry| {
            let revocation = Revocation {
                at: entry["at"].as_str().unwrap().to_owned(),
                counter: counter(&entry["raised"]),
            };
            (
                entry["change"]["user"].as_str().unwrap().to_owned(),
                revocation,
            )
        })
        .collect()
}

/// The counter of the one scope there is.
fn counter(scopes: &Value) -> u64 {
    let revision = scopes[0]["revision"].as_str().unwrap();
    revision.split_once('-').unwrap().0.parse().unwrap()
}

fn ids<'v>(runs: &'v [Value], outcome: &str) -> HashSet<&'v str> {
    let of_outcome = runs.iter().filter(|run| run["outcome"] == outcome);
    of_outcome.map(|run| run["id"].as_str().unwrap()).collect()
}
