//! The small world that commands play in: few ids of each kind, so that they meet.

use std::time::Duration;

use countersign_conformance::change::{
    define_role, grant_until, id, set_connection, set_prerequisite, set_tenant, set_workspace,
};
use countersign_domain::{AuthorityChange, AuthorityMode, Submission, Timestamp};

pub(super) const WORKSPACES: [&str; 2] = ["home", "away"];
/// The last of them is not there at first.
pub(super) const TENANTS: [&str; 3] = ["hearth", "tent", "attic"];
pub(super) const USERS: [&str; 3] = ["ada", "bob", "eve"];
/// The last of them reaches every tenant.
pub(super) const ROLES: [&str; 3] = ["member", "operator", "chief"];
pub(super) const CONNECTIONS: [&str; 2] = ["line", "radio"];
pub(super) const PREREQUISITES: [&str; 1] = ["baseline"];
pub(super) const CAPABILITIES: [&str; 2] = ["inventory.sync", "restore.execute"];
pub(super) const UNIQUE: &str = "nightly";

/// How far ahead is soon: what grants end by, and what runs are due at.
pub(super) const SOON: Duration = Duration::from_millis(8);

/// The length of a lease, or of an invisibility, that is over when the command is.
pub(super) const BRIEF: Duration = Duration::from_millis(1);

/// Counts round and round, so that any number picks one.
pub(super) fn pick<T: Copy>(pool: &[T], number: u8) -> T {
    pool[usize::from(number) % pool.len()]
}

/// Picks one, or none, which is as likely as each of them.
pub(super) fn pick_or_none<T: Copy>(pool: &[T], number: u8) -> Option<T> {
    let number = usize::from(number) % (pool.len() + 1);
    pool.get(number).copied()
}

/// The authority that every sequence begins with: much is allowed, and each fact matters to some run.
/// Its grants end then.
pub(super) fn beginning(until: Option<Timestamp>) -> Vec<AuthorityChange> {
    let grant = |user, workspace, tenant: Option<&str>, role| {
        grant_until(user, workspace, tenant, role, until)
    };
    vec![
        define_role("member", &[], false),
        define_role("operator", &CAPABILITIES, false),
        define_role("chief", &CAPABILITIES, true),
        set_workspace("home", true),
        set_workspace("away", true),
        set_tenant("hearth", "home"),
        set_tenant("tent", "away"),
        grant("ada", "home", None, "member"),
        grant("ada", "home", Some("hearth"), "operator"),
        grant("ada", "away", None, "chief"),
        grant("bob", "away", None, "member"),
        grant("bob", "away", Some("tent"), "operator"),
        grant("eve", "home", None, "member"),
        set_connection("line", "hearth", true),
        set_connection("radio", "tent", true),
        set_prerequisite("home", "hearth", "baseline", true),
        set_prerequisite("away", None, "baseline", true),
    ]
}

/// What a run asks for: the operations of a scene's catalog, each as it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// `inventory_sync`, which needs a capability.
    Sync,
    /// `restore.execute`, which rests on everything that there is.
    Restore,
    /// `report`, which needs nothing but reach.
    Report,
    /// `once`, which is not tried again.
    Once,
    /// `housekeeping` on the system's own authority, which it accepts.
    System,
    /// `inventory_sync` on the system's own authority, which it does not.
    Usurp,
}

pub(super) const ASKS: [Ask; 6] = [
    Ask::Sync,
    Ask::Restore,
    Ask::Report,
    Ask::Once,
    Ask::System,
    Ask::Usurp,
];

/// A place and a person: mostly such as belong together.
const WHO: [(&str, &str, &str); 6] = [
    ("home", "hearth", "ada"),
    ("away", "tent", "bob"),
    ("away", "tent", "ada"),
    ("home", "attic", "ada"),
    ("home", "hearth", "eve"),
    ("home", "tent", "bob"),
];

/// A run to be queued.
pub(super) fn submission(ask: Ask, who: u8) -> Submission {
    let (workspace, tenant, user) = pick(&WHO, who);
    let of = |operation| Submission::new(id(workspace), id(tenant), id(user), id(operation));
    let as_system = |operation| Submission {
        authority_mode: AuthorityMode::System,
        initiator: None,
        ..of(operation)
    };
    match ask {
        Ask::Sync => of("inventory_sync"),
        Ask::Restore => Submission {
            provider_connection_id: Some(id(pick(&CONNECTIONS, who))),
            ..of("restore.execute")
        },
        Ask::Report => of("report"),
        Ask::Once => of("once"),
        Ask::System => as_system("housekeeping"),
        Ask::Usurp => as_system("inventory_sync"),
    }
}
