//! Everything `decide` may be asked: one value of every column, and the run and rows it stands for.

use countersign_domain::{
    AuthorityMode, AuthorityRows, ConnectionRow, ConnectionUse, ExecutionContext, GateRow,
    GrantRow, Lifecycles, Operation, PrerequisiteRow, RoleRow, RunId, TargetScope, TenantLifecycle,
    TenantRow, Timestamp, UserRow, WorkspaceRow,
};

/// A time after the epoch, which the table is worked out at.
const LATER: Timestamp = Timestamp::LATEST;

/// Declares the columns in the order in which the table asks for them.
macro_rules! columns {
    ($($field:ident: $column:ident = $title:literal { $($value:ident = $label:literal,)+ })+) => {
        $(
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub(crate) enum $column { $($value,)+ }
        )+

        /// One value of every column.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct Combination { $(pub(crate) $field: $column,)+ }

        impl Combination {
            pub(crate) const FIRST: Self = Self { $($field: [$($column::$value,)+][0],)+ };
        }

        pub(crate) const COLUMNS: &[Column] = &[$(Column {
            title: $title,
            labels: &[$($label,)+],
            set: |combination, at| combination.$field = [$($column::$value,)+][at],
            get: |combination| combination.$field as usize,
        },)+];
    };
}

pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) labels: &'static [&'static str],
    pub(crate) set: fn(&mut Combination, usize),
    pub(crate) get: fn(&Combination) -> usize,
}

columns! {
    authority: Authority = "authority" {
        Actor = "actor_bound",
        ActorOfSystemOperation = "actor_bound+",
        System = "system",
        SystemOfSystemOperation = "system+",
    }
    workspace: Workspace = "workspace" {
        Missing = "missing",
        Inactive = "inactive",
        Active = "active",
    }
    initiator: Initiator = "initiator" {
        Null = "null",
        Unknown = "unknown",
        Disabled = "disabled",
        Active = "active",
    }
    membership: Membership = "membership" {
        No = "no",
        Until = "until",
        Forever = "forever",
    }
    tenant: Tenant = "tenant" {
        Missing = "missing",
        Elsewhere = "elsewhere",
        Here = "here",
    }
    needs: Needs = "capability needed" {
        Nothing = "no",
        Capability = "yes",
    }
    reach: Reach = "reach" {
        No = "no",
        Yes = "yes",
        Capable = "capable",
    }
    lifecycle: Lifecycle = "lifecycle" {
        Onboarding = "onboarding",
        Active = "active",
        Suspended = "suspended",
        Archived = "archived",
        OnboardingTurned = "onboarding*",
        ActiveTurned = "active*",
        SuspendedTurned = "suspended*",
        ArchivedTurned = "archived*",
    }
    connection: Connection = "connection" {
        NoneNull = "none/null",
        NoneMissing = "none/missing",
        NoneElsewhere = "none/elsewhere",
        NoneDisabled = "none/disabled",
        NoneEnabled = "none/enabled",
        OptionalNull = "optional/null",
        OptionalMissing = "optional/missing",
        OptionalElsewhere = "optional/elsewhere",
        OptionalDisabled = "optional/disabled",
        OptionalEnabled = "optional/enabled",
        RequiredNull = "required/null",
        RequiredMissing = "required/missing",
        RequiredElsewhere = "required/elsewhere",
        RequiredDisabled = "required/disabled",
        RequiredEnabled = "required/enabled",
    }
    writes: Writes = "writes" {
        No = "no",
        Yes = "yes",
    }
    gates: Gates = "write gates" {
        Open = "open",
        WorkspaceClosed = "workspace closed",
        TenantClosed = "tenant closed",
        BothClosed = "both closed",
    }
    prerequisite: Prerequisite = "prerequisite" {
        Unnamed = "none named",
        UnnamedNotMet = "none named, one not met",
        NoRecord = "no record",
        Met = "met",
        NotMet = "not met",
    }
}

/// How many combinations there are, worked out by hand: an actor-bound run without initiator has
/// neither membership nor reach, a run with system authority has no user rows to look at, and a
/// missing tenant has no lifecycle, though the operation still accepts some.
pub(crate) const COMBINATIONS: u64 = {
    let actors = 2 * 3 * (1 + 3 * 3 * 3);
    let systems = 2 * 3 * 2;
    let tenants = 2 + 2 * 8;
    (actors + systems) * tenants * 2 * 15 * 2 * 4 * 5
};

/// Visits every possible combination once.
pub(crate) fn each_combination(
    column: usize,
    so_far: Combination,
    visit: &mut impl FnMut(&Combination),
) {
    let Some(asked) = COLUMNS.get(column) else {
        return visit(&so_far);
    };
    for value in 0..asked.labels.len() {
        let mut combination = so_far;
        (asked.set)(&mut combination, value);
        if combination.is_possible() {
            each_combination(column + 1, combination, visit);
        }
    }
}

impl Combination {
    /// Whether a store and a catalog can be in this state. Columns that were not chosen yet stand
    /// at their first value, which nothing excludes.
    pub(crate) fn is_possible(&self) -> bool {
        let is_system = self.is_system();
        let has_grants = self.membership != Membership::No || self.reach != Reach::No;
        let user_is_looked_up = !is_system && self.initiator != Initiator::Null;
        let lifecycle_is_told = !matches!(
            self.lifecycle,
            Lifecycle::Onboarding | Lifecycle::OnboardingTurned
        );
        let is_impossible = (has_grants && !user_is_looked_up)
            || (is_system && matches!(self.initiator, Initiator::Disabled | Initiator::Active))
            || (self.tenant == Tenant::Missing && lifecycle_is_told);
        !is_impossible
    }

    pub(crate) fn is_system(&self) -> bool {
        matches!(
            self.authority,
            Authority::System | Authority::SystemOfSystemOperation
        )
    }

    /// Use of a connection by the operation, and what the run names, as numbers from 0.
    pub(crate) fn connection(&self) -> (usize, usize) {
        (self.connection as usize / 5, self.connection as usize % 5)
    }

    pub(crate) fn names_prerequisite(&self) -> bool {
        !matches!(
            self.prerequisite,
            Prerequisite::Unnamed | Prerequisite::UnnamedNotMet
        )
    }

    pub(crate) fn context(&self) -> ExecutionContext {
        let (connection_use, connection) = self.connection();
        let mut operation = Operation::new("op".parse().unwrap());
        operation.system = matches!(
            self.authority,
            Authority::ActorOfSystemOperation | Authority::SystemOfSystemOperation
        );
        operation.capability = (self.needs == Needs::Capability).then(|| "op.do".parse().unwrap());
        operation.writes = self.writes == Writes::Yes;
        operation.connection = [
            ConnectionUse::None,
            ConnectionUse::Optional,
            ConnectionUse::Required,
        ][connection_use];
        if self.names_prerequisite() {
            operation.prerequisites = vec!["baseline".parse().unwrap()];
        }
        if self.lifecycle as usize >= 4 {
            operation.lifecycles = [
                TenantLifecycle::Onboarding,
                TenantLifecycle::Suspended,
                TenantLifecycle::Archived,
            ]
            .into_iter()
            .collect::<Lifecycles>();
        }
        ExecutionContext {
            run: RunId::EXAMPLE,
            operation: operation.into(),
            authority_mode: if self.is_system() {
                AuthorityMode::System
            } else {
                AuthorityMode::ActorBound
            },
            initiator: (self.initiator != Initiator::Null).then(|| "u".parse().unwrap()),
            target_scope: TargetScope {
                workspace_id: "w".parse().unwrap(),
                tenant_id: "t".parse().unwrap(),
                provider_connection_id: (connection != 0).then(|| "c".parse().unwrap()),
            },
        }
    }

    pub(crate) fn rows(&self) -> AuthorityRows {
        let prerequisite = |met| PrerequisiteRow {
            tenant_id: Some("t".parse().unwrap()),
            name: "baseline".parse().unwrap(),
            met,
        };
        AuthorityRows {
            workspace: match self.workspace {
                Workspace::Missing => None,
                Workspace::Inactive => Some(WorkspaceRow { active: false }),
                Workspace::Active => Some(WorkspaceRow { active: true }),
            },
            user: match self.initiator {
                Initiator::Null | Initiator::Unknown => None,
                Initiator::Disabled => Some(UserRow { active: false }),
                Initiator::Active => Some(UserRow { active: true }),
            },
            tenant: (self.tenant != Tenant::Missing).then(|| TenantRow {
                workspace_id: match self.tenant {
                    Tenant::Here => "w".parse().unwrap(),
                    Tenant::Missing | Tenant::Elsewhere => "elsewhere".parse().unwrap(),
                },
                lifecycle: TenantLifecycle::ALL[self.lifecycle as usize % 4],
            }),
            connection: match self.connection().1 {
                0 | 1 => None,
                named => Some(ConnectionRow {
                    tenant_id: if named == 2 { "elsewhere" } else { "t" }.parse().unwrap(),
                    enabled: named != 3,
                }),
            },
            grants: self.grants(),
            roles: [("member", None), ("guest", None), ("worker", Some("op.do"))]
                .map(|(role, capability)| {
                    let capabilities = capability.map(|name| name.parse().unwrap());
                    (
                        role.parse().unwrap(),
                        RoleRow {
                            capabilities: capabilities.into_iter().collect(),
                            all_tenants: false,
                        },
                    )
                })
                .into(),
            workspace_gate: Some(gate(!matches!(
                self.gates,
                Gates::WorkspaceClosed | Gates::BothClosed
            ))),
            tenant_gate: matches!(self.gates, Gates::TenantClosed | Gates::BothClosed)
                .then(|| gate(false)),
            prerequisites: match self.prerequisite {
                Prerequisite::Unnamed | Prerequisite::NoRecord => vec![],
                Prerequisite::UnnamedNotMet | Prerequisite::NotMet => vec![prerequisite(false)],
                Prerequisite::Met => vec![prerequisite(true)],
            },
        }
    }

    fn grants(&self) -> Vec<GrantRow> {
        let grant = |tenant: Option<&str>, role: &str, expires_at| GrantRow {
            tenant_id: tenant.map(|tenant| tenant.parse().unwrap()),
            role: role.parse().unwrap(),
            expires_at,
        };
        let membership = match self.membership {
            Membership::No => None,
            Membership::Until => Some(grant(None, "member", Some(LATER))),
            Membership::Forever => Some(grant(None, "member", None)),
        };
        let reach = match self.reach {
            Reach::No => None,
            Reach::Yes => Some(grant(Some("t"), "guest", None)),
            Reach::Capable => Some(grant(Some("t"), "worker", Some(LATER))),
        };
        membership.into_iter().chain(reach).collect()
    }
}

fn gate(open: bool) -> GateRow {
    GateRow { open, reason: None }
}
