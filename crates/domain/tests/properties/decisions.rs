//! What holds of every decision: nothing that is taken away from a run ever lets it start.

use countersign_domain::{
    AuthorityChange, AuthorityMode, AuthorityQuery, AuthorityRows, Check, CheckResult, Decision,
    ExecutionContext, GateRow, ReasonCode, TenantId, Timestamp, UserId, WorkspaceId, decide,
    resolve,
};
use proptest::prelude::*;

use crate::config;
use crate::scenario::Scenario;
use crate::worlds::{World, changes, timestamp, world};

fn judge(context: &ExecutionContext, rows: &AuthorityRows, as_of: Timestamp) -> Decision {
    decide(context, &resolve(&context.query(), rows, as_of))
}

proptest! {
    #![proptest_config(config())]

    /// Default deny. A fact is a row that speaks for the run: workspace, user, tenant, connection,
    /// grant, role definition, a capability of a role, a prerequisite that is met. Write gates and
    /// prerequisites that are not met are restrictions: they speak against it, and taking one away
    /// may well allow what it denied.
    #[test]
    fn taking_a_fact_away_never_allows(World { context, state, as_of } in world()) {
        let rows = state.rows(&context.query());
        if !judge(&context, &rows, as_of).is_allowed() {
            for (taken, fewer) in without_each_fact(&rows) {
                let decision = judge(&context, &fewer, as_of);
                prop_assert!(!decision.is_allowed(), "without {}: {:?}", taken, decision);
            }
        }
    }

    /// Switching a fact off, closing a gate, shortening a grant or narrowing a role never allows.
    #[test]
    fn a_restriction_never_allows(World { context, state, as_of } in world()) {
        let rows = state.rows(&context.query());
        if !judge(&context, &rows, as_of).is_allowed() {
            for (what, stricter) in with_each_restriction(&rows, as_of) {
                let decision = judge(&context, &stricter, as_of);
                prop_assert!(!decision.is_allowed(), "{}: {:?}", what, decision);
            }
        }
    }

    /// The same rows in any order come to the same facts and the same decision, every time.
    #[test]
    fn decisions_are_deterministic_and_order_does_not_matter(
        World { context, state, as_of } in world(),
        turns in 0_usize..7,
    ) {
        let rows = state.rows(&context.query());
        let mut turned = rows.clone();
        turned.grants.reverse();
        turned.prerequisites.reverse();
        if !rows.grants.is_empty() {
            turned.grants.rotate_left(turns % rows.grants.len());
            turned.grants.push(rows.grants.first().unwrap().clone());
        }
        let facts = resolve(&context.query(), &rows, as_of);
        prop_assert_eq!(&facts, &resolve(&context.query(), &turned, as_of));
        prop_assert_eq!(decide(&context, &facts), decide(&context, &facts));
        prop_assert_eq!(decide(&context, &facts), judge(&context, &turned, as_of));
    }

    /// Exactly one check failed, and only if the run was denied; the reason belongs to it; checks
    /// after it were not made.
    #[test]
    fn checks_stop_at_the_failure_that_the_reason_belongs_to(
        World { context, state, as_of } in world(),
    ) {
        let decision = judge(&context, &state.rows(&context.query()), as_of);
        let made: Vec<(Check, CheckResult)> = decision.checks().iter().collect();
        prop_assert_eq!(made.iter().map(|one| one.0).collect::<Vec<_>>(), Check::ALL);
        let failed: Vec<Check> = made
            .iter()
            .filter(|(_, result)| *result == CheckResult::Failed)
            .map(|(check, _)| *check)
            .collect();
        let denied_by: Vec<Check> =
            decision.reason().map(ReasonCode::denial_class).into_iter().collect();
        prop_assert_eq!(&failed, &denied_by);
        prop_assert_eq!(decision.is_allowed(), failed.is_empty());
        if let Some(failed) = failed.first() {
            prop_assert_eq!(decision.lapses_at(), None);
            for (check, result) in &made {
                if check > failed {
                    prop_assert_eq!(*result, CheckResult::NotApplicable);
                }
            }
        }
        for (check, result) in &made {
            let is_always_made = match check {
                Check::WorkspaceScope | Check::TenantScope | Check::TenantOperability => true,
                Check::Capability | Check::ExecutionPrerequisites => false,
            };
            if is_always_made && failed.first().is_none_or(|failed| check < failed) {
                prop_assert_eq!(*result, CheckResult::Passed);
            }
        }
    }

    /// Time alone only takes away: an allow holds until it lapses, a deny for good.
    #[test]
    fn time_never_allows(World { context, state, as_of } in world(), later in timestamp()) {
        let rows = state.rows(&context.query());
        let (as_of, later) = (as_of.min(later), as_of.max(later));
        let (before, after) = (judge(&context, &rows, as_of), judge(&context, &rows, later));
        if before.is_allowed() {
            let lapsed = before.lapses_at().is_some_and(|lapses_at| lapses_at <= later);
            prop_assert_eq!(after.is_allowed(), !lapsed);
        } else {
            prop_assert!(!after.is_allowed());
        }
    }

    /// An allow that lapses holds a microsecond before that time and is a deny at it.
    #[test]
    fn lapses_at_is_exact(World { context, state, as_of } in world()) {
        let rows = state.rows(&context.query());
        if let Some(lapses_at) = judge(&context, &rows, as_of).lapses_at() {
            prop_assert!(lapses_at > as_of);
            let just_before = Timestamp::from_micros(lapses_at.as_micros() - 1).unwrap();
            prop_assert!(judge(&context, &rows, just_before).is_allowed());
            prop_assert!(!judge(&context, &rows, lapses_at).is_allowed());
        }
    }

    /// Facts of another workspace, tenant, user or connection say nothing about this run (G8).
    #[test]
    fn authority_elsewhere_says_nothing(
        World { context, state, as_of } in world(),
        more in changes(12),
    ) {
        let query = context.query();
        let mut elsewhere = state.clone();
        for change in more.iter().filter(|change| !concerns(change, &query)) {
            elsewhere.apply(change);
        }
        prop_assert_eq!(
            judge(&context, &elsewhere.rows(&query), as_of),
            judge(&context, &state.rows(&query), as_of)
        );
    }
}

/// Every code can be the reason, each by one change to a run that everything permits.
#[test]
fn every_reason_code_is_reachable_by_one_change() {
    for permitted in [Scenario::permitted(), Scenario::permitted_to_the_system()] {
        let decision = decide(&permitted.context, &permitted.facts());
        assert_eq!(decision.reason(), None);
    }
    for &code in ReasonCode::ALL {
        let denied = Scenario::denied(code);
        let decision = decide(&denied.context, &denied.facts());
        assert_eq!(decision.reason(), Some(code));
        assert_eq!(
            decision.checks().get(code.denial_class()),
            CheckResult::Failed
        );
    }
}

/// Whoever queued a run with system authority, nobody's grants are looked at.
#[test]
fn system_authority_asks_about_nobody() {
    let scenario = Scenario::permitted().with(|context| {
        context.authority_mode = AuthorityMode::System;
    });
    assert!(scenario.context.initiator.is_some());
    assert_eq!(scenario.context.query().initiator, None);
    assert_eq!(scenario.rows().user, None);
    assert_eq!(scenario.rows().grants, []);
}

/// Whether a change may alter what is decided. A grant anywhere makes an unknown user known.
fn concerns(change: &AuthorityChange, query: &AuthorityQuery) -> bool {
    let is_here = |workspace: &WorkspaceId, tenant: &Option<TenantId>| {
        *workspace == query.workspace_id
            && tenant
                .as_ref()
                .is_none_or(|tenant| *tenant == query.tenant_id)
    };
    let is_initiator = |user: &UserId| query.initiator.as_ref() == Some(user);
    match change {
        AuthorityChange::DefineRole { .. } => true,
        AuthorityChange::SetWorkspace { workspace, .. } => *workspace == query.workspace_id,
        AuthorityChange::SetTenant { tenant, .. } => *tenant == query.tenant_id,
        AuthorityChange::SetUser { user, .. }
        | AuthorityChange::RemoveUser { user }
        | AuthorityChange::Grant { user, .. } => is_initiator(user),
        AuthorityChange::Revoke {
            user,
            workspace,
            tenant,
            ..
        } => is_initiator(user) && is_here(workspace, tenant),
        AuthorityChange::SetConnection { connection, .. } => {
            query.provider_connection_id.as_ref() == Some(connection)
        }
        AuthorityChange::SetWriteGate {
            workspace, tenant, ..
        }
        | AuthorityChange::SetPrerequisite {
            workspace, tenant, ..
        } => is_here(workspace, tenant),
    }
}

/// The rows with one fact less, once for each fact among them.
fn without_each_fact(rows: &AuthorityRows) -> Vec<(String, AuthorityRows)> {
    let mut all = Vec::new();
    let mut without = |what: String, take: &dyn Fn(&mut AuthorityRows)| {
        let mut fewer = rows.clone();
        take(&mut fewer);
        all.push((what, fewer));
    };
    without("the workspace".into(), &|rows| rows.workspace = None);
    without("the user".into(), &|rows| rows.user = None);
    without("the tenant".into(), &|rows| rows.tenant = None);
    without("the connection".into(), &|rows| rows.connection = None);
    for (at, grant) in rows.grants.iter().enumerate() {
        without(format!("{grant:?}"), &|rows| {
            rows.grants.remove(at);
        });
    }
    for (role, definition) in &rows.roles {
        without(format!("the definition of {role}"), &|rows| {
            rows.roles.remove(role);
        });
        for capability in &definition.capabilities {
            without(format!("{capability} in {role}"), &|rows| {
                let definition = rows.roles.get_mut(role).unwrap();
                definition.capabilities.remove(capability);
            });
        }
    }
    for (at, prerequisite) in rows.prerequisites.iter().enumerate() {
        if prerequisite.met {
            without(format!("{prerequisite:?}"), &|rows| {
                rows.prerequisites.remove(at);
            });
        }
    }
    all
}

/// The rows with one fact switched off, once for each that can be.
fn with_each_restriction(
    rows: &AuthorityRows,
    as_of: Timestamp,
) -> Vec<(&'static str, AuthorityRows)> {
    let mut all = Vec::new();
    let mut with = |what: &'static str, restrict: &dyn Fn(&mut AuthorityRows)| {
        let mut stricter = rows.clone();
        restrict(&mut stricter);
        all.push((what, stricter));
    };
    let closed = GateRow {
        open: false,
        reason: None,
    };
    with("workspace inactive", &|rows| {
        rows.workspace.iter_mut().for_each(|row| row.active = false);
    });
    with("user disabled", &|rows| {
        rows.user.iter_mut().for_each(|row| row.active = false);
    });
    with("connection disabled", &|rows| {
        rows.connection
            .iter_mut()
            .for_each(|row| row.enabled = false);
    });
    with("workspace gate closed", &|rows| {
        rows.workspace_gate = Some(closed.clone());
    });
    with("tenant gate closed", &|rows| {
        rows.tenant_gate = Some(closed.clone());
    });
    for at in 0..rows.grants.len() {
        with("grant expired", &|rows| {
            rows.grants.get_mut(at).unwrap().expires_at = Some(as_of);
        });
    }
    for role in rows.roles.keys() {
        with("role narrowed to named tenants", &|rows| {
            rows.roles.get_mut(role).unwrap().all_tenants = false;
        });
    }
    for at in 0..rows.prerequisites.len() {
        with("prerequisite not met", &|rows| {
            rows.prerequisites.get_mut(at).unwrap().met = false;
        });
    }
    all
}
