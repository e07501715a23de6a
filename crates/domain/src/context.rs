//! What is about to be executed, for whom, and where.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Capability, ConnectionId, Operation, OperationRun, OperationType, RunId, TenantId, UserId,
    WorkspaceId,
};

/// On whose authority a run acts. Fixed at submission: nothing ever turns one into the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorityMode {
    /// On that of the person who queued it.
    ActorBound,
    /// On the system's own, for operations that accept it.
    System,
}

impl AuthorityMode {
    /// Both modes.
    pub const ALL: [Self; 2] = [Self::ActorBound, Self::System];

    /// The name as it stands in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActorBound => "actor_bound",
            Self::System => "system",
        }
    }
}

impl std::str::FromStr for AuthorityMode {
    type Err = crate::UnknownName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| {
                crate::UnknownName::new(
                    "authority mode",
                    text,
                    Self::ALL.iter().map(|one| one.as_str()),
                )
            })
    }
}

/// What a run acts upon.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TargetScope {
    /// The workspace that the run was submitted in.
    pub workspace_id: WorkspaceId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The provider connection, where the run names one.
    pub provider_connection_id: Option<ConnectionId>,
}

/// Everything `decide` needs to know about the run itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionContext {
    /// The run.
    pub run: RunId,
    /// What the worker's catalog says of the operation: never what was believed at submission.
    pub operation: Arc<Operation>,
    /// On whose authority it acts.
    pub authority_mode: AuthorityMode,
    /// Who queued it; none for system runs, and for actor-bound ones whose initiator is lost.
    pub initiator: Option<UserId>,
    /// What it acts upon.
    pub target_scope: TargetScope,
}

impl ExecutionContext {
    /// The context of a stored run under the worker's catalog entry.
    #[must_use]
    pub fn of(run: &OperationRun, operation: Arc<Operation>) -> Self {
        Self {
            run: run.id,
            operation,
            authority_mode: run.authority_mode,
            initiator: run.initiator.clone(),
            target_scope: TargetScope {
                workspace_id: run.workspace_id.clone(),
                tenant_id: run.tenant_id.clone(),
                provider_connection_id: run.provider_connection_id.clone(),
            },
        }
    }

    /// The context of a run on behalf of a person.
    #[must_use]
    pub fn actor_bound(
        run: RunId,
        operation: Arc<Operation>,
        target_scope: TargetScope,
        initiator: UserId,
    ) -> Self {
        Self {
            run,
            operation,
            authority_mode: AuthorityMode::ActorBound,
            initiator: Some(initiator),
            target_scope,
        }
    }

    /// The operation's name.
    #[must_use]
    pub fn operation_type(&self) -> &OperationType {
        &self.operation.name
    }

    /// The workspace that the run was submitted in.
    #[must_use]
    pub fn workspace_id(&self) -> &WorkspaceId {
        &self.target_scope.workspace_id
    }

    /// What the initiator must be able to do.
    #[must_use]
    pub fn required_capability(&self) -> Option<&Capability> {
        self.operation.capability.as_ref()
    }

    /// What the run asks, under a catalog.
    #[must_use]
    pub fn question(&self) -> Question<'_> {
        Question {
            operation_type: self.operation_type(),
            authority_mode: self.authority_mode,
            initiator: self.initiator.as_ref(),
            target_scope: &self.target_scope,
        }
    }

    /// Whether both runs ask the same: the same facts decide them alike, for the same reason.
    #[must_use]
    pub fn asks_the_same_as(&self, other: &Self) -> bool {
        self.question() == other.question()
            && (Arc::ptr_eq(&self.operation, &other.operation) || self.operation == other.operation)
    }

    /// The question to put to an authority lookup.
    #[must_use]
    pub fn query(&self) -> AuthorityQuery {
        AuthorityQuery {
            workspace_id: self.target_scope.workspace_id.clone(),
            tenant_id: self.target_scope.tenant_id.clone(),
            initiator: match self.authority_mode {
                AuthorityMode::ActorBound => self.initiator.clone(),
                AuthorityMode::System => None,
            },
            provider_connection_id: self.target_scope.provider_connection_id.clone(),
        }
    }
}

/// What a run asks the gate. Under one catalog, runs that ask the same are decided alike by the same
/// facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question<'a> {
    /// May this be done,
    pub operation_type: &'a OperationType,
    /// on whose authority,
    pub authority_mode: AuthorityMode,
    /// for whom,
    pub initiator: Option<&'a UserId>,
    /// upon what.
    pub target_scope: &'a TargetScope,
}

/// Which facts a decision needs. Runs with equal queries share one answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityQuery {
    /// The run's workspace: its scope.
    pub workspace_id: WorkspaceId,
    /// The run's tenant.
    pub tenant_id: TenantId,
    /// Whose grants matter; none for system runs.
    pub initiator: Option<UserId>,
    /// The connection that the run names.
    pub provider_connection_id: Option<ConnectionId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> ExecutionContext {
        ExecutionContext {
            run: RunId::EXAMPLE,
            operation: Arc::new(Operation::new("op".parse().unwrap())),
            authority_mode: AuthorityMode::ActorBound,
            initiator: Some("ann".parse().unwrap()),
            target_scope: TargetScope {
                workspace_id: "w".parse().unwrap(),
                tenant_id: "t".parse().unwrap(),
                provider_connection_id: None,
            },
        }
    }

    #[test]
    fn runs_ask_the_same_where_everything_that_is_judged_is_the_same() {
        let one = context();
        assert!(one.asks_the_same_as(&one.clone()));
        // Operations that are alike, each with a place of its own.
        assert!(one.asks_the_same_as(&context()));
        let writing = Operation::new("op".parse().unwrap()).writing();
        let others = [
            ExecutionContext {
                operation: Arc::new(writing),
                ..context()
            },
            ExecutionContext {
                authority_mode: AuthorityMode::System,
                ..context()
            },
            ExecutionContext {
                initiator: Some("eve".parse().unwrap()),
                ..context()
            },
            ExecutionContext {
                target_scope: TargetScope {
                    tenant_id: "another".parse().unwrap(),
                    ..context().target_scope
                },
                ..context()
            },
            // The same operation, upon something else.
            ExecutionContext {
                operation: Arc::clone(&one.operation),
                initiator: None,
                ..context()
            },
        ];
        for other in others {
            assert!(!one.asks_the_same_as(&other), "{other:?}");
        }
    }
}
