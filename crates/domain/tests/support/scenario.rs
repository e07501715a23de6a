//! A run that everything permits, and for each reason code what must change to have it denied.

#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has failed"
)]

use countersign_domain::{
    AttributedChange, AuthorityFacts, AuthorityMode, AuthorityRows, AuthorityState, ConnectionUse,
    ExecutionContext, Operation, ReasonCode, RunId, TargetScope, Timestamp, resolve,
};

/// Authority under which the run of [`Scenario::permitted`] may start.
const AUTHORITY: &str = r#"
{"change":"define_role","role":"member","capabilities":[],"all_tenants":false}
{"change":"define_role","role":"operator","capabilities":["backup.read","restore.execute"],"all_tenants":false}
{"change":"set_workspace","workspace":"workspace-1","active":true}
{"change":"set_tenant","tenant":"tenant-4","workspace":"workspace-1","lifecycle":"active"}
{"change":"set_user","user":"user-7","active":true}
{"change":"grant","user":"user-7","workspace":"workspace-1","role":"member"}
{"change":"grant","user":"user-7","workspace":"workspace-1","tenant":"tenant-4","role":"operator"}
{"change":"set_connection","connection":"connection-9","tenant":"tenant-4","enabled":true}
{"change":"set_write_gate","workspace":"workspace-1","open":true}
{"change":"set_prerequisite","workspace":"workspace-1","tenant":"tenant-4","name":"baseline","met":true}
"#;

/// A run, and the authority that stands when it is judged.
#[derive(Clone)]
pub(crate) struct Scenario {
    pub(crate) context: ExecutionContext,
    pub(crate) state: AuthorityState,
}

impl Scenario {
    /// An actor-bound `restore.execute` that needs a capability, writes, and requires a connection
    /// and a prerequisite, all of which it has.
    pub(crate) fn permitted() -> Self {
        let mut operation = Operation::new("restore.execute".parse().unwrap())
            .needing("restore.execute".parse().unwrap())
            .writing();
        operation.connection = ConnectionUse::Required;
        operation.prerequisites = vec!["baseline".parse().unwrap()];
        let scope = TargetScope {
            workspace_id: "workspace-1".parse().unwrap(),
            tenant_id: "tenant-4".parse().unwrap(),
            provider_connection_id: Some("connection-9".parse().unwrap()),
        };
        Self {
            context: ExecutionContext::actor_bound(
                RunId::EXAMPLE,
                operation.into(),
                scope,
                "user-7".parse().unwrap(),
            ),
            state: AuthorityState::default(),
        }
        .after(AUTHORITY)
    }

    /// The same operation on the system's own authority, which it accepts.
    pub(crate) fn permitted_to_the_system() -> Self {
        Self::permitted().with(|context| {
            context.authority_mode = AuthorityMode::System;
            context.initiator = None;
            let mut operation = (*context.operation).clone();
            operation.system = true;
            context.operation = operation.into();
        })
    }

    /// The permitted run with the one thing changed that denies it for this reason.
    pub(crate) fn denied(reason: ReasonCode) -> Self {
        let permitted = Self::permitted();
        match reason {
            ReasonCode::WorkspaceMissing => permitted.with(|context| {
                context.target_scope.workspace_id = "nowhere".parse().unwrap();
            }),
            ReasonCode::WorkspaceInactive => permitted
                .after(r#"{"change":"set_workspace","workspace":"workspace-1","active":false}"#),
            ReasonCode::InitiatorMissing => {
                permitted.after(r#"{"change":"remove_user","user":"user-7"}"#)
            }
            ReasonCode::InitiatorDisabled => {
                permitted.after(r#"{"change":"set_user","user":"user-7","active":false}"#)
            }
            ReasonCode::InitiatorNotInWorkspace => permitted.after(
                r#"{"change":"revoke","user":"user-7","workspace":"workspace-1","role":"member"}"#,
            ),
            ReasonCode::TenantMissing => permitted.with(|context| {
                context.target_scope.tenant_id = "nowhere".parse().unwrap();
            }),
            ReasonCode::WorkspaceMismatch => permitted.after(
                r#"{"change":"set_tenant","tenant":"tenant-4","workspace":"workspace-2","lifecycle":"active"}"#,
            ),
            ReasonCode::TenantNotEntitled => permitted.after(
                r#"{"change":"revoke","user":"user-7","workspace":"workspace-1","tenant":"tenant-4","role":"operator"}"#,
            ),
            ReasonCode::SystemAuthorityNotAllowed => permitted.with(|context| {
                context.authority_mode = AuthorityMode::System;
                context.initiator = None;
            }),
            ReasonCode::MissingCapability => permitted.after(
                r#"{"change":"define_role","role":"operator","capabilities":["backup.read"],"all_tenants":false}"#,
            ),
            ReasonCode::TenantNotOperable => permitted.after(
                r#"{"change":"set_tenant","tenant":"tenant-4","workspace":"workspace-1","lifecycle":"suspended"}"#,
            ),
            ReasonCode::ProviderConnectionMissing => permitted.with(|context| {
                context.target_scope.provider_connection_id = None;
            }),
            ReasonCode::ProviderConnectionMismatch => permitted.after(
                r#"{"change":"set_connection","connection":"connection-9","tenant":"tenant-5","enabled":true}"#,
            ),
            ReasonCode::ProviderConnectionDisabled => permitted.after(
                r#"{"change":"set_connection","connection":"connection-9","tenant":"tenant-4","enabled":false}"#,
            ),
            ReasonCode::WriteGateBlocked => permitted.after(
                r#"{"change":"set_write_gate","workspace":"workspace-1","open":false,"reason":"change freeze"}"#,
            ),
            ReasonCode::PrerequisiteNotMet => permitted.after(
                r#"{"change":"set_prerequisite","workspace":"workspace-1","tenant":"tenant-4","name":"baseline","met":false}"#,
            ),
        }
    }

    /// The same run after these changes, one JSON object a line.
    pub(crate) fn after(mut self, changes: &str) -> Self {
        for line in changes.lines().filter(|line| !line.is_empty()) {
            self.state
                .apply(&AttributedChange::parse(line).unwrap().change);
        }
        self
    }

    /// The same authority, asked about another run.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut ExecutionContext)) -> Self {
        change(&mut self.context);
        self
    }

    pub(crate) fn rows(&self) -> AuthorityRows {
        self.state.rows(&self.context.query())
    }

    pub(crate) fn facts(&self) -> AuthorityFacts {
        resolve(&self.context.query(), &self.rows(), Timestamp::UNIX_EPOCH)
    }
}
