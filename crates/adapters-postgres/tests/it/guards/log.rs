//! Every change of authority stays on record.

use super::guarded;

#[test]
fn the_authority_log_is_only_appended_to() {
    guarded(async |store| {
        let guard = "authority_log_is_not_rewritten";
        for sql in [
            "DELETE FROM authority_log",
            "DELETE FROM authority_log WHERE seq = (SELECT max(seq) FROM authority_log)",
            "UPDATE authority_log SET actor = 'nobody'",
            "UPDATE authority_log SET at = at - interval '1 day'",
            "UPDATE authority_log SET change = '{}'",
            "UPDATE authority_log SET raised = raised",
            "INSERT INTO authority_log OVERRIDING SYSTEM VALUE SELECT * FROM authority_log
             ON CONFLICT (seq) DO UPDATE SET actor = 'nobody'",
        ] {
            store.refuses(sql, guard).await;
        }
        for sql in ["TRUNCATE authority_log", "TRUNCATE authority_log CASCADE"] {
            store.refuses(sql, "authority_log_is_not_emptied").await;
        }
    });
}

#[test]
fn an_entry_of_the_authority_log_takes_no_others_place() {
    guarded(async |store| {
        let sql = "INSERT INTO authority_log SELECT * FROM authority_log";
        store.refuses(sql, "428C9").await;
        let sql = "INSERT INTO authority_log OVERRIDING SYSTEM VALUE SELECT * FROM authority_log";
        store.refuses(sql, "authority_log_pkey").await;
        let sql = "INSERT INTO authority_log_scopes SELECT * FROM authority_log_scopes";
        store.refuses(sql, "authority_log_scopes_pkey").await;
    });
}

#[test]
fn an_entry_of_the_authority_log_is_whole() {
    guarded(async |store| {
        let columns = "at, actor, change, raised";
        for (values, guard) in [
            ("NULL, NULL, '{}', '[]'", "at"),
            ("now(), NULL, NULL, '[]'", "change"),
            ("now(), NULL, '{}', NULL", "raised"),
            ("now(), NULL, '{}', 'null'", "authority_log_raised_check"),
            ("now(), NULL, '{}', '{}'", "authority_log_raised_check"),
            (
                "now(), NULL, '{}', '\"home\"'",
                "authority_log_raised_check",
            ),
        ] {
            let sql = format!("INSERT INTO authority_log ({columns}) VALUES ({values})");
            store.refuses(&sql, guard).await;
        }
        let sql =
            format!("INSERT INTO authority_log ({columns}) VALUES (now(), NULL, '{{}}', '[]')");
        store.execute(&sql).await;
    });
}
