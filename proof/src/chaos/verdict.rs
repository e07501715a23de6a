//! What is on record, held against what was promised.

use std::collections::HashMap;

use countersign_domain::Timestamp;
use serde_json::Value;

use super::authorities::Story;
use super::records::{Records, text};
use super::{Kind, Report};

/// Counts what there is, and names what ought not to be.
pub(super) fn hold(kind: Kind, stories: &[Story], records: &Records, report: &mut Report) {
    let mut violations = Vec::new();
    let mut violated = |guarantee: &str, what: String| {
        violations.push(format!("{guarantee}: {what}"));
    };
    let mut entered: HashMap<&str, usize> = HashMap::new();
    for run in &records.entered {
        *entered.entry(run).or_default() += 1;
    }
    for (run, times) in &entered {
        if *times > 1 {
            violated("G3", format!("run {run} was entered {times} times"));
        }
        match records.runs.get(*run) {
            None => violated("G3", format!("run {run} was entered and is not on record")),
            Some(record) if text(record, "started_at").is_none() => {
                violated(
                    "G1",
                    format!("run {run} was entered and never started: {record}"),
                );
            }
            Some(_) => {}
        }
    }
    let gone_at = gone_at(kind, stories, records);
    let successors: HashMap<String, &String> = (records.runs.iter())
        .filter_map(|(id, run)| Some((text(run, "retry_of")?, id)))
        .collect();
    for (id, run) in &records.runs {
        let (status, outcome) = (text(run, "status"), text(run, "outcome"));
        let started = text(run, "started_at");
        let is_blocked = outcome.as_deref() == Some("blocked");
        if status.as_deref() != Some("completed") {
            violated("G5", format!("run {id} never ended: {run}"));
        }
        if is_blocked && (started.is_some() || entered.contains_key(id.as_str())) {
            violated("G1", format!("run {id} was blocked and started: {run}"));
        }
        let decision = run
            .get("decision")
            .or_else(|| run.pointer("/context/execution_legitimacy"));
        let is_decided = decision.is_some_and(|decision| !decision.is_null());
        if is_decided != (is_blocked || started.is_some()) {
            violated(
                "G4",
                format!("run {id} and its decision do not go together: {run}"),
            );
        }
        let attempt = run.get("attempt").and_then(Value::as_u64).unwrap_or(0);
        let is_lost = run.pointer("/failure/code").and_then(Value::as_str) == Some("worker_lost");
        report.rescued += usize::from(is_lost);
        if outcome.as_deref() == Some("failed") && attempt < 6 && !successors.contains_key(id) {
            violated(
                "G5",
                format!("run {id} failed and nothing follows it: {run}"),
            );
        }
        report.started += usize::from(started.is_some());
        report.blocked += usize::from(is_blocked);
        // Whoever acts for a user whose authority is gone starts nothing any more.
        if let (Some(user), Some(started)) = (text(run, "initiator"), started)
            && let Some(gone_at) = gone_at.get(&user)
            && micros(&started).is_none_or(|started| started > *gone_at)
        {
            violated(
                "G2",
                format!(
                    "{user} lost their authority at {gone_at}, and run {id} started at {started}"
                ),
            );
        }
    }
    for story in stories {
        for id in story.before.iter().chain(&story.after) {
            if !records.runs.contains_key(id) {
                violated("G5", format!("run {id} was submitted and is not on record"));
            }
        }
        for id in &story.after {
            let outcome = records.runs.get(id).and_then(|run| text(run, "outcome"));
            if outcome.as_deref() != Some("blocked") {
                let user = &story.user;
                violated(
                    "G2",
                    format!(
                        "run {id} was submitted for {user} when they had no authority: {outcome:?}"
                    ),
                );
            }
        }
        report.submitted += story.before.len() + story.after.len();
    }
    report.revocations = stories.len();
    report.runs = records.runs.len();
    report.entered = records.entered.len();
    report.violations = violations;
}

/// From when on a user's runs do not start: microseconds since 1970. By the store's own log; in a cluster, where a change
/// takes several steps and the log tells of the first, by when it was answered, as all clocks are this machine's.
fn gone_at(kind: Kind, stories: &[Story], records: &Records) -> HashMap<String, i64> {
    let answered = stories.iter();
    let answered = answered.map(|story| (story.user.clone(), story.answered_at));
    match kind {
        Kind::RedisCluster => answered.collect(),
        Kind::Sqlite | Kind::Postgres | Kind::Redis => records
            .revoked_at
            .iter()
            .filter_map(|(user, at)| Some((user.clone(), micros(at)?)))
            .collect(),
    }
}

fn micros(time: &str) -> Option<i64> {
    let time: Timestamp = time.parse().ok()?;
    Some(time.as_micros())
}
