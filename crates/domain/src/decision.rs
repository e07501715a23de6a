//! The decision: five checks in order, stopping at the first that fails.

use crate::{
    AuthorityFacts, AuthorityMode, CheckResult, Checks, ConnectionUse, ExecutionContext, Held,
    ReasonCode, Timestamp,
};

/// Whether a run may start, and why not. Only [`decide`] makes one.
///
/// An allow cannot be put together by hand:
///
/// ```compile_fail
/// use countersign_domain::{Checks, CheckResult, Decision};
/// let passed = CheckResult::Passed;
/// let forged = Decision { checks: todo!(), verdict: todo!() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    checks: Checks,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Allow { lapses_at: Option<Timestamp> },
    Deny(ReasonCode),
}

impl Decision {
    const fn allow(checks: Checks, lapses_at: Option<Timestamp>) -> Self {
        Self {
            checks,
            verdict: Verdict::Allow { lapses_at },
        }
    }

    const fn deny(checks: Checks, reason: ReasonCode) -> Self {
        Self {
            checks,
            verdict: Verdict::Deny(reason),
        }
    }

    /// Whether the run may start.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self.verdict, Verdict::Allow { .. })
    }

    /// Why it may not; none when it may.
    #[must_use]
    pub const fn reason(&self) -> Option<ReasonCode> {
        match self.verdict {
            Verdict::Allow { .. } => None,
            Verdict::Deny(reason) => Some(reason),
        }
    }

    /// What each check came to.
    #[must_use]
    pub const fn checks(&self) -> &Checks {
        &self.checks
    }

    /// When an allow ceases to hold: the earliest expiry among the grants it rests on. None when it
    /// rests on none that expires. A deny never lapses.
    #[must_use]
    pub const fn lapses_at(&self) -> Option<Timestamp> {
        match self.verdict {
            Verdict::Allow { lapses_at } => lapses_at,
            Verdict::Deny(_) => None,
        }
    }
}

/// Judges a run against the facts of its query. Pure, total, and without allocation.
///
/// The facts must be those of `context.query()`; facts of another query are judged as they stand.
pub fn decide(context: &ExecutionContext, facts: &AuthorityFacts) -> Decision {
    let mut checks = Checks::NONE_MADE;
    let mut held = Held::Forever;

    match workspace_scope(context, facts) {
        Ok(membership) => held = held.min(membership),
        Err(reason) => {
            checks.workspace_scope = CheckResult::Failed;
            return Decision::deny(checks, reason);
        }
    }
    checks.workspace_scope = CheckResult::Passed;

    match tenant_scope(context, facts) {
        Ok(()) => checks.tenant_scope = CheckResult::Passed,
        Err(reason) => {
            checks.tenant_scope = CheckResult::Failed;
            return Decision::deny(checks, reason);
        }
    }

    match capability(context, facts) {
        Ok((result, reach)) => {
            checks.capability = result;
            held = held.min(reach);
        }
        Err(reason) => {
            checks.capability = CheckResult::Failed;
            return Decision::deny(checks, reason);
        }
    }

    match tenant_operability(context, facts) {
        Ok(()) => checks.tenant_operability = CheckResult::Passed,
        Err(reason) => {
            checks.tenant_operability = CheckResult::Failed;
            return Decision::deny(checks, reason);
        }
    }

    match execution_prerequisites(context, facts) {
        Ok(result) => checks.execution_prerequisites = result,
        Err(reason) => {
            checks.execution_prerequisites = CheckResult::Failed;
            return Decision::deny(checks, reason);
        }
    }

    Decision::allow(checks, held.lapses_at())
}

/// Passes with the hold that membership has on the decision.
fn workspace_scope(context: &ExecutionContext, facts: &AuthorityFacts) -> Result<Held, ReasonCode> {
    let workspace = facts
        .workspace
        .as_ref()
        .ok_or(ReasonCode::WorkspaceMissing)?;
    if !workspace.active {
        return Err(ReasonCode::WorkspaceInactive);
    }
    match context.authority_mode {
        AuthorityMode::System => Ok(Held::Forever),
        AuthorityMode::ActorBound => {
            let initiator = match (&context.initiator, &facts.initiator) {
                (Some(_), Some(initiator)) => initiator,
                (None, _) | (Some(_), None) => return Err(ReasonCode::InitiatorMissing),
            };
            if !initiator.active {
                return Err(ReasonCode::InitiatorDisabled);
            }
            if !facts.membership.holds() {
                return Err(ReasonCode::InitiatorNotInWorkspace);
            }
            Ok(facts.membership)
        }
    }
}

fn tenant_scope(context: &ExecutionContext, facts: &AuthorityFacts) -> Result<(), ReasonCode> {
    let tenant = facts.tenant.as_ref().ok_or(ReasonCode::TenantMissing)?;
    if tenant.workspace_id != context.target_scope.workspace_id {
        return Err(ReasonCode::WorkspaceMismatch);
    }
    match context.authority_mode {
        AuthorityMode::ActorBound if !facts.entitlement.holds() => {
            Err(ReasonCode::TenantNotEntitled)
        }
        AuthorityMode::ActorBound | AuthorityMode::System => Ok(()),
    }
}

/// Passes with the hold that the grant it rests on has on the decision.
fn capability(
    context: &ExecutionContext,
    facts: &AuthorityFacts,
) -> Result<(CheckResult, Held), ReasonCode> {
    match (context.authority_mode, &context.operation.capability) {
        (AuthorityMode::System, _) if context.operation.system => {
            Ok((CheckResult::Passed, Held::Forever))
        }
        (AuthorityMode::System, _) => Err(ReasonCode::SystemAuthorityNotAllowed),
        (AuthorityMode::ActorBound, None) => Ok((CheckResult::NotApplicable, facts.entitlement)),
        (AuthorityMode::ActorBound, Some(wanted)) => {
            let held = facts.capability(wanted);
            if held.holds() {
                Ok((CheckResult::Passed, held))
            } else {
                Err(ReasonCode::MissingCapability)
            }
        }
    }
}

fn tenant_operability(
    context: &ExecutionContext,
    facts: &AuthorityFacts,
) -> Result<(), ReasonCode> {
    match &facts.tenant {
        Some(tenant) if context.operation.lifecycles.contains(tenant.lifecycle) => Ok(()),
        Some(_) | None => Err(ReasonCode::TenantNotOperable),
    }
}

fn execution_prerequisites(
    context: &ExecutionContext,
    facts: &AuthorityFacts,
) -> Result<CheckResult, ReasonCode> {
    let operation = &*context.operation;
    if !operation.has_prerequisites() {
        return Ok(CheckResult::NotApplicable);
    }
    connection(context, facts)?;
    if operation.writes && !(facts.workspace_gate.open && facts.tenant_gate.open) {
        return Err(ReasonCode::WriteGateBlocked);
    }
    if operation
        .prerequisites
        .iter()
        .any(|wanted| !facts.is_met(wanted))
    {
        return Err(ReasonCode::PrerequisiteNotMet);
    }
    Ok(CheckResult::Passed)
}

fn connection(context: &ExecutionContext, facts: &AuthorityFacts) -> Result<(), ReasonCode> {
    match (
        context.operation.connection,
        &context.target_scope.provider_connection_id,
    ) {
        (ConnectionUse::None, _) | (ConnectionUse::Optional, None) => return Ok(()),
        (ConnectionUse::Required, None) => return Err(ReasonCode::ProviderConnectionMissing),
        (ConnectionUse::Optional | ConnectionUse::Required, Some(_)) => {}
    }
    let connection = facts
        .connection
        .as_ref()
        .ok_or(ReasonCode::ProviderConnectionMissing)?;
    if connection.tenant_id != context.target_scope.tenant_id {
        return Err(ReasonCode::ProviderConnectionMismatch);
    }
    if !connection.enabled {
        return Err(ReasonCode::ProviderConnectionDisabled);
    }
    Ok(())
}
