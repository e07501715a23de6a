//! Proves what each kind of change means: what the rows of a query are after it, and what it leaves
//! as it was. Every store is held against this.

#![expect(
    clippy::unwrap_used,
    reason = "a change that cannot be made has failed"
)]

use countersign_domain::{
    AttributedChange, AuthorityQuery, AuthorityRows, AuthorityState, ConnectionRow, GateRow,
    GrantRow, PrerequisiteRow, RoleRow, TenantLifecycle, TenantRow, UserRow, WorkspaceRow,
};

fn after(changes: &[&str]) -> AuthorityState {
    let mut state = AuthorityState::default();
    for change in changes {
        state.apply(&AttributedChange::parse(change).unwrap().change);
    }
    state
}

/// The rows of user `u`, workspace `w`, tenant `t` and connection `c`.
fn rows(changes: &[&str]) -> AuthorityRows {
    rows_in("w", changes)
}

fn rows_in(workspace: &str, changes: &[&str]) -> AuthorityRows {
    after(changes).rows(&AuthorityQuery {
        workspace_id: workspace.parse().unwrap(),
        tenant_id: "t".parse().unwrap(),
        initiator: Some("u".parse().unwrap()),
        provider_connection_id: Some("c".parse().unwrap()),
    })
}

fn grant(tenant: Option<&str>, role: &str, expires_at: Option<&str>) -> GrantRow {
    GrantRow {
        tenant_id: tenant.map(|tenant| tenant.parse().unwrap()),
        role: role.parse().unwrap(),
        expires_at: expires_at.map(|time| time.parse().unwrap()),
    }
}

const MEMBER: &str = r#"{"change":"grant","user":"u","workspace":"w","role":"member"}"#;
const WORKER: &str =
    r#"{"change":"grant","user":"u","workspace":"w","tenant":"t","role":"worker"}"#;

#[test]
fn nothing_is_there_before_it_is_said() {
    assert_eq!(rows(&[]), AuthorityRows::default());
}

#[test]
fn define_role_replaces_what_the_role_was() {
    let rows = rows(&[
        MEMBER,
        WORKER,
        r#"{"change":"define_role","role":"member","capabilities":["a","b"],"all_tenants":true}"#,
        r#"{"change":"define_role","role":"member","capabilities":["c"],"all_tenants":false}"#,
        r#"{"change":"define_role","role":"not granted","capabilities":["d"],"all_tenants":true}"#,
    ]);
    let expected = RoleRow {
        capabilities: ["c".parse().unwrap()].into(),
        all_tenants: false,
    };
    assert_eq!(rows.roles, [("member".parse().unwrap(), expected)].into());
}

#[test]
fn set_workspace_switches_one_workspace() {
    let changes = [
        r#"{"change":"set_workspace","workspace":"w","active":true}"#,
        r#"{"change":"set_workspace","workspace":"v","active":false}"#,
    ];
    assert_eq!(
        rows(&changes).workspace,
        Some(WorkspaceRow { active: true })
    );
    assert_eq!(
        rows_in("v", &changes).workspace,
        Some(WorkspaceRow { active: false })
    );
}

#[test]
fn a_tenant_that_moves_takes_nothing_along() {
    let changes = [
        r#"{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"active"}"#,
        MEMBER,
        WORKER,
        r#"{"change":"set_write_gate","workspace":"w","tenant":"t","open":false}"#,
        r#"{"change":"set_prerequisite","workspace":"w","tenant":"t","name":"p","met":true}"#,
        r#"{"change":"set_tenant","tenant":"t","workspace":"v","lifecycle":"suspended"}"#,
    ];
    let moved = Some(TenantRow {
        workspace_id: "v".parse().unwrap(),
        lifecycle: TenantLifecycle::Suspended,
    });
    let there = rows_in("v", &changes);
    assert_eq!(there.tenant, moved);
    assert_eq!((there.grants, there.tenant_gate), (vec![], None));
    assert_eq!(there.prerequisites, []);
    let here = rows(&changes);
    assert_eq!(here.tenant, moved);
    assert_eq!(here.grants.len(), 2);
    assert!(here.tenant_gate.is_some());
    assert_eq!(here.prerequisites.len(), 1);
}

#[test]
fn set_user_switches_the_account_and_keeps_its_grants() {
    let rows = rows(&[
        MEMBER,
        r#"{"change":"set_user","user":"u","active":false}"#,
        r#"{"change":"set_user","user":"another","active":true}"#,
    ]);
    assert_eq!(rows.user, Some(UserRow { active: false }));
    assert_eq!(rows.grants, [grant(None, "member", None)]);
}

#[test]
fn a_user_that_was_removed_comes_back_with_nothing() {
    let removed = [
        MEMBER,
        WORKER,
        r#"{"change":"grant","user":"u","workspace":"v","role":"member"}"#,
        r#"{"change":"remove_user","user":"u"}"#,
    ];
    assert_eq!(rows(&removed), AuthorityRows::default());
    let back = [
        &removed[..],
        &[r#"{"change":"set_user","user":"u","active":true}"#],
    ]
    .concat();
    assert_eq!(rows(&back).user, Some(UserRow { active: true }));
    assert_eq!(rows(&back).grants, []);
    assert_eq!(rows_in("v", &back).grants, []);
}

#[test]
fn removing_a_user_leaves_the_others() {
    let rows = rows(&[
        MEMBER,
        r#"{"change":"grant","user":"another","workspace":"w","role":"member"}"#,
        r#"{"change":"remove_user","user":"another"}"#,
    ]);
    assert_eq!(rows.user, Some(UserRow { active: true }));
    assert_eq!(rows.grants, [grant(None, "member", None)]);
}

#[test]
fn a_grant_makes_an_unknown_user_known_and_leaves_a_disabled_one_disabled() {
    assert_eq!(rows(&[MEMBER]).user, Some(UserRow { active: true }));
    let disabled = r#"{"change":"set_user","user":"u","active":false}"#;
    assert_eq!(
        rows(&[disabled, MEMBER]).user,
        Some(UserRow { active: false })
    );
}

#[test]
fn granting_again_replaces_the_expiry_of_that_grant_alone() {
    let time = "2026-03-01T00:00:00Z";
    let again = r#"{"change":"grant","user":"u","workspace":"w","tenant":"t","role":"worker","expires_at":"2026-03-01T00:00:00Z"}"#;
    let on_another = r#"{"change":"grant","user":"u","workspace":"w","tenant":"another","role":"worker","expires_at":"2026-03-01T00:00:00Z"}"#;
    let in_another = r#"{"change":"grant","user":"u","workspace":"v","tenant":"t","role":"worker","expires_at":"2026-03-01T00:00:00Z"}"#;
    let member = grant(None, "member", None);
    assert_eq!(
        rows(&[MEMBER, WORKER, again]).grants,
        [member.clone(), grant(Some("t"), "worker", Some(time))]
    );
    assert_eq!(
        rows(&[MEMBER, WORKER, again, WORKER]).grants,
        [member.clone(), grant(Some("t"), "worker", None)]
    );
    assert_eq!(
        rows(&[MEMBER, WORKER, on_another, in_another]).grants,
        [member, grant(Some("t"), "worker", None)]
    );
}

#[test]
fn revoke_takes_exactly_the_grant_that_it_names() {
    let kept = [
        r#"{"change":"revoke","user":"u","workspace":"w","role":"worker"}"#,
        r#"{"change":"revoke","user":"u","workspace":"w","tenant":"t","role":"member"}"#,
        r#"{"change":"revoke","user":"u","workspace":"v","role":"member"}"#,
        r#"{"change":"revoke","user":"another","workspace":"w","role":"member"}"#,
    ];
    let both = [&[MEMBER, WORKER], &kept[..]].concat();
    assert_eq!(
        rows(&both).grants,
        [
            grant(None, "member", None),
            grant(Some("t"), "worker", None)
        ]
    );
    let revoke = r#"{"change":"revoke","user":"u","workspace":"w","role":"member"}"#;
    let rows = rows(&[&both[..], &[revoke]].concat());
    assert_eq!(rows.grants, [grant(Some("t"), "worker", None)]);
    assert_eq!(rows.user, Some(UserRow { active: true }));
}

#[test]
fn set_connection_moves_and_switches_one_connection() {
    let rows = rows(&[
        r#"{"change":"set_connection","connection":"c","tenant":"t","enabled":true}"#,
        r#"{"change":"set_connection","connection":"c","tenant":"another","enabled":false}"#,
        r#"{"change":"set_connection","connection":"d","tenant":"t","enabled":true}"#,
    ]);
    let expected = ConnectionRow {
        tenant_id: "another".parse().unwrap(),
        enabled: false,
    };
    assert_eq!(rows.connection, Some(expected));
}

#[test]
fn workspace_and_tenant_have_write_gates_of_their_own() {
    let changes = [
        r#"{"change":"set_write_gate","workspace":"w","open":false,"reason":"freeze"}"#,
        r#"{"change":"set_write_gate","workspace":"w","tenant":"t","open":false,"reason":"audit"}"#,
        r#"{"change":"set_write_gate","workspace":"w","tenant":"another","open":true}"#,
        r#"{"change":"set_write_gate","workspace":"w","tenant":"t","open":true}"#,
    ];
    let rows = rows(&changes);
    let closed = GateRow {
        open: false,
        reason: Some("freeze".to_owned()),
    };
    let open = GateRow {
        open: true,
        reason: None,
    };
    assert_eq!(rows.workspace_gate, Some(closed));
    assert_eq!(rows.tenant_gate, Some(open));
    assert_eq!(rows_in("v", &changes).workspace_gate, None);
}

#[test]
fn workspace_and_tenant_have_prerequisites_of_their_own() {
    let rows = rows(&[
        r#"{"change":"set_prerequisite","workspace":"w","name":"p","met":false}"#,
        r#"{"change":"set_prerequisite","workspace":"w","tenant":"t","name":"p","met":false}"#,
        r#"{"change":"set_prerequisite","workspace":"w","tenant":"t","name":"p","met":true}"#,
        r#"{"change":"set_prerequisite","workspace":"w","tenant":"another","name":"p","met":true}"#,
        r#"{"change":"set_prerequisite","workspace":"v","name":"p","met":true}"#,
    ]);
    let row = |tenant: Option<&str>, met| PrerequisiteRow {
        tenant_id: tenant.map(|tenant| tenant.parse().unwrap()),
        name: "p".parse().unwrap(),
        met,
    };
    assert_eq!(rows.prerequisites, [row(None, false), row(Some("t"), true)]);
}
