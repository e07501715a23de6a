//! Completions: under the lease, once, with everything that the handler left.

use countersign_domain::{Failure, FailureCode, OperationRun, RunOutcome, RunStatus};
use countersign_ports::{Finish, Finished, RunKey, Work, fresh_lease_id, fresh_run_id};

use crate::Ports;
use crate::scene::{AN_HOUR, HOME, Running, Scene, failed, json, note};

fn completed(outcome: RunOutcome) -> Finished {
    Finished::Completed {
        outcome,
        successor: None,
    }
}

/// Each thing that work can come to is an outcome, and a failure keeps its code and words.
pub async fn each_work_is_an_outcome(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let mut works = vec![
        (Work::Succeeded, RunOutcome::Succeeded),
        (Work::PartiallySucceeded, RunOutcome::PartiallySucceeded),
        (
            Work::Cancelled(note("worker", "told to")),
            RunOutcome::Cancelled,
        ),
    ];
    works.extend(FailureCode::ALL.iter().map(|&code| {
        let message = format!("it \"{code}\"\nand 'more' \\ 💥");
        (Work::Failed(Failure { code, message }), RunOutcome::Failed)
    }));
    for (work, outcome) in works {
        let running = scene.running().await;
        let before = scene.clock().await;
        let finished = scene.finish(running.finish(work.clone())).await;
        let after = scene.clock().await;
        assert_eq!(finished, completed(outcome), "{work:?}");

        let run = scene.load(&running.key).await;
        assert_eq!((run.status, run.outcome), (RunStatus::Completed, outcome));
        let completed_at = run.completed_at.expect("a time of completion");
        assert!(before <= completed_at && completed_at <= after);
        assert!(run.started_at.is_some_and(|at| at <= completed_at));
        let (failure, cancel) = match work {
            Work::Succeeded | Work::PartiallySucceeded => (None, None),
            Work::Failed(failure) => (Some(failure), None),
            Work::Cancelled(note) => (None, Some(note)),
        };
        assert_eq!((run.failure, run.cancel), (failure, cancel));
    }
}

/// Result and output are kept to the letter, whatever the outcome, beside the decision.
pub async fn result_and_output_are_kept_to_the_letter(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for (work, text) in [
        (Work::Succeeded, r#"{"n":1.0,"s":"é \"'\\"}"#),
        (Work::PartiallySucceeded, "123456789012345678901234567890"),
        (failed(), r#""text""#),
        (Work::Cancelled(note("worker", "told to")), "null"),
    ] {
        let running = scene.running().await;
        let before = scene.load(&running.key).await;
        let finish = Finish {
            result: Some(json(text)),
            output: Some(json(r#"{"tail":"a\nb\u0001"}"#)),
            ..running.finish(work)
        };
        scene.finish(finish.clone()).await;
        let run = scene.load(&running.key).await;
        assert_eq!(run.result, finish.result);
        assert_eq!(run.output, finish.output);
        let as_before = OperationRun {
            status: before.status,
            outcome: before.outcome,
            result: None,
            output: None,
            failure: None,
            cancel: None,
            completed_at: None,
            ..run
        };
        assert_eq!(as_before, before, "and nothing else has changed");
    }
}

/// A completion that was sent twice is answered twice with what is on record, whatever it says the
/// second time.
pub async fn a_completion_that_is_repeated_is_answered_with_what_is_on_record(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let failing = scene.running().await;
    let finish = failing.fail_and_retry(AN_HOUR);
    let first = scene.finish(finish.clone()).await;
    let run = scene.load(&failing.key).await;
    assert_eq!(scene.finish(finish).await, first);
    assert_eq!(scene.finish(failing.fail_and_retry(AN_HOUR)).await, first);
    assert_eq!(scene.finish(failing.finish(Work::Succeeded)).await, first);
    assert_eq!(scene.load(&failing.key).await, run);
    let queued = ports.runs.queued_entries(None, 10).await.unwrap();
    assert_eq!(queued.len(), 1, "one successor");

    for (outcome, first, second) in [
        (
            RunOutcome::PartiallySucceeded,
            Work::PartiallySucceeded,
            failed(),
        ),
        (RunOutcome::Succeeded, Work::Succeeded, Work::Succeeded),
        (RunOutcome::Failed, failed(), Work::Succeeded),
    ] {
        let running = scene.running().await;
        let twice = [running.finish(first), running.finish(second)];
        assert_eq!(
            scene.finish_all(&twice).await,
            [completed(outcome), completed(outcome)],
            "within one batch, too"
        );
    }
}

/// A lease that has lapsed completes the run all the same, as long as nobody has rescued it.
pub async fn a_late_completion_is_accepted_before_a_rescue(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let running = scene.start_and_lapse(&key).await;
    let outcome = scene.complete(&running, Work::Succeeded).await;
    assert_eq!(outcome, RunOutcome::Succeeded);
    assert!(scene.rescue(10).await.is_empty());
}

/// After a rescue the lease is lost: the run stays as the rescue left it.
pub async fn a_completion_after_a_rescue_has_lost_its_lease(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let running = scene.start_and_lapse(&key).await;
    assert_eq!(scene.rescue(10).await.len(), 1);
    let run = scene.load(&key).await;
    for finish in [
        running.finish(Work::Succeeded),
        running.fail_and_retry(AN_HOUR),
    ] {
        assert_eq!(scene.finish(finish).await, Finished::LeaseLost);
    }
    assert_eq!(scene.load(&key).await, run);
}

/// Only the lease that the run was started under completes it.
pub async fn a_lease_of_another_run_completes_nothing(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let (one, other) = (scene.running().await, scene.running().await);
    let run = scene.load(&one.key).await;
    for lease_id in [other.lease_id, fresh_lease_id()] {
        // Of every kind: stores may have shorter ways for the plain ones.
        for finish in [
            one.fail_and_retry(AN_HOUR),
            one.finish(Work::Succeeded),
            one.finish(Work::PartiallySucceeded),
            one.finish(Work::Cancelled(note("worker", "told to"))),
        ] {
            let finish = Finish { lease_id, ..finish };
            assert_eq!(scene.finish(finish).await, Finished::LeaseLost);
        }
    }
    assert_eq!(scene.load(&one.key).await, run);
    assert!(
        ports
            .runs
            .queued_entries(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

/// Runs that are not running have nothing to complete: queued, cancelled, blocked or unknown.
pub async fn a_run_that_is_not_running_is_not_completed(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene
        .submit_all([HOME.sync(), HOME.sync(), HOME.denied()])
        .await;
    scene.cancel(&keys[1], note("ops", "no need")).await;
    scene.try_start(&keys[2]).await;
    let ghost = RunKey {
        id: fresh_run_id(),
        ..keys[0].clone()
    };
    let before = scene.load_all(&keys).await;
    for key in keys.iter().chain([&ghost]) {
        let running = Running {
            key: key.clone(),
            lease_id: fresh_lease_id(),
        };
        let finished = scene.finish(running.finish(Work::Succeeded)).await;
        assert_eq!(finished, Finished::LeaseLost, "{}", key.id);
    }
    assert_eq!(scene.load_all(&keys).await, before);
}

/// Once the cancel flag is raised the outcome is `cancelled`, whatever the work came to: its result is
/// kept, the note is the flag's, and there is no successor.
pub async fn work_that_ends_after_the_cancel_flag_is_cancelled(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for work in [
        Work::Succeeded,
        Work::PartiallySucceeded,
        failed(),
        Work::Cancelled(note("worker", "told to")),
    ] {
        let running = scene.running().await;
        let why = note("ops", "wrong tenant");
        scene.cancel(&running.key, why.clone()).await;
        let finish = Finish {
            work: work.clone(),
            result: Some(json("[1,2]")),
            ..running.fail_and_retry(AN_HOUR)
        };
        let finished = scene.finish(finish).await;
        assert_eq!(finished, completed(RunOutcome::Cancelled), "{work:?}");
        let run = scene.load(&running.key).await;
        assert_eq!(run.outcome, RunOutcome::Cancelled);
        assert_eq!(run.result, Some(json("[1,2]")));
        assert_eq!(run.cancel, Some(why));
    }
    let queued = ports.runs.queued_entries(None, 10).await.unwrap();
    assert!(queued.is_empty(), "no successors: {queued:?}");
}

/// A flag that comes after the completion comes too late: whichever commits first decides (G7).
pub async fn a_flag_after_the_completion_changes_nothing(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let done = scene.succeeded(HOME.sync()).await;
    let run = scene.load(&done.key).await;
    scene.cancel(&done.key, note("ops", "too late")).await;
    assert_eq!(scene.load(&done.key).await, run);
    assert_eq!(run.outcome, RunOutcome::Succeeded);
}

/// Two hundred completions at once, one in three of them without a lease and every other with a result,
/// answered in input order.
pub async fn completions_are_answered_in_input_order(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene.submit_all((0..200).map(|_| HOME.sync())).await;
    let starts = scene.judge_all(&keys).await;
    scene.begin(&starts).await;
    let result_of = |n: usize| n.is_multiple_of(2).then(|| json(&n.to_string()));
    let finishes: Vec<Finish> = starts
        .iter()
        .enumerate()
        .map(|(n, start)| {
            let running = Running {
                key: start.run().clone(),
                lease_id: match n % 3 {
                    0 => fresh_lease_id(),
                    _ => start.lease_id(),
                },
            };
            Finish {
                result: result_of(n),
                ..running.finish(Work::Succeeded)
            }
        })
        .collect();
    let finished = scene.finish_all(&finishes).await;
    for (n, run) in scene.load_all(&keys).await.iter().enumerate() {
        let (expected, result) = match n % 3 {
            0 => (Finished::LeaseLost, None),
            _ => (completed(RunOutcome::Succeeded), result_of(n)),
        };
        assert_eq!((&finished[n], &run.result), (&expected, &result));
    }
}
