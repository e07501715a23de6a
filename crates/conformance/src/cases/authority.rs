//! Changing authority: what is raised, that it is all or nothing, and that facts are those of the
//! reference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use countersign_domain::{AuthorityQuery, Revision, WorkspaceId};

use crate::Ports;
use crate::change::{
    define_role, grant, id, set_connection, set_gate, set_tenant, set_user, set_workspace,
};
use crate::dice::{Dice, every_query};
use crate::oracle::{Oracle, comparable};
use crate::scene::{AWAY, HOME, Scene, eventually, patiently};

/// The revision of each workspace, as look-ups tell it.
async fn revisions(scene: &Scene) -> BTreeMap<WorkspaceId, Revision> {
    let mut queries = every_query();
    queries.dedup_by_key(|query| query.workspace_id.clone());
    let answers = scene.look_up_all(&queries).await;
    let told = answers.iter().map(|authority| {
        let scopes = &authority.fence().scopes;
        assert_eq!(scopes.len(), 1, "the workspace of the query");
        (scopes[0].workspace.clone(), scopes[0].revision)
    });
    told.collect()
}

async fn compare(scene: &Scene, queries: &[AuthorityQuery], oracle: &Oracle) {
    for authority in scene.look_up_all(queries).await {
        let as_of = authority.facts().as_of;
        let found = comparable(authority.rows().clone(), as_of);
        let query = authority.query();
        assert_eq!(found, oracle.rows(query, as_of), "{query:?}");
    }
}

/// After long sequences of changes, every query is answered with the rows of the reference, from any
/// process.
pub async fn facts_are_those_of_the_reference(ports: &Ports) {
    let scene = Scene::bare(ports);
    let elsewhere = scene.elsewhere().await;
    let mut oracle = Oracle::default();
    let mut dice = Dice::new(11);
    let queries = every_query();
    compare(&scene, &queries, &oracle).await;
    for round in 0..120 {
        let writer = if round % 2 == 0 { &scene } else { &elsewhere };
        let batch = dice.batch();
        let applied = patiently(|| writer.ports.authority.apply(&batch)).await;
        assert_eq!(applied.changes, batch.len() as u64);
        for one in &batch {
            oracle.apply(&one.change);
        }
        if round % 30 == 29 {
            compare(&scene, &queries, &oracle).await;
        }
    }
    compare(&elsewhere, &queries, &oracle).await;
}

/// A batch raises the scopes that its changes touch: all of them, each once, by id, and no other.
pub async fn a_change_raises_the_scopes_that_it_touches_and_no_other(ports: &Ports) {
    let scene = Scene::bare(ports);
    let mut oracle = Oracle::default();
    let mut dice = Dice::new(23);
    let mut before = revisions(&scene).await;
    for _ in 0..120 {
        let batch = dice.batch();
        let applied = patiently(|| ports.authority.apply(&batch)).await;
        let touched: BTreeSet<WorkspaceId> = batch
            .iter()
            .flat_map(|one| oracle.apply(&one.change))
            .collect();
        let raised: Vec<_> = applied.raised.iter().map(|one| &one.workspace).collect();
        let expected: Vec<_> = touched.iter().collect();
        assert_eq!(raised, expected, "{batch:?}");

        let after = revisions(&scene).await;
        for (workspace, revision) in &after {
            let raised = applied
                .raised
                .iter()
                .find(|one| one.workspace == *workspace);
            let expected = raised.map_or(before[workspace], |one| one.revision);
            assert_eq!(*revision, expected, "{workspace:?} after {batch:?}");
        }
        before = after;
    }
}

/// Fence protocol, step 2: every revision has a nonce of its own and counts on from the one before.
pub async fn no_two_revisions_are_the_same(ports: &Ports) {
    let scene = Scene::bare(ports);
    let mut seen: Vec<Revision> = Vec::new();
    for place in [HOME, AWAY] {
        let mut counter = None;
        for _ in 0..20 {
            let change = set_workspace(place.workspace, true);
            let raised = scene.apply(&[change]).await.raised;
            let looked_up = scene.look_up(&place.query()).await;
            let revision = looked_up.fence().scopes[0].revision;
            if let [one] = &raised[..] {
                assert_eq!(one.revision, revision);
            }
            assert!(seen.iter().all(|one| one.nonce() != revision.nonce()));
            assert!(counter < Some(revision.counter()));
            counter = Some(revision.counter());
            seen.push(revision);
        }
    }
}

/// A batch is applied in order: of two changes of one thing the later stands.
pub async fn the_changes_of_a_batch_are_applied_in_order(ports: &Ports) {
    let scene = Scene::home(ports).await;
    scene
        .apply(&[
            set_workspace(HOME.workspace, false),
            set_workspace(HOME.workspace, true),
            set_tenant(HOME.tenant, AWAY.workspace),
            set_tenant(HOME.tenant, HOME.workspace),
            set_connection(HOME.connection, AWAY.tenant, true),
            set_connection(HOME.connection, HOME.tenant, false),
        ])
        .await;
    let rows = scene.look_up(&HOME.query()).await.rows().clone();
    assert!(rows.workspace.unwrap().active);
    assert_eq!(rows.tenant.unwrap().workspace_id, id(HOME.workspace));
    let connection = rows.connection.unwrap();
    assert_eq!(connection.tenant_id, id(HOME.tenant));
    assert!(!connection.enabled);
}

/// A grant makes an unknown user known and active, and does not enable one who was disabled.
pub async fn a_grant_does_not_enable_a_disabled_user(ports: &Ports) {
    let scene = Scene::bare(ports);
    let active = async || {
        let rows = scene.look_up(&HOME.query()).await.rows().clone();
        rows.user.map(|user| user.active)
    };
    assert_eq!(active().await, None);
    let granted = grant(HOME.user, HOME.workspace, None, "member");
    scene.apply(std::slice::from_ref(&granted)).await;
    assert_eq!(active().await, Some(true));
    scene.apply(&[set_user(HOME.user, false), granted]).await;
    assert_eq!(active().await, Some(false));
}

/// G2 needs all of a batch at once: nobody sees the one half of it without the other.
pub async fn a_reader_sees_all_of_a_batch_or_nothing_of_it(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let (workspace, tenant) = (HOME.workspace, HOME.tenant);
    let gates = |open| {
        [
            set_gate(workspace, None, open),
            set_gate(workspace, tenant, open),
        ]
    };
    scene.apply(&gates(true)).await;
    let over = Arc::new(AtomicBool::new(false));
    let reads = Arc::new(AtomicUsize::new(0));
    let reader = tokio::spawn({
        let scene = scene.elsewhere().await;
        let (over, reads) = (over.clone(), reads.clone());
        async move {
            let mut known = BTreeMap::new();
            while !over.load(Ordering::SeqCst) {
                let authority = scene.look_up(&HOME.query()).await;
                let facts = authority.facts();
                let open = facts.workspace_gate.open;
                assert_eq!(open, facts.tenant_gate.open, "half a batch");
                let revision = authority.fence().scopes[0].revision.to_string();
                let before = *known.entry(revision).or_insert(open);
                assert_eq!(before, open, "two sets of facts at one revision");
                reads.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    for round in 0..40 {
        scene.apply(&gates(round % 2 == 1)).await;
        // Let it be read, or what was read on the way is never compared with anything.
        let enough = reads.load(Ordering::SeqCst) + 2;
        eventually("the reader reads on", || async {
            let read = reads.load(Ordering::SeqCst) >= enough;
            (read || reader.is_finished()).then_some(())
        })
        .await;
    }
    over.store(true, Ordering::SeqCst);
    reader.await.unwrap();
}

/// Many who change one thing at once do not undo each other: every change has a revision of its own,
/// and all of them are in the log.
pub async fn changes_at_once_do_not_lose_each_other(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let before = scene.look_up(&HOME.query()).await.fence().scopes[0].revision;
    let applied = scene.crowd(8, |n, scene| async move {
        let mut raised = Vec::new();
        for round in 0..5 {
            let role = format!("role {n} {round}");
            let granted = grant(HOME.user, HOME.workspace, None, &role);
            let defined = define_role(&role, &["inventory.sync"], true);
            raised.extend(scene.apply(&[granted, defined]).await.raised);
        }
        raised
    });
    let raised: BTreeSet<_> = applied
        .await
        .concat()
        .into_iter()
        .map(|one| one.revision.to_string())
        .collect();
    assert_eq!(raised.len(), 40, "a revision of its own for each batch");
    let authority = scene.look_up(&HOME.query()).await;
    assert!(authority.fence().scopes[0].revision.counter() >= before.counter() + 40);
    assert_eq!(authority.rows().grants.len(), 42);
    assert_eq!(authority.facts().roles.len(), 41);
}
