//! Finding out what became of a start whose commit is not known.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::slice::from_ref;
use std::task::Poll;
use std::time::Duration;

use countersign_domain::{RunOutcome, RunStatus};
use countersign_ports::{Begun, ReadBack, RunKey, Start, Work};

use crate::Ports;
use crate::scene::{Came, HOME, Scene, note, patiently};

/// What reading back found, without the permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Committed(Came),
    StillQueued,
    NotQueued,
}

impl From<&ReadBack> for Found {
    fn from(read: &ReadBack) -> Self {
        match read {
            ReadBack::Committed(begun) => Self::Committed(begun.into()),
            ReadBack::StillQueued => Self::StillQueued,
            ReadBack::NotQueued => Self::NotQueued,
        }
    }
}

async fn read_back(scene: &Scene, starts: &[Start]) -> Vec<Found> {
    let found = patiently(|| scene.ports.runs.read_back(starts)).await;
    assert_eq!(found.len(), starts.len(), "an answer for each");
    found.iter().map(Found::from).collect()
}

/// G3: a start that was answered yields no second permit, nor does its deny count twice.
pub async fn a_start_that_was_answered_yields_no_second_permit(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene.submit_all([HOME.sync(), HOME.denied()]).await;
    let starts = scene.judge_all(&keys).await;
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Started, Came::Blocked]);
    let spent = Found::Committed(Came::NotQueued);
    assert_eq!(read_back(&scene, &starts).await, [spent, spent]);
    let elsewhere = scene.elsewhere().await;
    assert_eq!(read_back(&elsewhere, &starts).await, [spent, spent]);
}

/// G3: whoever was told that a start had not happened judges again; the first one must not come true later.
pub async fn a_start_that_was_found_queued_begins_nothing_any_more(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let start = scene.judge(&key).await;
    assert_eq!(
        read_back(&scene, from_ref(&start)).await,
        [Found::StillQueued]
    );
    let given_up = scene.judge(&key).await;
    given_up.abandon();
    for spent in [&start, &given_up] {
        assert_eq!(scene.begin_one(spent).await, Came::NotQueued);
        assert_eq!(scene.load(&key).await.status, RunStatus::Queued);
    }
    assert_eq!(scene.try_start(&key).await, Came::Started);
}

/// A decision stays on the record of a run that was completed since.
pub async fn a_start_is_found_after_its_run_was_completed(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let start = scene.judge(&key).await;
    assert_eq!(scene.begin_one(&start).await, Came::Started);
    let running = crate::scene::Running {
        key,
        lease_id: start.lease_id(),
    };
    scene.complete(&running, Work::Succeeded).await;
    let found = read_back(&scene, from_ref(&start)).await;
    assert_eq!(found, [Found::Committed(Came::NotQueued)]);
}

/// A start that never reached the store: the run is still queued, and starts by another decision.
pub async fn a_start_that_was_never_sent_is_still_queued(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene.submit_all([HOME.sync(), HOME.denied()]).await;
    let starts = scene.judge_all(&keys).await;
    let found = read_back(&scene, &starts).await;
    assert_eq!(found, [Found::StillQueued; 2]);
    for run in scene.load_all(&keys).await {
        assert_eq!((run.status, run.decision), (RunStatus::Queued, None));
    }
    let starts = scene.judge_all(&keys).await;
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Started, Came::Blocked]);
}

/// A start whose run left the queue otherwise did not commit: no permit.
pub async fn a_start_that_was_overtaken_is_not_queued(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let [started, blocked, cancelled] = [HOME.sync(), HOME.denied(), HOME.sync()];
    let keys = scene.submit_all([started, blocked, cancelled]).await;
    let overtaken = scene.judge_all(&keys).await;
    let taken: Vec<Start> = scene.judge_all(&keys[..2]).await;
    let came = scene.begin(&taken).await;
    assert_eq!(came, [Came::Started, Came::Blocked]);
    scene.cancel(&keys[2], note("ops", "no need")).await;
    let found = read_back(&scene, &overtaken).await;
    assert_eq!(found, [Found::NotQueued; 3]);
}

/// Answers stand in input order, one for each.
pub async fn starts_are_read_back_in_input_order(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene
        .submit_all([HOME.sync(), HOME.sync(), HOME.sync()])
        .await;
    let mut starts = scene.judge_all(&keys).await;
    let committed = scene.judge(&keys[1]).await;
    assert_eq!(scene.begin_one(&committed).await, Came::Started);
    starts.push(committed);
    assert_eq!(
        read_back(&scene, &starts).await,
        [
            Found::StillQueued,
            Found::NotQueued,
            Found::StillQueued,
            Found::Committed(Came::NotQueued),
        ]
    );
}

/// A start whose answer was lost, at whatever point, yields one permit at most: by reading back, if it
/// had committed, and by another decision, if it had not.
pub async fn a_start_whose_answer_was_lost_is_found_by_reading_back(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for polls in 0..24 {
        let key = scene.submit(HOME.sync()).await;
        let start = scene.judge(&key).await;
        if let Some(came) = begin_and_hang_up(&scene, &start, polls).await {
            assert_eq!(came, Came::Started, "answered before the line was cut");
            continue;
        }
        let read = patiently(|| ports.runs.read_back(from_ref(&start))).await;
        match &read[0] {
            ReadBack::Committed(begun @ (Begun::Started(_) | Begun::NotQueued)) => {
                // Where the permit was lost with the call, the run is rescued when its lease lapses.
                if let Begun::Started(permit) = begun {
                    assert_eq!(permit.run(), &key);
                }
                let run = scene.load(&key).await;
                assert_eq!(run.status, RunStatus::Running);
                assert_eq!(run.decision.as_ref(), Some(&start.record()));
                let again = read_back(&scene, from_ref(&start)).await;
                assert_eq!(again, [Found::Committed(Came::NotQueued)]);
                assert_eq!(scene.try_start(&key).await, Came::NotQueued);
            }
            ReadBack::StillQueued => starts_once(&scene, &key).await,
            ReadBack::Committed(_) | ReadBack::NotQueued => {
                panic!("committed once, or still queued: {read:?}")
            }
        }
    }
}

/// Polls `begin` that often and drops it; what it answered, if it did.
async fn begin_and_hang_up(scene: &Scene, start: &Start, polls: usize) -> Option<Came> {
    let mut begin = pin!(scene.ports.runs.begin(from_ref(start)));
    for _ in 0..polls {
        let polled = poll_fn(|cx| Poll::Ready(begin.as_mut().poll(cx))).await;
        if let Poll::Ready(begun) = polled {
            return Some((&begun.unwrap()[0]).into());
        }
        // The store goes on meanwhile.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    None
}

/// A run that was found queued starts by a fresh decision, unless the lost one arrives after all: then
/// it is running without a permit until its lease lapses. It never has two decisions.
async fn starts_once(scene: &Scene, key: &RunKey) {
    let fresh = scene.judge(key).await;
    let came = scene.begin_one(&fresh).await;
    let run = scene.load(key).await;
    assert_eq!(
        (run.status, run.outcome),
        (RunStatus::Running, RunOutcome::Pending)
    );
    let by_fresh = run.decision.as_ref() == Some(&fresh.record());
    match came {
        Came::Started => assert!(by_fresh),
        Came::NotQueued => assert!(!by_fresh),
        Came::Blocked | Came::Moved | Came::Busy | Came::CancelRequested => {
            panic!("started once, by one of the two: {came:?}")
        }
    }
}
