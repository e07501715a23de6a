//! G4: what was ruled stays as it was ruled, for as long as a run has it.

use countersign_conformance::scene::HOME;

use super::g4::decided;
use super::rulings::{Verdict, allowed_by};
use super::{START, guarded, set};

#[test]
fn g4_what_was_ruled_is_never_replaced() {
    guarded(async |store| {
        let [running, ..] = decided(&store).await;
        let unused = store.rule(&running, Verdict::Deny).await;
        for sql in [
            format!("UPDATE rulings SET max_attempts = 7 WHERE seq = {unused}"),
            "UPDATE rulings SET record = replace(record, 'ada', 'eve')".to_owned(),
            "UPDATE rulings SET record = record".to_owned(),
            "INSERT INTO rulings (seq, record, max_attempts) OVERRIDING SYSTEM VALUE
             SELECT seq, record, 7 FROM rulings ON CONFLICT (seq) DO UPDATE SET max_attempts = 7"
                .to_owned(),
        ] {
            store.refuses_for("G4", &sql, "rulings_are_kept").await;
        }
        let sql = "INSERT INTO rulings (seq, record, max_attempts) OVERRIDING SYSTEM VALUE
                   SELECT seq, record, 7 FROM rulings";
        store.refuses(sql, "rulings_pkey").await;
    });
}

#[test]
fn g4_a_ruling_that_a_run_has_is_never_deleted() {
    guarded(async |store| {
        let runs = decided(&store).await;
        let unused = store.rule(&runs[0], Verdict::Allow).await;
        let guard = "rulings_are_not_lost";
        for run in &runs {
            let sql = format!(
                "DELETE FROM rulings WHERE seq = (SELECT ruling FROM run_states WHERE id = '{}')",
                run.id
            );
            store.refuses_for("G4", &sql, guard).await;
        }
        store.refuses_for("G4", "DELETE FROM rulings", guard).await;
        for sql in ["TRUNCATE rulings", "TRUNCATE rulings CASCADE"] {
            store
                .refuses_for("G4", sql, "rulings_are_not_emptied")
                .await;
        }
        // A ruling that no run has is nobody's decision.
        let sql = format!("DELETE FROM rulings WHERE seq = {unused}");
        assert_eq!(store.execute(&sql).await, 1);
    });
}

#[test]
fn g4_a_ruling_is_not_taken_from_under_a_start() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let allow = store.rule(&run, Verdict::Allow).await;
        let start = set(&run, &format!("{START}, {}", allowed_by(allow)));
        let sql = format!("WITH gone AS (DELETE FROM rulings WHERE seq = {allow}) {start}");
        let refusal = store.refused(&sql).await;
        assert!(refusal.message.starts_with("G4: "), "{refusal:?}");
    });
}

#[test]
fn g4_a_ruling_says_a_verdict_and_is_of_no_one_run() {
    guarded(async |store| {
        for (record, guard) in [
            ("{}", "allowed"),
            ("7", "allowed"),
            ("[]", "allowed"),
            (r#"{"decision_id":null,"allowed":null}"#, "allowed"),
            (
                r#"{"decision_id":null,"allowed":true,"reason_code":"missing_capability"}"#,
                "a_ruling_says_a_verdict",
            ),
            (
                r#"{"decision_id":null,"allowed":false,"reason_code":null}"#,
                "a_ruling_says_a_verdict",
            ),
            (
                r#"{"decision_id":"d","allowed":true,"reason_code":null}"#,
                "rulings_say_what_their_record_says",
            ),
            (
                r#"{"allowed":true,"reason_code":null}"#,
                "rulings_say_what_their_record_says",
            ),
            // Invalid text representation: the record cannot be read as what it is to be.
            (r#"{"decision_id":null,"allowed":2}"#, "22P02"),
            ("nonsense", "22P02"),
        ] {
            let sql = format!("INSERT INTO rulings (record, max_attempts) VALUES ('{record}', 1)");
            store.refuses(&sql, guard).await;
        }
        let record = r#"{"decision_id":null,"allowed":true,"reason_code":null}"#;
        for (columns, values, guard) in [
            ("record, max_attempts", "NULL, 1", "record"),
            (
                "record, max_attempts",
                &format!("'{record}', NULL"),
                "max_attempts",
            ),
            (
                "record, max_attempts",
                &format!("'{record}', 0"),
                "rulings_max_attempts_check",
            ),
            (
                "seq, record, max_attempts",
                &format!("1, '{record}', 1"),
                "428C9",
            ),
        ] {
            let sql = format!("INSERT INTO rulings ({columns}) VALUES ({values})");
            store.refuses(&sql, guard).await;
        }
        // Whatever else is said, the record decides.
        let sql = format!(
            "INSERT INTO rulings (record, max_attempts, allowed, reason_code, tenant_id)
             VALUES ('{record}', 1, false, 'missing_capability', 't')
             RETURNING allowed AND reason_code IS NULL AND tenant_id IS NULL"
        );
        assert!(store.value::<bool>(&sql).await);
    });
}
