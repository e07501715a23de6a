//! Runs as they were elsewhere: first where each is, then the runs, a script a workspace.

use std::collections::{BTreeSet, HashMap};

use countersign_domain::{
    ActorName, JsonText, OperationRun, ReasonCode, RulingText, RunId, Timestamp, WorkspaceId,
};
use countersign_ports::{Imported, MovedRun, PortError, PortErrorKind, PortResult};
use serde::Deserialize;

use super::import::{Filling, OPERATION, imported};
use crate::rows::list;
use crate::runs::{by_workspace, claim_places};
use crate::script::script;

script!(IMPORT_RUNS writes "run", "rulings", "import_runs");

pub(super) async fn import_runs(
    into: &Filling<'_>,
    runs: &[&MovedRun],
) -> PortResult<Vec<Imported>> {
    let shared = into.shared;
    let workspaces: BTreeSet<&WorkspaceId> =
        runs.iter().map(|moved| &moved.run.workspace_id).collect();
    into.enlist(workspaces).await?;
    let claims: Vec<(RunId, &WorkspaceId)> = runs
        .iter()
        .map(|moved| (moved.run.id, &moved.run.workspace_id))
        .collect();
    let elsewhere = claim_places(shared, &claims, OPERATION).await?;
    for (moved, elsewhere) in runs.iter().zip(elsewhere) {
        if let Some(elsewhere) = elsewhere {
            let detail = format_args!(
                "run `{}` of workspace `{}` has the id of one of workspace `{elsewhere}`",
                moved.run.id, moved.run.workspace_id
            );
            return Err(PortError::new(PortErrorKind::Corrupt, OPERATION, detail));
        }
    }
    let written: Vec<Written> = runs
        .iter()
        .map(|moved| Written::of(moved))
        .collect::<PortResult<_>>()?;
    let groups = by_workspace(
        shared,
        runs.iter().map(|moved| Some(&moved.run.workspace_id)),
    );
    let mut calls = Vec::with_capacity(groups.len());
    for group in &groups {
        let mut keys = group.keys.of_runs();
        keys.push(shared.marker(&group.keys));
        for moved in group.each(runs) {
            let id = moved.run.id;
            keys.extend([group.keys.run(id), group.keys.context(id)]);
        }
        let mut call = into.guarded(&IMPORT_RUNS, keys);
        let mut rulings: Vec<&str> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for one in group.each(&written) {
            if let Some(ruling) = &one.ruling {
                let ruling = ruling.as_str();
                places.entry(ruling).or_insert_with(|| {
                    rulings.push(ruling);
                    // Lua counts from one.
                    rulings.len()
                });
            }
        }
        call.push(rulings.len());
        call.push(&rulings);
        for (moved, one) in group.of(runs, &written) {
            let ruling = one.ruling.as_ref();
            let place = ruling.and_then(|ruling| places.get(ruling.as_str()));
            call.push(moved.run.id.to_string());
            call.push(moved.run.context.as_str());
            call.push(place.copied().unwrap_or(0));
            call.push(2 * one.fields.len());
            for (field, value) in &one.fields {
                call.push(*field);
                call.push(value);
            }
        }
        calls.push(call);
    }
    let mut answers = vec![Imported::Present; runs.len()];
    let told = into.call_all(&calls).await?;
    for (group, told) in groups.iter().zip(told) {
        for (place, told) in group.places.iter().zip(list(told, OPERATION)?) {
            if let Some(answer) = answers.get_mut(*place) {
                *answer = imported(told)?;
            }
        }
    }
    Ok(answers)
}

/// A run as its hash is to hold it.
struct Written {
    fields: Vec<(&'static str, String)>,
    ruling: Option<RulingText>,
}

/// What the hash of a run repeats of its ruling.
#[derive(Deserialize)]
struct Verdict {
    allowed: bool,
    reason_code: Option<ReasonCode>,
}

impl Written {
    fn of(moved: &MovedRun) -> PortResult<Self> {
        let run: &OperationRun = &moved.run;
        let mut written = Self {
            fields: Vec::with_capacity(32),
            ruling: None,
        };
        written.asked(run);
        written.come_to(run);
        let micros = |time: Option<Timestamp>| time.map(|time| time.as_micros().to_string());
        let times = [
            ("queued_at", Some(run.queued_at)),
            ("due_at", Some(run.due_at)),
            ("put_off_until", moved.put_off_until),
            ("undecided_since", run.undecided_since),
            ("started_at", run.started_at),
            ("completed_at", run.completed_at),
            ("lease_until", moved.lease_expires_at),
        ];
        for (field, time) in times {
            written.set(field, micros(time));
        }
        written.set("lease", moved.lease_id.map(|id| id.to_string()));
        written.set(
            "max_attempts",
            moved.max_attempts.map(|most| most.to_string()),
        );
        if let Some(record) = &run.decision {
            written.decide(record).map_err(|problem| {
                let what = format_args!("the decision of run `{}`", run.id);
                PortError::corrupt(OPERATION, what, problem)
            })?;
        }
        Ok(written)
    }

    fn set(&mut self, field: &'static str, value: Option<impl Into<String>>) {
        self.fields.extend(value.map(|value| (field, value.into())));
    }

    /// What was asked for.
    fn asked(&mut self, run: &OperationRun) {
        self.set("tenant", Some(run.tenant_id.as_str()));
        self.set(
            "initiator",
            run.initiator.as_ref().map(AsRef::<str>::as_ref),
        );
        self.set("mode", Some(run.authority_mode.as_str()));
        self.set("type", Some(run.operation_type.as_str()));
        let connection = run.provider_connection_id.as_ref();
        self.set("connection", connection.map(AsRef::<str>::as_ref));
        self.set("priority", Some(run.priority.to_string()));
        self.set(
            "unique_key",
            run.unique_key.as_ref().map(AsRef::<str>::as_ref),
        );
        self.set("queue", Some(run.queue_name.as_str()));
        self.set("chain", Some(run.chain_id.to_string()));
        self.set("attempt", Some(run.attempt.to_string()));
        self.set("retry_of", run.retry_of.map(|id| id.to_string()));
        self.set(
            "requested_by",
            run.requested_by.as_ref().map(ActorName::as_str),
        );
    }

    /// What came of it.
    fn come_to(&mut self, run: &OperationRun) {
        self.set("status", Some(run.status.as_str()));
        self.set("outcome", Some(run.outcome.as_str()));
        self.set("continuity", run.continuity.as_ref().map(JsonText::as_str));
        self.set("result", run.result.as_ref().map(JsonText::as_str));
        self.set("output", run.output.as_ref().map(JsonText::as_str));
        if let Some(failure) = &run.failure {
            self.set("failure_code", Some(failure.code.as_str()));
            self.set("failure_message", Some(failure.message.as_str()));
        }
        if let Some(cancel) = &run.cancel {
            self.set("cancel_by", Some(cancel.by.as_str()));
            self.set("cancel_reason", cancel.reason.as_deref());
        }
    }

    /// The decision; its number among the rulings is the script's to give.
    fn decide(
        &mut self,
        record: &JsonText,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let (id, ruling) = RulingText::of_record(record)?;
        let verdict: Verdict = serde_json::from_str(record.as_str())?;
        self.set("decision", Some(id.to_string()));
        self.set("allowed", Some(if verdict.allowed { "1" } else { "0" }));
        self.set("reason", verdict.reason_code.map(ReasonCode::as_str));
        self.ruling = Some(ruling);
        Ok(())
    }
}
