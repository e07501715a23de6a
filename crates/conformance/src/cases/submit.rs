//! What becomes of a submission, and how runs are found.

use countersign_domain::{
    AuthorityMode, QueueName, RunOutcome, RunStatus, Submission, SubmittedContext,
};
use countersign_ports::{RunKey, Submitted, Work, fresh_run_id};

use crate::Ports;
use crate::change::id;
use crate::scene::{AN_HOUR, AWAY, HOME, Scene};

/// What was asked for is what is kept, and nothing else has happened to the run yet.
pub async fn a_submission_is_queued_as_it_was_given(ports: &Ports) {
    let scene = Scene::bare(ports);
    let submission = Submission {
        id: Some(fresh_run_id()),
        context: SubmittedContext::parse(r#"{"b":[1,2.50],"a":"é"}"#).unwrap(),
        due_at: Some(scene.clock().await.plus(AN_HOUR)),
        priority: -7,
        unique_key: Some(id("nightly")),
        queue_name: id("slow"),
        ..HOME.restore()
    };
    let before = scene.clock().await;
    let key = scene.submit(submission.clone()).await;
    let after = scene.clock().await;

    let run = scene.load(&key).await;
    assert_eq!(Some(run.id), submission.id);
    assert_eq!(run.workspace_id, submission.workspace_id);
    assert_eq!(run.tenant_id, submission.tenant_id);
    assert_eq!(run.initiator, submission.initiator);
    assert_eq!(run.authority_mode, AuthorityMode::ActorBound);
    assert_eq!(run.operation_type, submission.operation_type);
    assert_eq!(
        run.provider_connection_id,
        submission.provider_connection_id
    );
    assert_eq!(run.context, submission.context);
    assert_eq!(Some(run.due_at), submission.due_at);
    assert_eq!(run.priority, submission.priority);
    assert_eq!(run.unique_key, submission.unique_key);
    assert_eq!(run.queue_name, submission.queue_name);
    assert!(before <= run.queued_at && run.queued_at <= after);
    assert_eq!(
        (run.status, run.outcome),
        (RunStatus::Queued, RunOutcome::Pending)
    );
    assert_eq!((run.chain_id, run.attempt, run.retry_of), (key.id, 1, None));
    assert_eq!((run.decision, run.continuity), (None, None));
    assert_eq!((run.result, run.output), (None, None));
    assert_eq!((run.failure, run.cancel), (None, None));
    assert_eq!((run.started_at, run.completed_at), (None, None));
    assert_eq!((run.requested_by, run.undecided_since), (None, None));
}

/// The store's clock says when a run without a time is due: when it was accepted.
pub async fn a_submission_without_a_time_is_due_when_it_was_accepted(ports: &Ports) {
    let scene = Scene::bare(ports);
    let before = scene.clock().await;
    let answer = scene.offer(&[HOME.sync()]).await.remove(0);
    let after = scene.clock().await;
    let Submitted::Created { id, due_at } = answer else {
        panic!("created: {answer:?}")
    };
    assert!(before <= due_at && due_at <= after);
    let found = ports.runs.find(&[id]).await.unwrap().remove(0).unwrap();
    assert_eq!(found.due_at, due_at, "what was answered is what is kept");
    assert_eq!(found.queue_name, QueueName::standard());
}

/// A time is kept to the microsecond, whether it has passed or is far ahead.
pub async fn a_submission_with_a_time_keeps_it_to_the_microsecond(ports: &Ports) {
    let scene = Scene::bare(ports);
    for text in [
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.000001Z",
        "2001-02-03T04:05:06.789123Z",
        "2096-02-29T23:59:59.999999Z",
        "9999-12-30T22:00:00Z",
    ] {
        let due_at = id(text);
        let key = scene
            .submit(Submission {
                due_at: Some(due_at),
                ..HOME.sync()
            })
            .await;
        assert_eq!(scene.load(&key).await.due_at, due_at, "{text}");
    }
}

/// Authority is not judged at submission: nobody and nothing that is named here exists.
pub async fn authority_is_not_judged_at_submission(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.denied()).await;
    assert_eq!(scene.load(&key).await.status, RunStatus::Queued);
}

/// A system run has no initiator, and keeps its mode.
pub async fn a_system_run_has_no_initiator(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.system()).await;
    let run = scene.load(&key).await;
    assert_eq!(run.authority_mode, AuthorityMode::System);
    assert_eq!(run.initiator, None);
}

/// Once `submit` has returned, any process sees the run.
pub async fn a_submitted_run_is_seen_by_another_process(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.sync()).await;
    let elsewhere = scene.elsewhere().await;
    assert_eq!(elsewhere.load(&key).await, scene.load(&key).await);
}

/// A thousand runs at once, each with its own id, answered in input order.
pub async fn a_thousand_runs_are_queued_in_one_batch(ports: &Ports) {
    let scene = Scene::bare(ports);
    let submissions: Vec<Submission> = (0..1000)
        .map(|n: i16| Submission {
            id: (n % 2 == 0).then(fresh_run_id),
            priority: n,
            ..if n % 3 == 0 { AWAY.sync() } else { HOME.sync() }
        })
        .collect();
    let keys = scene.submit_all(submissions.clone()).await;
    let runs = scene.load_all(&keys).await;
    for (run, submission) in runs.iter().zip(&submissions) {
        assert_eq!(run.priority, submission.priority, "in input order");
        assert_eq!(run.workspace_id, submission.workspace_id);
        assert!(submission.id.is_none_or(|id| id == run.id));
    }
    let mut ids: Vec<_> = runs.iter().map(|run| run.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1000, "no two runs share an id");
}

/// Runs are found by id alone, too, in input order, with none for those that are not there.
pub async fn runs_are_found_by_id_alone(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let here = scene.submit(HOME.sync()).await;
    let there = scene.succeeded(HOME.sync()).await.key;
    let ids = [there.id, fresh_run_id(), here.id, there.id];
    let found = ports.runs.find(&ids).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|run| run.map(|run| run.id)).collect();
    assert_eq!(found, [Some(there.id), None, Some(here.id), Some(there.id)]);

    let stray = RunKey {
        id: fresh_run_id(),
        ..here.clone()
    };
    let loaded = ports.runs.load(&[stray, here.clone()]).await.unwrap();
    let loaded: Vec<_> = loaded
        .into_iter()
        .map(|run| run.map(|run| run.id))
        .collect();
    assert_eq!(loaded, [None, Some(here.id)]);
}

/// Every method takes an empty batch for what it is.
pub async fn an_empty_batch_is_answered_with_nothing(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    let policy = countersign_ports::UndecidedPolicy::default();
    assert!(ports.runs.submit(&[]).await.unwrap().is_empty());
    assert!(ports.runs.load(&[]).await.unwrap().is_empty());
    assert!(ports.runs.find(&[]).await.unwrap().is_empty());
    assert!(ports.runs.begin(&[]).await.unwrap().is_empty());
    assert!(ports.runs.read_back(&[]).await.unwrap().is_empty());
    assert!(ports.runs.renew(&[]).await.unwrap().is_empty());
    assert!(ports.runs.finish(&[]).await.unwrap().is_empty());
    assert!(ports.runs.put_off(&[], &policy).await.unwrap().is_empty());
    assert!(ports.runs.cancel(&[]).await.unwrap().is_empty());
    assert!(ports.runs.retry(&[]).await.unwrap().is_empty());
    assert!(ports.authority.look_up(&[]).await.unwrap().is_empty());
    assert!(ports.authority.roles(&[]).await.unwrap().is_empty());
    assert!(ports.queue.push(&[]).await.unwrap().is_empty());
    assert!(ports.queue.ack(&[]).await.unwrap().is_empty());
    assert!(ports.queue.put_off(&[], AN_HOUR).await.unwrap().is_empty());
    let applied = ports.authority.apply(&[]).await.unwrap();
    assert_eq!((applied.changes, applied.raised.len()), (0, 0));
    let outcome = scene.complete(&running, Work::Succeeded).await;
    assert_eq!(outcome, RunOutcome::Succeeded, "and nothing was disturbed");
}

/// Later readings of the store's clock are not earlier, whichever process reads it.
pub async fn the_clock_does_not_run_backwards(ports: &Ports) {
    let scene = Scene::bare(ports);
    let elsewhere = scene.elsewhere().await;
    let mut latest = scene.clock().await;
    for n in 0..40 {
        let reader = if n % 2 == 0 { &elsewhere } else { &scene };
        let read = reader.clock().await;
        assert!(read >= latest, "{read} after {latest}");
        latest = read;
    }
    scene.clock_past(latest).await;
}
