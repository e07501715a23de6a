//! PostgreSQL: the fence under shared locks.

use super::{Ablation, Edit, Watch};

const BEGIN: &str = "crates/adapters-postgres/migrations/0011_begin_call.sql";
const CALLS: &str = "crates/adapters-postgres/migrations/0008_calls.sql";
const SUBMIT: &str = "crates/adapters-postgres/migrations/0010_submit_call.sql";
const FINISH: &str = "crates/adapters-postgres/migrations/0013_finish_and_change_calls.sql";
const CHANGES: &str = "crates/adapters-postgres/migrations/0004_changes.sql";

const fn watched_by(tests: &'static [&'static str]) -> Watch {
    Watch {
        package: "countersign-postgres",
        binary: Some("it"),
        tests,
    }
}

const FENCE: Watch = watched_by(&["together::fence::", "together::races::"]);
const LOCKS: Watch = watched_by(&["together::fence::", "together::races::", "fence", "begin"]);

pub(super) const ABLATIONS: &[Ablation] = &[
    Ablation {
        name: "begin compares no revision",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "        WHERE ((workspace, counter, nonce) IN\n               (SELECT * FROM unnest(locked_workspaces, locked_counters, locked_nonces))) IS NOT TRUE);",
            replace: "        WHERE (workspace IN (SELECT unnest(locked_workspaces))) IS NOT TRUE);",
        }],
        watch: FENCE,
    },
    Ablation {
        name: "scopes are not locked",
        guarantee: "G2",
        edits: &[
            Edit {
                file: BEGIN,
                find: "        ORDER BY workspace_id FOR SHARE SKIP LOCKED",
                replace: "        ORDER BY workspace_id",
            },
            Edit {
                file: BEGIN,
                find: "WHERE workspace_id = ANY (changing) ORDER BY workspace_id FOR SHARE",
                replace: "WHERE workspace_id = ANY (changing) ORDER BY workspace_id",
            },
        ],
        watch: LOCKS,
    },
    Ablation {
        name: "scopes are locked FOR KEY SHARE, beside whoever changes them",
        guarantee: "G2",
        edits: &[
            Edit {
                file: BEGIN,
                find: "        ORDER BY workspace_id FOR SHARE SKIP LOCKED",
                replace: "        ORDER BY workspace_id FOR KEY SHARE SKIP LOCKED",
            },
            Edit {
                file: BEGIN,
                find: "WHERE workspace_id = ANY (changing) ORDER BY workspace_id FOR SHARE",
                replace: "WHERE workspace_id = ANY (changing) ORDER BY workspace_id FOR KEY SHARE",
            },
        ],
        watch: LOCKS,
    },
    Ablation {
        name: "an allow that has lapsed starts",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "                               AND (until_time IS NULL OR at < until_time) END ORDER BY place),",
            replace: "                          END ORDER BY place),",
        }],
        watch: watched_by(&["together::lapses::"]),
    },
    Ablation {
        name: "a deny is not fenced",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "    INTO held, busy\n    FROM unnest(by_age, until_times) WITH ORDINALITY AS ruling (goes_by_age, until_time, place);\n",
            replace: "    INTO held, busy\n    FROM unnest(by_age, until_times) WITH ORDINALITY AS ruling (goes_by_age, until_time, place);\n    held := ARRAY(SELECT is_held OR EXISTS (\n        SELECT 1 FROM unnest(start_rulings, reasons) AS start (ruling, reason)\n        WHERE ruling = place AND reason IS NOT NULL)\n        FROM unnest(held) WITH ORDINALITY AS one (is_held, place) ORDER BY place);\n    busy := ARRAY(SELECT is_busy AND NOT is_held FROM unnest(held, busy) AS one (is_held, is_busy));\n",
        }],
        watch: FENCE,
    },
    Ablation {
        name: "begin moves what is not queued any more",
        guarantee: "G3",
        edits: &[Edit {
            file: BEGIN,
            find: "                WHERE s.id = ANY (ARRAY[start.run]) AND s.workspace_id = start.workspace AND s.status::text = 'queued'\n                  AND (start.decision",
            replace: "                WHERE s.id = ANY (ARRAY[start.run]) AND s.workspace_id = start.workspace\n                  AND (start.decision",
        }],
        watch: watched_by(&["together::begin::", "together::races::"]),
    },
    Ablation {
        name: "the decision is not written in the start's commit",
        guarantee: "G4",
        edits: &[Edit {
            file: BEGIN,
            find: "                    ruling           = numbers[start.ruling],\n                    decision_id      = start.decision,\n",
            replace: "",
        }],
        watch: watched_by(&["together::begin::"]),
    },
    Ablation {
        name: "subjects are not locked before their scopes are found",
        guarantee: "G2",
        edits: &[Edit {
            file: CHANGES,
            find: "    PERFORM countersign.lock_subjects(changes);\n",
            replace: "",
        }],
        watch: watched_by(&["interleavings::users_and_roles::"]),
    },
    Ablation {
        name: "set_user raises nothing",
        guarantee: "G2",
        edits: &[Edit {
            file: CHANGES,
            find: "        ON CONFLICT (id) DO UPDATE SET active = excluded.active;\n        touched := ARRAY(SELECT DISTINCT workspace_id FROM countersign.fact_grants WHERE user_id = who);",
            replace: "        ON CONFLICT (id) DO UPDATE SET active = excluded.active;\n        touched := '{}';",
        }],
        watch: watched_by(&["together::revisions::", "together::authority::"]),
    },
    Ablation {
        name: "a connection's old tenant is not raised",
        guarantee: "G2",
        edits: &[Edit {
            file: CHANGES,
            find: "            WHERE id = tenant\n               OR id = (SELECT tenant_id FROM countersign.connections WHERE id = connection));",
            replace: "            WHERE id = tenant);",
        }],
        watch: watched_by(&["together::revisions::", "together::authority::"]),
    },
    Ablation {
        name: "a counter is raised without a nonce",
        guarantee: "G2",
        edits: &[Edit {
            file: CHANGES,
            find: "SET counter = counter + 1, nonce = countersign.fresh_nonce()\n",
            replace: "SET counter = counter + 1\n",
        }],
        watch: watched_by(&["together::revisions::", "together::authority::"]),
    },
    Ablation {
        name: "facts are older than their revision",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/adapters-postgres/src/authority/look_up.rs",
            find: "    let told = told(authority, queries).await?;\n",
            replace: "    let before = told(authority, queries).await?;\n    let mut told = told(authority, queries).await?;\n    told.rows = before.rows;\n",
        }],
        watch: Watch {
            package: "countersign-tests",
            binary: Some("it"),
            tests: &["races::starts_are_linearizable_on_postgres"],
        },
    },
    Ablation {
        name: "a look-up sees what is committed while it reads, and reads revisions last",
        guarantee: "G2",
        edits: &[
            Edit {
                file: CALLS,
                find: "at timestamptz) LANGUAGE plpgsql STABLE\n",
                replace: "at timestamptz) LANGUAGE plpgsql VOLATILE\n",
            },
            Edit {
                file: CALLS,
                find: "    RETURN QUERY\n    SELECT 'scope', 0::bigint, ARRAY[workspace_id, counter::text, nonce::text], NULL::timestamptz\n    FROM countersign.scopes WHERE workspace_id = ANY (workspaces);\n",
                replace: "",
            },
            Edit {
                file: CALLS,
                find: "             WHERE workspace_id = q.workspace AND (tenant_id IS NULL OR tenant_id = q.tenant) OFFSET 0) AS p;\n",
                replace: "             WHERE workspace_id = q.workspace AND (tenant_id IS NULL OR tenant_id = q.tenant) OFFSET 0) AS p;\n    RETURN QUERY\n    SELECT 'scope', 0::bigint, ARRAY[workspace_id, counter::text, nonce::text], NULL::timestamptz\n    FROM countersign.scopes WHERE workspace_id = ANY (workspaces);\n",
            },
        ],
        watch: Watch {
            package: "countersign-tests",
            binary: Some("it"),
            tests: &["races::starts_are_linearizable_on_postgres"],
        },
    },
    Ablation {
        name: "a completion is as durable as the server's default",
        guarantee: "G5",
        edits: &[Edit {
            file: "crates/adapters-postgres/src/transaction.rs",
            find: "const DURABLE: &str = \"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \\\n    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') \\\n                          WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true), \\\n           set_config(",
            replace: "const DURABLE: &str = \"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \\\n    SELECT set_config(",
        }],
        watch: watched_by(&["interleavings::settings::"]),
    },
    Ablation {
        name: "a plain success is as durable as the server's default",
        guarantee: "G5",
        edits: &[Edit {
            file: FINISH,
            find: "    PERFORM countersign.commit_durably();\n",
            replace: "",
        }],
        watch: watched_by(&["interleavings::settings::"]),
    },
    Ablation {
        name: "a plain success completes under any lease",
        guarantee: "G3",
        edits: &[Edit {
            file: FINISH,
            find: "\n      AND s.lease_id = f.lease AND s.cancel_by IS NULL",
            replace: "\n      AND s.cancel_by IS NULL",
        }],
        watch: watched_by(&["together::finish::", "together::leases::"]),
    },
    Ablation {
        name: "a start is as durable as the server's default",
        guarantee: "G3",
        edits: &[Edit {
            file: BEGIN,
            find: "    PERFORM set_config('synchronous_commit', CASE current_setting('synchronous_commit')\n                           WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true);\n",
            replace: "",
        }],
        watch: watched_by(&["interleavings::settings::"]),
    },
    Ablation {
        name: "what is queued is as durable as the server's default",
        guarantee: "G5",
        edits: &[Edit {
            file: SUBMIT,
            find: "    IF is_alone THEN\n        PERFORM set_config('synchronous_commit'",
            replace: "    IF is_alone AND cardinality(ids) < 0 THEN\n        PERFORM set_config('synchronous_commit'",
        }],
        watch: watched_by(&["interleavings::settings::"]),
    },
    Ablation {
        name: "a run completes under any lease",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-postgres/src/sql/finish.sql",
            find: " AND s.lease_id = f.lease",
            replace: "",
        }],
        watch: watched_by(&["together::finish::", "together::leases::"]),
    },
    Ablation {
        name: "runs are rescued whose lease still runs",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-postgres/src/sql/lapsed.sql",
            find: " AND lease_expires_at <= (SELECT clock_timestamp())",
            replace: "",
        }],
        watch: watched_by(&["together::rescue::"]),
    },
    Ablation {
        name: "a commit under way is read back as not made",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-postgres/src/sql/read_back.sql",
            find: " ORDER BY id FOR UPDATE",
            replace: " ORDER BY id",
        }],
        watch: watched_by(&["lost::read_back::", "lost::begin::"]),
    },
    Ablation {
        name: "a start is made under a decision that was read back as not made",
        guarantee: "G3",
        edits: &[Edit {
            file: BEGIN,
            find: "                  AND (start.decision = ANY (s.barred)) IS NOT TRUE AND held[start.ruling]",
            replace: "                  AND held[start.ruling]",
        }],
        watch: watched_by(&["lost::read_back::"]),
    },
];
