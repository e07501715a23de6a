//! Looking up: facts and fence of one snapshot, for every query on its own.

use countersign_domain::{AuthorityQuery, AuthorityRows, RoleName};

use crate::Ports;
use crate::change::{define_role, grant, id, set_prerequisite, set_tenant, set_workspace};
use crate::scene::{AWAY, HOME, Scene};

/// A fence names the store that the facts came from, and the workspace of the query.
pub async fn a_fence_names_the_store_and_the_workspace(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    for place in [HOME, AWAY] {
        let authority = scene.look_up(&place.query()).await;
        let fence = authority.fence();
        assert_eq!(fence.store, ports.authority.store().id);
        assert_eq!(fence.scopes.len(), 1);
        assert_eq!(fence.scopes[0].workspace, id(place.workspace));
    }
}

/// A store is the same store for every process.
pub async fn every_process_names_the_same_store(ports: &Ports) {
    let other = ports.another().await;
    assert_eq!(other.runs.store(), ports.runs.store());
    assert_eq!(other.authority.store(), ports.authority.store());
    assert_eq!(other.queue.store(), ports.queue.store());
    assert_eq!(other.runs.queue_upkeep(), ports.runs.queue_upkeep());
}

/// Fence protocol, step 4: the first look-up makes a scope's record, and the next ones find it: also
/// from another process, and for a workspace that nobody has defined.
pub async fn a_scope_has_one_revision_until_it_is_changed(ports: &Ports) {
    let scene = Scene::bare(ports);
    let elsewhere = scene.elsewhere().await;
    let first = scene.look_up(&HOME.query()).await;
    assert_eq!(*first.rows(), AuthorityRows::default(), "nothing is known");
    for scene in [&scene, &elsewhere] {
        let again = scene.look_up(&HOME.query()).await;
        assert_eq!(again.fence(), first.fence());
    }
    let raised = elsewhere
        .apply(&[set_workspace(HOME.workspace, true)])
        .await;
    let after = scene.look_up(&HOME.query()).await;
    assert_eq!(after.fence().scopes[..], raised.raised[..]);
    assert_ne!(after.fence(), first.fence());
}

/// Many who look at a workspace for the first time agree on its revision.
pub async fn many_first_look_ups_agree_on_the_revision(ports: &Ports) {
    let scene = Scene::bare(ports);
    for round in 0..10 {
        let fences = scene.crowd(8, move |_, scene| async move {
            let query = AuthorityQuery {
                workspace_id: id(format!("workspace {round}")),
                ..HOME.query()
            };
            scene.look_up(&query).await.fence().clone()
        });
        let mut fences = fences.await;
        fences.dedup();
        assert_eq!(fences.len(), 1, "round {round}");
    }
}

/// Several hundred queries at once, some of them twice, are answered one by one in input order.
pub async fn queries_are_answered_in_input_order(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let queries: Vec<AuthorityQuery> = (0..400)
        .map(|n| {
            let place = if n % 3 == 0 { AWAY } else { HOME };
            AuthorityQuery {
                initiator: (n % 5 > 0).then(|| id(place.user)),
                provider_connection_id: (n % 7 > 0).then(|| id(place.connection)),
                tenant_id: match n % 11 {
                    0 => id("nowhere"),
                    _ => id(place.tenant),
                },
                ..place.query()
            }
        })
        .collect();
    let answers = scene.look_up_all(&queries).await;
    for (query, authority) in queries.iter().zip(answers) {
        let rows = authority.rows();
        assert_eq!(authority.query(), query);
        assert!(rows.workspace.is_some());
        assert_eq!(rows.tenant.is_some(), query.tenant_id != id("nowhere"));
        assert_eq!(rows.user.is_some(), query.initiator.is_some());
        let named = query.provider_connection_id.is_some();
        assert_eq!(rows.connection.is_some(), named);
    }
}

/// G8: an answer holds what was asked for: no grant of another user, workspace or tenant, no gate or
/// prerequisite of another, no role that none of its grants names.
pub async fn an_answer_holds_nothing_of_others(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    scene
        .apply(&[
            set_tenant("other", HOME.workspace),
            grant(HOME.user, HOME.workspace, "other", "secret"),
            grant(HOME.user, AWAY.workspace, None, "secret"),
            grant(HOME.guest, HOME.workspace, HOME.tenant, "secret"),
            define_role("secret", &["everything"], true),
            crate::change::set_gate(HOME.workspace, "other", false),
            crate::change::set_gate(AWAY.workspace, None, false),
            crate::change::set_gate(AWAY.workspace, HOME.tenant, false),
            set_prerequisite(HOME.workspace, "other", "secret", true),
            set_prerequisite(AWAY.workspace, HOME.tenant, "secret", true),
        ])
        .await;
    let rows = scene.look_up(&HOME.query()).await.rows().clone();
    let mut granted: Vec<RoleName> = rows.grants.iter().map(|one| one.role.clone()).collect();
    granted.sort_unstable();
    assert_eq!(granted, [id::<RoleName>("member"), id("operator")]);
    assert_eq!(rows.roles.into_keys().collect::<Vec<_>>(), granted);
    assert_eq!((rows.workspace_gate, rows.tenant_gate), (None, None));
    assert_eq!(rows.prerequisites.len(), 1);
    assert_eq!(rows.prerequisites[0].name, id("baseline"));

    let nobody = AuthorityQuery {
        initiator: None,
        provider_connection_id: None,
        ..HOME.query()
    };
    let rows = scene.look_up(&nobody).await.rows().clone();
    assert_eq!((rows.user, rows.connection), (None, None));
    assert!(rows.grants.is_empty() && rows.roles.is_empty());
}

/// A tenant and a connection are told wherever they belong by now; grants do not follow them.
pub async fn what_has_moved_is_told_where_it_is(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    scene
        .apply(&[
            set_tenant(HOME.tenant, AWAY.workspace),
            crate::change::set_connection(HOME.connection, AWAY.tenant, true),
        ])
        .await;
    let rows = scene.look_up(&HOME.query()).await.rows().clone();
    assert_eq!(rows.tenant.unwrap().workspace_id, id(AWAY.workspace));
    assert_eq!(rows.connection.unwrap().tenant_id, id(AWAY.tenant));
    assert_eq!(rows.grants.len(), 2);
    let there = AuthorityQuery {
        workspace_id: id(AWAY.workspace),
        ..HOME.query()
    };
    let rows = scene.look_up(&there).await.rows().clone();
    assert!(rows.grants.is_empty(), "grants do not follow a tenant");
}

/// Roles are told in input order, with none for one without definition; the latest definition stands.
pub async fn roles_are_told_in_input_order(ports: &Ports) {
    let scene = Scene::bare(ports);
    scene
        .apply(&[
            define_role("wide", &["a", "b"], true),
            define_role("narrow", &["a", "b"], true),
            define_role("narrow", &["b"], false),
            define_role("none", &[], false),
            grant("ada", "w", None, "undefined"),
        ])
        .await;
    let asked = ["none", "undefined", "wide", "narrow", "wide", "Wide"].map(id);
    let roles = ports.authority.roles(&asked).await.unwrap();
    let told: Vec<Option<(usize, bool)>> = roles
        .into_iter()
        .map(|role| role.map(|role| (role.capabilities.len(), role.all_tenants)))
        .collect();
    let wide = Some((2, true));
    let expected = [Some((0, false)), None, wide, Some((1, false)), wide, None];
    assert_eq!(told, expected);
}
