//! How facts are written in a store, and read again. What does not read is an error that names it, never a
//! default.

use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;

use countersign_domain::{
    ConnectionRow, GateRow, GrantRow, PrerequisiteRow, RoleRow, TenantId, TenantRow, Timestamp,
};
use countersign_ports::{PortError, PortErrorKind, PortResult};

/// Texts of one store, read while something is being done.
///
/// Ids hold no control characters: a tab ends one, and a list has a line for each of its members.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) operation: &'static str,
}

/// What a slice has of a user with grants whom the directory does not know: nobody lost them.
pub(super) const UNKNOWN: &str = "-";

pub(super) fn flag(value: bool) -> &'static str {
    if value { "1" } else { "0" }
}

/// Whether its grants reach all tenants, then its capabilities.
pub(super) fn role_text(role: &RoleRow) -> String {
    let mut text = flag(role.all_tenants).to_owned();
    for capability in &role.capabilities {
        text.push('\t');
        text.push_str(capability.as_str());
    }
    text
}

/// Whether it is open, then the reason if there is one.
pub(super) fn gate_text(open: bool, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("{}\t{reason}", flag(open)),
        None => flag(open).to_owned(),
    }
}

/// Empty for never.
pub(super) fn expiry_text(expires_at: Option<Timestamp>) -> String {
    expires_at.map_or_else(String::new, |time| time.as_micros().to_string())
}

impl Facts {
    pub(super) fn flag(self, what: &str, text: &str) -> PortResult<bool> {
        match text {
            "1" => Ok(true),
            "0" => Ok(false),
            _ => Err(self.malformed(what, text)),
        }
    }

    pub(super) fn id<T: FromStr>(self, what: &str, text: &str) -> PortResult<T>
    where
        T::Err: Error + Send + Sync + 'static,
    {
        let short: String = text.chars().take(64).collect();
        text.parse().map_err(|error| {
            PortError::corrupt(self.operation, format_args!("{what} `{short}`"), error)
        })
    }

    /// Lifecycle and workspace.
    pub(super) fn tenant(self, text: &str) -> PortResult<TenantRow> {
        let (lifecycle, workspace) = self.pair("tenant", text)?;
        Ok(TenantRow {
            workspace_id: self.id("workspace id", workspace)?,
            lifecycle: self.id("lifecycle", lifecycle)?,
        })
    }

    /// Whether it is enabled, and its tenant.
    pub(super) fn connection(self, text: &str) -> PortResult<ConnectionRow> {
        let (enabled, tenant) = self.pair("connection", text)?;
        Ok(ConnectionRow {
            tenant_id: self.id("tenant id", tenant)?,
            enabled: self.flag("connection", enabled)?,
        })
    }

    pub(super) fn gate(self, text: &str) -> PortResult<GateRow> {
        let (open, reason) = match text.split_once('\t') {
            Some((open, reason)) => (open, Some(reason.to_owned())),
            None => (text, None),
        };
        Ok(GateRow {
            open: self.flag("write gate", open)?,
            reason,
        })
    }

    pub(super) fn role(self, text: &str) -> PortResult<RoleRow> {
        let mut parts = text.split('\t');
        let all_tenants = self.flag("role", parts.next().unwrap_or_default())?;
        let capabilities = parts
            .map(|part| self.id("capability", part))
            .collect::<PortResult<_>>()?;
        Ok(RoleRow {
            capabilities,
            all_tenants,
        })
    }

    /// A list of roles, each with its expiry.
    pub(super) fn grants(
        self,
        tenant_id: Option<&TenantId>,
        text: &str,
    ) -> PortResult<Vec<GrantRow>> {
        let grant = |(role, expires_at): (&str, &str)| {
            Ok(GrantRow {
                tenant_id: tenant_id.cloned(),
                role: self.id("role", role)?,
                expires_at: self.expiry(expires_at)?,
            })
        };
        self.lines("list of grants", text)
            .map(|line| grant(line?))
            .collect()
    }

    /// A list of prerequisites, each with whether it is met.
    pub(super) fn prerequisites(
        self,
        tenant_id: Option<&TenantId>,
        text: &str,
    ) -> PortResult<Vec<PrerequisiteRow>> {
        let prerequisite = |(name, met): (&str, &str)| {
            Ok(PrerequisiteRow {
                tenant_id: tenant_id.cloned(),
                name: self.id("prerequisite", name)?,
                met: self.flag("prerequisite", met)?,
            })
        };
        self.lines("list of prerequisites", text)
            .map(|line| prerequisite(line?))
            .collect()
    }

    fn expiry(self, text: &str) -> PortResult<Option<Timestamp>> {
        if text.is_empty() {
            return Ok(None);
        }
        let micros = self.id("time of expiry", text)?;
        let time = Timestamp::from_micros(micros);
        time.map(Some)
            .map_err(|error| PortError::corrupt(self.operation, "a time of expiry", error))
    }

    fn lines<'a>(
        self,
        what: &'static str,
        text: &'a str,
    ) -> impl Iterator<Item = PortResult<(&'a str, &'a str)>> {
        text.split('\n').map(move |line| self.pair(what, line))
    }

    fn pair<'a>(self, what: &str, text: &'a str) -> PortResult<(&'a str, &'a str)> {
        text.split_once('\t')
            .ok_or_else(|| self.malformed(what, text))
    }

    pub(super) fn malformed(self, what: impl Display, found: &str) -> PortError {
        let found: String = found.chars().take(64).collect();
        let detail = format_args!("the {what} `{found}` does not read as one");
        PortError::new(PortErrorKind::Corrupt, self.operation, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts { operation: "test" };

    #[test]
    fn facts_are_read_as_they_were_written() {
        let role = RoleRow {
            capabilities: ["a", "b c"].map(|one| one.parse().unwrap()).into(),
            all_tenants: true,
        };
        assert_eq!(FACTS.role(&role_text(&role)).unwrap(), role);
        let none = RoleRow {
            capabilities: [].into(),
            all_tenants: false,
        };
        assert_eq!(FACTS.role(&role_text(&none)).unwrap(), none);
        for reason in [None, Some(""), Some("a\tb\nc")] {
            let gate = FACTS.gate(&gate_text(false, reason)).unwrap();
            assert_eq!((gate.open, gate.reason.as_deref()), (false, reason));
        }
        for expires_at in [None, Some(Timestamp::UNIX_EPOCH), Some(Timestamp::LATEST)] {
            let text = format!("r\t\ns\t{}", expiry_text(expires_at));
            let grants = FACTS.grants(None, &text).unwrap();
            assert_eq!(grants.len(), 2);
            assert_eq!(grants[1].expires_at, expires_at);
        }
    }

    #[test]
    fn what_does_not_read_is_an_error_and_never_a_fact() {
        assert!(FACTS.flag("user", "").is_err());
        assert!(FACTS.flag("user", "true").is_err());
        assert!(FACTS.role("").is_err());
        assert!(FACTS.role("1\t").is_err());
        assert!(FACTS.gate("open").is_err());
        assert!(FACTS.tenant("active").is_err());
        assert!(FACTS.tenant("gone\tw").is_err());
        assert!(FACTS.connection("1\t").is_err());
        assert!(FACTS.grants(None, "").is_err());
        assert!(FACTS.grants(None, "r").is_err());
        assert!(FACTS.grants(None, "r\tsoon").is_err());
        assert!(FACTS.grants(None, "r\t-1").is_err());
        assert!(FACTS.prerequisites(None, "p\t").is_err());
    }
}
