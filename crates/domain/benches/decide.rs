//! What a decision costs: `decide` on resolved facts for an allow and for each reason code, and
//! `resolve`, which makes those facts, beside it. With the allocations of each.
//!
//! `cargo bench -p countersign-domain`

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has failed"
)]

use countersign_domain::{
    AuthorityFacts, AuthorityQuery, AuthorityRows, Decision, ExecutionContext, GrantRow,
    PrerequisiteRow, ReasonCode, RoleRow, Timestamp, decide, resolve,
};
use divan::{AllocProfiler, Bencher, black_box};

#[path = "../tests/support/scenario.rs"]
mod scenario;

use scenario::Scenario;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn judge(bencher: Bencher<'_, '_>, scenario: &Scenario, allowed: bool) {
    let facts = scenario.facts();
    assert_eq!(decide(&scenario.context, &facts).is_allowed(), allowed);
    bencher.bench_local(|| -> Decision {
        let context: &ExecutionContext = black_box(&scenario.context);
        let facts: &AuthorityFacts = black_box(&facts);
        decide(context, facts)
    });
}

mod decide_allow {
    use super::{Bencher, Scenario, judge};
    use countersign_domain::ConnectionUse;

    #[divan::bench]
    fn capability_only(bencher: Bencher<'_, '_>) {
        let scenario = Scenario::permitted().with(|context| {
            let mut operation = (*context.operation).clone();
            operation.writes = false;
            operation.connection = ConnectionUse::None;
            operation.prerequisites.clear();
            context.operation = operation.into();
        });
        judge(bencher, &scenario, true);
    }

    #[divan::bench]
    fn writes_connection_and_prerequisites(bencher: Bencher<'_, '_>) {
        judge(bencher, &Scenario::permitted(), true);
    }

    #[divan::bench]
    fn system(bencher: Bencher<'_, '_>) {
        judge(bencher, &Scenario::permitted_to_the_system(), true);
    }
}

#[divan::bench(args = ReasonCode::ALL)]
fn decide_deny(bencher: Bencher<'_, '_>, reason: ReasonCode) {
    judge(bencher, &Scenario::denied(reason), false);
}

/// The capability that a role of so many has last of all.
#[divan::bench(args = [1, 16, 256, 1024])]
fn decide_allow_among_capabilities(bencher: Bencher<'_, '_>, capabilities: usize) {
    let mut scenario = Scenario::permitted();
    let names: Vec<String> = (1..capabilities)
        .map(|n| format!("\"capability.number.{n}\""))
        .chain(["\"restore.execute\"".to_owned()])
        .collect();
    let names = names.join(",");
    scenario = scenario.after(&format!(
        r#"{{"change":"define_role","role":"operator","capabilities":[{names}],"all_tenants":false}}"#
    ));
    judge(bencher, &scenario, true);
}

fn resolve_rows(bencher: Bencher<'_, '_>, query: &AuthorityQuery, rows: &AuthorityRows) {
    bencher.bench_local(|| resolve(black_box(query), black_box(rows), Timestamp::UNIX_EPOCH));
}

/// Grants on the tenant beside that of membership, each of a role with four capabilities.
#[divan::bench(args = [1, 4, 32])]
fn resolve_grants(bencher: Bencher<'_, '_>, grants: usize) {
    let scenario = Scenario::permitted();
    let mut rows = scenario.rows();
    for n in 1..grants {
        let capabilities = (n..n + 4).map(|n| format!("capability.{n}").parse().unwrap());
        let role = RoleRow {
            capabilities: capabilities.collect(),
            all_tenants: false,
        };
        rows.roles
            .insert(format!("role-{n}").parse().unwrap(), role);
        rows.grants.push(GrantRow {
            tenant_id: Some(scenario.context.target_scope.tenant_id.clone()),
            role: format!("role-{n}").parse().unwrap(),
            expires_at: Some(Timestamp::LATEST),
        });
    }
    resolve_rows(bencher, &scenario.context.query(), &rows);
}

/// As much as one query can come to: eight roles of 1,024 capabilities, 1,024 prerequisites.
#[divan::bench]
fn resolve_at_the_limits(bencher: Bencher<'_, '_>) {
    let scenario = Scenario::permitted();
    let mut rows = scenario.rows();
    for role in 0..8 {
        let capabilities = (0..1024).map(|n| format!("capability.{role}.{n}").parse().unwrap());
        let row = RoleRow {
            capabilities: capabilities.collect(),
            all_tenants: false,
        };
        rows.roles
            .insert(format!("role-{role}").parse().unwrap(), row);
        rows.grants.push(GrantRow {
            tenant_id: Some(scenario.context.target_scope.tenant_id.clone()),
            role: format!("role-{role}").parse().unwrap(),
            expires_at: None,
        });
    }
    rows.prerequisites
        .extend((0..1024).map(|n| PrerequisiteRow {
            tenant_id: None,
            name: format!("prerequisite.{n}").parse().unwrap(),
            met: true,
        }));
    resolve_rows(bencher, &scenario.context.query(), &rows);
}
