//! `runs explain`: the five checks, what each saw, what made the difference, and what to do.

use std::process::ExitCode;

use countersign::domain::{
    ActorName, AuthorityChange, CancelNote, Check, CheckResult, ContinuityRecord, DecisionRecord,
    Failure as RunFailure, GateState, JsonText, Observed, ReasonCode, RunId, RunStatus,
    ScopeRevision, Timestamp, UserId,
};
use countersign::port::LogEntry;
use countersign::{Difference, Explanation};
use serde::Serialize;

use super::found;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, bold, check_style, outcome_style, styled};
use crate::cli::stores::Deployment;

pub(super) async fn explain(
    deployment: &Deployment,
    ids: &[RunId],
    output: Output,
) -> Result<ExitCode, Failure> {
    for run in found(deployment, ids).await? {
        let explanation =
            countersign::explain(&deployment.ports, &deployment.config.catalog, run).await?;
        if output.is_json() {
            output.object(&Told::of(&explanation))?;
        } else {
            tell(&explanation, output)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Told<'a> {
    id: RunId,
    status: &'static str,
    outcome: &'static str,
    reason_code: Option<ReasonCode>,
    sentence: Option<&'static str>,
    remedy: Option<&'static str>,
    retryable: Option<bool>,
    checks: Vec<ToldCheck>,
    decision: Option<&'a DecisionRecord>,
    failure: Option<&'a RunFailure>,
    cancel: Option<&'a CancelNote>,
    continuity: Option<&'a JsonText>,
    undecided_since: Option<Timestamp>,
    due_at: Timestamp,
    difference: ToldDifference<'a>,
}

#[derive(Serialize)]
struct ToldCheck {
    check: Check,
    result: CheckResult,
    saw: String,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ToldDifference<'a> {
    Change {
        seq: u64,
        at: Timestamp,
        by: Option<&'a ActorName>,
        change: &'a AuthorityChange,
        raised: &'a [ScopeRevision],
    },
    Expired {
        at: Timestamp,
    },
    NeverAllowed,
    NotDenied,
}

impl<'a> Told<'a> {
    fn of(explanation: &'a Explanation) -> Self {
        let record = explanation.record.as_ref();
        let reason = record.and_then(|record| record.reason_code);
        let meaning = reason.map(ReasonCode::describe);
        Self {
            id: explanation.run.id,
            status: explanation.run.status.as_str(),
            outcome: explanation.run.outcome.as_str(),
            reason_code: reason,
            sentence: meaning.map(|meaning| meaning.sentence),
            remedy: meaning.map(|meaning| meaning.remedy),
            retryable: meaning.map(|meaning| meaning.retryable),
            checks: record.map(checks).unwrap_or_default(),
            decision: record,
            failure: explanation.run.failure.as_ref(),
            cancel: explanation.run.cancel.as_ref(),
            continuity: explanation.run.continuity.as_ref(),
            undecided_since: explanation.run.undecided_since,
            due_at: explanation.run.due_at,
            difference: match &explanation.difference {
                Difference::Change(entry) => ToldDifference::Change {
                    seq: entry.seq,
                    at: entry.at,
                    by: entry.by.as_ref(),
                    change: &entry.change,
                    raised: &entry.raised,
                },
                Difference::Expired(at) => ToldDifference::Expired { at: *at },
                Difference::NeverAllowed => ToldDifference::NeverAllowed,
                Difference::NotDenied => ToldDifference::NotDenied,
            },
        }
    }
}

fn checks(record: &DecisionRecord) -> Vec<ToldCheck> {
    record
        .checks
        .iter()
        .map(|(check, result)| ToldCheck {
            check,
            result,
            saw: saw(check, result, record),
        })
        .collect()
}

/// What a check saw, in words.
fn saw(check: Check, result: CheckResult, record: &DecisionRecord) -> String {
    let seen = &record.observed;
    if result == CheckResult::NotApplicable {
        let over = Check::ALL
            .into_iter()
            .take_while(|earlier| *earlier != check)
            .any(|earlier| record.checks.get(earlier) == CheckResult::Failed);
        return if over {
            "not reached"
        } else {
            "does not concern this operation"
        }
        .to_owned();
    }
    match check {
        Check::WorkspaceScope => workspace_seen(record),
        Check::TenantScope => match &seen.tenant_workspace {
            None => format!("tenant `{}` does not exist", record.target_scope.tenant_id),
            Some(workspace) if seen.roles.is_empty() && record.initiator.is_some() => {
                format!("tenant in workspace `{workspace}`, no grant reaches it")
            }
            Some(workspace) => format!("tenant in workspace `{workspace}`"),
        },
        Check::Capability => capability_seen(record),
        Check::TenantOperability => match seen.lifecycle {
            Some(lifecycle) => format!("tenant is {lifecycle}"),
            None => "tenant does not exist".to_owned(),
        },
        Check::ExecutionPrerequisites => prerequisites_seen(seen),
    }
}

fn workspace_seen(record: &DecisionRecord) -> String {
    let seen = &record.observed;
    let state = |active, no: &str| match active {
        None => "does not exist".to_owned(),
        Some(true) => "active".to_owned(),
        Some(false) => no.to_owned(),
    };
    let workspace = format!("workspace {}", state(seen.workspace_active, "inactive"));
    match &record.initiator {
        None => workspace,
        Some(initiator) => {
            let member = if seen.member {
                "a member"
            } else {
                "not a member"
            };
            let active = state(seen.initiator_active, "disabled");
            format!("{workspace}, initiator `{initiator}` {active}, {member}")
        }
    }
}

fn capability_seen(record: &DecisionRecord) -> String {
    let roles: Vec<String> = record
        .observed
        .roles
        .iter()
        .map(|role| format!("`{role}`"))
        .collect();
    let roles = if roles.is_empty() {
        "none".to_owned()
    } else {
        roles.join(", ")
    };
    match &record.required_capability {
        Some(capability) => format!("needs `{capability}`, roles: {roles}"),
        None if record.initiator.is_none() => "system authority".to_owned(),
        None => format!("roles: {roles}"),
    }
}

fn prerequisites_seen(seen: &Observed) -> String {
    let mut parts = Vec::new();
    if let Some(enabled) = seen.connection_enabled {
        parts.push(format!(
            "connection {}",
            if enabled { "enabled" } else { "disabled" }
        ));
    }
    if let Some(gate) = &seen.write_gate {
        let state = |state| match state {
            GateState::Open => "open",
            GateState::Closed => "closed",
        };
        let why = gate
            .reason
            .as_ref()
            .map(|why| format!(" ({why})"))
            .unwrap_or_default();
        parts.push(format!(
            "write gate of the workspace {}, of the tenant {}{why}",
            state(gate.workspace),
            state(gate.tenant)
        ));
    }
    parts.extend(
        seen.prerequisites
            .iter()
            .map(|(name, met)| format!("`{name}` {}", if *met { "met" } else { "not met" })),
    );
    if parts.is_empty() {
        "nothing to look at".to_owned()
    } else {
        parts.join("; ")
    }
}

pub(in crate::cli) fn tell(explanation: &Explanation, output: Output) -> Result<(), Failure> {
    let run = &explanation.run;
    let initiator = run.initiator.as_ref().map_or("the system", UserId::as_str);
    output.line(format_args!(
        "{}  {} for {initiator} in {}/{}",
        styled(bold(), run.id),
        run.operation_type,
        run.workspace_id,
        run.tenant_id
    ))?;
    output.line(format_args!(
        "{}, {}; queued {}",
        run.status,
        styled(outcome_style(run.outcome), run.outcome),
        run.queued_at
    ))?;
    tell_story(explanation, output)?;
    let Some(record) = &explanation.record else {
        return output
            .line("No decision is on record: the gate has not let it through or blocked it.");
    };
    output.line(format_args!(
        "decided {} by {} ({})",
        record.decided_at, record.worker, record.decision_id
    ))?;
    output.line("")?;
    for check in checks(record) {
        let result = styled(
            check_style(check.result),
            format_args!("{:15}", check.result),
        );
        output.line(format_args!("  {:24}{result}{}", check.check, check.saw))?;
    }
    if let Some(reason) = record.reason_code {
        let meaning = reason.describe();
        output.line("")?;
        output.line(format_args!(
            "{}: {}",
            styled(bold(), reason),
            meaning.sentence
        ))?;
        output.line(difference(&explanation.difference))?;
        output.line(format_args!("What to do: {}", meaning.remedy))?;
    }
    Ok(())
}

/// What else is on record of the run: why it waits, why it failed, who cancelled it.
fn tell_story(explanation: &Explanation, output: Output) -> Result<(), Failure> {
    let run = &explanation.run;
    if run.status == RunStatus::Queued && run.due_at > run.queued_at {
        output.line(format_args!("due {}", run.due_at))?;
    }
    if let Some(since) = run.undecided_since {
        output.line(format_args!(
            "its authority cannot be read since {since}; it waits"
        ))?;
    }
    if let Some(failure) = &run.failure {
        output.line(format_args!(
            "failed ({}): {}",
            failure.code, failure.message
        ))?;
    }
    if let Some(cancel) = &run.cancel {
        let reason = cancel
            .reason
            .as_ref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        output.line(format_args!("cancelled by {}{reason}", cancel.by))?;
    }
    let lost = run
        .continuity
        .as_ref()
        .and_then(|text| serde_json::from_str::<ContinuityRecord>(text.as_str()).ok());
    if let Some(lost) = lost {
        output.line(format_args!(
            "lost its authority while it ran, at {}: {}",
            lost.decided_at,
            lost.reason_code.describe().sentence
        ))?;
    }
    Ok(())
}

fn difference(difference: &Difference) -> String {
    match difference {
        Difference::Change(entry) => {
            format!("The change that made the difference: {}", told(entry))
        }
        Difference::Expired(at) => format!("A grant that it needed ran out at {at}."),
        Difference::NeverAllowed => {
            "No change on record ever allowed it: the authority was missing from the start."
                .to_owned()
        }
        Difference::NotDenied => String::new(),
    }
}

fn told(entry: &LogEntry) -> String {
    let by = entry
        .by
        .as_ref()
        .map(|by| format!(" by {by}"))
        .unwrap_or_default();
    let change = serde_json::to_string(&entry.change).unwrap_or_default();
    format!("{}{by} (no. {}) {change}", entry.at, entry.seq)
}
