//! Random authority, runs and texts. Names are few, so that they meet; ids that must survive any
//! spelling are many.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::{
    AuthorityChange, AuthorityMode, AuthorityQuery, AuthorityState, ConnectionUse,
    ExecutionContext, Operation, RoleName, RoleRow, RunId, TargetScope, TenantLifecycle, Timestamp,
};
use proptest::prelude::*;

/// A run, the authority that stands, and the instant at which it is judged.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) context: ExecutionContext,
    pub(crate) state: AuthorityState,
    pub(crate) as_of: Timestamp,
}

const ROLES: [&str; 3] = ["r1", "r2", "r3"];
const USERS: [&str; 2] = ["u1", "u2"];
const WORKSPACES: [&str; 2] = ["w1", "w2"];
const TENANTS: [&str; 2] = ["t1", "t2"];
const CONNECTIONS: [&str; 2] = ["c1", "c2"];
const CAPABILITIES: [&str; 2] = ["a", "b"];
const PREREQUISITES: [&str; 2] = ["p", "q"];

/// One of the names, mostly the first.
fn one_of<T>(names: &'static [&'static str]) -> impl Strategy<Value = T>
where
    T: std::str::FromStr<Err: std::fmt::Debug> + Clone + std::fmt::Debug + 'static,
{
    let first = names.iter().take(1).copied().collect::<Vec<_>>();
    prop_oneof![
        6 => prop::sample::select(first),
        1 => prop::sample::select(names),
    ]
    .prop_map(|name| name.parse().unwrap())
}

pub(crate) fn timestamp() -> impl Strategy<Value = Timestamp> {
    (0_u64..12).prop_map(|seconds| Timestamp::UNIX_EPOCH.plus(Duration::from_secs(seconds)))
}

fn lifecycle() -> impl Strategy<Value = TenantLifecycle> {
    prop_oneof![
        2 => Just(TenantLifecycle::Active),
        1 => prop::sample::select(&TenantLifecycle::ALL[..]),
    ]
}

/// A change among few names.
pub(crate) fn change() -> impl Strategy<Value = AuthorityChange> {
    let mostly = || prop::bool::weighted(0.8);
    prop_oneof![
        2 => (one_of(&ROLES), prop::collection::btree_set(one_of(&CAPABILITIES), 0..3), any::<bool>())
            .prop_map(|(role, capabilities, all_tenants)| AuthorityChange::DefineRole { role, capabilities, all_tenants }),
        1 => (one_of(&WORKSPACES), mostly())
            .prop_map(|(workspace, active)| AuthorityChange::SetWorkspace { workspace, active }),
        1 => (one_of(&TENANTS), one_of(&WORKSPACES), lifecycle())
            .prop_map(|(tenant, workspace, lifecycle)| AuthorityChange::SetTenant { tenant, workspace, lifecycle }),
        1 => (one_of(&USERS), mostly()).prop_map(|(user, active)| AuthorityChange::SetUser { user, active }),
        1 => one_of(&USERS).prop_map(|user| AuthorityChange::RemoveUser { user }),
        4 => (one_of(&USERS), one_of(&WORKSPACES), prop::option::of(one_of(&TENANTS)), one_of(&ROLES), prop::option::of(timestamp()))
            .prop_map(|(user, workspace, tenant, role, expires_at)| AuthorityChange::Grant { user, workspace, tenant, role, expires_at }),
        1 => (one_of(&USERS), one_of(&WORKSPACES), prop::option::of(one_of(&TENANTS)), one_of(&ROLES))
            .prop_map(|(user, workspace, tenant, role)| AuthorityChange::Revoke { user, workspace, tenant, role }),
        1 => (one_of(&CONNECTIONS), one_of(&TENANTS), mostly())
            .prop_map(|(connection, tenant, enabled)| AuthorityChange::SetConnection { connection, tenant, enabled }),
        1 => (one_of(&WORKSPACES), prop::option::of(one_of(&TENANTS)), mostly(), prop::option::of(Just("freeze".to_owned())))
            .prop_map(|(workspace, tenant, open, reason)| AuthorityChange::SetWriteGate { workspace, tenant, open, reason }),
        2 => (one_of(&WORKSPACES), prop::option::of(one_of(&TENANTS)), one_of(&PREREQUISITES), mostly())
            .prop_map(|(workspace, tenant, name, met)| AuthorityChange::SetPrerequisite { workspace, tenant, name, met }),
    ]
}

pub(crate) fn changes(at_most: usize) -> impl Strategy<Value = Vec<AuthorityChange>> {
    prop::collection::vec(change(), 0..=at_most)
}

pub(crate) fn query() -> impl Strategy<Value = AuthorityQuery> {
    (
        one_of(&WORKSPACES),
        one_of(&TENANTS),
        prop::option::weighted(0.95, one_of(&USERS)),
        prop::option::of(one_of(&CONNECTIONS)),
    )
        .prop_map(
            |(workspace_id, tenant_id, initiator, connection)| AuthorityQuery {
                workspace_id,
                tenant_id,
                initiator,
                provider_connection_id: connection,
            },
        )
}

fn operation() -> impl Strategy<Value = Operation> {
    (
        prop::option::of(one_of(&CAPABILITIES)),
        any::<bool>(),
        prop::sample::select(vec![
            ConnectionUse::None,
            ConnectionUse::Optional,
            ConnectionUse::Required,
        ]),
        prop::collection::vec(one_of(&PREREQUISITES), 0..3),
        prop::collection::vec(lifecycle(), 1..4),
        any::<bool>(),
    )
        .prop_map(
            |(capability, writes, connection, prerequisites, lifecycles, system)| {
                let mut operation = Operation::new("op".parse().unwrap());
                operation.capability = capability;
                operation.writes = writes;
                operation.connection = connection;
                operation.prerequisites = prerequisites;
                operation.lifecycles = lifecycles.into_iter().collect();
                operation.system = system;
                operation
            },
        )
}

fn context() -> impl Strategy<Value = ExecutionContext> {
    (operation(), query(), prop::bool::weighted(0.15)).prop_map(|(operation, query, system)| {
        ExecutionContext {
            run: RunId::EXAMPLE,
            operation: operation.into(),
            authority_mode: if system {
                AuthorityMode::System
            } else {
                AuthorityMode::ActorBound
            },
            initiator: query.initiator,
            target_scope: TargetScope {
                workspace_id: query.workspace_id,
                tenant_id: query.tenant_id,
                provider_connection_id: query.provider_connection_id,
            },
        }
    })
}

/// Changes after which most things are permitted to the first of each name.
fn permissive() -> Vec<AuthorityChange> {
    [
        r#"{"change":"define_role","role":"r1","capabilities":["a"],"all_tenants":true}"#,
        r#"{"change":"define_role","role":"r2","capabilities":["a","b"],"all_tenants":false}"#,
        r#"{"change":"set_workspace","workspace":"w1","active":true}"#,
        r#"{"change":"set_tenant","tenant":"t1","workspace":"w1","lifecycle":"active"}"#,
        r#"{"change":"grant","user":"u1","workspace":"w1","role":"r1","expires_at":"1970-01-01T00:00:11Z"}"#,
        r#"{"change":"grant","user":"u1","workspace":"w1","tenant":"t1","role":"r2","expires_at":"1970-01-01T00:00:08Z"}"#,
        r#"{"change":"set_connection","connection":"c1","tenant":"t1","enabled":true}"#,
        r#"{"change":"set_prerequisite","workspace":"w1","name":"p","met":true}"#,
    ]
    .into_iter()
    .map(|line| serde_json::from_str(line).unwrap())
    .collect()
}

/// A world that is some changes away from one that permits most things: about as many allows as
/// denies, and denies that a single fact decides.
pub(crate) fn world() -> impl Strategy<Value = World> {
    (context(), changes(6), timestamp()).prop_map(|(context, changes, as_of)| {
        let mut state = AuthorityState::default();
        for change in permissive().iter().chain(&changes) {
            state.apply(change);
        }
        World {
            context,
            state,
            as_of,
        }
    })
}

/// The definitions of all roles, as a look at somebody who has been granted each of them.
pub(crate) fn every_role(state: &AuthorityState) -> BTreeMap<RoleName, RoleRow> {
    let mut state = state.clone();
    let query = AuthorityQuery {
        workspace_id: "w".parse().unwrap(),
        tenant_id: "t".parse().unwrap(),
        initiator: Some("somebody".parse().unwrap()),
        provider_connection_id: None,
    };
    for role in ROLES {
        state.apply(&AuthorityChange::Grant {
            user: "somebody".parse().unwrap(),
            workspace: query.workspace_id.clone(),
            tenant: None,
            role: role.parse().unwrap(),
            expires_at: None,
        });
    }
    state.rows(&query).roles
}

/// Any text that an id may be.
pub(crate) fn id() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,32}".prop_filter("at most 128 bytes", |text| text.len() <= 128)
}

fn named<T>() -> impl Strategy<Value = T>
where
    T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug,
{
    id().prop_map(|text| text.parse().unwrap())
}

/// A change with any names, times and reasons.
pub(crate) fn any_change() -> impl Strategy<Value = AuthorityChange> {
    let time = (0..=Timestamp::LATEST.as_micros())
        .prop_map(|micros| Timestamp::from_micros(micros).unwrap());
    prop_oneof![
        (
            named(),
            prop::collection::btree_set(named(), 0..4),
            any::<bool>()
        )
            .prop_map(
                |(role, capabilities, all_tenants)| AuthorityChange::DefineRole {
                    role,
                    capabilities,
                    all_tenants
                }
            ),
        (named(), named(), lifecycle()).prop_map(|(tenant, workspace, lifecycle)| {
            AuthorityChange::SetTenant {
                tenant,
                workspace,
                lifecycle,
            }
        }),
        (
            named(),
            named(),
            prop::option::of(named()),
            named(),
            prop::option::of(time)
        )
            .prop_map(|(user, workspace, tenant, role, expires_at)| {
                AuthorityChange::Grant {
                    user,
                    workspace,
                    tenant,
                    role,
                    expires_at,
                }
            }),
        (
            named(),
            prop::option::of(named()),
            any::<bool>(),
            prop::option::of("[^\\x00]{0,40}")
        )
            .prop_map(
                |(workspace, tenant, open, reason)| AuthorityChange::SetWriteGate {
                    workspace,
                    tenant,
                    open,
                    reason
                }
            ),
        (named(), prop::option::of(named()), named(), any::<bool>()).prop_map(
            |(workspace, tenant, name, met)| AuthorityChange::SetPrerequisite {
                workspace,
                tenant,
                name,
                met
            }
        ),
        change(),
    ]
}

/// The text of a JSON object: white space anywhere, escapes of every kind, keys that may stand twice
/// or are reserved, numbers in every spelling.
pub(crate) fn json_object() -> impl Strategy<Value = String> {
    let literal = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1.50",
        "1E5",
        "1e-3",
        "0.10",
        "12345678901234567",
        r#""""#,
        r#""\u00e9\/\n""#,
        r#""\ud83d\ude00""#,
        r#""\"\\""#,
    ])
    .prop_map(str::to_owned);
    let string = any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap());
    let value = prop_oneof![2 => literal, 1 => string].prop_recursive(3, 24, 4, |inner| {
        prop_oneof![array_of(inner.clone()), object_of(inner)]
    });
    object_of(value)
}

fn array_of(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (prop::collection::vec(value, 0..4), space())
        .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(",")))
}

fn object_of(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let key = prop_oneof![
        8 => "\"[a-z]{1,3}\"",
        1 => prop::sample::select(vec![r#""a""#, r#""\u0061""#, r#""é\t""#, r#""blocked_by""#])
            .prop_map(str::to_owned),
    ];
    let entry =
        (key, space(), value).prop_map(|(key, space, value)| format!("{key}{space}:{value}"));
    (prop::collection::vec(entry, 0..5), space())
        .prop_map(|(entries, space)| format!("{{{space}{}{space}}}", entries.join(",")))
}

fn space() -> impl Strategy<Value = String> {
    "[ \n\t]{0,2}"
}
