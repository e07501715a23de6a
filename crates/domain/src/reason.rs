//! Why a run was denied: a stable vocabulary that only grows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Check, UnknownName};

/// What one reason code means to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenialReason {
    /// The code as it stands in records.
    pub code: &'static str,
    /// The one check it belongs to.
    pub check: Check,
    /// What was found, as a sentence.
    pub sentence: &'static str,
    /// What to do about it, as a sentence.
    pub remedy: &'static str,
    /// Whether the same run might pass later without anybody changing who may do what. Advice to
    /// people; nothing is retried because of it.
    pub retryable: bool,
}

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $check:ident, retryable: $retryable:literal,
        $sentence:literal, $remedy:literal;)+) => {
        /// Why the gate denied a run. Exhaustive on purpose: a new code must break its readers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReasonCode {
            $($(#[$doc])* $name,)+
        }

        impl ReasonCode {
            /// Every code, in the order in which the checks test for them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What the code means.
            #[must_use]
            pub const fn describe(self) -> DenialReason {
                match self {
                    $(Self::$name => DenialReason {
                        code: $code,
                        check: Check::$check,
                        sentence: $sentence,
                        remedy: $remedy,
                        retryable: $retryable,
                    },)+
                }
            }
        }
    };
}

reason_codes! {
    /// There is no such workspace.
    WorkspaceMissing = "workspace_missing", WorkspaceScope, retryable: false,
        "The workspace does not exist.",
        "Define the workspace, or submit the run to the one that was meant.";
    /// The workspace is switched off.
    WorkspaceInactive = "workspace_inactive", WorkspaceScope, retryable: false,
        "The workspace is inactive.",
        "Activate the workspace and retry the run, if it is still wanted.";
    /// The run names no initiator, or one that is not known (any more).
    InitiatorMissing = "initiator_missing", WorkspaceScope, retryable: false,
        "The person who queued the run is not known, or was removed.",
        "Let somebody who is entitled submit it again; a missing initiator never becomes system authority.";
    /// The initiator's account is disabled.
    InitiatorDisabled = "initiator_disabled", WorkspaceScope, retryable: false,
        "The person who queued the run has been disabled.",
        "Enable the account and retry, or let somebody else submit the run.";
    /// The initiator is no member of the workspace.
    InitiatorNotInWorkspace = "initiator_not_in_workspace", WorkspaceScope, retryable: false,
        "The person who queued the run is not a member of the workspace.",
        "Grant a role in the workspace without naming a tenant, and retry the run.";
    /// There is no such tenant.
    TenantMissing = "tenant_missing", TenantScope, retryable: false,
        "The tenant does not exist.",
        "Define the tenant, or submit the run to the one that was meant.";
    /// The tenant belongs to another workspace now.
    WorkspaceMismatch = "workspace_mismatch", TenantScope, retryable: false,
        "The tenant belongs to another workspace now.",
        "Submit the run in the workspace that the tenant belongs to; grants do not follow a tenant that moves.";
    /// None of the initiator's grants reaches the tenant.
    TenantNotEntitled = "tenant_not_entitled", TenantScope, retryable: false,
        "No grant of the person who queued the run reaches the tenant.",
        "Grant a role on the tenant, or one that covers all tenants of the workspace, and retry the run.";
    /// The run claims system authority for an operation that has none.
    SystemAuthorityNotAllowed = "system_authority_not_allowed", Capability, retryable: false,
        "The operation does not accept system authority.",
        "Set `system = true` for the operation in the catalog, or submit the run for a person.";
    /// No role that reaches the tenant has the capability the operation needs.
    MissingCapability = "missing_capability", Capability, retryable: false,
        "No role of the person who queued the run has the capability that the operation needs.",
        "Grant a role that has the capability, and retry the run.";
    /// The tenant's lifecycle is not among those the operation accepts.
    TenantNotOperable = "tenant_not_operable", TenantOperability, retryable: true,
        "The tenant is in a lifecycle that the operation does not accept.",
        "Retry the run once the tenant is operable again.";
    /// The run needs a connection and names none, or one that does not exist.
    ProviderConnectionMissing = "provider_connection_missing", ExecutionPrerequisites, retryable: false,
        "The run needs a provider connection and names none that exists.",
        "Define the connection, or submit the run with one that exists.";
    /// The connection belongs to another tenant.
    ProviderConnectionMismatch = "provider_connection_mismatch", ExecutionPrerequisites, retryable: false,
        "The provider connection belongs to another tenant.",
        "Submit the run with a connection of its own tenant.";
    /// The connection is switched off.
    ProviderConnectionDisabled = "provider_connection_disabled", ExecutionPrerequisites, retryable: true,
        "The provider connection is disabled.",
        "Retry the run once the connection is enabled again.";
    /// The operation writes, and a write gate is closed.
    WriteGateBlocked = "write_gate_blocked", ExecutionPrerequisites, retryable: true,
        "The operation writes, and the write gate of the workspace or of the tenant is closed.",
        "Retry the run once the write gate is open again.";
    /// A prerequisite of the operation is not met.
    PrerequisiteNotMet = "prerequisite_not_met", ExecutionPrerequisites, retryable: true,
        "A prerequisite that the operation names is not met.",
        "Retry the run once the prerequisite is met.";
}

impl ReasonCode {
    /// The code as it stands in records, such as `missing_capability`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.describe().code
    }

    /// The one check this code belongs to, as records name it (`denial_class`).
    #[must_use]
    pub const fn denial_class(self) -> Check {
        self.describe().check
    }

    /// See [`DenialReason::retryable`].
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        self.describe().retryable
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ReasonCode {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text)
            .ok_or_else(|| {
                UnknownName::new("reason code", text, Self::ALL.iter().map(|c| c.as_str()))
            })
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReasonCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
