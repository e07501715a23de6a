//! A run of another store, as it is written into this one.

use countersign_domain::{
    ActorName, DecisionId, JsonText, OperationRun, ReasonCode, RulingText, RunOutcome, RunStatus,
    Timestamp,
};
use countersign_ports::{MovedRun, PortError, PortErrorKind, PortResult};
use serde::Deserialize;

use super::asked;

/// The lines of a run's text, and what its hash is to hold.
pub(crate) struct Written {
    /// How far it has come, without the number of its ruling: that is the script's to give.
    pub(crate) head: String,
    pub(crate) asked: String,
    pub(crate) settled: String,
    pub(crate) more: Vec<(&'static str, String)>,
    pub(crate) ruling: Option<RulingText>,
}

/// What a run's text repeats of its ruling.
#[derive(Deserialize)]
struct Verdict {
    reason_code: Option<ReasonCode>,
}

impl Written {
    /// # Errors
    /// The run is one that never was: started without a decision, or blocked without a reason.
    pub(crate) fn of(moved: &MovedRun, operation: &'static str) -> PortResult<Self> {
        let run = &moved.run;
        let more = more(moved);
        let (head, ruling) = head(moved, !more.is_empty(), operation)?;
        Ok(Self {
            head,
            asked: asked(
                &run.tenant_id,
                run.initiator.as_ref(),
                run.authority_mode,
                &run.operation_type,
                run.provider_connection_id.as_ref(),
            ),
            settled: settled(run),
            more,
            ruling,
        })
    }
}

fn head(
    moved: &MovedRun,
    has_more: bool,
    operation: &'static str,
) -> PortResult<(String, Option<RulingText>)> {
    let run = &moved.run;
    let lacks = |what: &str| {
        let detail = format_args!("run `{}` lacks {what}", run.id);
        PortError::new(PortErrorKind::Corrupt, operation, detail)
    };
    let decided = (run.decision.as_ref()).map(|record| decided(record));
    let decided = decided.transpose().map_err(|problem| {
        let what = format_args!("the decision of run `{}`", run.id);
        PortError::corrupt(operation, what, problem)
    })?;
    let mut columns = vec![match run.status {
        RunStatus::Queued => "queued".to_owned(),
        RunStatus::Running => "running".to_owned(),
        RunStatus::Completed => run.outcome.as_str().to_owned(),
    }];
    columns.push(if has_more { "+" } else { "-" }.to_owned());
    if run.status == RunStatus::Completed {
        let completed_at = run.completed_at.ok_or_else(|| lacks("its end"))?;
        columns.push(micros(completed_at));
    }
    if let Some(started_at) = run.started_at {
        let (decision, _, _) = decided.as_ref().ok_or_else(|| lacks("its decision"))?;
        // Of one that has ended it means nothing.
        let lease_until = moved.lease_expires_at.unwrap_or(Timestamp::UNIX_EPOCH);
        let lease = moved.lease_id.map(|lease| lease.to_string());
        let limit = moved.max_attempts.ok_or_else(|| lacks("its limit"))?;
        columns.extend([
            micros(started_at),
            micros(lease_until),
            lease.unwrap_or_else(|| "-".to_owned()),
            limit.to_string(),
            decision.to_string(),
        ]);
    } else if let Some((decision, reason, _)) = &decided {
        let reason = reason.filter(|_| run.outcome == RunOutcome::Blocked);
        let reason = reason.ok_or_else(|| lacks("its start"))?;
        columns.extend([reason.as_str().to_owned(), decision.to_string()]);
    }
    Ok((columns.join("\t"), decided.map(|(_, _, ruling)| ruling)))
}

type Decided = (DecisionId, Option<ReasonCode>, RulingText);

fn decided(record: &JsonText) -> Result<Decided, Box<dyn std::error::Error + Send + Sync>> {
    let (id, ruling) = RulingText::of_record(record)?;
    let verdict: Verdict = serde_json::from_str(record.as_str())?;
    Ok((id, verdict.reason_code, ruling))
}

fn settled(run: &OperationRun) -> String {
    let unique_key = run.unique_key.as_ref().map_or("", AsRef::as_ref);
    [
        micros(run.queued_at),
        micros(run.due_at),
        run.attempt.to_string(),
        run.priority.to_string(),
        run.queue_name.to_string(),
        run.chain_id.to_string(),
        run.retry_of.map(|id| id.to_string()).unwrap_or_default(),
        run.requested_by
            .as_ref()
            .map_or("", ActorName::as_str)
            .to_owned(),
        unique_key.to_owned(),
    ]
    .join("\t")
}

fn more(moved: &MovedRun) -> Vec<(&'static str, String)> {
    let run = &moved.run;
    let json = |text: &Option<JsonText>| text.as_ref().map(|text| text.as_str().to_owned());
    let (failure, cancel) = (run.failure.as_ref(), run.cancel.as_ref());
    let fields = [
        ("undecided_since", run.undecided_since.map(micros)),
        ("put_off_until", moved.put_off_until.map(micros)),
        ("continuity", json(&run.continuity)),
        ("result", json(&run.result)),
        ("output", json(&run.output)),
        ("failure_code", failure.map(|one| one.code.to_string())),
        ("failure_message", failure.map(|one| one.message.clone())),
        ("cancel_by", cancel.map(|note| note.by.to_string())),
        ("cancel_reason", cancel.and_then(|note| note.reason.clone())),
    ];
    let set = |(name, value): (&'static str, Option<String>)| Some((name, value?));
    fields.into_iter().filter_map(set).collect()
}

fn micros(time: Timestamp) -> String {
    time.as_micros().to_string()
}
