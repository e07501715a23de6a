//! Ids and payloads that somebody chose to cause trouble: they are data, compared byte for byte and
//! kept to the letter.

use std::cmp::Ordering;

use countersign_domain::{
    Failure, FailureCode, JsonText, MAX_JSON_BYTES, Submission, SubmittedContext, Timestamp,
};
use countersign_ports::{ContextDetail, Finish, RunFilter, Work};

use crate::Ports;
use crate::change::{define_role, grant, id, revoke, set_prerequisite, set_tenant, set_workspace};
use crate::odd_ids::{LOOK_ALIKES, ids};
use crate::scene::{AN_HOUR, Came, HOME, Place, Scene, failed, json, note};

/// A place that goes by one name in everything.
fn place(name: &str) -> Place<'_> {
    Place {
        workspace: name,
        tenant: name,
        connection: name,
        user: name,
        guest: HOME.guest,
    }
}

/// Whatever ids are used for workspace, tenant, user, connection, queue and unique key: each run is
/// kept, found, delivered and started for itself.
pub async fn any_id_is_kept_to_the_letter(ports: &Ports) {
    let scene = Scene::bare(ports);
    let names = ids();
    let changes: Vec<_> = names
        .iter()
        .flat_map(|name| place(name).changes())
        .collect();
    scene.apply(&changes).await;
    let keys = scene
        .submit_all(names.iter().map(|name| Submission {
            queue_name: id(name),
            unique_key: Some(id(name)),
            ..place(name).restore()
        }))
        .await;
    for (name, key) in names.iter().zip(&keys) {
        let run = scene.load(key).await;
        assert_eq!(run.workspace_id.as_str(), name);
        assert_eq!(run.tenant_id.as_str(), name);
        assert_eq!(run.initiator, Some(id(name)));
        assert_eq!(run.provider_connection_id, Some(id(name)));
        assert_eq!(run.queue_name.as_str(), name);
        assert_eq!(run.unique_key, Some(id(name)));

        let filter = RunFilter {
            workspace_id: Some(id(name)),
            ..RunFilter::default()
        };
        let listed = ports
            .runs
            .list(&filter, None, 10, ContextDetail::Full)
            .await;
        assert_eq!(listed.unwrap().runs, [run], "{name:?}");
        let known = scene.catalog.names();
        let received = scene.receive_from(&id(name), &known, 10, AN_HOUR).await;
        assert_eq!(received.len(), 1, "{name:?}");
        assert_eq!(received[0].run, *key);
    }
    let starts = scene.judge_all(&keys).await;
    assert_eq!(scene.begin(&starts).await, vec![Came::Started; names.len()]);
}

/// Ids that look alike are different ids: a change of one leaves all the others as they were.
pub async fn ids_that_look_alike_are_told_apart(ports: &Ports) {
    let scene = Scene::bare(ports);
    let places = LOOK_ALIKES.map(place);
    let changes: Vec<_> = places.iter().flat_map(Place::changes).collect();
    scene.apply(&changes).await;
    for (revoked, name) in LOOK_ALIKES.into_iter().enumerate() {
        let keys = scene.submit_all(places.iter().map(Place::sync)).await;
        let starts = scene.judge_all(&keys).await;
        let raised = scene
            .apply(&[revoke(name, name, name, "operator")])
            .await
            .raised;
        assert_eq!(raised.len(), 1, "{name:?} raised {raised:?}");
        for (other, came) in scene.begin(&starts).await.into_iter().enumerate() {
            let expected = match other.cmp(&revoked) {
                Ordering::Less => Came::Blocked,
                Ordering::Equal => Came::Moved,
                Ordering::Greater => Came::Started,
            };
            assert_eq!(came, expected, "{:?} after {name:?}", LOOK_ALIKES[other]);
        }
    }
}

/// The same for what has no run of its own: roles, capabilities, prerequisites, unique keys.
pub async fn names_that_look_alike_are_told_apart(ports: &Ports) {
    let scene = Scene::bare(ports);
    let names = ids();
    let mut changes = vec![set_workspace("w", true), set_tenant("t", "w")];
    for name in &names {
        changes.push(define_role(name, &[name], false));
        changes.push(grant("u", "w", "t", name));
        changes.push(set_prerequisite("w", "t", name, true));
    }
    scene.apply(&changes).await;
    let query = Place {
        workspace: "w",
        tenant: "t",
        user: "u",
        ..HOME
    }
    .query();
    let facts = scene.look_up(&query).await.facts().clone();
    assert_eq!(facts.roles.len(), names.len());
    assert_eq!(facts.capabilities.len(), names.len());
    assert_eq!(facts.prerequisites.len(), names.len());
    scene
        .apply(&[
            define_role("a", &[], false),
            revoke("u", "w", "t", "A"),
            set_prerequisite("w", "t", "á", false),
        ])
        .await;
    let fewer = scene.look_up(&query).await.facts().clone();
    let roles = fewer.roles.iter().map(AsRef::as_ref);
    let expected = facts
        .roles
        .iter()
        .map(AsRef::as_ref)
        .filter(|name: &&str| *name != "A");
    assert!(roles.eq(expected));
    assert_eq!(fewer.capabilities.len(), names.len() - 2);
    assert!(fewer.prerequisites.iter().all(|name| name.as_str() != "á"));
    assert_eq!(fewer.prerequisites.len(), names.len() - 1);

    let keyed = names.iter().map(|name| Submission {
        unique_key: Some(id(name)),
        ..HOME.sync()
    });
    scene.submit_all(keyed).await;
}

/// Contexts that are as large, as deep and as odd as they may be come back to the letter.
pub async fn any_context_is_kept_to_the_letter(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let frame = r#"{"k":""}"#.len();
    let deep = format!("{{\"k\":{}{}}}", "[".repeat(63), "]".repeat(63));
    let texts = [
        "{}".to_owned(),
        format!(r#"{{"k":"{}"}}"#, "x".repeat(MAX_JSON_BYTES - frame)),
        format!(r#"{{"k":"{}"}}"#, "😀".repeat((MAX_JSON_BYTES - frame) / 4)),
        deep,
        r#"{"big":123456789012345678901234567890,"e":1e400,"n":-0.0,"t":1.50}"#.to_owned(),
        r#"{"":0," ":1,"$x":2,"__proto__":3,"a.b":4,"id":5}"#.to_owned(),
        r#"{"html":"</script><!-- & '","sql":"'; --","u":"\u0001\u001f\u007f\b\t\\\""}"#.to_owned(),
        "{\"line\":\"\u{2028}\u{2029}\u{feff}\u{10ffff}👩‍👩‍👧\"}".to_owned(),
        format!("{{\"many\":[{}0]}}", "0,".repeat(50_000)),
    ];
    let contexts = texts.map(|text| SubmittedContext::parse(&text).expect(&text));
    let keys = scene
        .submit_all(contexts.clone().map(|context| Submission {
            context,
            ..HOME.sync()
        }))
        .await;
    for (run, context) in scene.load_all(&keys).await.iter().zip(&contexts) {
        assert!(run.context == *context, "{} bytes", context.as_str().len());
    }
    let starts = scene.judge_all(&keys).await;
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Started; 9]);
    let runs = scene.load_all(&keys).await;
    assert!(
        runs.iter()
            .zip(&contexts)
            .all(|(run, context)| run.context == *context)
    );
}

/// Results of the largest size, and long words about a failure or a cancel, come back to the letter.
pub async fn any_result_is_kept_to_the_letter(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let text = format!("\"{}\"", "\\\"".repeat((MAX_JSON_BYTES - 2) / 2));
    let largest = JsonText::canonical(&text).unwrap();
    let words = "'\"\\\n\t\u{1}\u{7f}%s {} 💥 </script> ".repeat(200);
    let running = scene.running().await;
    let finish = Finish {
        result: Some(largest.clone()),
        output: Some(largest.clone()),
        ..running.finish(Work::Failed(Failure {
            code: FailureCode::HandlerFailed,
            message: words.clone(),
        }))
    };
    scene.finish(finish).await;
    let run = scene.load(&running.key).await;
    assert!(run.result == Some(largest.clone()) && run.output == Some(largest));
    assert_eq!(run.failure.unwrap().message, words);

    let cancelled = scene.submit(HOME.sync()).await;
    scene.cancel(&cancelled, note("' OR 1=1 --", &words)).await;
    let run = scene.load(&cancelled).await;
    assert_eq!(run.cancel, Some(note("' OR 1=1 --", &words)));
}

/// The ends of every range: priorities, due times, limits, durations.
pub async fn the_ends_of_every_range_are_in_range(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene
        .submit_all([i16::MIN, i16::MAX].map(|priority| Submission {
            priority,
            due_at: Some(Timestamp::LATEST),
            ..HOME.sync()
        }))
        .await;
    let runs = scene.load_all(&keys).await;
    assert_eq!([runs[0].priority, runs[1].priority], [i16::MIN, i16::MAX]);
    assert!(scene.receive(u32::MAX).await.is_empty());
    let all = RunFilter::default();
    let listed = ports
        .runs
        .list(&all, None, u32::MAX, ContextDetail::Full)
        .await;
    assert_eq!(listed.unwrap().runs.len(), 2);
    let entries = ports.runs.queued_entries(None, u32::MAX).await.unwrap();
    assert_eq!(entries.len(), 2);
    assert!(scene.rescue(u32::MAX).await.is_empty());

    let long = std::time::Duration::MAX;
    let key = scene.submit(HOME.sync()).await;
    let running = scene.start_for(&key, long).await;
    scene.renew(running.renewal(long)).await;
    assert!(scene.rescue(10).await.is_empty());
    let successor = scene.fail_and_retry(&running, long).await;
    assert_eq!(successor.due_at, Timestamp::LATEST);
}

/// JSON of any kind is a result: a bare word, a number, a list.
pub async fn any_json_is_a_result(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for text in [
        "null",
        "true",
        "0",
        "-1.50e-7",
        "\"\"",
        "[]",
        "{}",
        "[null,{}]",
    ] {
        let running = scene.running().await;
        let finish = Finish {
            result: Some(json(text)),
            ..running.finish(failed())
        };
        scene.finish(finish).await;
        assert_eq!(scene.load(&running.key).await.result, Some(json(text)));
    }
}
