//! What has moved: as it was, to the letter, and it goes on where it stopped.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_domain::{
    AuthorityChange, AuthorityQuery, ChangeKind, RunOutcome, RunStatus, Submission, Timestamp,
};
use countersign_ports::{
    Authority, Cancellation, Finish, Finished, Imported, LogQuery, Moved, Part, PortErrorKind,
    Retried, RunKey, Submitted, Undecided, UndecidedPolicy, Work,
};

use crate::Ports;
use crate::change::{define_role, grant, id, revoke, set_connection, set_gate, set_user};
use crate::oracle::comparable;
use crate::scene::{AN_HOUR, Came, HOME, House, Scene, failed, json, note, patiently};

/// A run in every state that a run which does not run can be in, and facts of every kind.
async fn furnish(scene: &Scene) -> Vec<RunKey> {
    let mut keys = Vec::new();
    // Completed, each way there is.
    let ends = [
        Work::Succeeded,
        Work::PartiallySucceeded,
        failed(),
        Work::Cancelled(note("ops", "no longer wanted")),
    ];
    for work in ends {
        let running = scene.running().await;
        let finish = Finish {
            result: Some(json(r#"{"rows":[1,2.50,"drei"]}"#)),
            output: Some(json(r#"{"tail":"é"}"#)),
            ..running.finish(work)
        };
        scene.finish(finish).await;
        keys.push(running.key);
    }
    // With what was found while it ran.
    let running = scene.running().await;
    let renewal = countersign_ports::Renewal {
        continuity: Some(json(r#"{"reason_code":"missing_capability"}"#)),
        cancel: Some(note("the gate", "authority went away")),
        ..running.renewal(AN_HOUR)
    };
    patiently(|| scene.ports.runs.renew(std::slice::from_ref(&renewal))).await;
    scene.complete(&running, Work::Succeeded).await;
    keys.push(running.key);
    // Blocked, and retried by an operator.
    let blocked = scene.submit(HOME.denied()).await;
    assert_eq!(scene.try_start(&blocked).await, Came::Blocked);
    keys.push(scene.retry_anew(&blocked).await);
    keys.push(blocked);
    // Failed, with a successor that waits.
    let running = scene.running().await;
    scene.finish(running.fail_and_retry(AN_HOUR)).await;
    keys.push(running.key);
    // Lost, with a successor.
    let lost = scene.submit(HOME.restore()).await;
    scene.start_and_lapse(&lost).await;
    assert_eq!(scene.rescue(10).await.len(), 1);
    keys.push(lost);
    // Queued: now, later, put off, first in line, with all that a submission can carry.
    let queued = scene
        .submit_all([HOME.sync(), HOME.system(), laden()])
        .await;
    let later = Submission {
        due_at: Some(scene.clock().await.plus(AN_HOUR)),
        ..HOME.sync()
    };
    keys.push(scene.submit(later).await);
    put_off(scene, &queued[0], &UndecidedPolicy::default()).await;
    keys.extend(queued);
    // Cancelled before its start, and given up.
    let cancelled = scene.submit(HOME.sync()).await;
    let cancellation = Cancellation {
        run: cancelled.id,
        note: note("ops", "'; --"),
    };
    patiently(|| scene.ports.runs.cancel(std::slice::from_ref(&cancellation))).await;
    keys.push(cancelled);
    let given_up = scene.submit(HOME.sync()).await;
    let at_once = UndecidedPolicy {
        give_up_after: Duration::ZERO,
        ..UndecidedPolicy::default()
    };
    put_off(scene, &given_up, &at_once).await;
    keys.push(given_up);
    // Facts that nothing refers to, and those that say no.
    scene
        .apply(&[
            define_role("nobody's", &["a", "b"], true),
            set_connection("of nobody", "no tenant", false),
            set_user("idle", false),
            set_gate(HOME.workspace, None, false),
            grant("late", "elsewhere", "t", "unknown role"),
            revoke(HOME.guest, HOME.workspace, None, "member"),
        ])
        .await;
    keys
}

fn laden() -> Submission {
    Submission {
        priority: 7,
        unique_key: Some(id("key")),
        queue_name: id("another"),
        context: countersign_domain::SubmittedContext::parse(r#"{"b":1,"a":"\u00e9"}"#).unwrap(),
        ..HOME.restore()
    }
}

async fn put_off(scene: &Scene, key: &RunKey, policy: &UndecidedPolicy) {
    let undecided = Undecided {
        run: key.clone(),
        cause: "the authority store is away".to_owned(),
    };
    let runs = &scene.ports.runs;
    patiently(|| runs.put_off(std::slice::from_ref(&undecided), policy)).await;
}

/// Runs in every state, facts of every kind, revisions, the log.
pub async fn everything_arrives_as_it_was(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let keys = furnish(&house.from).await;
    let runs = house.from.load_all(&keys).await;
    let before = house.from.contents().await;
    house.move_out().await;
    assert_eq!(house.to.contents().await, before);
    assert_eq!(house.to.load_all(&keys).await, runs);
    for part in Part::ALL {
        let of_part = before.iter().filter(|item| item.part() == part).count();
        assert!(of_part > 0, "there is something in {}", part.as_str());
    }
}

/// What verdicts rest on is there as well, whatever a store keeps of it besides the facts themselves: for everybody,
/// upon everything, through everything.
pub async fn look_ups_find_the_same_at_the_new_home(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    furnish(&house.from).await;
    // A workspace that was looked at and never defined has a scope and nothing else.
    let nowhere = AuthorityQuery {
        workspace_id: id("nowhere"),
        ..HOME.query()
    };
    house.from.look_up(&nowhere).await;
    let (mut users, mut places, mut connections) = (vec![None], Vec::new(), vec![None]);
    for item in house.from.contents().await {
        match item {
            Moved::Fact(AuthorityChange::SetUser { user, .. }) => users.push(Some(user)),
            Moved::Fact(AuthorityChange::SetTenant {
                tenant, workspace, ..
            }) => places.push((workspace, tenant)),
            Moved::Fact(AuthorityChange::SetConnection { connection, .. }) => {
                connections.push(Some(connection));
            }
            Moved::Fact(_) | Moved::Scope(_) | Moved::Log(_) | Moved::Run(_) => {}
        }
    }
    places.push((id("elsewhere"), id("t")));
    places.push((id("nowhere"), id("t")));
    let mut queries = Vec::new();
    for (workspace, tenant) in &places {
        for user in &users {
            for connection in &connections {
                queries.push(AuthorityQuery {
                    workspace_id: workspace.clone(),
                    tenant_id: tenant.clone(),
                    initiator: user.clone(),
                    provider_connection_id: connection.clone(),
                });
            }
        }
    }
    let before = house.from.look_up_all(&queries).await;
    house.move_out().await;
    let after = house.to.look_up_all(&queries).await;
    for (before, after) in before.iter().zip(&after) {
        let (query, as_of) = (before.query(), before.facts().as_of);
        let rows = |found: &Authority| comparable(found.rows().clone(), as_of);
        assert_eq!(rows(after), rows(before), "{query:?}");
        assert_eq!(after.fence().scopes, before.fence().scopes, "{query:?}");
    }
}

/// From one thing a page to everything on one.
pub async fn pages_of_any_length_hold_everything(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    furnish(&house.from).await;
    house.seal().await;
    let all = house.from.contents().await;
    for limit in [1, 2, 3, 7, 10_000] {
        assert_eq!(house.from.contents_by(limit).await, all, "by {limit}");
    }
}

/// A pass that was interrupted is begun again.
pub async fn what_is_imported_twice_is_there_once(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    furnish(&house.from).await;
    house.fill().await;
    house.seal().await;
    let items = house.from.contents().await;
    let half = house.import(&items[..items.len() / 2]).await;
    for (item, imported) in items.iter().zip(&half) {
        assert_eq!(*imported, Imported::Added, "{item:?}");
    }
    let all = house.import(&items).await;
    for (place, (item, imported)) in items.iter().zip(&all).enumerate() {
        let expected = match place < half.len() {
            true => Imported::Present,
            false => Imported::Added,
        };
        assert_eq!(*imported, expected, "{item:?}");
    }
    house.import(&items).await;
    assert_eq!(house.to.contents().await, items);
}

/// Another one of the same key does not take its place, whether it is the fact itself that differs or what it is about.
pub async fn a_fact_that_is_there_is_left_as_it_is(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    furnish(&house.from).await;
    house.fill().await;
    house.seal().await;
    house.copy().await;
    let before = house.to.contents().await;
    let others: Vec<Moved> = before.iter().filter_map(otherwise).collect();
    let kinds: BTreeSet<ChangeKind> = others.iter().filter_map(kind_of).collect();
    let all = ChangeKind::ALL
        .into_iter()
        .filter(|kind| !kind.is_removal());
    assert!(kinds.into_iter().eq(all), "facts of every kind");
    for imported in house.import(&others).await {
        assert_eq!(imported, Imported::Present);
    }
    assert_eq!(house.to.contents().await, before);
}

/// No store exports one; nothing that stands beside it is imported either.
pub async fn what_takes_a_fact_away_is_not_imported(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    house.fill().await;
    house.seal().await;
    house.copy().await;
    let before = house.to.contents().await;
    let user = id(HOME.user);
    let removals = [
        AuthorityChange::RemoveUser { user },
        revoke(HOME.user, HOME.workspace, HOME.tenant, "operator"),
    ];
    for removal in removals {
        let items = [Moved::Fact(set_user("another", true)), Moved::Fact(removal)];
        let refused = to.home().import(house.movement.id, &items).await;
        let error = refused.expect_err("a removal is no fact");
        assert_eq!(error.kind(), PortErrorKind::Refused, "{error}");
        assert_eq!(house.to.contents().await, before);
    }
}

fn kind_of(item: &Moved) -> Option<ChangeKind> {
    match item {
        Moved::Fact(fact) => Some(fact.kind()),
        Moved::Scope(_) | Moved::Log(_) | Moved::Run(_) => None,
    }
}

/// Of a fact another one of the same key.
fn otherwise(item: &Moved) -> Option<Moved> {
    let Moved::Fact(fact) = item else {
        return None;
    };
    let mut other = fact.clone();
    match &mut other {
        AuthorityChange::DefineRole { all_tenants, .. } => *all_tenants = !*all_tenants,
        AuthorityChange::SetWorkspace { active, .. } | AuthorityChange::SetUser { active, .. } => {
            *active = !*active;
        }
        AuthorityChange::SetTenant { workspace, .. } => *workspace = id("another"),
        AuthorityChange::Grant { expires_at, .. } => *expires_at = Some(Timestamp::UNIX_EPOCH),
        AuthorityChange::SetConnection { tenant, .. } => *tenant = id("another"),
        AuthorityChange::SetWriteGate { open, .. } => *open = !*open,
        AuthorityChange::SetPrerequisite { met, .. } => *met = !*met,
        AuthorityChange::RemoveUser { .. } | AuthorityChange::Revoke { .. } => {
            panic!("a removal is no fact: {fact:?}")
        }
    }
    assert_ne!(&other, fact);
    Some(Moved::Fact(other))
}

/// What its initiator lost before or after the move blocks it there; what they kept lets it start.
pub async fn a_run_that_moved_while_queued_is_judged_anew(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let runs = [HOME.sync(), HOME.denied(), HOME.sync()];
    let keys = house.from.submit_all(runs).await;
    house.move_out().await;
    assert_eq!(house.to.try_start(&keys[0]).await, Came::Started);
    assert_eq!(house.to.try_start(&keys[1]).await, Came::Blocked);
    let revoked = revoke(HOME.user, HOME.workspace, HOME.tenant, "operator");
    house.to.apply(&[revoked]).await;
    assert_eq!(house.to.try_start(&keys[2]).await, Came::Blocked);
}

/// The queue knows it.
pub async fn a_moved_run_is_delivered_once_its_store_is_open(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let key = house.from.submit(HOME.sync()).await;
    house.move_out().await;
    let delivery = house.to.receive_soon().await;
    assert_eq!(delivery.run, key);
    assert_eq!(house.to.try_start(&key).await, Came::Started);
    house.to.settle(&delivery).await;
}

/// A key is held, a run has one successor, a chain counts on.
pub async fn unique_keys_and_successors_hold_at_the_new_home(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let holder = house.from.submit(laden()).await;
    let running = house.from.running().await;
    let finished = house
        .from
        .finish(running.fail_and_retry(Duration::ZERO))
        .await;
    let Finished::Completed {
        successor: Some(successor),
        ..
    } = finished
    else {
        panic!("a run that failed has its successor: {finished:?}")
    };
    house.move_out().await;
    let submitted = house.to.offer(&[laden()]).await;
    assert_eq!(submitted, [Submitted::Existing { id: holder.id }]);
    let retried = house.to.retry(&running.key).await;
    let id = successor.run.id;
    assert_eq!(retried, Retried::Existing { id });
    let run = house.to.load(&successor.run).await;
    assert_eq!((run.attempt, run.chain_id), (2, running.key.id));
    let third = house.to.start(&successor.run).await;
    let finished = house.to.finish(third.fail_and_retry(Duration::ZERO)).await;
    let Finished::Completed {
        successor: Some(third),
        ..
    } = finished
    else {
        panic!("the chain goes on: {finished:?}")
    };
    assert_eq!(house.to.load(&third.run).await.attempt, 3);
}

/// A worker that did not hear that its completion was kept sends it to the new home.
pub async fn a_completion_that_is_sent_again_is_answered_at_the_new_home(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let running = house.from.running().await;
    house.from.complete(&running, Work::Succeeded).await;
    house.move_out().await;
    let again = house.to.finish(running.finish(Work::Succeeded)).await;
    let expected = Finished::Completed {
        outcome: RunOutcome::Succeeded,
        successor: None,
    };
    assert_eq!(again, expected);
}

/// A grant to somebody whom the source does not know gives nobody anything: they stay unknown.
pub async fn a_moved_grant_makes_no_user_known(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    house.fill().await;
    let stranger = grant("stranger", HOME.workspace, HOME.tenant, "operator");
    let mut items = house.from.contents().await;
    items.push(Moved::Fact(stranger.clone()));
    house.import(&items).await;
    house.open().await;
    let facts: Vec<Moved> = house.to.contents().await;
    assert!(facts.contains(&Moved::Fact(stranger)));
    let known = |item: &Moved| match item {
        Moved::Fact(AuthorityChange::SetUser { user, .. }) => user.as_str() == "stranger",
        _ => false,
    };
    assert!(!facts.iter().any(known), "{facts:?}");
    let theirs = Submission {
        initiator: Some(id("stranger")),
        ..HOME.sync()
    };
    let key = house.to.submit(theirs).await;
    assert_eq!(house.to.try_start(&key).await, Came::Blocked);
}

/// With the next number, and the next revision.
pub async fn the_log_goes_on_where_it_ended(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let query = LogQuery {
        workspace_id: Some(id(HOME.workspace)),
        before: None,
        limit: 1000,
    };
    let before = patiently(|| from.authority.log(&query)).await;
    house.move_out().await;
    assert_eq!(patiently(|| to.authority.log(&query)).await, before);
    house.to.apply(&HOME.changes()).await;
    let after = patiently(|| to.authority.log(&query)).await;
    let (fresh, old) = after.split_at(after.len() - before.len());
    assert_eq!(old, before);
    assert!(!fresh.is_empty());
    assert!(fresh.iter().all(|entry| entry.seq > before[0].seq));
    let counter = |entry: &countersign_ports::LogEntry| entry.raised[0].revision.counter();
    assert!(counter(&fresh[0]) > counter(&before[0]));
}

/// Its fence names the old store, though revisions are the same (G2).
pub async fn a_decision_from_the_old_home_starts_nothing_at_the_new_one(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let key = house.from.submit(HOME.sync()).await;
    let start = house.from.judge(&key).await;
    house.move_out().await;
    assert_eq!(house.to.begin_one(&start).await, Came::Moved);
    assert_eq!(house.to.load(&key).await.status, RunStatus::Queued);
}
