//! Answers that are lost and scripts that are forgotten: what was sent happened once or not at all.

use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use countersign_conformance::scene::{Came, HOME, Running, Scene};
use countersign_domain::{RunOutcome, RunStatus, Submission};
use countersign_ports::{
    Begun, Finished, PortErrorKind, ReadBack, RetryClass, Submitted, fresh_run_id,
};
use countersign_redis::RedisStore;

use crate::support::{Site, ports};
use crate::way::Way;

/// The same store twice: over a way on which answers are lost, and past it.
async fn two_ways(site: &Site) -> (Way, Scene, Scene) {
    let past = Scene::home(&ports(&site.open().await)).await;
    let way = Way::to_the_server().await;
    let scene = Scene::bare(&ports(&way.open(site).await));
    // Once before, so that the server knows the scripts and their answer is the one that is lost.
    let running = scene.running().await;
    scene.fail_and_retry(&running, Duration::ZERO).await;
    (way, scene, past)
}

#[test]
fn g3_a_start_whose_answer_is_lost_is_read_back_and_entered_once() {
    Site::lend(async |site: Arc<Site>| {
        let (way, scene, past) = two_ways(&site).await;
        let key = scene.submit(HOME.sync()).await;
        let start = scene.judge(&key).await;
        way.lose_the_next_answer();
        let error = scene.ports.runs.begin(from_ref(&start)).await.unwrap_err();
        assert_eq!(error.retry(), RetryClass::ReadBack, "{error}");

        let mut found = scene.ports.runs.read_back(from_ref(&start)).await.unwrap();
        let found = found.remove(0);
        assert!(
            matches!(found, ReadBack::Committed(Begun::Started(_))),
            "{found:?}"
        );
        let run = past.load(&key).await;
        assert_eq!(run.status, RunStatus::Running);
        assert_eq!(run.decision, Some(start.record()));
        let mut again = scene.ports.runs.read_back(from_ref(&start)).await.unwrap();
        let again = again.remove(0);
        assert!(
            matches!(again, ReadBack::Committed(Begun::NotQueued)),
            "{again:?}"
        );
    });
}

/// A script may still be on its way when its connection is given up for lost.
#[test]
fn g3_a_start_that_comes_after_it_was_read_back_moves_nothing() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::home(&ports(&site.open().await)).await;
        let key = scene.submit(HOME.sync()).await;
        let start = scene.judge(&key).await;
        let found = scene.ports.runs.read_back(from_ref(&start)).await.unwrap();
        assert!(matches!(found[..], [ReadBack::StillQueued]), "{found:?}");

        assert_eq!(scene.begin_one(&start).await, Came::NotQueued);
        let run = scene.load(&key).await;
        let stands = (run.status, run.started_at, run.decision);
        assert_eq!(stands, (RunStatus::Queued, None, None));
        assert_eq!(scene.try_start(&key).await, Came::Started);
    });
}

/// The same, really on its way: whoever gave it up reads back, and only then it arrives.
#[test]
fn g3_a_start_that_arrives_after_it_was_read_back_moves_nothing() {
    Site::lend(async |site: Arc<Site>| {
        let (way, scene, past) = two_ways(&site).await;
        let key = scene.submit(HOME.sync()).await;
        let start = scene.judge(&key).await;
        way.hold();
        let begin = scene.ports.runs.begin(from_ref(&start));
        let read_back = async {
            way.holds_one().await;
            let found = past.ports.runs.read_back(from_ref(&start)).await.unwrap();
            assert!(matches!(found[..], [ReadBack::StillQueued]), "{found:?}");
            way.release();
        };
        let (begun, ()) = tokio::join!(begin, read_back);
        let begun = begun.unwrap();
        assert!(matches!(begun[..], [Begun::NotQueued]), "{begun:?}");
        let run = past.load(&key).await;
        assert_eq!((run.status, run.started_at), (RunStatus::Queued, None));
        assert_eq!(past.try_start(&key).await, Came::Started);
    });
}

#[test]
fn g5_a_completion_whose_answer_is_lost_may_be_sent_again() {
    Site::lend(async |site: Arc<Site>| {
        let (way, scene, past) = two_ways(&site).await;
        let running: Running = scene.running().await;
        let finish = running.fail_and_retry(Duration::ZERO);
        way.lose_the_next_answer();
        let runs = &scene.ports.runs;
        // Where the successor will be is written first, and its answer is lost.
        let error = runs.finish(from_ref(&finish)).await.unwrap_err();
        assert_eq!(error.retry(), RetryClass::ReadBack, "{error}");
        assert_eq!(past.load(&running.key).await.status, RunStatus::Running);

        let first = runs.finish(from_ref(&finish)).await.unwrap();
        let second = runs.finish(from_ref(&finish)).await.unwrap();
        assert_eq!(first, second);
        assert!(matches!(
            &first[..],
            [Finished::Completed { outcome: RunOutcome::Failed, successor: Some(next) }]
                if next.run.id == finish.successor.as_ref().unwrap().id
        ));
    });
}

#[test]
fn a_renewal_whose_answer_is_lost_may_be_sent_again() {
    Site::lend(async |site: Arc<Site>| {
        let (way, scene, _) = two_ways(&site).await;
        let running = scene.running().await;
        let renewal = running.renewal(Duration::from_secs(60));
        scene.renew(renewal.clone()).await;
        way.lose_the_next_answer();
        let error = scene
            .ports
            .runs
            .renew(from_ref(&renewal))
            .await
            .unwrap_err();
        assert_eq!(error.retry(), RetryClass::ReadBack, "{error}");
        scene.renew(renewal).await;
    });
}

#[test]
fn a_submission_that_names_its_run_may_be_sent_again() {
    Site::lend(async |site: Arc<Site>| {
        let (way, scene, _) = two_ways(&site).await;
        let id = fresh_run_id();
        let submission = Submission {
            id: Some(id),
            ..HOME.sync()
        };
        way.lose_the_next_answer();
        let runs = &scene.ports.runs;
        let error = runs.submit(from_ref(&submission)).await.unwrap_err();
        assert_eq!(error.retry(), RetryClass::ReadBack, "{error}");
        let again = runs.submit(from_ref(&submission)).await.unwrap();
        assert_eq!(again, [Submitted::Existing { id }], "it had been queued");
    });
}

#[test]
fn what_only_reads_may_be_tried_later() {
    Site::lend(async |site: Arc<Site>| {
        let (way, scene, _) = two_ways(&site).await;
        let key = scene.submit(HOME.sync()).await;
        way.lose_the_next_answer();
        let error = scene.ports.runs.load(from_ref(&key)).await.unwrap_err();
        assert_eq!(error.retry(), RetryClass::Later, "{error}");
        assert_eq!(scene.load(&key).await.id, key.id);
    });
}

#[test]
fn a_server_that_is_not_there_may_be_there_later() {
    Site::lend(async |site: Arc<Site>| {
        let nobody = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let url = site.url_at(&format!("redis://{nobody}"));
        let error = RedisStore::open(&url).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Unavailable);
    });
}

#[test]
fn scripts_that_the_server_forgot_are_sent_whole() {
    Site::lend(async |site: Arc<Site>| {
        let (way, scene, _) = two_ways(&site).await;
        way.forget_scripts();
        let running = scene.running().await;
        scene.renew(running.renewal(Duration::from_secs(60))).await;
        let next = scene.fail_and_retry(&running, Duration::ZERO).await;
        let next = scene.start_and_lapse(&next.run).await;
        let rescued = scene.rescue(10).await;
        assert_eq!(rescued[0].run, next.key.id);
        let keys = scene.submit_all((0..3).map(|_| HOME.sync())).await;
        let starts = scene.judge_all(&keys).await;
        assert_eq!(scene.begin(&starts).await, [Came::Started; 3]);
        assert_eq!(scene.begin(&starts).await, [Came::NotQueued; 3]);
    });
}
