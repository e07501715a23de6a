//! The authority log: every change, who made it, and the revisions that it made.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::{AttributedChange, AuthorityChange, WorkspaceId};
use countersign_ports::{LogEntry, LogQuery};

use crate::Ports;
use crate::change::{define_role, grant, id, remove_user, set_user, set_workspace};
use crate::dice::{Dice, every_query};
use crate::oracle::Oracle;
use crate::scene::{AWAY, HOME, Scene, patiently};

async fn page(
    ports: &Ports,
    workspace: Option<&str>,
    before: Option<u64>,
    limit: u32,
) -> Vec<LogEntry> {
    let query = LogQuery {
        workspace_id: workspace.map(id),
        before,
        limit,
    };
    let entries = ports.authority.log(&query).await.unwrap();
    assert!(
        entries.len() <= limit as usize,
        "at most as many as asked for"
    );
    entries
}

/// The whole log, oldest first.
async fn log(ports: &Ports, workspace: Option<&str>) -> Vec<LogEntry> {
    let mut entries = page(ports, workspace, None, 10_000).await;
    assert!(entries.is_sorted_by(|a, b| a.seq > b.seq), "newest first");
    entries.reverse();
    entries
}

/// Makes the scope records that revisions are kept in.
async fn with_records(ports: &Ports) -> Scene {
    let scene = Scene::bare(ports);
    scene.look_up_all(&every_query()).await;
    for place in [HOME, AWAY] {
        scene.look_up(&place.query()).await;
    }
    scene
}

/// Every change is in the log, in the order of application: what it was, who made it and when.
pub async fn every_change_is_in_the_log(ports: &Ports) {
    let scene = with_records(ports).await;
    let mut dice = Dice::new(31);
    let mut expected: Vec<AttributedChange> = Vec::new();
    let before = scene.clock().await;
    for _ in 0..40 {
        let batch = dice.batch();
        patiently(|| ports.authority.apply(&batch)).await;
        expected.extend(batch);
    }
    let after = scene.clock().await;
    let entries = log(ports, None).await;
    assert!(entries.iter().all(|entry| entry.seq > 0));
    assert!(entries.is_sorted_by_key(|entry| entry.at));
    assert!(
        entries
            .iter()
            .all(|entry| before <= entry.at && entry.at <= after)
    );
    let logged: Vec<_> = entries
        .into_iter()
        .map(|LogEntry { change, by, .. }| AttributedChange { change, by })
        .collect();
    assert_eq!(logged, expected);
}

/// Every entry tells the scopes that its change touched; the latest that touched a scope tells the
/// revision which it has now.
pub async fn every_entry_tells_the_revisions_that_it_made(ports: &Ports) {
    let scene = with_records(ports).await;
    let mut dice = Dice::new(37);
    let mut oracle = Oracle::default();
    let mut latest = BTreeMap::new();
    let mut touched = Vec::new();
    for _ in 0..40 {
        let batch = dice.batch();
        let applied = patiently(|| ports.authority.apply(&batch)).await;
        touched.extend(batch.iter().map(|one| oracle.apply(&one.change)));
        latest.extend(
            applied
                .raised
                .into_iter()
                .map(|one| (one.workspace, one.revision)),
        );
    }
    let entries = log(ports, None).await;
    assert_eq!(entries.len(), touched.len());
    let mut told = BTreeMap::new();
    for (entry, touched) in entries.iter().zip(&touched) {
        let raised: BTreeSet<WorkspaceId> = entry
            .raised
            .iter()
            .map(|one| one.workspace.clone())
            .collect();
        assert_eq!(raised, *touched, "{:?}", entry.change);
        told.extend(
            entry
                .raised
                .iter()
                .map(|one| (one.workspace.clone(), one.revision)),
        );
    }
    assert_eq!(told, latest);
    drop(scene);
}

/// A workspace's log has the changes that touched it, and no other.
pub async fn the_log_of_a_workspace_has_what_touched_it(ports: &Ports) {
    let scene = with_records(ports).await;
    let changes = [
        define_role("member", &[], false),
        set_workspace(HOME.workspace, true),
        set_workspace(AWAY.workspace, true),
        grant(HOME.user, HOME.workspace, None, "member"),
        grant(HOME.user, AWAY.workspace, None, "member"),
        grant(AWAY.user, AWAY.workspace, None, "member"),
        set_user(AWAY.user, false),
        define_role("member", &["inventory.sync"], false),
        set_user("a user without grants", true),
        remove_user(HOME.user),
    ];
    scene.apply(&changes).await;
    let changes_of = async |workspace| -> Vec<AuthorityChange> {
        let entries = log(ports, workspace).await;
        entries.into_iter().map(|entry| entry.change).collect()
    };
    assert_eq!(changes_of(None).await, changes);
    let of =
        |numbers: &[usize]| -> Vec<_> { numbers.iter().map(|&n| changes[n].clone()).collect() };
    assert_eq!(changes_of(Some(HOME.workspace)).await, of(&[1, 3, 7, 9]));
    assert_eq!(
        changes_of(Some(AWAY.workspace)).await,
        of(&[2, 4, 5, 6, 7, 9])
    );
    assert_eq!(changes_of(Some("nowhere")).await, of(&[]));
}

/// Pages of the log, for all and for one workspace, have neither gaps nor doubles, also while entries
/// are added.
pub async fn pages_of_the_log_have_neither_gaps_nor_doubles(ports: &Ports) {
    let scene = with_records(ports).await;
    for n in 0..15 {
        let place = if n % 3 == 0 { AWAY } else { HOME };
        scene
            .apply(&[set_workspace(place.workspace, n % 2 == 0)])
            .await;
    }
    for workspace in [None, Some(HOME.workspace)] {
        for limit in [1, 2, 5, 10, 15, 40] {
            let expected = log(ports, workspace).await;
            let mut turned: Vec<LogEntry> = Vec::new();
            loop {
                let before = turned.last().map(|entry| entry.seq);
                let page = page(ports, workspace, before, limit).await;
                if page.is_empty() {
                    break;
                }
                turned.extend(page);
                assert!(turned.len() <= expected.len(), "no more than there were");
                scene.apply(&[set_workspace(HOME.workspace, true)]).await;
            }
            turned.reverse();
            assert_eq!(turned, expected, "pages of {limit}");
        }
    }
}

/// Words are kept to the letter: names and reasons in any script, with whatever punctuation.
pub async fn the_log_keeps_words_to_the_letter(ports: &Ports) {
    let scene = with_records(ports).await;
    let change = AttributedChange {
        change: AuthorityChange::SetWriteGate {
            workspace: id(HOME.workspace),
            tenant: None,
            open: false,
            reason: Some("freeze:\t\"Q4\"\n\\ 'all' {%s} 🧊 </script>".to_owned()),
        },
        by: Some(id("O'Neill \"ops\" 🧑‍🚒")),
    };
    ports
        .authority
        .apply(std::slice::from_ref(&change))
        .await
        .unwrap();
    let entry = log(ports, None).await.remove(0);
    assert_eq!((&entry.change, &entry.by), (&change.change, &change.by));
    let gate = scene
        .look_up(&HOME.query())
        .await
        .rows()
        .workspace_gate
        .clone();
    let reason = gate.and_then(|gate| gate.reason);
    let AuthorityChange::SetWriteGate { reason: said, .. } = change.change else {
        panic!("a write gate")
    };
    assert_eq!(reason, said);
}

/// The log is there for every process, and an empty store's is empty.
pub async fn the_log_is_there_for_every_process(ports: &Ports) {
    let scene = Scene::bare(ports);
    assert!(log(ports, None).await.is_empty());
    scene.apply(&HOME.changes()).await;
    let other = ports.another().await;
    assert_eq!(log(&other, None).await, log(ports, None).await);
    assert_eq!(log(&other, None).await.len(), HOME.changes().len());
}
