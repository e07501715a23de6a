//! The five checks and their results.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the five checks, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Does the workspace exist and work, and does the initiator still belong to it?
    WorkspaceScope,
    /// Does the tenant still belong to the workspace, and does a grant reach it?
    TenantScope,
    /// Does the initiator still have what the operation needs?
    Capability,
    /// Is the tenant in a lifecycle that the operation accepts?
    TenantOperability,
    /// Do connection, write gates and prerequisites permit it?
    ExecutionPrerequisites,
}

impl Check {
    /// The checks in order.
    pub const ALL: [Self; 5] = [
        Self::WorkspaceScope,
        Self::TenantScope,
        Self::Capability,
        Self::TenantOperability,
        Self::ExecutionPrerequisites,
    ];

    /// The name as it stands in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WorkspaceScope => "workspace_scope",
            Self::TenantScope => "tenant_scope",
            Self::Capability => "capability",
            Self::TenantOperability => "tenant_operability",
            Self::ExecutionPrerequisites => "execution_prerequisites",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It was made and nothing spoke against the run.
    Passed,
    /// It denied the run.
    Failed,
    /// It does not concern this run, or an earlier check had already failed.
    NotApplicable,
}

impl CheckResult {
    /// The name as it stands in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotApplicable => "not_applicable",
        }
    }
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The results of the five checks. After a failure the rest are `not_applicable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// See [`Check::WorkspaceScope`].
    pub workspace_scope: CheckResult,
    /// See [`Check::TenantScope`].
    pub tenant_scope: CheckResult,
    /// See [`Check::Capability`].
    pub capability: CheckResult,
    /// See [`Check::TenantOperability`].
    pub tenant_operability: CheckResult,
    /// See [`Check::ExecutionPrerequisites`].
    pub execution_prerequisites: CheckResult,
}

impl Checks {
    pub(crate) const NONE_MADE: Self = Self {
        workspace_scope: CheckResult::NotApplicable,
        tenant_scope: CheckResult::NotApplicable,
        capability: CheckResult::NotApplicable,
        tenant_operability: CheckResult::NotApplicable,
        execution_prerequisites: CheckResult::NotApplicable,
    };

    /// The result of one check.
    #[must_use]
    pub const fn get(&self, check: Check) -> CheckResult {
        match check {
            Check::WorkspaceScope => self.workspace_scope,
            Check::TenantScope => self.tenant_scope,
            Check::Capability => self.capability,
            Check::TenantOperability => self.tenant_operability,
            Check::ExecutionPrerequisites => self.execution_prerequisites,
        }
    }

    /// Each check with its result, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Check, CheckResult)> + '_ {
        Check::ALL.into_iter().map(|check| (check, self.get(check)))
    }
}
