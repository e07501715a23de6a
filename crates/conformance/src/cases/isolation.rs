//! G8: no run ever sees another run's scope, payload, permit or unique key.

use countersign_domain::{RunStatus, Submission, SubmittedContext};
use countersign_ports::{
    Finished, PutOff, Renewed, RunFilter, RunKey, Undecided, UndecidedPolicy, Work,
};

use crate::Ports;
use crate::change::{grant, id, set_tenant, set_user};
use crate::scene::{AN_HOUR, AWAY, Came, HOME, Running, Scene, json};

/// The same run, named in another workspace.
fn astray(key: &RunKey) -> RunKey {
    RunKey {
        workspace_id: id(AWAY.workspace),
        id: key.id,
    }
}

/// A run is not read in another workspace than its own.
pub async fn a_run_is_not_read_in_another_workspace(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let loaded = ports.runs.load(&[astray(&key), key.clone()]).await.unwrap();
    assert_eq!(loaded[0], None);
    assert!(loaded[1].is_some());
}

/// Nor is it renewed, completed or put off there, though its lease be known.
pub async fn a_run_is_not_touched_in_another_workspace(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let running = scene.running().await;
    let queued = scene.submit(HOME.sync()).await;
    let keys = [running.key.clone(), queued.clone()];
    let before = scene.load_all(&keys).await;
    let stray = Running {
        key: astray(&running.key),
        ..running
    };
    let renewed = scene.renew(stray.renewal(AN_HOUR)).await;
    assert_eq!(renewed, Renewed::LeaseLost);
    let finished = scene.finish(stray.finish(Work::Succeeded)).await;
    assert_eq!(finished, Finished::LeaseLost);
    let undecided = Undecided {
        run: astray(&queued),
        cause: "astray".to_owned(),
    };
    let policy = UndecidedPolicy::default();
    let put_off = ports.runs.put_off(&[undecided], &policy).await.unwrap();
    assert_eq!(put_off, [PutOff::NotQueued]);
    assert_eq!(scene.load_all(&keys).await, before);
}

/// What a user may do in one workspace says nothing about another, nor does one tenant about another.
pub async fn a_grant_reaches_no_other_workspace_or_tenant(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    scene
        .apply(&[
            set_tenant("other", HOME.workspace),
            grant(HOME.guest, AWAY.workspace, None, "operator"),
            grant(HOME.guest, AWAY.workspace, AWAY.tenant, "operator"),
            grant(HOME.guest, AWAY.workspace, HOME.tenant, "operator"),
            grant(HOME.guest, HOME.workspace, "other", "operator"),
            grant(HOME.guest, HOME.workspace, None, "operator"),
        ])
        .await;
    let here = scene.submit(HOME.denied()).await;
    assert_eq!(scene.try_start(&here).await, Came::Blocked);
    let other = Submission {
        tenant_id: id("other"),
        ..HOME.denied()
    };
    let other = scene.submit(other).await;
    assert_eq!(scene.try_start(&other).await, Came::Started);
    let there = Submission {
        initiator: Some(id(HOME.guest)),
        ..AWAY.sync()
    };
    let there = scene.submit(there).await;
    assert_eq!(scene.try_start(&there).await, Came::Started);
}

/// Each run of a batch keeps its own payload, result and decision.
pub async fn each_run_of_a_batch_keeps_what_is_its_own(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let places = [HOME, AWAY];
    let keys = scene
        .submit_all((0..40).map(|n| Submission {
            context: SubmittedContext::parse(&format!("{{\"secret\":{n}}}")).unwrap(),
            ..places[n % 2].sync()
        }))
        .await;
    let starts = scene.judge_all(&keys).await;
    assert_eq!(scene.begin(&starts).await, vec![Came::Started; 40]);
    let finishes: Vec<_> = starts
        .iter()
        .enumerate()
        .map(|(n, start)| {
            let running = Running {
                key: start.run().clone(),
                lease_id: start.lease_id(),
            };
            countersign_ports::Finish {
                result: Some(json(&n.to_string())),
                ..running.finish(Work::Succeeded)
            }
        })
        .collect();
    scene.finish_all(&finishes).await;
    for (n, run) in scene.load_all(&keys).await.into_iter().enumerate() {
        assert_eq!(run.context.as_str(), format!("{{\"secret\":{n}}}"));
        assert_eq!(run.result, Some(json(&n.to_string())));
        let decision = run.decision_record().unwrap().unwrap();
        assert_eq!(decision.target_scope.workspace_id, run.workspace_id);
        assert_eq!(decision.initiator, run.initiator);
        assert_eq!(decision.authority.scopes[0].workspace, run.workspace_id);
    }
}

/// A listing of one workspace or tenant has no run of another, though tenants share a name.
pub async fn a_listing_has_no_run_of_another_workspace(ports: &Ports) {
    let scene = Scene::bare(ports);
    let namesake = Submission {
        tenant_id: id(HOME.tenant),
        ..AWAY.sync()
    };
    let keys = scene
        .submit_all([HOME.sync(), AWAY.sync(), namesake, HOME.sync()])
        .await;
    let list = async |workspace: Option<&str>, tenant: Option<&str>| {
        let filter = RunFilter {
            workspace_id: workspace.map(id),
            tenant_id: tenant.map(id),
            ..RunFilter::default()
        };
        let detail = countersign_ports::ContextDetail::Full;
        let page = ports.runs.list(&filter, None, 100, detail).await.unwrap();
        let mut found: Vec<_> = page.runs.into_iter().map(|run| run.id).collect();
        found.sort_unstable();
        found
    };
    let of = |numbers: &[usize]| {
        let mut ids: Vec<_> = numbers.iter().map(|&n| keys[n].id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(list(Some(HOME.workspace), None).await, of(&[0, 3]));
    assert_eq!(list(None, Some(HOME.tenant)).await, of(&[0, 2, 3]));
    assert_eq!(
        list(Some(AWAY.workspace), Some(HOME.tenant)).await,
        of(&[2])
    );
}

/// A blocked neighbour does not hold up, and a disabled user does not take others along.
pub async fn what_befalls_one_user_leaves_the_others_alone(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    scene
        .apply(&[
            grant(HOME.guest, HOME.workspace, HOME.tenant, "operator"),
            set_user(HOME.user, false),
        ])
        .await;
    let keys = scene
        .submit_all([HOME.sync(), HOME.denied(), AWAY.sync()])
        .await;
    let starts = scene.judge_all(&keys).await;
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Blocked, Came::Started, Came::Started]);
    let status = scene.load(&keys[1]).await.status;
    assert_eq!(status, RunStatus::Running);
}
