//! Keys that hold what they should not: an error that names the key, nothing half done, and neighbours that
//! go on.

use std::collections::BTreeMap;
use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use countersign_conformance::scene::{AN_HOUR, Came, HOME, Running, Scene, failed, note};
use countersign_domain::{JsonText, RunStatus, Submission, UniqueKey};
use countersign_ports::{
    Cancellation, PortErrorKind, PortResult, Retry, RunKey, Start, Undecided, UndecidedPolicy,
    fresh_run_id,
};

use crate::support::{Site, ports};

/// What becomes of a run's text.
type Damage = fn(&str) -> String;

/// A run that each verb applies to.
struct Population {
    scene: Scene,
    queued: RunKey,
    start: Start,
    running: Running,
    completed: RunKey,
}

impl Population {
    async fn of(site: &Site) -> Self {
        let scene = Scene::home(&ports(&site.open().await)).await;
        let completed = scene.succeeded(HOME.sync()).await.key;
        let running = scene.running().await;
        let queued = scene.submit(keyed("key")).await;
        let start = scene.judge(&queued).await;
        Self {
            scene,
            queued,
            start,
            running,
            completed,
        }
    }

    /// Each verb that writes, by name, with what became of it.
    async fn try_each(&self) -> Vec<(&'static str, PortResult<()>)> {
        let runs = &self.scene.ports.runs;
        let cancellation = Cancellation {
            run: self.queued.id,
            note: note("somebody", ""),
        };
        let undecided = Undecided {
            run: self.queued.clone(),
            cause: "a test".to_owned(),
        };
        let retry = Retry {
            run: self.completed.id,
            successor: fresh_run_id(),
            requested_by: "somebody".parse().unwrap(),
        };
        let policy = UndecidedPolicy::default();
        let (finish, renewal) = (self.running.finish(failed()), self.running.renewal(AN_HOUR));
        vec![
            ("submit", unit(runs.submit(&[keyed("another")]).await)),
            ("begin", unit(runs.begin(from_ref(&self.start)).await)),
            ("renew", unit(runs.renew(&[renewal]).await)),
            ("finish", unit(runs.finish(&[finish]).await)),
            ("put_off", unit(runs.put_off(&[undecided], &policy).await)),
            ("cancel", unit(runs.cancel(&[cancellation]).await)),
            ("retry", unit(runs.retry(&[retry]).await)),
        ]
    }
}

fn unit<T>(answer: PortResult<T>) -> PortResult<()> {
    answer.map(drop)
}

fn keyed(key: &str) -> Submission {
    Submission {
        unique_key: Some(UniqueKey::new(key).unwrap()),
        ..HOME.sync()
    }
}

/// All that the store holds, but for where runs would have been: that is written first, and is harmless.
async fn held(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let mut held = site.dump().await;
    held.retain(|key, _| !key.contains(":where:"));
    // A large hash that is read may be told in another order the next time.
    let rulings = site.tagged(HOME.workspace, "rulings");
    let fields: redis::RedisResult<BTreeMap<String, String>> = redis::cmd("HGETALL")
        .arg(&rulings)
        .query_async(&mut site.raw().await)
        .await;
    // Unless it holds another type, as some tests would have it.
    if let (Some(held), Ok(fields)) = (held.get_mut(&rulings), fields) {
        *held = format!("{fields:?}").into_bytes();
    }
    held
}

async fn text_of(site: &Site, key: &str) -> String {
    let mut raw = site.raw().await;
    redis::cmd("GET")
        .arg(key)
        .query_async(&mut raw)
        .await
        .unwrap()
}

async fn replace(site: &Site, key: &str) {
    site.command(&["DEL", key]).await;
    site.command(&["SET", key, "something else"]).await;
}

/// What the index says of a lease was true when it was read, and may not be when the script runs.
#[test]
fn g3_a_run_is_rescued_by_its_lease_and_not_by_its_place_in_an_index() {
    Site::lend(async |site: Arc<Site>| {
        let population = Population::of(&site).await;
        let running = &population.running.key;
        let index = site.tagged(HOME.workspace, "running");
        site.command(&["ZADD", &index, "1", &running.id.to_string()])
            .await;
        assert_eq!(population.scene.rescue(10).await, []);
        let run = population.scene.load(running).await;
        assert_eq!(run.status, RunStatus::Running);
    });
}

#[test]
fn an_index_of_another_type_is_named_and_nothing_is_half_done() {
    Site::lend(async |site: Arc<Site>| {
        let population = Population::of(&site).await;
        for name in [
            "runs",
            "blocked",
            "queued",
            "running",
            "unique",
            "successors",
            "rulings",
        ] {
            let key = site.tagged(HOME.workspace, name);
            let saved = site.dump().await.get(&key).cloned();
            replace(&site, &key).await;
            let before = held(&site).await;
            for (verb, answer) in population.try_each().await {
                let error = answer.expect_err(verb);
                assert_eq!(error.kind(), PortErrorKind::Corrupt, "{verb}: {error}");
                assert!(error.to_string().contains(&key), "{verb}: {error}");
            }
            assert_eq!(held(&site).await, before, "{name}");
            site.restore(&key, saved).await;
        }
        for (verb, answer) in population.try_each().await {
            answer.expect(verb);
        }
    });
}

#[test]
fn a_run_that_could_not_have_come_about_is_named_and_left_alone() {
    Site::lend(async |site: Arc<Site>| {
        let population = Population::of(&site).await;
        let key = |run: &RunKey| site.tagged(HOME.workspace, &format!("run:{}", run.id));
        let queued = key(&population.queued);
        let saved = site.dump().await.get(&queued).cloned();
        let whole = text_of(&site, &queued).await;
        let damages: [(&str, Damage); 9] = [
            ("nothing of a run", |_| "something else".to_owned()),
            ("no such status", |text| {
                text.replacen("queued", "waiting", 1)
            }),
            ("an outcome", |text| {
                text.replacen("queued\t-", "blocked\t-", 1)
            }),
            ("a start", |text| text.replacen('-', "-\t1", 1)),
            ("a hash that is not there", |text| {
                text.replacen('-', "+", 1)
            }),
            ("no time", |text| {
                let (lines, _) = text.rsplit_once('\n').unwrap();
                format!("{lines}\nsoon")
            }),
            ("no status", |text| text.replacen("queued", "", 1)),
            ("a line too few", |text| {
                text.rsplit_once('\n').unwrap().0.to_owned()
            }),
            ("another tenant", |text| {
                text.replacen('\n', "\nanother-", 1)
            }),
        ];
        for (damage, damaged) in damages {
            site.command(&["SET", &queued, &damaged(&whole)]).await;
            let before = held(&site).await;
            let begun = population
                .scene
                .ports
                .runs
                .begin(from_ref(&population.start));
            let error = begun.await.unwrap_err();
            assert_eq!(error.kind(), PortErrorKind::Corrupt, "{damage:?}: {error}");
            let id = population.queued.id.to_string();
            assert!(error.to_string().contains(&id), "{damage:?}: {error}");
            assert_eq!(held(&site).await, before, "{damage:?}");
            site.restore(&queued, saved.clone()).await;
        }
        site.command(&["DEL", &queued]).await;
        site.command(&["HSET", &queued, "status", "queued"]).await;
        let begun = population
            .scene
            .ports
            .runs
            .begin(from_ref(&population.start));
        let error = begun.await.unwrap_err();
        assert!(error.to_string().contains("is a hash"), "{error}");
        let loaded = population
            .scene
            .ports
            .runs
            .load(from_ref(&population.queued));
        let error = loaded.await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Corrupt, "{error}");
        site.restore(&queued, saved.clone()).await;
        assert_eq!(
            population.scene.begin_one(&population.start).await,
            Came::Started
        );
    });
}

#[test]
fn a_damaged_run_does_not_fail_its_neighbours() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::home(&ports(&site.open().await)).await;
        let keys = scene.submit_all((0..3).map(|_| HOME.sync())).await;
        let starts = scene.judge_all(&keys).await;
        let damaged = site.tagged(HOME.workspace, &format!("run:{}", keys[1].id));
        let text = text_of(&site, &damaged).await.replace("queued", "waiting");
        site.command(&["SET", &damaged, &text]).await;

        let loaded = scene.ports.runs.load(&keys).await.unwrap();
        let are_there: Vec<bool> = loaded.iter().map(Option::is_some).collect();
        assert_eq!(are_there, [true, false, true]);
        let entries = scene.ports.runs.queued_entries(None, 10).await.unwrap();
        assert_eq!(entries.len(), 2);
        let came = scene.begin(&starts).await;
        assert_eq!(came, [Came::Started, Came::NotQueued, Came::Started]);

        // Asked for alone, it is named.
        let error = scene.ports.runs.load(&keys[1..2]).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Corrupt);
        let list = scene.ports.runs.begin(&starts[1..2]).await.unwrap_err();
        assert!(list.to_string().contains(&damaged), "{list}");
    });
}

/// It stays as it is; whoever sweeps goes on to what the queue has lost.
#[test]
fn g5_a_lapsed_run_that_is_damaged_does_not_fail_a_rescue() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::home(&ports(&site.open().await)).await;
        let key = scene.submit(HOME.sync()).await;
        scene.start_and_lapse(&key).await;
        let run = site.tagged(HOME.workspace, &format!("run:{}", key.id));
        let text = text_of(&site, &run).await.replace("running", "walking");
        site.command(&["SET", &run, &text]).await;
        let before = held(&site).await;
        assert!(scene.rescue(10).await.is_empty());
        assert_eq!(held(&site).await, before);
        // Beside one that is not.
        let other = scene.submit(HOME.sync()).await;
        scene.start_and_lapse(&other).await;
        let rescued = scene.rescue(10).await;
        assert_eq!(rescued.len(), 1);
        assert_eq!(rescued[0].run, other.id);
    });
}

#[test]
fn g5_a_successor_is_not_queued_without_its_context_and_the_run_is_not_lost() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::home(&ports(&site.open().await)).await;
        let running = scene.running().await;
        let context = site.tagged(HOME.workspace, &format!("context:{}", running.key.id));
        let saved = site.dump().await.get(&context).cloned();
        site.command(&["DEL", &context]).await;
        let finish = running.fail_and_retry(Duration::ZERO);
        let before = held(&site).await;
        let error = scene.ports.runs.finish(from_ref(&finish)).await;
        let error = error.unwrap_err();
        assert!(error.to_string().contains(&context), "{error}");
        assert_eq!(held(&site).await, before);
        site.restore(&context, saved).await;
        let next = scene.fail_and_retry(&running, Duration::ZERO).await;
        assert_eq!(scene.load(&next.run).await.status, RunStatus::Queued);
    });
}

#[test]
fn g2_a_store_with_another_marker_starts_nothing_and_takes_no_runs() {
    Site::lend(async |site: Arc<Site>| {
        let population = Population::of(&site).await;
        let marker = site.directory("store");
        site.command(&["DEL", &marker]).await;
        let before = held(&site).await;
        let came = population.scene.begin_one(&population.start).await;
        assert_eq!(came, Came::Moved);
        let runs = &population.scene.ports.runs;
        let error = runs.submit(&[HOME.sync()]).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::NotMigrated);
        assert_eq!(held(&site).await, before);
    });
}

#[test]
fn a_hash_that_is_gone_or_of_another_type_is_damage_and_not_a_run_without_it() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::home(&ports(&site.open().await)).await;
        let running = scene.running().await;
        let other = scene.running().await;
        for run in [&running, &other] {
            let cancellation = Cancellation {
                run: run.key.id,
                note: note("somebody", ""),
            };
            scene.ports.runs.cancel(&[cancellation]).await.unwrap();
        }
        let more = site.tagged(HOME.workspace, &format!("more:{}", running.key.id));
        let saved = site.dump().await.get(&more).cloned();
        for damage in [["DEL", &more].as_slice(), &["SET", &more, "something else"]] {
            site.command(damage).await;
            let runs = &scene.ports.runs;
            let error = runs.load(from_ref(&running.key)).await.unwrap_err();
            assert_eq!(error.kind(), PortErrorKind::Corrupt, "{error}");
            let id = running.key.id.to_string();
            assert!(error.to_string().contains(&id), "{damage:?}: {error}");
            let finish = running.finish(failed());
            let error = runs.finish(from_ref(&finish)).await.unwrap_err();
            assert!(error.to_string().contains(&more), "{damage:?}: {error}");
            // Its neighbour is read.
            let both = [running.key.clone(), other.key.clone()];
            let loaded = runs.load(&both).await.unwrap();
            assert!(loaded[0].is_none() && loaded[1].is_some(), "{damage:?}");
            site.command(&["DEL", &more]).await;
            site.restore(&more, saved.clone()).await;
        }
        assert!(scene.load(&running.key).await.cancel.is_some());
    });
}

/// A run whose text and hash are written by one script is not read half before it and half after it.
#[test]
fn a_run_is_read_with_its_hash_at_one_moment() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::home(&ports(&site.open().await)).await;
        let mut finishes = Vec::new();
        for _ in 0..100 {
            let running = scene.running().await;
            let cancellation = Cancellation {
                run: running.key.id,
                note: note("somebody", ""),
            };
            scene.ports.runs.cancel(&[cancellation]).await.unwrap();
            let mut finish = running.finish(failed());
            finish.result = Some(JsonText::canonical("{}").unwrap());
            finishes.push(finish);
        }
        let keys: Vec<RunKey> = finishes.iter().map(|one| one.run.clone()).collect();
        let another = ports(&site.open().await);
        let reading = async {
            loop {
                let runs = another.runs.load(&keys).await.unwrap();
                let runs: Vec<_> = runs.into_iter().map(Option::unwrap).collect();
                for run in &runs {
                    let has_ended = run.status == RunStatus::Completed;
                    assert_eq!(run.result.is_some(), has_ended, "{run:?}");
                }
                if runs.iter().all(|run| run.result.is_some()) {
                    return;
                }
            }
        };
        let finishing = async {
            for finish in &finishes {
                scene.ports.runs.finish(from_ref(finish)).await.unwrap();
            }
        };
        futures::join!(reading, finishing);
    });
}
