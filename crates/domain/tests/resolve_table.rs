//! Proves what `resolve` makes of grants, roles, expiries, gates and prerequisites, alone and in
//! pairs, and keeps the answer readable in `golden/resolve_table.txt`.

#![expect(
    clippy::unwrap_used,
    reason = "a table that cannot be worked out has failed"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use countersign_domain::{
    AuthorityFacts, AuthorityQuery, AuthorityRows, Capability, ExecutionContext, GateRow, GrantRow,
    Held, Operation, PrerequisiteRow, RoleRow, RunId, TargetScope, TenantLifecycle, TenantRow,
    Timestamp, UserRow, WorkspaceRow, decide, resolve,
};

#[path = "support/golden.rs"]
mod golden;

const LEGEND: &str = "\
What `resolve` makes of rows. A grant that expires holds up to, and not including, that instant.
";

/// Roles by name: capable or not, reaching all tenants or not, and one that nobody has defined.
const ROLES: [&str; 5] = ["undefined", "plain", "all-plain", "capable", "all-capable"];

const TENANTS: [Option<&str>; 3] = [None, Some("t"), Some("another")];

const EXPIRIES: [(&str, Option<u64>); 4] = [
    ("never", None),
    ("later", Some(1_001)),
    ("now", Some(1_000)),
    ("earlier", Some(999)),
];

fn at(seconds: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH.plus(Duration::from_secs(seconds))
}

fn as_of() -> Timestamp {
    at(1_000)
}

fn query() -> AuthorityQuery {
    AuthorityQuery {
        workspace_id: "w".parse().unwrap(),
        tenant_id: "t".parse().unwrap(),
        initiator: Some("u".parse().unwrap()),
        provider_connection_id: None,
    }
}

fn capability() -> Capability {
    "op.do".parse().unwrap()
}

fn roles() -> BTreeMap<countersign_domain::RoleName, RoleRow> {
    let defined = ROLES.into_iter().filter(|role| *role != "undefined");
    defined
        .map(|role| {
            let is_capable = role.ends_with("capable");
            let row = RoleRow {
                capabilities: is_capable.then(capability).into_iter().collect(),
                all_tenants: role.starts_with("all-"),
            };
            (role.parse().unwrap(), row)
        })
        .collect()
}

fn grant(tenant: Option<&str>, role: &str, expires_at: Option<u64>) -> GrantRow {
    GrantRow {
        tenant_id: tenant.map(|tenant| tenant.parse().unwrap()),
        role: role.parse().unwrap(),
        expires_at: expires_at.map(at),
    }
}

fn facts_of(grants: Vec<GrantRow>) -> AuthorityFacts {
    let rows = AuthorityRows {
        grants,
        roles: roles(),
        ..AuthorityRows::default()
    };
    resolve(&query(), &rows, as_of())
}

/// Membership, reach, and the capability.
fn given(facts: &AuthorityFacts) -> [Held; 3] {
    [
        facts.membership,
        facts.entitlement,
        facts.capability(&capability()),
    ]
}

fn every_grant() -> Vec<GrantRow> {
    let mut grants = Vec::new();
    for tenant in TENANTS {
        for role in ROLES {
            for (_, expires_at) in EXPIRIES {
                grants.push(grant(tenant, role, expires_at));
            }
        }
    }
    grants
}

fn name(held: Held) -> &'static str {
    match held {
        Held::No => "no",
        Held::Until(_) => "until",
        Held::Forever => "forever",
    }
}

fn print_grants(out: &mut String) {
    writeln!(
        out,
        "\nOne grant\n  {:<16}{:<13}{:<31}{:<9}{:<9}capability",
        "on", "role", "expires", "member", "reaches"
    )
    .unwrap();
    for tenant in TENANTS {
        for role in ROLES {
            let mut lines: Vec<(Vec<&str>, [Held; 3])> = Vec::new();
            for (label, expires_at) in EXPIRIES {
                let facts = facts_of(vec![grant(tenant, role, expires_at)]);
                let held = given(&facts);
                assert_eq!(facts.roles.is_empty(), !facts.entitlement.holds());
                match lines.iter_mut().find(|(_, same)| *same == held) {
                    Some((labels, _)) => labels.push(label),
                    None => lines.push((vec![label], held)),
                }
            }
            for (labels, [member, reaches, capable]) in lines {
                let on = tenant.map_or("workspace".to_owned(), |tenant| format!("tenant {tenant}"));
                writeln!(
                    out,
                    "  {on:<16}{role:<13}{:<31}{:<9}{:<9}{}",
                    labels.join(" | "),
                    name(member),
                    name(reaches),
                    name(capable)
                )
                .unwrap();
            }
        }
    }
}

fn print_gates(out: &mut String) {
    let records = [
        ("no record", None),
        ("open", Some(true)),
        ("closed", Some(false)),
    ];
    writeln!(
        out,
        "\nWrite gates\n  {:<14}{:<14}writing",
        "workspace", "tenant"
    )
    .unwrap();
    for (workspace, workspace_open) in records {
        for (tenant, tenant_open) in records {
            let row = |open: Option<bool>| open.map(|open| GateRow { open, reason: None });
            let rows = AuthorityRows {
                workspace_gate: row(workspace_open),
                tenant_gate: row(tenant_open),
                ..AuthorityRows::default()
            };
            let facts = resolve(&query(), &rows, as_of());
            let open = facts.workspace_gate.open && facts.tenant_gate.open;
            let writing = if open { "permitted" } else { "not permitted" };
            writeln!(out, "  {workspace:<14}{tenant:<14}{writing}").unwrap();
        }
    }
}

fn print_prerequisites(out: &mut String) {
    let records = [
        ("no record", None),
        ("met", Some(true)),
        ("not met", Some(false)),
    ];
    writeln!(
        out,
        "\nOne prerequisite\n  {:<14}{:<14}comes to",
        "workspace", "tenant"
    )
    .unwrap();
    for (workspace, workspace_met) in records {
        for (tenant, tenant_met) in records {
            let row = |tenant: Option<&str>, met: Option<bool>| {
                met.map(|met| PrerequisiteRow {
                    tenant_id: tenant.map(|tenant| tenant.parse().unwrap()),
                    name: "baseline".parse().unwrap(),
                    met,
                })
            };
            let is_met = |another: Option<bool>| {
                let rows = AuthorityRows {
                    prerequisites: [
                        row(Some("another"), another),
                        row(Some("t"), tenant_met),
                        row(None, workspace_met),
                    ]
                    .into_iter()
                    .flatten()
                    .collect(),
                    ..AuthorityRows::default()
                };
                resolve(&query(), &rows, as_of()).is_met(&"baseline".parse().unwrap())
            };
            let met = is_met(None);
            assert_eq!(
                [is_met(Some(true)), is_met(Some(false))],
                [met, met],
                "a record of another tenant says nothing"
            );
            let comes_to = if met { "met" } else { "not met" };
            writeln!(out, "  {workspace:<14}{tenant:<14}{comes_to}").unwrap();
        }
    }
}

fn print_lapses(out: &mut String) {
    const MEMBERSHIP: u64 = 2_000;
    const REACH: u64 = 3_000;
    const CAPABILITY: u64 = 1_500;
    let memberships = [("until", Some(MEMBERSHIP)), ("forever", None)];
    let reaches = [
        ("until", vec![("plain", Some(REACH))]),
        ("forever", vec![("plain", None)]),
        ("capable until", vec![("capable", Some(REACH))]),
        ("capable forever", vec![("capable", None)]),
        (
            "until & capable until",
            vec![("plain", Some(REACH)), ("capable", Some(CAPABILITY))],
        ),
        (
            "forever & capable until",
            vec![("plain", None), ("capable", Some(CAPABILITY))],
        ),
    ];
    writeln!(
        out,
        "\nWhen an allow lapses\n  {:<14}{:<25}{:<20}lapses with",
        "member", "reaches", "capability needed"
    )
    .unwrap();
    for (member, member_until) in memberships {
        for (reach, grants) in &reaches {
            for needed in [false, true] {
                let mut operation = Operation::new("op".parse().unwrap());
                operation.capability = needed.then(capability);
                let context = ExecutionContext::actor_bound(
                    RunId::EXAMPLE,
                    operation.into(),
                    TargetScope {
                        workspace_id: query().workspace_id,
                        tenant_id: query().tenant_id,
                        provider_connection_id: None,
                    },
                    "u".parse().unwrap(),
                );
                let on_tenant = grants
                    .iter()
                    .map(|(role, until)| grant(Some("t"), role, *until));
                let rows = AuthorityRows {
                    workspace: Some(WorkspaceRow { active: true }),
                    user: Some(UserRow { active: true }),
                    tenant: Some(TenantRow {
                        workspace_id: query().workspace_id,
                        lifecycle: TenantLifecycle::Active,
                    }),
                    grants: on_tenant
                        .chain([grant(None, "plain", member_until)])
                        .collect(),
                    roles: roles(),
                    ..AuthorityRows::default()
                };
                let decision = decide(&context, &resolve(&query(), &rows, as_of()));
                let lapses = match decision.lapses_at() {
                    _ if !decision.is_allowed() => "(denied)",
                    None => "nothing",
                    Some(time) if time == at(MEMBERSHIP) => "membership",
                    Some(time) if time == at(REACH) => "reach",
                    Some(time) if time == at(CAPABILITY) => "the capability",
                    Some(_) => "something else",
                };
                let needed = if needed { "yes" } else { "no" };
                writeln!(out, "  {member:<14}{reach:<25}{needed:<20}{lapses}").unwrap();
            }
        }
    }
}

#[test]
fn rows_resolve_as_the_golden_table_says() {
    let mut text = LEGEND.to_owned();
    print_grants(&mut text);
    print_gates(&mut text);
    print_prerequisites(&mut text);
    print_lapses(&mut text);
    golden::compare("resolve_table.txt", &text);
}

/// Capabilities are the union over the grants that reach the tenant, each held as long as any of
/// them holds it; so are membership and reach.
#[test]
fn two_grants_give_what_either_gives_for_as_long_as_either_does() {
    let grants = every_grant();
    for one in &grants {
        for other in &grants {
            let both = given(&facts_of(vec![one.clone(), other.clone()]));
            let alone = [one, other].map(|grant| given(&facts_of(vec![grant.clone()])));
            let [a, b] = alone;
            let longest = [a[0].max(b[0]), a[1].max(b[1]), a[2].max(b[2])];
            assert_eq!(both, longest, "{one:?} and {other:?}");
        }
    }
}

/// Names are found among few and among many, wherever they stand, and no others are.
#[test]
fn names_are_found_in_lists_of_any_length() {
    for length in (0..20).chain([100, 1024]) {
        let names: Vec<String> = (0..length).map(|n| format!("name-{n}")).collect();
        let role = RoleRow {
            capabilities: names.iter().map(|name| name.parse().unwrap()).collect(),
            all_tenants: false,
        };
        let rows = AuthorityRows {
            grants: vec![grant(Some("t"), "plain", None)],
            roles: [("plain".parse().unwrap(), role)].into(),
            prerequisites: names
                .iter()
                .map(|name| PrerequisiteRow {
                    tenant_id: None,
                    name: name.parse().unwrap(),
                    met: true,
                })
                .collect(),
            ..AuthorityRows::default()
        };
        let facts = resolve(&query(), &rows, as_of());
        for name in &names {
            assert_eq!(facts.capability(&name.parse().unwrap()), Held::Forever);
            assert!(facts.is_met(&name.parse().unwrap()), "{name} of {length}");
        }
        for name in ["name", "name-", "name-00", "name-5x", "zzz", "a"] {
            assert_eq!(facts.capability(&name.parse().unwrap()), Held::No);
            assert!(!facts.is_met(&name.parse().unwrap()), "{name} of {length}");
        }
    }
}
