//! The file holds the guarantees against any writer, this adapter's bugs and raw SQL included.

use countersign_domain::OperationRun;
use countersign_ports::Begun;

use crate::scene::Scene;

/// A ruling on what a run asks, as raw SQL would write it; answers with its number.
async fn ruled(scene: &Scene, run: &OperationRun, allowed: bool) -> i64 {
    ruled_on(scene, run, allowed, "t").await
}

/// The same, on that tenant.
async fn ruled_on(scene: &Scene, run: &OperationRun, allowed: bool, tenant: &str) -> i64 {
    let verdict = if allowed {
        r#""allowed":true,"reason_code":null"#
    } else {
        r#""allowed":false,"reason_code":"missing_capability""#
    };
    let initiator = run.initiator.as_ref().unwrap();
    let sql = format!(
        r#"INSERT INTO rulings (record, max_attempts, lease_micros) VALUES
           ('{{"decision_id":null,{verdict},"operation_type":"op","authority_mode":"actor_bound",
             "initiator":"{initiator}","target_scope":
             {{"workspace_id":"w","tenant_id":"{tenant}","provider_connection_id":null}}}}', 1, 1)
           RETURNING seq"#
    );
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(&scene.raw)
        .await
        .unwrap()
}

const START: &str = "status = 'running', started_at = 1, lease_id = 'l', lease_expires_at = 2";

#[tokio::test]
async fn g1_raw_sql_cannot_give_a_blocked_run_a_start_time() {
    let scene = Scene::new().await;
    let run = scene.blocked().await;
    scene
        .refuses(&format!(
            "UPDATE runs SET started_at = 1 WHERE id = '{}'",
            run.id
        ))
        .await;
    let queued = scene.queued().await;
    let ruling = ruled(&scene, &queued, false).await;
    let error = scene
        .refuses(&format!(
            "UPDATE runs SET status = 'completed', outcome = 'blocked', completed_at = 2, started_at = 1,
             decision_id = 'd', ruling = {ruling}, allowed = 0, reason_code = 'missing_capability'
             WHERE id = '{}'",
            queued.id
        ))
        .await;
    assert!(
        error.contains("G3") || error.contains("g1_") || error.contains("g4_"),
        "{error}"
    );
}

#[tokio::test]
async fn g1_a_run_cannot_be_blocked_without_a_deny() {
    let scene = Scene::new().await;
    let run = scene.queued().await;
    let block = "status = 'completed', outcome = 'blocked', completed_at = 2";
    scene
        .refuses(&format!("UPDATE runs SET {block} WHERE id = '{}'", run.id))
        .await;
    let ruling = ruled(&scene, &run, true).await;
    let sql = format!(
        "UPDATE runs SET {block}, decision_id = 'd', ruling = {ruling}, allowed = 1, reason_code = NULL
         WHERE id = '{}'",
        run.id
    );
    assert!(
        scene
            .refuses(&sql)
            .await
            .contains("g1_blocked_never_started")
    );
}

#[tokio::test]
async fn g4_raw_sql_cannot_start_a_run_without_an_allow() {
    let scene = Scene::new().await;
    let run = scene.queued().await;
    let start = |more: &str| format!("UPDATE runs SET {START}{more} WHERE id = '{}'", run.id);
    assert!(
        scene
            .refuses(&start(""))
            .await
            .contains("g4_a_start_has_its_allow")
    );
    let lie = |ruling: i64| {
        let lie =
            format!(", decision_id = 'd', ruling = {ruling}, allowed = 1, reason_code = NULL");
        start(&lie)
    };
    assert!(
        scene.refuses(&lie(7)).await.contains("G4"),
        "nothing was ruled"
    );
    let denied = ruled(&scene, &run, false).await;
    assert!(
        scene.refuses(&lie(denied)).await.contains("G4"),
        "the ruling is a deny"
    );
    let deny = format!(
        ", decision_id = 'd', ruling = {denied}, allowed = 0, reason_code = 'missing_capability'"
    );
    assert!(
        scene
            .refuses(&start(&deny))
            .await
            .contains("g4_a_start_has_its_allow")
    );
    for hole in ["allowed = NULL", "ruling = NULL", "decision_id = NULL"] {
        let allow = ruled(&scene, &run, true).await;
        let whole = format!(", decision_id = 'd', ruling = {allow}, allowed = 1");
        let name = hole.split(' ').next().unwrap();
        let holed: Vec<&str> = whole
            .split(", ")
            .map(|part| if part.starts_with(name) { hole } else { part })
            .collect();
        scene.refuses(&start(&holed.join(", "))).await;
    }
}

#[tokio::test]
async fn g8_a_run_is_not_started_by_what_was_ruled_on_something_else() {
    let scene = Scene::new().await;
    let run = scene.queued().await;
    let start = |ruling: i64| {
        format!(
            "UPDATE runs SET {START}, decision_id = 'd', ruling = {ruling}, allowed = 1 WHERE id = '{}'",
            run.id
        )
    };
    let elsewhere = ruled_on(&scene, &run, true, "another tenant").await;
    assert!(scene.refuses(&start(elsewhere)).await.contains("G4"));
    let for_another = ruled(&scene, &scene.queued_for("another").await, true).await;
    assert!(scene.refuses(&start(for_another)).await.contains("G4"));
    let on_it = ruled(&scene, &run, true).await;
    scene.execute(&start(on_it)).await;
}

#[tokio::test]
async fn g4_a_decision_is_never_replaced_deleted_or_borrowed() {
    let scene = Scene::new().await;
    let run = scene.started().await;
    let of_run = format!("(SELECT ruling FROM runs WHERE id = '{}')", run.id);
    let other = ruled(&scene, &run, true).await;
    for sql in [
        format!("UPDATE rulings SET record = '{{}}' WHERE seq = {of_run}"),
        format!("DELETE FROM rulings WHERE seq = {of_run}"),
        format!(
            "INSERT OR REPLACE INTO rulings (seq, record, max_attempts, lease_micros)
             SELECT seq, record, 7, 7 FROM rulings WHERE seq = {of_run}"
        ),
        format!(
            "UPDATE runs SET decision_id = 'other' WHERE id = '{}'",
            run.id
        ),
        format!("UPDATE runs SET ruling = {other} WHERE id = '{}'", run.id),
        format!(
            "UPDATE runs SET allowed = 0, reason_code = 'missing_capability' WHERE id = '{}'",
            run.id
        ),
    ] {
        assert!(scene.refuses(&sql).await.contains("G4"), "{sql}");
    }
}

#[tokio::test]
async fn g4_a_ruling_says_a_verdict_and_is_of_no_one_run() {
    let scene = Scene::new().await;
    for record in [
        "{}",
        r#"{"decision_id":null}"#,
        r#"{"decision_id":null,"allowed":true,"reason_code":"missing_capability"}"#,
        r#"{"decision_id":null,"allowed":false,"reason_code":null}"#,
        r#"{"decision_id":null,"allowed":2,"reason_code":null}"#,
        r#"{"decision_id":"d","allowed":true,"reason_code":null}"#,
        r#"{"allowed":true,"reason_code":null}"#,
        "nonsense",
    ] {
        scene
            .refuses(&format!(
                "INSERT INTO rulings (record, max_attempts, lease_micros) VALUES ('{record}', 1, 1)"
            ))
            .await;
    }
}

#[tokio::test]
async fn g3_a_run_never_moves_back() {
    let scene = Scene::new().await;
    let running = scene.started().await;
    let blocked = scene.blocked().await;
    let back = |id, to: &str| format!("UPDATE runs SET {to} WHERE id = '{id}'");
    for sql in [
        back(
            running.id,
            "status = 'queued', started_at = NULL, lease_id = NULL, lease_expires_at = NULL",
        ),
        back(running.id, "status = 'queued'"),
        back(
            blocked.id,
            "status = 'queued', outcome = 'pending', completed_at = NULL",
        ),
        back(
            blocked.id,
            &format!("{START}, outcome = 'pending', completed_at = NULL"),
        ),
        back(blocked.id, "outcome = 'succeeded'"),
        back(
            blocked.id,
            "outcome = 'failed', failure_code = 'authority_unavailable'",
        ),
        back(blocked.id, "completed_at = 7"),
    ] {
        scene.refuses(&sql).await;
    }
}

#[tokio::test]
async fn g3_a_run_starts_once() {
    let scene = Scene::new().await;
    let run = scene.started().await;
    for sql in [
        format!("UPDATE runs SET started_at = started_at + 1 WHERE id = '{}'", run.id),
        format!("UPDATE runs SET started_at = NULL WHERE id = '{}'", run.id),
        format!(
            "INSERT OR REPLACE INTO runs (id, workspace_id, tenant_id, authority_mode, operation_type, status,
             outcome, context, priority, chain_id, attempt, queue_name, queued_at, due_at)
             VALUES ('{0}', 'w', 't', 'system', 'op', 'queued', 'pending', '{{}}', 0, '{0}', 1, 'default', 1, 1)",
            run.id
        ),
    ] {
        assert!(scene.refuses(&sql).await.contains("G3"), "{sql}");
    }
}

#[tokio::test]
async fn g1_g4_a_run_cannot_be_inserted_as_started_or_blocked_without_its_decision() {
    let scene = Scene::new().await;
    let columns = "id, workspace_id, tenant_id, authority_mode, operation_type, context, priority,
        chain_id, attempt, queue_name, queued_at, due_at";
    let values = "'x', 'w', 't', 'system', 'op', '{}', 0, 'x', 1, 'default', 1, 1";
    for (more, these) in [
        (
            "status, outcome, started_at, lease_id, lease_expires_at",
            "'running', 'pending', 1, 'l', 2",
        ),
        (
            "status, outcome, started_at, lease_id, lease_expires_at, decision_id, ruling, allowed",
            "'running', 'pending', 1, 'l', 2, 'd', 1, 1",
        ),
        (
            "status, outcome, started_at, completed_at",
            "'completed', 'succeeded', 1, 2",
        ),
        (
            "status, outcome, completed_at",
            "'completed', 'succeeded', 2",
        ),
        ("status, outcome, completed_at", "'completed', 'blocked', 2"),
        (
            "status, outcome, completed_at, decision_id, ruling, allowed, reason_code",
            "'completed', 'blocked', 2, 'd', 1, 0, 'missing_capability'",
        ),
        (
            "status, outcome, started_at, completed_at, decision_id, ruling, allowed, reason_code",
            "'completed', 'blocked', 1, 2, 'd', 1, 0, 'missing_capability'",
        ),
        ("status, outcome, started_at", "'queued', 'pending', 1"),
    ] {
        let sql = format!("INSERT INTO runs ({columns}, {more}) VALUES ({values}, {these})");
        scene.refuses(&sql).await;
    }
}

#[tokio::test]
async fn g3_no_status_leads_back_to_an_earlier_one() {
    let scene = Scene::new().await;
    let (running, blocked) = (scene.started().await, scene.blocked().await);
    let cancelled = scene.queued().await;
    let cancel = "status = 'completed', outcome = 'cancelled', completed_at = 2, cancel_by = 'me'";
    scene
        .execute(&format!(
            "UPDATE runs SET {cancel} WHERE id = '{}'",
            cancelled.id
        ))
        .await;
    for (run, statuses) in [
        (&running, &["queued"][..]),
        (&blocked, &["queued", "running"]),
        (&cancelled, &["queued", "running"]),
    ] {
        for status in statuses {
            // With everything else as that status wants it.
            let rest = "outcome = 'pending', completed_at = NULL";
            let lease = match *status {
                "running" => "started_at = 1, lease_id = 'l', lease_expires_at = 2",
                _ => "started_at = NULL, lease_id = NULL, lease_expires_at = NULL",
            };
            let sql = format!(
                "UPDATE runs SET status = '{status}', {rest}, {lease} WHERE id = '{}'",
                run.id
            );
            assert!(scene.refuses(&sql).await.contains("G3"), "{sql}");
        }
    }
}

#[tokio::test]
async fn g5_an_unfinished_run_is_never_deleted() {
    let scene = Scene::new().await;
    for run in [scene.queued().await, scene.started().await] {
        let sql = format!("DELETE FROM runs WHERE id = '{}'", run.id);
        assert!(scene.refuses(&sql).await.contains("G5"));
    }
}

#[tokio::test]
async fn g6_only_unreadable_authority_fails_a_run_that_never_started() {
    let scene = Scene::new().await;
    let run = scene.queued().await;
    for code in ["'handler_failed'", "'worker_lost'", "NULL"] {
        let sql = format!(
            "UPDATE runs SET status = 'completed', outcome = 'failed', completed_at = 2,
             failure_code = {code} WHERE id = '{}'",
            run.id
        );
        scene.refuses(&sql).await;
    }
}

#[tokio::test]
async fn no_constraint_is_dodged_by_null() {
    let scene = Scene::new().await;
    let run = scene.queued().await;
    for column in [
        "status",
        "outcome",
        "authority_mode",
        "queued_at",
        "attempt",
        "context",
    ] {
        scene
            .refuses(&format!(
                "UPDATE runs SET {column} = NULL WHERE id = '{}'",
                run.id
            ))
            .await;
    }
    for value in [
        "status = 'done'",
        "outcome = 'fine'",
        "authority_mode = 'root'",
    ] {
        scene
            .refuses(&format!("UPDATE runs SET {value} WHERE id = '{}'", run.id))
            .await;
    }
}

#[tokio::test]
async fn g2_a_revision_only_moves_forward() {
    let scene = Scene::new().await;
    let fresh = "nonce = '00000000000000000000000000000001'";
    for sql in [
        "DELETE FROM scopes".to_owned(),
        format!("UPDATE scopes SET {fresh}"),
        "UPDATE scopes SET counter = counter + 1".to_owned(),
        format!("UPDATE scopes SET counter = counter - 1, {fresh}"),
        "UPDATE scopes SET counter = counter + 1, nonce = 'short'".to_owned(),
    ] {
        scene.refuses(&sql).await;
    }
}

#[tokio::test]
async fn the_log_is_only_appended_to() {
    let scene = Scene::new().await;
    scene.refuses("DELETE FROM authority_log").await;
    scene
        .refuses("UPDATE authority_log SET actor = 'nobody'")
        .await;
}

#[tokio::test]
async fn the_seq_of_a_deleted_run_is_never_used_again() {
    let scene = Scene::new().await;
    let blocked = scene.blocked().await;
    scene
        .execute(&format!("DELETE FROM runs WHERE id = '{}'", blocked.id))
        .await;
    let next = scene.queued().await;
    assert_eq!(next.decision, None, "G8: not the decision of another run");
    assert!(matches!(scene.begin(&next).await, Begun::Started(_)));
}
