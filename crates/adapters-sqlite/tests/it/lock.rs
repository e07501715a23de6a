//! Whoever has to wait for the file finds it as it is then, and not as it was before.

use countersign_domain::{AttributedChange, AuthorityQuery};
use countersign_ports::{
    AuthorityLookup, AuthorityStore, Begun, LookedUp, PortResult, RunRepository,
};
use countersign_sqlite::SqliteStore;

use crate::scene::Scene;

/// Has a call go as far as it can while somebody else writes, and lets that end.
async fn behind_a_writer<T>(
    scene: &Scene,
    written: &str,
    call: impl Future<Output = PortResult<T>>,
) -> PortResult<T> {
    let mut other = scene.raw.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *other)
        .await
        .unwrap();
    sqlx::query(sqlx::AssertSqlSafe(written))
        .execute(&mut *other)
        .await
        .unwrap();
    let mut call = std::pin::pin!(call);
    for _ in 0..50 {
        tokio::select! {
            biased;
            _ = &mut call => panic!("it waits for the file"),
            () = tokio::task::yield_now() => {}
        }
        // Time for whatever statement is under way.
        scene.dump().await;
    }
    sqlx::query("COMMIT").execute(&mut *other).await.unwrap();
    call.await
}

#[tokio::test]
async fn g2_a_start_that_waited_for_a_writer_compares_what_it_finds_then() {
    let scene = Scene::new().await;
    let run = scene.queued().await;
    let starts = [scene.judged(&run).await];
    let runs = scene.store.runs();
    let begun = behind_a_writer(
        &scene,
        "UPDATE store SET created_at = created_at + 1",
        runs.begin(&starts),
    );
    let begun = begun.await.unwrap();
    assert!(matches!(begun[..], [Begun::Started(_)]), "{begun:?}");

    let run = scene.queued().await;
    let starts = [scene.judged(&run).await];
    let raised = "UPDATE scopes SET counter = counter + 1, nonce = lower(hex(randomblob(16)))";
    let begun = behind_a_writer(&scene, raised, runs.begin(&starts))
        .await
        .unwrap();
    assert!(matches!(begun[..], [Begun::AuthorityMoved]), "{begun:?}");
}

#[tokio::test]
async fn g2_a_change_that_waited_for_a_writer_finds_whom_it_concerns_then() {
    let scene = Scene::new().await;
    let line = r#"{"change":"set_user","user":"u","active":false}"#;
    let changes = [AttributedChange::parse(line).unwrap()];
    let authority = scene.store.authority();
    // Somebody grants them something in another workspace meanwhile.
    let granted = "INSERT INTO grants (user_id, workspace_id, tenant_id, role) VALUES ('u', 'x', '', 'operator')";
    let applied = behind_a_writer(&scene, granted, authority.apply(&changes))
        .await
        .unwrap();
    let raised = applied.raised.iter().map(|scope| scope.workspace.as_str());
    assert_eq!(raised.collect::<Vec<_>>(), ["w", "x"]);
}

/// Facts and revision are of one moment, wherever a look-up is when a change comes in.
#[tokio::test]
async fn g2_a_look_up_is_of_one_moment_wherever_a_change_comes_in() {
    let scene = Scene::new().await;
    let other = SqliteStore::open(scene.path()).await.unwrap();
    let (authority, changes) = (scene.store.authority(), other.authority());
    let queries = [AuthorityQuery {
        workspace_id: "w".parse().unwrap(),
        tenant_id: "t".parse().unwrap(),
        initiator: Some("u".parse().unwrap()),
        provider_connection_id: None,
    }];
    let mut interrupted = 0;
    for round in 0.. {
        // How far a look-up is after so many is for the machine to say: a busy one may have it over after the first.
        let polls = round % 64;
        let mut call = authority.look_up(&queries);
        let mut answer = None;
        for _ in 0..polls {
            tokio::select! {
                biased;
                found = &mut call => answer = Some(found),
                () = tokio::task::yield_now() => {}
            }
            if answer.is_some() {
                break;
            }
            scene.dump().await;
        }
        let (is_over, active) = (answer.is_some(), round % 2 == 0);
        let line = format!(r#"{{"change":"set_user","user":"u","active":{active}}}"#);
        let change = AttributedChange::parse(&line).unwrap();
        let applied = changes.apply(&[change]).await.unwrap();
        let found = match answer {
            Some(found) => found,
            None => call.await,
        };
        let LookedUp::Found(found) = found.unwrap().remove(0) else {
            panic!("an intact store")
        };
        // The user was active before the first change, and is what the last change made them.
        let before = round == 0 || !active;
        let is_after = found.fence().scopes[..] == applied.raised[..];
        let user = found.rows().user.as_ref().unwrap().active;
        assert_eq!(
            user,
            if is_after { active } else { before },
            "after {polls} polls"
        );
        interrupted += usize::from(polls > 0 && !is_over);
        if is_over && interrupted > 2 {
            break;
        }
        assert!(round < 1000, "never interrupted");
    }
}
