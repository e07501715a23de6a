//! Two worker processes on one PostgreSQL store: each run starts once, and what a killed one held is
//! rescued.

use std::collections::HashSet;

use serde_json::Value;

use super::place::{Place, server};
use crate::support::{AUTHORITY, Site, chains, until};

/// How many handlers each worker runs at once.
const CONCURRENCY: usize = 8;

/// How many runs there are; every sixth one by user 8, who may not.
const RUNS: usize = 240;
const BLOCKED: usize = RUNS / 6;

/// Nobody ends before the test says so.
fn config(lease: &str) -> String {
    format!(
        r#"
        [worker]
        lease = "{lease}"
        concurrency = {CONCURRENCY}

        [operations.note]
        capability = "inventory.sync"
        max_attempts = 1000
        command = ["sh", "-c", "until [ -e go ] || [ ! -d \"$PWD\" ]; do sleep 0.01; done; echo $COUNTERSIGN_RUN_ID >> journal"]
        "#
    )
}

/// A site with the runs queued.
fn site(place: &Place, lease: &str) -> Site {
    let site = Site::at(place.url(), &config(lease));
    site.apply(AUTHORITY);
    let line = |at: usize| {
        let user = if at.is_multiple_of(6) { "8" } else { "7" };
        format!(r#"{{"workspace":"1","tenant":"4","user":"{user}","type":"note"}}"#)
    };
    let lines: Vec<String> = (0..RUNS).map(line).collect();
    assert_eq!(site.submit_lines(&lines.join("\n")).len(), RUNS);
    site
}

/// The runs that are running.
fn running(site: &Site) -> Vec<Value> {
    site.json(["runs", "list", "--status", "running"])
}

fn until_hands_are_full(site: &Site) {
    until("both workers have their hands full", || {
        running(site).len() == 2 * CONCURRENCY
    });
}

/// The ids of the runs that came to this.
fn ids<'v>(runs: &'v [Value], outcome: &str) -> HashSet<&'v str> {
    runs.iter()
        .filter(|run| run["outcome"] == outcome)
        .map(|run| run["id"].as_str().unwrap())
        .collect()
}

/// The ids that commands noted, each once (G3).
fn noted(journal: &[String]) -> HashSet<&str> {
    let noted: HashSet<&str> = journal.iter().map(String::as_str).collect();
    assert_eq!(noted.len(), journal.len(), "a run was started twice");
    noted
}

fn assert_blocked(runs: &[Value], noted: &HashSet<&str>) {
    let blocked: Vec<&Value> = runs
        .iter()
        .filter(|run| run["outcome"] == "blocked")
        .collect();
    assert_eq!(blocked.len(), BLOCKED);
    for run in blocked {
        assert!(run["started_at"].is_null(), "blocked and started: {run}");
        assert!(!noted.contains(run["id"].as_str().unwrap()), "{run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_start_every_allowed_run_exactly_once_and_no_blocked_one() {
    Place::play(server(), |place| async move {
        let site = site(&place, "30s");
        let workers = ["one", "two"].map(|name| site.start_worker(name, ["--drain"]));
        until_hands_are_full(&site);
        site.write("go", "");
        let reports = workers.map(|worker| worker.wait().report());

        let (runs, journal) = (site.runs(), site.lines("journal"));
        let noted = noted(&journal);
        assert_eq!(runs.len(), RUNS);
        assert_eq!(ids(&runs, "succeeded"), noted);
        assert_eq!(noted.len(), RUNS - BLOCKED);
        assert_blocked(&runs, &noted);
        for report in &reports {
            assert!(report["started"].as_u64().unwrap() >= CONCURRENCY as u64);
            assert_eq!(report["left"], 0);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_worker_held_is_rescued_by_the_other() {
    Place::play(server(), |place| async move {
        // Soon over after a worker's death, and long enough for one that lives.
        let site = site(&place, "4s");
        let [victim, survivor] = ["one", "two"].map(|name| site.start_worker(name, []));
        until_hands_are_full(&site);
        let held: HashSet<String> = running(&site)
            .iter()
            .filter(|run| run["context"]["execution_legitimacy"]["worker"] == "one")
            .map(|run| run["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(held.len(), CONCURRENCY);
        victim.kill();
        until("its runs are rescued", || {
            let failed = site.json(["runs", "list", "--outcome", "failed"]);
            let failed = ids(&failed, "failed");
            held.iter().all(|id| failed.contains(id.as_str()))
        });
        // Commands of the victim's, if any live, go on beside those of their runs' successors.
        site.write("go", "");
        until("every run is completed", || {
            ["queued", "running"].iter().all(|status| {
                let unfinished = ["runs", "list", "--status", status, "--limit", "1"];
                site.json(unfinished).is_empty()
            })
        });
        survivor.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(survivor.wait().report()["left"], 0);

        let (runs, journal) = (site.runs(), site.lines("journal"));
        let noted = noted(&journal);
        let succeeded = ids(&runs, "succeeded");
        assert_eq!(succeeded.len(), RUNS - BLOCKED);
        assert!(succeeded.is_subset(&noted));
        assert_blocked(&runs, &noted);
        let chains = chains(&runs);
        assert_eq!(chains.len(), RUNS, "nothing is lost");
        for chain in chains.values() {
            let (last, lost) = chain.split_last().unwrap();
            assert_ne!(last["outcome"], "failed", "{last}");
            for run in lost {
                assert_eq!(run["failure"]["code"], "worker_lost", "{run}");
            }
        }
    })
    .await;
}
