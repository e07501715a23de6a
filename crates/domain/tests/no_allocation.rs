//! Proves that `decide` allocates nothing, for an allow and for every kind of deny. (Its result is
//! `Copy`: there is nothing to free either.)

use allocation_counter::{AllocationInfo, measure};
use countersign_domain::{ReasonCode, decide};

#[path = "support/scenario.rs"]
mod scenario;

use scenario::Scenario;

/// What one decision allocates, and the reason it came to.
fn allocated(scenario: &Scenario) -> (AllocationInfo, Option<ReasonCode>) {
    let facts = scenario.facts();
    let mut reason = None;
    let info = measure(|| reason = decide(&scenario.context, &facts).reason());
    (info, reason)
}

#[test]
fn an_allow_allocates_nothing() {
    for scenario in [Scenario::permitted(), Scenario::permitted_to_the_system()] {
        let (info, reason) = allocated(&scenario);
        assert_eq!(reason, None);
        assert_eq!((info.count_total, info.bytes_total), (0, 0));
    }
}

#[test]
fn no_kind_of_deny_allocates() {
    for &code in ReasonCode::ALL {
        let (info, reason) = allocated(&Scenario::denied(code));
        assert_eq!(reason, Some(code));
        assert_eq!((info.count_total, info.bytes_total), (0, 0), "{code}");
    }
}

/// Ids longer than are kept inline are on the heap; comparing them allocates nothing all the same.
#[test]
fn long_ids_allocate_nothing() {
    let long = "x".repeat(countersign_domain::MAX_ID_BYTES);
    let changes = format!(
        r#"
{{"change":"define_role","role":"operator","capabilities":["{long}","restore.execute"],"all_tenants":false}}
{{"change":"set_prerequisite","workspace":"workspace-1","name":"{long}","met":true}}
"#
    );
    let scenario = Scenario::permitted().after(&changes).with(|context| {
        let mut operation = (*context.operation).clone();
        operation.capability = long.parse().ok();
        operation.prerequisites.extend(long.parse());
        context.operation = operation.into();
    });
    let (info, reason) = allocated(&scenario);
    assert_eq!(reason, None);
    assert_eq!(info.count_total, 0);
}

/// The counter does count: resolving the same facts allocates.
#[test]
fn the_counter_sees_what_resolve_allocates() {
    let scenario = Scenario::permitted();
    let info = measure(|| drop(scenario.facts()));
    assert!(info.count_total > 0);
}
