//! What made the difference, where time had a part in it.

use std::time::Duration;

use countersign::{Difference, Report, explain};
use countersign_domain::{AuthorityChange, Catalog, RunId, RunOutcome, Timestamp};

use crate::support::{AUTHORITY, Embedded, Handle, MovedClock, drained, operation};

const HOUR: Duration = Duration::from_secs(3600);

/// Lets user 7 operate tenant 4 until then.
fn grant_until(expires_at: Timestamp) -> String {
    format!(
        r#"{{"change":"grant","user":"7","workspace":"1","tenant":"4","role":"operator","expires_at":"{expires_at}"}}"#
    )
}

const REVOKE: &str =
    r#"{"change":"revoke","user":"7","workspace":"1","tenant":"4","role":"operator"}"#;

async fn explained(site: &Embedded, id: RunId) -> Difference {
    let handler = Handle(|_| async { Report::succeeded() });
    drained(
        site.worker([operation("sync")])
            .handle("sync".parse().unwrap(), handler),
    )
    .await;
    let run = site.run(id).await;
    assert_eq!(run.outcome, RunOutcome::Blocked);
    let catalog = Catalog::new([operation("sync")]);
    explain(&site.ports, &catalog, run)
        .await
        .unwrap()
        .difference
}

#[tokio::test]
async fn a_grant_that_ran_out_while_the_run_waited_is_named_as_such() {
    let clock = MovedClock::new();
    let site = Embedded::with_clock(AUTHORITY, clock.for_store()).await;
    let expires_at = clock.now().plus(HOUR);
    site.apply(&grant_until(expires_at)).await;
    let id = site.submit("sync").await;
    clock.advance(2 * HOUR);
    assert_eq!(explained(&site, id).await, Difference::Expired(expires_at));
}

#[tokio::test]
async fn a_revocation_that_was_made_good_is_not_blamed_for_the_grant_that_ran_out_later() {
    let clock = MovedClock::new();
    let site = Embedded::with_clock(AUTHORITY, clock.for_store()).await;
    let expires_at = clock.now().plus(HOUR);
    site.apply(REVOKE).await;
    site.apply(&grant_until(expires_at)).await;
    let id = site.submit("sync").await;
    clock.advance(2 * HOUR);
    assert_eq!(explained(&site, id).await, Difference::Expired(expires_at));
}

#[tokio::test]
async fn of_two_revocations_the_one_that_was_not_made_good_is_blamed() {
    let clock = MovedClock::new();
    let site = Embedded::with_clock(AUTHORITY, clock.for_store()).await;
    site.apply(REVOKE).await;
    site.apply(&grant_until(clock.now().plus(HOUR))).await;
    let id = site.submit("sync").await;
    clock.advance(HOUR / 2);
    site.apply(REVOKE).await;
    let last = clock.now();
    clock.advance(HOUR / 4);
    match explained(&site, id).await {
        Difference::Change(entry) => {
            assert!(matches!(entry.change, AuthorityChange::Revoke { .. }));
            assert_eq!(entry.at, last);
        }
        other => panic!("{other:?}"),
    }
}
