//! SIGTERM and SIGINT: the first drains, the second stops now.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{AUTHORITY, Site, WorkerProcess, until};

/// Says that it is there, waits until it may go, says that it went.
const PATIENT: &str = r#"
[worker]
concurrency = 1
[operations.inventory_sync]
capability = "inventory.sync"
command = ["sh", "-c", "echo $COUNTERSIGN_RUN_ID >> came; until [ -e go ]; do sleep 0.01; done; echo $COUNTERSIGN_RUN_ID >> went"]
"#;

/// Has a child of its own, tells both of them, and never ends by itself.
const ENDLESS: &str = r#"
[worker]
concurrency = 1
[operations.inventory_sync]
capability = "inventory.sync"
command = ["sh", "-c", "sleep 100000 & echo $! > child; echo $$ > leader; wait"]
"#;

/// The same, and it does not stop when told to.
const STUBBORN: &str = r#"
[worker]
concurrency = 1
cancel_grace = "500ms"
[operations.inventory_sync]
capability = "inventory.sync"
command = ["sh", "-c", "trap '' TERM; sleep 100000 & echo $! > child; echo $$ > leader; wait; wait"]
"#;

fn site(config: &str) -> Site {
    let site = Site::new(config);
    site.apply(AUTHORITY);
    site
}

/// Sends the first signal and waits until the worker has taken note.
fn tell_to_drain(worker: &WorkerProcess, signal: Signal) {
    worker.signal(signal);
    until("the worker drains", || {
        worker.stderr().contains("stopping:")
    });
}

fn the_first_signal_drains(signal: Signal) {
    let site = site(PATIENT);
    let ids = [(); 3].map(|()| site.submit("inventory_sync"));
    let worker = site.start_worker("w", []);
    until("the first command runs", || site.lines("came").len() == 1);
    tell_to_drain(&worker, signal);
    site.write("go", "");
    let report = worker.wait().report();
    assert_eq!(
        (&report["succeeded"], &report["left_due"]),
        (&1.into(), &2.into())
    );
    assert_eq!(site.lines("came"), [ids[0].as_str()]);
    assert_eq!(site.lines("went"), [ids[0].as_str()]);
    let statuses = ids.map(|id| site.show(&id)["status"].clone());
    assert_eq!(statuses, ["completed", "queued", "queued"]);
}

#[test]
fn sigterm_lets_the_running_command_end_and_starts_nothing_more() {
    the_first_signal_drains(Signal::SIGTERM);
}

#[test]
fn sigint_lets_the_running_command_end_and_starts_nothing_more() {
    the_first_signal_drains(Signal::SIGINT);
}

#[test]
fn a_worker_with_nothing_to_do_ends_at_the_first_signal() {
    let site = site(PATIENT);
    site.write("go", "");
    let id = site.submit("inventory_sync");
    let worker = site.start_worker("w", []);
    until("its only run is completed", || {
        site.show(&id)["status"] == "completed"
    });
    tell_to_drain(&worker, Signal::SIGTERM);
    assert_eq!(worker.wait().report()["succeeded"], 1);
}

fn the_second_signal_stops(config: &str) {
    let site = site(config);
    let id = site.submit("inventory_sync");
    let worker = site.start_worker("w", []);
    until("the command runs", || !site.lines("leader").is_empty());
    let pid = |name: &str| Pid::from_raw(site.lines(name)[0].parse().unwrap());
    let (leader, child) = (pid("leader"), pid("child"));
    assert_eq!((kill(leader, None), kill(child, None)), (Ok(()), Ok(())));
    tell_to_drain(&worker, Signal::SIGTERM);
    assert_eq!(
        site.show(&id)["status"],
        "running",
        "the first signal ends nothing"
    );
    worker.signal(Signal::SIGTERM);
    let report = worker.wait().report();
    assert_eq!(report["failed"], 1, "{report}");

    until("nothing is left of the command", || {
        [kill(leader, None), kill(child, None), killpg(leader, None)] == [Err(Errno::ESRCH); 3]
    });
    let runs = site.runs();
    let run = |key: &str| {
        let found = runs.iter().find(|run| run[key] == id);
        found.unwrap_or_else(|| panic!("no run with {key} {id}: {runs:?}"))
    };
    assert_lost(run("id"));
    assert_eq!(run("retry_of")["status"], "queued");
}

fn assert_lost(run: &Value) {
    assert_eq!(run["status"], "completed");
    assert_eq!(run["outcome"], "failed");
    assert_eq!(run["failure"]["code"], "worker_lost");
    assert!(run["started_at"].is_string(), "{run}");
}

#[test]
fn the_second_signal_ends_the_commands_process_group_and_queues_a_successor() {
    the_second_signal_stops(ENDLESS);
}

#[test]
fn the_second_signal_kills_a_command_that_does_not_stop_within_its_grace() {
    the_second_signal_stops(STUBBORN);
}
