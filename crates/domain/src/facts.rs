//! Rows of one snapshot, judged at one instant: what holds for one query.

use smallvec::SmallVec;

use crate::{
    AuthorityQuery, AuthorityRows, Capability, GateRow, GrantRow, PrerequisiteName, RoleName,
    TenantId, TenantLifecycle, Timestamp, WorkspaceId,
};

/// Whether something holds, and until when. Ordered by how long it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Held {
    /// It does not hold.
    No,
    /// It holds up to, and not including, that time.
    Until(Timestamp),
    /// It holds without limit.
    Forever,
}

impl Held {
    /// Whether it holds at the instant the facts were resolved at.
    #[must_use]
    pub const fn holds(self) -> bool {
        match self {
            Self::No => false,
            Self::Until(_) | Self::Forever => true,
        }
    }

    /// When it ceases to hold, if ever.
    #[must_use]
    pub const fn lapses_at(self) -> Option<Timestamp> {
        match self {
            Self::Until(time) => Some(time),
            Self::No | Self::Forever => None,
        }
    }

    fn of(grant: &GrantRow, as_of: Timestamp) -> Self {
        match grant.expires_at {
            None => Self::Forever,
            Some(expires_at) if as_of < expires_at => Self::Until(expires_at),
            Some(_) => Self::No,
        }
    }
}

/// The workspace of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkspaceFacts {
    /// Whether it is switched on.
    pub active: bool,
}

/// The initiator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserFacts {
    /// Whether the account is enabled.
    pub active: bool,
}

/// The tenant of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantFacts {
    /// The workspace that it belongs to now.
    pub workspace_id: WorkspaceId,
    /// Where it stands in its life.
    pub lifecycle: TenantLifecycle,
}

/// The connection of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionFacts {
    /// The tenant that it belongs to now.
    pub tenant_id: TenantId,
    /// Whether it is switched on.
    pub enabled: bool,
}

/// A write gate; where there is no record of one it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateFacts {
    /// Whether writing is permitted.
    pub open: bool,
    /// Why it was set, where there is a record and it says.
    pub reason: Option<String>,
}

impl GateFacts {
    /// A gate without record.
    pub const OPEN: Self = Self {
        open: true,
        reason: None,
    };

    fn of(row: Option<&GateRow>) -> Self {
        row.map_or(Self::OPEN, |row| Self {
            open: row.open,
            reason: row.reason.clone(),
        })
    }
}

/// What holds for one query at one instant. Unknown is never a pass: an absent fact denies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityFacts {
    /// The instant: the authority store's clock.
    pub as_of: Timestamp,
    /// The workspace, if it exists.
    pub workspace: Option<WorkspaceFacts>,
    /// The initiator, if known.
    pub initiator: Option<UserFacts>,
    /// Whether the initiator is a member of the workspace: only a grant without tenant says so.
    pub membership: Held,
    /// The tenant, if it exists.
    pub tenant: Option<TenantFacts>,
    /// Whether some grant reaches the tenant.
    pub entitlement: Held,
    /// The roles of the grants that reach the tenant and hold, by name, each once.
    pub roles: Vec<RoleName>,
    /// What those roles allow, by name, each with the longest hold that any of them gives it.
    pub capabilities: SmallVec<[(Capability, Held); 4]>,
    /// The connection, if the query names one that exists.
    pub connection: Option<ConnectionFacts>,
    /// The workspace's write gate.
    pub workspace_gate: GateFacts,
    /// The tenant's write gate.
    pub tenant_gate: GateFacts,
    /// Prerequisites that are met, by name.
    pub prerequisites: Vec<PrerequisiteName>,
}

impl AuthorityFacts {
    /// How long the initiator may use the capability on the tenant.
    #[must_use]
    #[inline]
    pub fn capability(&self, wanted: &Capability) -> Held {
        find(&self.capabilities, |(capability, _)| capability, wanted)
            .map_or(Held::No, |(_, held)| *held)
    }

    /// Whether a prerequisite is met.
    #[must_use]
    #[inline]
    pub fn is_met(&self, wanted: &PrerequisiteName) -> bool {
        find(&self.prerequisites, |name| name, wanted).is_some()
    }
}

/// Looks up a name in a list that is sorted by name: a short list from its front, which is quickest,
/// a long one by halves.
#[inline]
fn find<'a, T, N: Ord>(sorted: &'a [T], name: impl Fn(&T) -> &N, wanted: &N) -> Option<&'a T> {
    const SHORT: usize = 8;
    if sorted.len() <= SHORT {
        sorted.iter().find(|one| name(one) == wanted)
    } else {
        find_by_halves(sorted, name, wanted)
    }
}

#[cold]
fn find_by_halves<'a, T, N: Ord>(
    sorted: &'a [T],
    name: impl Fn(&T) -> &N,
    wanted: &N,
) -> Option<&'a T> {
    let at = sorted.binary_search_by(|one| name(one).cmp(wanted)).ok()?;
    sorted.get(at)
}

/// Judges the rows of one snapshot at one instant.
///
/// * Only a grant without tenant makes the user a member of the workspace.
/// * A grant reaches the tenant when it names it, or when it names none and its role says
///   `all_tenants`. Grants of other tenants are not looked at.
/// * A grant holds while `as_of < expires_at`.
/// * A role without definition has no capabilities and reaches no further than its grant says.
/// * A prerequisite is met when there is a record of it for the workspace or the tenant, and every
///   such record says that it is met.
#[must_use]
pub fn resolve(query: &AuthorityQuery, rows: &AuthorityRows, as_of: Timestamp) -> AuthorityFacts {
    let mut membership = Held::No;
    let mut entitlement = Held::No;
    let mut roles = Vec::new();
    let mut capabilities: SmallVec<[(Capability, Held); 4]> = SmallVec::new();
    for grant in &rows.grants {
        let held = Held::of(grant, as_of);
        if !held.holds() {
            continue;
        }
        let role = rows.roles.get(&grant.role);
        let reaches = match &grant.tenant_id {
            None => {
                membership = membership.max(held);
                role.is_some_and(|role| role.all_tenants)
            }
            Some(tenant) => *tenant == query.tenant_id,
        };
        if !reaches {
            continue;
        }
        entitlement = entitlement.max(held);
        roles.push(grant.role.clone());
        let allowed = role.iter().flat_map(|role| &role.capabilities);
        capabilities.extend(allowed.map(|capability| (capability.clone(), held)));
    }
    roles.sort_unstable();
    roles.dedup();
    keep_longest_hold(&mut capabilities);
    AuthorityFacts {
        as_of,
        workspace: rows
            .workspace
            .as_ref()
            .map(|row| WorkspaceFacts { active: row.active }),
        initiator: rows
            .user
            .as_ref()
            .map(|row| UserFacts { active: row.active }),
        membership,
        tenant: rows.tenant.as_ref().map(|row| TenantFacts {
            workspace_id: row.workspace_id.clone(),
            lifecycle: row.lifecycle,
        }),
        entitlement,
        roles,
        capabilities,
        connection: rows.connection.as_ref().map(|row| ConnectionFacts {
            tenant_id: row.tenant_id.clone(),
            enabled: row.enabled,
        }),
        workspace_gate: GateFacts::of(rows.workspace_gate.as_ref()),
        tenant_gate: GateFacts::of(rows.tenant_gate.as_ref()),
        prerequisites: met(query, rows),
    }
}

/// Sorts by name and keeps of each capability the hold that lasts longest.
fn keep_longest_hold(capabilities: &mut SmallVec<[(Capability, Held); 4]>) {
    // Each role's come sorted already; this sort merges such runs.
    capabilities.sort();
    capabilities.dedup_by(|(next, longer), (kept, held)| {
        let is_same = next == kept;
        if is_same {
            *held = *longer;
        }
        is_same
    });
}

fn met(query: &AuthorityQuery, rows: &AuthorityRows) -> Vec<PrerequisiteName> {
    let applies = |tenant: &Option<TenantId>| tenant.as_ref().is_none_or(|t| *t == query.tenant_id);
    let mut records: SmallVec<[(&PrerequisiteName, bool); 8]> = rows
        .prerequisites
        .iter()
        .filter(|row| applies(&row.tenant_id))
        .map(|row| (&row.name, row.met))
        .collect();
    // Of one name's records, one that says "not met" sorts first, and is the one that is kept.
    records.sort_unstable();
    records.dedup_by_key(|(name, _)| *name);
    records
        .into_iter()
        .filter(|(_, met)| *met)
        .map(|(name, _)| name.clone())
        .collect()
}
