//! What the contract says of each combination, written without a look at the code.

use countersign_domain::{Check, CheckResult, Decision, ReasonCode};

use crate::combination::{
    Authority, Combination, Connection, Gates, Initiator, Lifecycle, Membership, Needs,
    Prerequisite, Reach, Tenant, Workspace, Writes,
};

/// A reason code, and whether its rule applies to a combination.
type Rule = (ReasonCode, fn(&Combination) -> bool);

/// The contract's table of checks, read off the page: of the rules that apply, the first counts.
const ORACLE: [Rule; 16] = [
    (ReasonCode::WorkspaceMissing, |c| {
        c.workspace == Workspace::Missing
    }),
    (ReasonCode::WorkspaceInactive, |c| {
        c.workspace == Workspace::Inactive
    }),
    (ReasonCode::InitiatorMissing, |c| {
        !c.is_system() && matches!(c.initiator, Initiator::Null | Initiator::Unknown)
    }),
    (ReasonCode::InitiatorDisabled, |c| {
        !c.is_system() && c.initiator == Initiator::Disabled
    }),
    (ReasonCode::InitiatorNotInWorkspace, |c| {
        !c.is_system() && c.membership == Membership::No
    }),
    (ReasonCode::TenantMissing, |c| c.tenant == Tenant::Missing),
    (ReasonCode::WorkspaceMismatch, |c| {
        c.tenant == Tenant::Elsewhere
    }),
    (ReasonCode::TenantNotEntitled, |c| {
        !c.is_system() && c.reach == Reach::No
    }),
    (ReasonCode::SystemAuthorityNotAllowed, |c| {
        c.authority == Authority::System
    }),
    (ReasonCode::MissingCapability, |c| {
        !c.is_system() && c.needs == Needs::Capability && c.reach == Reach::Yes
    }),
    (ReasonCode::TenantNotOperable, |c| {
        !matches!(
            c.lifecycle,
            Lifecycle::Active
                | Lifecycle::OnboardingTurned
                | Lifecycle::SuspendedTurned
                | Lifecycle::ArchivedTurned
        )
    }),
    (ReasonCode::ProviderConnectionMissing, |c| {
        matches!(
            c.connection,
            Connection::OptionalMissing | Connection::RequiredNull | Connection::RequiredMissing
        )
    }),
    (ReasonCode::ProviderConnectionMismatch, |c| {
        matches!(
            c.connection,
            Connection::OptionalElsewhere | Connection::RequiredElsewhere
        )
    }),
    (ReasonCode::ProviderConnectionDisabled, |c| {
        matches!(
            c.connection,
            Connection::OptionalDisabled | Connection::RequiredDisabled
        )
    }),
    (ReasonCode::WriteGateBlocked, |c| {
        c.writes == Writes::Yes && c.gates != Gates::Open
    }),
    (ReasonCode::PrerequisiteNotMet, |c| {
        matches!(
            c.prerequisite,
            Prerequisite::NoRecord | Prerequisite::NotMet
        )
    }),
];

/// What a combination comes to: why it is denied, if it is, and the five results as letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) reason: Option<ReasonCode>,
    pub(crate) checks: [u8; 5],
}

impl Verdict {
    pub(crate) fn of(decision: &Decision) -> Self {
        let letter = |result| match result {
            CheckResult::Passed => b'P',
            CheckResult::Failed => b'F',
            CheckResult::NotApplicable => b'-',
        };
        let checks = decision.checks();
        Self {
            reason: decision.reason(),
            checks: [
                letter(checks.workspace_scope),
                letter(checks.tenant_scope),
                letter(checks.capability),
                letter(checks.tenant_operability),
                letter(checks.execution_prerequisites),
            ],
        }
    }

    pub(crate) fn by_oracle(c: &Combination) -> Self {
        let reason = ORACLE.iter().find(|(_, applies)| applies(c)).map(|r| r.0);
        let mut checks = *b"PPPPP";
        if !c.is_system() && c.needs == Needs::Nothing {
            checks[2] = b'-';
        }
        if c.writes == Writes::No && c.connection().0 == 0 && !c.names_prerequisite() {
            checks[4] = b'-';
        }
        let failed = match reason.map(ReasonCode::denial_class) {
            None => return Self { reason, checks },
            Some(Check::WorkspaceScope) => 0,
            Some(Check::TenantScope) => 1,
            Some(Check::Capability) => 2,
            Some(Check::TenantOperability) => 3,
            Some(Check::ExecutionPrerequisites) => 4,
        };
        checks[failed..].fill(b'-');
        checks[failed] = b'F';
        Self { reason, checks }
    }
}
