//! `AuthorityChange`: the one language in which authority changes.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    ActorName, Capability, ConnectionId, FieldError, Fields, PrerequisiteName, RoleName, TenantId,
    TenantLifecycle, Timestamp, UserId, WorkspaceId,
};

/// A free text that goes with a change may be this long, in bytes.
const MAX_REASON_BYTES: usize = 1024;

/// A role may have this many capabilities.
const MAX_CAPABILITIES: usize = 1024;

/// One change of who may do what. As JSON one flat object, tagged by `change`.
///
/// References to what is not defined yet are accepted. Every change is idempotent: applied twice it
/// leaves the same facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum AuthorityChange {
    /// Gives a role its capabilities and reach, replacing any it had.
    DefineRole {
        /// The role.
        role: RoleName,
        /// What it allows; at most 1,024.
        capabilities: BTreeSet<Capability>,
        /// Whether a grant of it without tenant reaches every tenant of the workspace.
        all_tenants: bool,
    },
    /// Creates a workspace, or switches it on or off.
    SetWorkspace {
        /// The workspace.
        workspace: WorkspaceId,
        /// Whether it is switched on.
        active: bool,
    },
    /// Creates a tenant, moves it to a workspace, or sets its lifecycle.
    SetTenant {
        /// The tenant.
        tenant: TenantId,
        /// The workspace that it belongs to from now on.
        workspace: WorkspaceId,
        /// Where it stands in its life.
        lifecycle: TenantLifecycle,
    },
    /// Creates a user, or enables or disables the account.
    SetUser {
        /// The user.
        user: UserId,
        /// Whether the account is enabled.
        active: bool,
    },
    /// Forgets a user, and every grant of theirs with them.
    RemoveUser {
        /// The user.
        user: UserId,
    },
    /// Grants a role, or replaces the expiry of the same grant. Creates an unknown user, active.
    Grant {
        /// The user.
        user: UserId,
        /// The workspace.
        workspace: WorkspaceId,
        /// The tenant it reaches; none makes the user a member of the workspace.
        #[serde(default)]
        tenant: Option<TenantId>,
        /// The role.
        role: RoleName,
        /// From when on it no longer holds.
        #[serde(default)]
        expires_at: Option<Timestamp>,
    },
    /// Takes a grant back; nothing happens where there is none.
    Revoke {
        /// The user.
        user: UserId,
        /// The workspace.
        workspace: WorkspaceId,
        /// The tenant of the grant.
        #[serde(default)]
        tenant: Option<TenantId>,
        /// The role.
        role: RoleName,
    },
    /// Creates a connection, moves it to a tenant, or switches it on or off.
    SetConnection {
        /// The connection.
        connection: ConnectionId,
        /// The tenant that it belongs to from now on.
        tenant: TenantId,
        /// Whether it is switched on.
        enabled: bool,
    },
    /// Opens or closes the write gate of a workspace, or of one tenant in it.
    SetWriteGate {
        /// The workspace.
        workspace: WorkspaceId,
        /// The tenant; none for the workspace's own gate.
        #[serde(default)]
        tenant: Option<TenantId>,
        /// Whether writing is permitted.
        open: bool,
        /// Why, for people; at most 1,024 bytes.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Says whether a prerequisite is met in a workspace, or for one tenant in it.
    SetPrerequisite {
        /// The workspace.
        workspace: WorkspaceId,
        /// The tenant; none for the whole workspace.
        #[serde(default)]
        tenant: Option<TenantId>,
        /// The prerequisite.
        name: PrerequisiteName,
        /// Whether it is met.
        met: bool,
    },
}

/// The kinds of change, without their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// [`AuthorityChange::DefineRole`]
    DefineRole,
    /// [`AuthorityChange::SetWorkspace`]
    SetWorkspace,
    /// [`AuthorityChange::SetTenant`]
    SetTenant,
    /// [`AuthorityChange::SetUser`]
    SetUser,
    /// [`AuthorityChange::RemoveUser`]
    RemoveUser,
    /// [`AuthorityChange::Grant`]
    Grant,
    /// [`AuthorityChange::Revoke`]
    Revoke,
    /// [`AuthorityChange::SetConnection`]
    SetConnection,
    /// [`AuthorityChange::SetWriteGate`]
    SetWriteGate,
    /// [`AuthorityChange::SetPrerequisite`]
    SetPrerequisite,
}

impl ChangeKind {
    /// Every kind of change.
    pub const ALL: [Self; 10] = [
        Self::DefineRole,
        Self::SetWorkspace,
        Self::SetTenant,
        Self::SetUser,
        Self::RemoveUser,
        Self::Grant,
        Self::Revoke,
        Self::SetConnection,
        Self::SetWriteGate,
        Self::SetPrerequisite,
    ];

    /// The name as it stands under `change`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DefineRole => "define_role",
            Self::SetWorkspace => "set_workspace",
            Self::SetTenant => "set_tenant",
            Self::SetUser => "set_user",
            Self::RemoveUser => "remove_user",
            Self::Grant => "grant",
            Self::Revoke => "revoke",
            Self::SetConnection => "set_connection",
            Self::SetWriteGate => "set_write_gate",
            Self::SetPrerequisite => "set_prerequisite",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is wrong with an [`AuthorityChange`] line.
pub type ChangeError = FieldError;

/// A change, and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributedChange {
    /// The change.
    pub change: AuthorityChange,
    /// Who made it, for the log.
    pub by: Option<ActorName>,
}

impl AttributedChange {
    /// Reads one line. The keys are those of the change, `by`, and `at`, which is ignored.
    ///
    /// # Errors
    /// [`ChangeError`] naming the key at fault.
    pub fn parse(line: &str) -> Result<Self, ChangeError> {
        Self::from_fields(Fields::parse(line)?)
    }

    fn from_fields(mut fields: Fields) -> Result<Self, ChangeError> {
        let change = read_change(&mut fields)?;
        let by = fields.optional("by")?;
        fields.ignore("at");
        fields.finish()?;
        Ok(Self { change, by })
    }
}

impl From<AuthorityChange> for AttributedChange {
    fn from(change: AuthorityChange) -> Self {
        Self { change, by: None }
    }
}

impl AuthorityChange {
    /// Which kind of change it is.
    #[must_use]
    pub const fn kind(&self) -> ChangeKind {
        match self {
            Self::DefineRole { .. } => ChangeKind::DefineRole,
            Self::SetWorkspace { .. } => ChangeKind::SetWorkspace,
            Self::SetTenant { .. } => ChangeKind::SetTenant,
            Self::SetUser { .. } => ChangeKind::SetUser,
            Self::RemoveUser { .. } => ChangeKind::RemoveUser,
            Self::Grant { .. } => ChangeKind::Grant,
            Self::Revoke { .. } => ChangeKind::Revoke,
            Self::SetConnection { .. } => ChangeKind::SetConnection,
            Self::SetWriteGate { .. } => ChangeKind::SetWriteGate,
            Self::SetPrerequisite { .. } => ChangeKind::SetPrerequisite,
        }
    }

    /// The fact that it is about, among those of its kind: ids, the most general first, the empty text for no tenant.
    #[must_use]
    pub fn key(&self) -> Vec<&str> {
        match self {
            Self::DefineRole { role, .. } => vec![role.as_str()],
            Self::SetWorkspace { workspace, .. } => vec![workspace.as_str()],
            Self::SetTenant { tenant, .. } => vec![tenant.as_str()],
            Self::SetUser { user, .. } | Self::RemoveUser { user } => vec![user.as_str()],
            Self::Grant {
                user,
                workspace,
                tenant,
                role,
                ..
            }
            | Self::Revoke {
                user,
                workspace,
                tenant,
                role,
            } => vec![
                user.as_str(),
                workspace.as_str(),
                or_empty(tenant.as_ref()),
                role.as_str(),
            ],
            Self::SetConnection { connection, .. } => vec![connection.as_str()],
            Self::SetWriteGate {
                workspace, tenant, ..
            } => vec![workspace.as_str(), or_empty(tenant.as_ref())],
            Self::SetPrerequisite {
                workspace,
                tenant,
                name,
                ..
            } => vec![workspace.as_str(), or_empty(tenant.as_ref()), name.as_str()],
        }
    }
}

impl ChangeKind {
    /// Whether it takes a fact away, and so leaves none behind that could be told by it.
    #[must_use]
    pub const fn is_removal(self) -> bool {
        match self {
            Self::RemoveUser | Self::Revoke => true,
            Self::DefineRole
            | Self::SetWorkspace
            | Self::SetTenant
            | Self::SetUser
            | Self::Grant
            | Self::SetConnection
            | Self::SetWriteGate
            | Self::SetPrerequisite => false,
        }
    }
}

fn or_empty(tenant: Option<&TenantId>) -> &str {
    tenant.map_or("", TenantId::as_str)
}

impl<'de> Deserialize<'de> for AuthorityChange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Fields::deserialize(deserializer)?;
        AttributedChange::from_fields(fields)
            .map(|read| read.change)
            .map_err(de::Error::custom)
    }
}

fn read_change(fields: &mut Fields) -> Result<AuthorityChange, FieldError> {
    let kind: String = fields.required("change")?;
    let Some(kind) = ChangeKind::ALL
        .into_iter()
        .find(|known| known.as_str() == kind)
    else {
        let known = ChangeKind::ALL.map(|known| format!("`{known}`")).join(", ");
        let found: String = kind.chars().take(48).collect();
        return Err(FieldError::at(
            "change",
            format!("`{found}` is not a change, expected one of {known}"),
        ));
    };
    Ok(match kind {
        ChangeKind::DefineRole => AuthorityChange::DefineRole {
            role: fields.required("role")?,
            capabilities: read_capabilities(fields)?,
            all_tenants: fields.required("all_tenants")?,
        },
        ChangeKind::SetWorkspace => AuthorityChange::SetWorkspace {
            workspace: fields.required("workspace")?,
            active: fields.required("active")?,
        },
        ChangeKind::SetTenant => AuthorityChange::SetTenant {
            tenant: fields.required("tenant")?,
            workspace: fields.required("workspace")?,
            lifecycle: fields.required("lifecycle")?,
        },
        ChangeKind::SetUser => AuthorityChange::SetUser {
            user: fields.required("user")?,
            active: fields.required("active")?,
        },
        ChangeKind::RemoveUser => AuthorityChange::RemoveUser {
            user: fields.required("user")?,
        },
        ChangeKind::Grant => AuthorityChange::Grant {
            user: fields.required("user")?,
            workspace: fields.required("workspace")?,
            tenant: fields.optional("tenant")?,
            role: fields.required("role")?,
            expires_at: fields.optional("expires_at")?,
        },
        ChangeKind::Revoke => AuthorityChange::Revoke {
            user: fields.required("user")?,
            workspace: fields.required("workspace")?,
            tenant: fields.optional("tenant")?,
            role: fields.required("role")?,
        },
        ChangeKind::SetConnection => AuthorityChange::SetConnection {
            connection: fields.required("connection")?,
            tenant: fields.required("tenant")?,
            enabled: fields.required("enabled")?,
        },
        ChangeKind::SetWriteGate => AuthorityChange::SetWriteGate {
            workspace: fields.required("workspace")?,
            tenant: fields.optional("tenant")?,
            open: fields.required("open")?,
            reason: read_reason(fields)?,
        },
        ChangeKind::SetPrerequisite => AuthorityChange::SetPrerequisite {
            workspace: fields.required("workspace")?,
            tenant: fields.optional("tenant")?,
            name: fields.required("name")?,
            met: fields.required("met")?,
        },
    })
}

fn read_capabilities(fields: &mut Fields) -> Result<BTreeSet<Capability>, FieldError> {
    let capabilities: BTreeSet<Capability> = fields.required("capabilities")?;
    if capabilities.len() > MAX_CAPABILITIES {
        let problem = format!(
            "`capabilities`: {} of them, expected at most {MAX_CAPABILITIES}",
            capabilities.len()
        );
        return Err(FieldError::at("capabilities", problem));
    }
    Ok(capabilities)
}

fn read_reason(fields: &mut Fields) -> Result<Option<String>, FieldError> {
    let reason: Option<String> = fields.optional("reason")?;
    match &reason {
        Some(text) if text.len() > MAX_REASON_BYTES => Err(FieldError::at(
            "reason",
            format!(
                "`reason`: {} bytes, expected at most {MAX_REASON_BYTES}",
                text.len()
            ),
        )),
        Some(text) if text.contains('\0') => Err(FieldError::at(
            "reason",
            "`reason`: holds the character \\u0000, which cannot be stored",
        )),
        Some(_) | None => Ok(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the contract, one of each kind.
    const LINES: &str = r#"
{"change":"define_role","role":"operator","capabilities":["inventory.sync"],"all_tenants":false}
{"change":"set_workspace","workspace":"w","active":true}
{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"active"}
{"change":"set_user","user":"u","active":true}
{"change":"remove_user","user":"u"}
{"change":"grant","user":"u","workspace":"w","tenant":"t","role":"operator","expires_at":null}
{"change":"revoke","user":"u","workspace":"w","tenant":"t","role":"operator"}
{"change":"set_connection","connection":"c","tenant":"t","enabled":true}
{"change":"set_write_gate","workspace":"w","tenant":null,"open":false,"reason":"change freeze"}
{"change":"set_prerequisite","workspace":"w","tenant":"t","name":"baseline","met":true}
"#;

    #[test]
    fn every_kind_of_change_round_trips_to_the_letter() {
        let lines: Vec<&str> = LINES.lines().filter(|line| !line.is_empty()).collect();
        for (line, kind) in lines.iter().zip(ChangeKind::ALL) {
            let read = AttributedChange::parse(line).unwrap();
            assert_eq!(read.change.kind(), kind);
            assert_eq!(&serde_json::to_string(&read.change).unwrap(), line);
            assert_eq!(
                serde_json::from_str::<AuthorityChange>(line).unwrap(),
                read.change
            );
        }
        assert_eq!(lines.len(), ChangeKind::ALL.len());
    }

    /// One that is granted and revoked, or set and removed, is the same.
    #[test]
    fn a_fact_is_known_by_its_kind_and_its_key() {
        let keys = LINES.lines().filter(|line| !line.is_empty()).map(|line| {
            let change = AttributedChange::parse(line).unwrap().change;
            format!("{} {}", change.kind(), change.key().join("/"))
        });
        let expected = [
            "define_role operator",
            "set_workspace w",
            "set_tenant t",
            "set_user u",
            "remove_user u",
            "grant u/w/t/operator",
            "revoke u/w/t/operator",
            "set_connection c",
            "set_write_gate w/",
            "set_prerequisite w/t/baseline",
        ];
        assert_eq!(keys.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn two_kinds_of_change_take_a_fact_away() {
        let removals = ChangeKind::ALL.into_iter().filter(|kind| kind.is_removal());
        let expected = [ChangeKind::RemoveUser, ChangeKind::Revoke];
        assert_eq!(removals.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn at_is_ignored_and_by_is_kept() {
        let line = r#"{"at":17,"by":"ops","change":"remove_user","user":"u"}"#;
        let read = AttributedChange::parse(line).unwrap();
        assert_eq!(read.by, Some("ops".parse().unwrap()));
    }

    #[test]
    fn complaints_name_the_key() {
        let cases = [
            ("{", None),
            ("[]", None),
            (r#"{"user":"u"}"#, Some("change")),
            (r#"{"change":"remove"}"#, Some("change")),
            (r#"{"change":"remove_user"}"#, Some("user")),
            (r#"{"change":"remove_user","user":""}"#, Some("user")),
            (r#"{"change":"remove_user","user":7}"#, Some("user")),
            (
                r#"{"change":"remove_user","user":"u","tenant":"t"}"#,
                Some("tenant"),
            ),
            (
                r#"{"change":"set_user","user":"u","active":"yes"}"#,
                Some("active"),
            ),
            (
                r#"{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"gone"}"#,
                Some("lifecycle"),
            ),
            (
                r#"{"change":"grant","user":"u","workspace":"w","role":"r","expires_at":"soon"}"#,
                Some("expires_at"),
            ),
            (r#"{"change":"remove_user","user":"u","user":"v"}"#, None),
        ];
        for (line, field) in cases {
            let error = AttributedChange::parse(line).unwrap_err();
            assert_eq!(error.field.as_deref(), field, "{line}: {error}");
        }
    }

    #[test]
    fn lists_and_reasons_have_their_limits() {
        let role = |many: usize| {
            let names: Vec<String> = (0..many).map(|n| format!("\"c{n}\"")).collect();
            let line = format!(
                r#"{{"change":"define_role","role":"r","capabilities":[{}],"all_tenants":false}}"#,
                names.join(",")
            );
            AttributedChange::parse(&line)
        };
        assert!(role(MAX_CAPABILITIES).is_ok());
        assert!(role(MAX_CAPABILITIES + 1).is_err());
        let gate = |reason: &str| {
            let line = format!(
                r#"{{"change":"set_write_gate","workspace":"w","open":false,"reason":"{reason}"}}"#
            );
            AttributedChange::parse(&line)
        };
        assert!(gate(&"r".repeat(MAX_REASON_BYTES)).is_ok());
        assert!(gate(&"r".repeat(MAX_REASON_BYTES + 1)).is_err());
        assert!(gate("a\\u0000b").is_err());
    }
}
