//! Submitting is idempotent by run id; an id belongs to one identity.

use countersign_domain::{AuthorityMode, RunOutcome, RunStatus, Submission, SubmittedContext};
use countersign_ports::{QueueUpkeep, RunKey, Submitted, fresh_run_id};

use crate::Ports;
use crate::change::id;
use crate::scene::{AWAY, HOME, Scene};

fn created(answer: &Submitted) -> bool {
    matches!(answer, Submitted::Created { .. })
}

/// Submitting is idempotent by id: again and from anywhere, the answer is the same run, unchanged.
pub async fn an_id_that_is_submitted_again_is_the_same_run(ports: &Ports) {
    let scene = Scene::bare(ports);
    let submission = Submission {
        id: Some(fresh_run_id()),
        ..HOME.sync()
    };
    let key = scene.submit(submission.clone()).await;
    let run = scene.load(&key).await;

    let changed = Submission {
        context: SubmittedContext::parse(r#"{"other":true}"#).unwrap(),
        priority: 9,
        due_at: Some(id("2096-01-01T00:00:00Z")),
        ..submission.clone()
    };
    for again in [submission, changed] {
        for scene in [&scene, &scene.elsewhere().await] {
            let answer = scene.offer(std::slice::from_ref(&again)).await.remove(0);
            assert_eq!(answer, Submitted::Existing { id: key.id });
        }
    }
    assert_eq!(scene.load(&key).await, run);
}

/// Not even after it was completed does an id queue a second run (G3).
pub async fn the_id_of_a_completed_run_queues_nothing(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let submission = Submission {
        id: Some(fresh_run_id()),
        ..HOME.sync()
    };
    let done = scene.succeeded(submission.clone()).await;
    let answer = scene.offer(&[submission]).await.remove(0);
    assert_eq!(answer, Submitted::Existing { id: done.key.id });
    assert_eq!(
        scene.stands(&done.key).await,
        (RunStatus::Completed, RunOutcome::Succeeded)
    );
}

/// An id belongs to its workspace, tenant, initiator, mode, type and connection; for any other it is
/// taken, nothing is queued, and the run stays as it is (G8).
pub async fn an_id_is_taken_for_any_other_identity(ports: &Ports) {
    let scene = Scene::bare(ports);
    let submission = Submission {
        id: Some(fresh_run_id()),
        ..HOME.restore()
    };
    let key = scene.submit(submission.clone()).await;
    let run = scene.load(&key).await;
    let base = || submission.clone();
    let others = [
        Submission {
            workspace_id: id(AWAY.workspace),
            ..base()
        },
        Submission {
            tenant_id: id(AWAY.tenant),
            ..base()
        },
        Submission {
            initiator: Some(id(AWAY.user)),
            ..base()
        },
        Submission {
            authority_mode: AuthorityMode::System,
            initiator: None,
            ..base()
        },
        Submission {
            operation_type: id("inventory_sync"),
            ..base()
        },
        Submission {
            provider_connection_id: Some(id(AWAY.connection)),
            ..base()
        },
        Submission {
            provider_connection_id: None,
            ..base()
        },
    ];
    for other in others {
        let answer = scene.offer(std::slice::from_ref(&other)).await.remove(0);
        assert_eq!(answer, Submitted::IdTaken { id: key.id }, "{other:?}");
    }
    assert_eq!(scene.load(&key).await, run, "nothing was changed");
    let stray = RunKey {
        workspace_id: id(AWAY.workspace),
        id: key.id,
    };
    assert_eq!(ports.runs.load(&[stray]).await.unwrap(), [None]);
}

/// Within one batch the first submission of an id is the run.
pub async fn an_id_twice_in_one_batch_is_queued_once(ports: &Ports) {
    let scene = Scene::bare(ports);
    let first = Submission {
        id: Some(fresh_run_id()),
        ..HOME.sync()
    };
    let other_tenant = Submission {
        tenant_id: id(AWAY.tenant),
        ..first.clone()
    };
    let taken = first.id.unwrap();
    let answers = scene.offer(&[first.clone(), first, other_tenant]).await;
    assert!(created(&answers[0]));
    assert_eq!(answers[1], Submitted::Existing { id: taken });
    assert_eq!(answers[2], Submitted::IdTaken { id: taken });
}

/// One that is answered with the holder of its unique key leaves its id to the next.
pub async fn an_id_that_was_not_queued_is_left_to_the_next(ports: &Ports) {
    let scene = Scene::bare(ports);
    let keyed = Submission {
        unique_key: Some(id("nightly")),
        ..HOME.sync()
    };
    let holder = scene.submit(keyed.clone()).await;
    let named = fresh_run_id();
    let with_id = |submission| Submission {
        id: Some(named),
        ..submission
    };
    let batch = [with_id(keyed), with_id(HOME.sync()), HOME.sync()];
    let answers = scene.offer(&batch).await;
    assert_eq!(answers[0], Submitted::Existing { id: holder.id });
    assert!(matches!(answers[1], Submitted::Created { id, .. } if id == named));
    assert!(created(&answers[2]));
    let found = ports.runs.find(&[named]).await.unwrap().remove(0);
    assert_eq!(found.and_then(|run| run.unique_key), None);
    if ports.runs.queue_upkeep() == QueueUpkeep::InCommit {
        assert_eq!(scene.receive(10).await.len(), 3, "each has its entry");
    }
}

/// One submission that cannot be queued does not fail its neighbours.
pub async fn a_taken_id_does_not_fail_its_neighbours(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.sync()).await;
    let clash = Submission {
        id: Some(key.id),
        ..AWAY.sync()
    };
    let answers = scene.offer(&[HOME.sync(), clash, HOME.sync()]).await;
    assert!(created(&answers[0]) && created(&answers[2]));
    assert_eq!(answers[1], Submitted::IdTaken { id: key.id });
}

/// Eight processes submit the same id at once: one run comes of it.
pub async fn an_id_that_many_submit_at_once_is_queued_once(ports: &Ports) {
    let scene = Scene::bare(ports);
    let submission = Submission {
        id: Some(fresh_run_id()),
        ..HOME.sync()
    };
    let answers = scene.crowd(8, |_, scene| {
        let submission = submission.clone();
        async move { scene.offer(&[submission]).await.remove(0) }
    });
    let answers = answers.await;
    assert_eq!(answers.iter().filter(|one| created(one)).count(), 1);
}
