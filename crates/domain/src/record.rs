//! The decision as it is kept with the run: `context.execution_legitimacy`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    AuthorityFacts, AuthorityMode, Capability, Check, Checks, ConnectionUse, Continuity, Decision,
    DecisionId, ExecutionContext, OperationType, PrerequisiteName, ReasonCode, RoleName,
    ScopeRevision, TargetScope, TenantId, TenantLifecycle, Timestamp, UserId, WorkerName,
    WorkspaceId,
};

/// What a blocked run's context says under `blocked_by`.
pub const BLOCKED_BY: &str = "queued_execution_legitimacy";

/// The most that [`Observed`] takes up as JSON, in bytes.
pub const MAX_OBSERVED_BYTES: usize = 4096;

const ROLES_BYTES: usize = 1200;
const PREREQUISITES_BYTES: usize = 1200;
const REASON_BYTES: usize = 600;

/// How decision and start were held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// Runs and authority share a store; the start compared the revision in its own commit (G2).
    Fenced,
    /// They do not; the start refused facts older than a maximum age.
    Bounded,
}

/// Which authority a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityStamp {
    /// How decision and start were held together.
    pub consistency: Consistency,
    /// The scopes that were read, each at its revision.
    pub scopes: SmallVec<[ScopeRevision; 1]>,
    /// The maximum age of the facts in milliseconds; only with bounded consistency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_ms: Option<u64>,
}

/// The write gates as a decision saw them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedGate {
    /// `open` or `closed`, for the workspace.
    pub workspace: GateState,
    /// `open` or `closed`, for the tenant.
    pub tenant: GateState,
    /// Why the closed one was closed; cut where it is long.
    pub reason: Option<String>,
}

/// The position of a write gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// Writing is permitted.
    Open,
    /// Writing is not.
    Closed,
}

impl GateState {
    const fn of(open: bool) -> Self {
        if open { Self::Open } else { Self::Closed }
    }
}

/// What the checks saw, cut to at most [`MAX_OBSERVED_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Whether the workspace is active; null where it does not exist.
    pub workspace_active: Option<bool>,
    /// Whether the initiator is active; null where there is none.
    pub initiator_active: Option<bool>,
    /// Whether the initiator is a member of the workspace.
    pub member: bool,
    /// The workspace that the tenant belongs to; null where the tenant does not exist.
    pub tenant_workspace: Option<WorkspaceId>,
    /// The roles that reach the tenant.
    pub roles: Vec<RoleName>,
    /// The tenant's lifecycle; null where it does not exist.
    pub lifecycle: Option<TenantLifecycle>,
    /// The tenant that the connection belongs to; null where none was looked at or found.
    pub connection_tenant: Option<TenantId>,
    /// Whether the connection is enabled; null where none was looked at or found.
    pub connection_enabled: Option<bool>,
    /// The write gates; null for operations that do not write.
    pub write_gate: Option<ObservedGate>,
    /// The operation's prerequisites, each met or not.
    pub prerequisites: BTreeMap<PrerequisiteName, bool>,
    /// How many roles and prerequisites were left out to keep this small.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde calls"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Observed {
    /// What the checks saw of these facts.
    #[must_use]
    pub fn of(context: &ExecutionContext, facts: &AuthorityFacts) -> Self {
        let operation = &*context.operation;
        let connection = match operation.connection {
            ConnectionUse::None => None,
            ConnectionUse::Optional | ConnectionUse::Required => facts.connection.as_ref(),
        };
        let mut observed = Self {
            workspace_active: facts.workspace.map(|workspace| workspace.active),
            initiator_active: facts.initiator.map(|initiator| initiator.active),
            member: facts.membership.holds(),
            tenant_workspace: facts
                .tenant
                .as_ref()
                .map(|tenant| tenant.workspace_id.clone()),
            roles: Vec::new(),
            lifecycle: facts.tenant.as_ref().map(|tenant| tenant.lifecycle),
            connection_tenant: connection.map(|connection| connection.tenant_id.clone()),
            connection_enabled: connection.map(|connection| connection.enabled),
            write_gate: operation.writes.then(|| Self::gate(facts)),
            prerequisites: BTreeMap::new(),
            omitted: 0,
        };
        let mut room = ROLES_BYTES;
        for role in &facts.roles {
            if spend(&mut room, role.as_str()) {
                observed.roles.push(role.clone());
            } else {
                observed.omitted += 1;
            }
        }
        let mut room = PREREQUISITES_BYTES;
        for name in &operation.prerequisites {
            if spend(&mut room, name.as_str()) {
                observed
                    .prerequisites
                    .insert(name.clone(), facts.is_met(name));
            } else {
                observed.omitted += 1;
            }
        }
        observed
    }

    fn gate(facts: &AuthorityFacts) -> ObservedGate {
        let closed = [&facts.workspace_gate, &facts.tenant_gate]
            .into_iter()
            .find(|gate| !gate.open);
        ObservedGate {
            workspace: GateState::of(facts.workspace_gate.open),
            tenant: GateState::of(facts.tenant_gate.open),
            reason: closed.and_then(|gate| gate.reason.as_deref()).map(cut),
        }
    }
}

/// The room one more string and its punctuation take up as JSON; ids need no escape but for `"` and
/// `\`.
fn spend(room: &mut usize, text: &str) -> bool {
    let takes = text.len() + text.matches(['"', '\\']).count() + 9;
    match room.checked_sub(takes) {
        Some(left) => {
            *room = left;
            true
        }
        None => false,
    }
}

/// As much of a free text as fits, without U+0000, which not every store can keep; another control
/// character takes up to six bytes.
fn cut(text: &str) -> String {
    let mut room = REASON_BYTES;
    text.chars()
        .filter(|&c| c != '\0')
        .take_while(|&c| {
            let takes = if c.is_control() { 6 } else { c.len_utf8() + 1 };
            let fits = room >= takes;
            room = room.saturating_sub(takes);
            fits
        })
        .collect()
}

/// What a record holds besides context, facts and decision.
#[derive(Debug, Clone)]
pub struct RecordContext<'a> {
    /// Which authority it rests on.
    pub authority: AuthorityStamp,
    /// Who judged.
    pub worker: &'a WorkerName,
    /// The fingerprint of the catalog judged by.
    pub catalog: &'a str,
}

/// The record of one decision, version 1. What runs share of it has no id: see
/// [`RulingText`](crate::RulingText).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord<Id = DecisionId> {
    /// The version of this shape.
    pub v: u32,
    /// The id of the decision.
    pub decision_id: Id,
    /// Whether the run was let start.
    pub allowed: bool,
    /// Why not; null when it was.
    pub reason_code: Option<ReasonCode>,
    /// The check that the reason belongs to; null when it was.
    pub denial_class: Option<Check>,
    /// Whether the same run might pass later; false when it was let start.
    pub retryable: bool,
    /// The operation.
    pub operation_type: OperationType,
    /// On whose authority the run acts.
    pub authority_mode: AuthorityMode,
    /// Who queued it.
    pub initiator: Option<UserId>,
    /// What the initiator must be able to do.
    pub required_capability: Option<Capability>,
    /// What the run acts upon.
    pub target_scope: TargetScope,
    /// What each check came to.
    pub checks: Checks,
    /// What each check saw.
    pub observed: Observed,
    /// Which authority the decision rests on.
    pub authority: AuthorityStamp,
    /// Who judged.
    pub worker: WorkerName,
    /// The fingerprint of the catalog judged by.
    pub catalog: String,
    /// When the facts were read: the authority store's clock.
    pub decided_at: Timestamp,
}

impl<Id> DecisionRecord<Id> {
    /// The record of a decision.
    #[must_use]
    pub fn new(
        decision_id: Id,
        context: &ExecutionContext,
        facts: &AuthorityFacts,
        decision: &Decision,
        about: RecordContext<'_>,
    ) -> Self {
        let reason = decision.reason();
        Self {
            v: 1,
            decision_id,
            allowed: decision.is_allowed(),
            reason_code: reason,
            denial_class: reason.map(ReasonCode::denial_class),
            retryable: reason.is_some_and(ReasonCode::is_retryable),
            operation_type: context.operation_type().clone(),
            authority_mode: context.authority_mode,
            initiator: context.initiator.clone(),
            required_capability: context.required_capability().cloned(),
            target_scope: context.target_scope.clone(),
            checks: *decision.checks(),
            observed: Observed::of(context, facts),
            authority: about.authority,
            worker: about.worker.clone(),
            catalog: about.catalog.to_owned(),
            decided_at: facts.as_of,
        }
    }
}

/// A deny found while the run was already running (G7): `context.continuity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinuityRecord {
    /// Why the run would not be let start now.
    pub reason_code: ReasonCode,
    /// The check that the reason belongs to.
    pub denial_class: Check,
    /// What was done about it, by the operation's catalog entry.
    pub action: Continuity,
    /// What each check came to.
    pub checks: Checks,
    /// What each check saw.
    pub observed: Observed,
    /// When the facts were read: the authority store's clock.
    pub decided_at: Timestamp,
}

impl ContinuityRecord {
    /// The record of a deny under way; none for an allow.
    #[must_use]
    pub fn new(
        context: &ExecutionContext,
        facts: &AuthorityFacts,
        decision: &Decision,
    ) -> Option<Self> {
        let reason_code = decision.reason()?;
        Some(Self {
            reason_code,
            denial_class: reason_code.denial_class(),
            action: context.operation.continuity,
            checks: *decision.checks(),
            observed: Observed::of(context, facts),
            decided_at: facts.as_of,
        })
    }
}
