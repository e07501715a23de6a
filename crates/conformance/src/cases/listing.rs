//! Listings: newest first, filtered, in pages without gaps or doubles.

use countersign_domain::{
    OperationRun, ReasonCode, RunId, RunOutcome, RunStatus, Submission, SubmittedContext,
};
use countersign_ports::{ContextDetail, RunCursor, RunFilter, RunPage, Work};

use crate::Ports;
use crate::change::{id, revoke};
use crate::scene::{AWAY, HOME, Scene, failed, note};

async fn page(scene: &Scene, filter: &RunFilter, after: Option<RunCursor>, limit: u32) -> RunPage {
    let runs = &scene.ports.runs;
    let page = runs.list(filter, after, limit, ContextDetail::Full).await;
    let page = page.unwrap();
    assert!(
        page.runs.len() <= limit as usize,
        "at most as many as asked for"
    );
    page
}

/// Every page of a listing, one after the other.
async fn pages(scene: &Scene, filter: &RunFilter, limit: u32) -> Vec<OperationRun> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = page(scene, filter, after, limit).await;
        let last = page.runs.last().map(place);
        all.extend(page.runs);
        assert!(all.len() < 1000, "no more than there are");
        match page.next {
            None => return all,
            Some(next) => {
                assert_eq!(Some(next), last, "the next page begins after the last run");
                after = Some(next);
            }
        }
    }
}

fn place(run: &OperationRun) -> RunCursor {
    RunCursor {
        queued_at: run.queued_at,
        id: run.id,
    }
}

fn ids(runs: &[OperationRun]) -> Vec<RunId> {
    runs.iter().map(|run| run.id).collect()
}

/// Runs of every status, outcome and two reasons, in two workspaces and three tenants.
async fn population(ports: &Ports) -> Scene {
    let scene = Scene::home_and_away(ports).await;
    scene
        .apply(&[revoke(AWAY.guest, AWAY.workspace, AWAY.tenant, "viewer")])
        .await;
    for place in [HOME, AWAY] {
        let third = Submission {
            tenant_id: id("third"),
            ..place.sync()
        };
        let keys = scene
            .submit_all([place.sync(), place.denied(), third, place.sync()])
            .await;
        scene.try_start(&keys[1]).await;
        scene.cancel(&keys[3], note("ops", "no need")).await;
        for work in [Work::Succeeded, Work::PartiallySucceeded, failed()] {
            let key = scene.submit(place.sync()).await;
            let running = scene.start(&key).await;
            scene.complete(&running, work).await;
        }
        let key = scene.submit(place.restore()).await;
        scene.start(&key).await;
    }
    scene
}

/// Newest first: by the time they were queued, then by id; each as `load` has it.
pub async fn runs_are_listed_newest_first(ports: &Ports) {
    let scene = population(ports).await;
    // A batch is queued at one time: its runs are told apart by id.
    scene.submit_all((0..20).map(|_| HOME.sync())).await;
    let all = page(&scene, &RunFilter::default(), None, 1000).await;
    assert_eq!(all.next, None);
    assert_eq!(all.runs.len(), 36);
    assert!(all.runs.is_sorted_by(|a, b| place(a) > place(b)));
    for run in &all.runs {
        let found = ports.runs.find(&[run.id]).await.unwrap();
        assert_eq!(found[0].as_ref(), Some(run));
    }
}

/// An empty store has an empty listing, and so has a filter that nothing matches.
pub async fn a_listing_of_nothing_is_empty(ports: &Ports) {
    let scene = Scene::bare(ports);
    let nothing = RunPage {
        runs: Vec::new(),
        next: None,
    };
    assert_eq!(page(&scene, &RunFilter::default(), None, 10).await, nothing);
    scene.submit(HOME.sync()).await;
    let filter = RunFilter {
        workspace_id: Some(id(AWAY.workspace)),
        ..RunFilter::default()
    };
    assert_eq!(page(&scene, &filter, None, 10).await, nothing);
}

/// Filters, alone and combined, leave the runs that match each of them, in the same order.
pub async fn filters_leave_what_matches_each_of_them(ports: &Ports) {
    let scene = population(ports).await;
    let all = page(&scene, &RunFilter::default(), None, 1000).await.runs;
    let reason_of = |run: &OperationRun| run.decision_record().unwrap()?.reason_code;
    let mut tried = 0;
    for status in options(RunStatus::ALL) {
        for outcome in options(RunOutcome::ALL) {
            for reason in options(&[
                ReasonCode::MissingCapability,
                ReasonCode::TenantNotEntitled,
                ReasonCode::WriteGateBlocked,
            ]) {
                for workspace_id in options(&[id(HOME.workspace), id(AWAY.workspace)]) {
                    for tenant_id in options(&[id(HOME.tenant), id("third"), id("nowhere")]) {
                        let filter = RunFilter {
                            status,
                            outcome,
                            reason,
                            workspace_id: workspace_id.clone(),
                            tenant_id,
                        };
                        let expected: Vec<_> = all
                            .iter()
                            .filter(|run| status.is_none_or(|one| one == run.status))
                            .filter(|run| outcome.is_none_or(|one| one == run.outcome))
                            .filter(|run| reason.is_none() || reason == reason_of(run))
                            .filter(|run| matches(&filter.workspace_id, &run.workspace_id))
                            .filter(|run| matches(&filter.tenant_id, &run.tenant_id))
                            .map(|run| run.id)
                            .collect();
                        let listed = page(&scene, &filter, None, 1000).await;
                        assert_eq!(ids(&listed.runs), expected, "{filter:?}");
                        tried += usize::from(!expected.is_empty());
                    }
                }
            }
        }
    }
    assert!(tried > 50, "filters that match something: {tried}");
}

/// None, and then each.
fn options<T: Clone>(some: &[T]) -> impl Iterator<Item = Option<T>> {
    std::iter::once(None).chain(some.iter().cloned().map(Some))
}

fn matches<T: PartialEq>(wanted: &Option<T>, found: &T) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == found)
}

/// The reason of a filter is that of a block: a run that was denied elsewhere and starts by now has none.
pub async fn only_blocked_runs_have_a_reason(ports: &Ports) {
    let scene = Scene::home(ports).await;
    scene.running().await;
    let blocked = scene.submit(HOME.denied()).await;
    scene.submit(HOME.denied()).await;
    scene.try_start(&blocked).await;
    let filter = RunFilter {
        reason: Some(ReasonCode::MissingCapability),
        ..RunFilter::default()
    };
    let listed = page(&scene, &filter, None, 10).await;
    assert_eq!(ids(&listed.runs), [blocked.id]);
}

/// Pages of any length make up the listing, each run once; the last one says that it is the last.
pub async fn pages_have_neither_gaps_nor_doubles(ports: &Ports) {
    let scene = Scene::bare(ports);
    for n in 1..6 {
        scene.submit_all((0..n).map(|_| HOME.sync())).await;
        scene.submit(AWAY.sync()).await;
    }
    for filter in [
        RunFilter::default(),
        RunFilter {
            workspace_id: Some(id(HOME.workspace)),
            status: Some(RunStatus::Queued),
            ..RunFilter::default()
        },
    ] {
        let all = page(&scene, &filter, None, 1000).await.runs;
        for limit in [1, 2, 3, 5, 15, 19, 20, 21] {
            let listed = pages(&scene, &filter, limit).await;
            assert_eq!(ids(&listed), ids(&all), "pages of {limit}");
        }
    }
}

/// Runs that arrive while one turns the pages do not shift them.
pub async fn pages_stand_still_while_runs_arrive(ports: &Ports) {
    let scene = Scene::bare(ports);
    scene.submit_all((0..10).map(|_| HOME.sync())).await;
    let before = pages(&scene, &RunFilter::default(), 100).await;
    let mut turned = Vec::new();
    let mut after = None;
    loop {
        let page = page(&scene, &RunFilter::default(), after, 3).await;
        turned.extend(page.runs);
        assert!(turned.len() <= 10, "no more than there were");
        scene.submit_all([HOME.sync(), AWAY.sync()]).await;
        match page.next {
            None => break,
            next => after = next,
        }
    }
    assert_eq!(ids(&turned), ids(&before));
}

/// A cursor is text for whoever needs it, and holds in any process, also once its run has changed.
pub async fn a_cursor_holds_everywhere(ports: &Ports) {
    let scene = Scene::home(ports).await;
    scene.submit_all((0..6).map(|_| HOME.sync())).await;
    let all = pages(&scene, &RunFilter::default(), 100).await;
    let first = page(&scene, &RunFilter::default(), None, 3).await;
    let cursor: RunCursor = first.next.unwrap().to_string().parse().unwrap();
    let last = countersign_ports::RunKey {
        workspace_id: id(HOME.workspace),
        id: first.runs[2].id,
    };
    scene.cancel(&last, note("ops", "no need")).await;
    let elsewhere = scene.elsewhere().await;
    let rest = page(&elsewhere, &RunFilter::default(), Some(cursor), 100).await;
    assert_eq!(ids(&rest.runs), ids(&all[3..]));
}

/// A listing without contexts has everything else.
pub async fn contexts_are_left_out_where_they_are_not_wanted(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let large = format!(r#"{{"large":"{}"}}"#, "x".repeat(100_000));
    let keys = scene
        .submit_all(
            [HOME.sync(), HOME.denied(), HOME.sync()].map(|submission| Submission {
                context: SubmittedContext::parse(&large).unwrap(),
                ..submission
            }),
        )
        .await;
    for key in &keys[..2] {
        scene.try_start(key).await;
    }
    let full = page(&scene, &RunFilter::default(), None, 10).await.runs;
    assert!(full.iter().all(|run| run.context.as_str() == large));
    let expected: Vec<OperationRun> = full
        .into_iter()
        .map(|run| OperationRun {
            context: SubmittedContext::default(),
            ..run
        })
        .collect();
    let omitted = ContextDetail::Omitted;
    let listed = ports
        .runs
        .list(&RunFilter::default(), None, 10, omitted)
        .await;
    assert_eq!(listed.unwrap().runs, expected);
}
