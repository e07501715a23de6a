//! `observed` stays within its bound and can be kept, whatever ids and reasons are made of.

use countersign_domain::{
    AuthorityRows, Capability, ConnectionRow, ConnectionUse, ExecutionContext, GateRow, GrantRow,
    JsonText, MAX_ID_BYTES, MAX_OBSERVED_BYTES, Observed, PrerequisiteRow, RoleRow,
    TenantLifecycle, TenantRow, Timestamp, UserRow, WorkspaceRow, resolve,
};

use crate::scenario::Scenario;

/// Rows made to be as large as ids and reasons can be, all of one character.
fn hostile(letter: char) -> (ExecutionContext, AuthorityRows) {
    let wide = |suffix: &str| -> String {
        let room = MAX_ID_BYTES - suffix.len();
        let letters: String = letter.to_string().repeat(room / letter.len_utf8());
        letters + suffix
    };
    let names: Vec<String> = (0..300).map(|n| wide(&n.to_string())).collect();
    let mut context = Scenario::permitted().context;
    context.target_scope.workspace_id = wide("w").parse().unwrap();
    context.target_scope.tenant_id = wide("t").parse().unwrap();
    let mut operation = (*context.operation).clone();
    operation.connection = ConnectionUse::Required;
    operation.prerequisites = names.iter().map(|name| name.parse().unwrap()).collect();
    context.operation = operation.into();
    let reason: String = letter.to_string().repeat(1024 / letter.len_utf8());
    let rows = AuthorityRows {
        workspace: Some(WorkspaceRow { active: false }),
        user: Some(UserRow { active: false }),
        tenant: Some(TenantRow {
            workspace_id: wide("x").parse().unwrap(),
            lifecycle: TenantLifecycle::Onboarding,
        }),
        connection: Some(ConnectionRow {
            tenant_id: wide("y").parse().unwrap(),
            enabled: false,
        }),
        grants: names
            .iter()
            .map(|name| GrantRow {
                tenant_id: Some(context.target_scope.tenant_id.clone()),
                role: name.parse().unwrap(),
                expires_at: None,
            })
            .collect(),
        roles: names
            .iter()
            .map(|name| {
                let capabilities = [name.parse::<Capability>().unwrap()].into();
                let row = RoleRow {
                    capabilities,
                    all_tenants: false,
                };
                (name.parse().unwrap(), row)
            })
            .collect(),
        workspace_gate: Some(GateRow {
            open: false,
            reason: Some(reason.clone()),
        }),
        tenant_gate: Some(GateRow {
            open: false,
            reason: Some(reason),
        }),
        prerequisites: names
            .iter()
            .map(|name| PrerequisiteRow {
                tenant_id: None,
                name: name.parse().unwrap(),
                met: false,
            })
            .collect(),
    };
    (context, rows)
}

#[test]
fn what_the_checks_saw_never_exceeds_its_bound() {
    for letter in ['"', '\\', 'x', '/', 'é', '\u{2028}', '\u{feff}', '😀'] {
        let (context, rows) = hostile(letter);
        let facts = resolve(&context.query(), &rows, Timestamp::UNIX_EPOCH);
        let observed = Observed::of(&context, &facts);
        let text = serde_json::to_string(&observed).unwrap();
        let bytes = text.len();
        assert!(bytes <= MAX_OBSERVED_BYTES, "{letter:?}: {bytes} bytes");
        let omitted = format!("\"omitted\":{}", observed.omitted);
        assert!(
            text.contains(&omitted),
            "{letter:?}: what was left out is told"
        );
        let kept = observed.roles.len() + observed.prerequisites.len();
        assert_eq!(
            kept + observed.omitted,
            600,
            "{letter:?}: all accounted for"
        );
        assert!(!observed.roles.is_empty() && !observed.prerequisites.is_empty());
        let reason = observed.write_gate.unwrap().reason.unwrap();
        assert!(
            reason.len() >= 300,
            "{letter:?}: most of the reason is kept"
        );
    }
}

/// A plain character is taken for two bytes, as it may need an escape: 600 bytes are room for 300 of them.
#[test]
fn a_reason_is_cut_where_its_room_ends() {
    let (context, rows) = hostile('x');
    let facts = resolve(&context.query(), &rows, Timestamp::UNIX_EPOCH);
    let reason = Observed::of(&context, &facts).write_gate.unwrap().reason;
    assert_eq!(reason.unwrap().len(), 300);
}

/// Ids refuse control characters; a free text may hold any of them, six bytes each as JSON.
#[test]
fn reasons_of_any_character_stay_within_the_bound() {
    let (context, rows) = hostile('"');
    let mut facts = resolve(&context.query(), &rows, Timestamp::UNIX_EPOCH);
    let controls = ('\0'..='"').chain('\u{7f}'..='\u{a0}');
    for letter in controls.chain(['\\', 'é', '\u{2028}', '\u{fffd}', '\u{10ffff}']) {
        facts.workspace_gate.reason = Some(letter.to_string().repeat(1024));
        let text = serde_json::to_string(&Observed::of(&context, &facts)).unwrap();
        assert!(
            text.len() <= MAX_OBSERVED_BYTES,
            "{letter:?}: {}",
            text.len()
        );
        assert!(JsonText::canonical(&text).is_ok(), "{letter:?} can be kept");
    }
}
