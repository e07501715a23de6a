//! SQLite: the fence under the write lock.

use super::{Ablation, Edit, Watch};

const BEGIN: &str = "crates/adapters-sqlite/src/runs/begin.rs";
const RAISE: &str = "crates/adapters-sqlite/src/authority/raise.rs";

const fn watched_by(tests: &'static [&'static str]) -> Watch {
    Watch {
        package: "countersign-sqlite",
        binary: Some("it"),
        tests,
    }
}

const FENCE: Watch = watched_by(&["::fence::", "::revisions::", "::races::"]);
const REVISIONS: Watch = watched_by(&["::revisions::", "::authority::"]);

/// One kind of change raises nothing.
macro_rules! not_raised {
    ($name:literal, $find:literal, $replace:literal) => {
        Ablation {
            name: $name,
            guarantee: "G2",
            edits: &[Edit {
                file: RAISE,
                find: $find,
                replace: $replace,
            }],
            watch: REVISIONS,
        }
    };
}

pub(super) const ABLATIONS: &[Ablation] = &[
    Ablation {
        name: "begin compares no revision",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: ".all(|scope| revisions.get(&scope.workspace) == Some(&scope.revision))",
            replace: ".all(|scope| revisions.contains_key(&scope.workspace))",
        }],
        watch: FENCE,
    },
    Ablation {
        name: "a scope without a record passes",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: ".all(|scope| revisions.get(&scope.workspace) == Some(&scope.revision))",
            replace: ".all(|scope| revisions.get(&scope.workspace).is_none_or(|is| *is == scope.revision))",
        }],
        watch: FENCE,
    },
    Ablation {
        name: "a deny is not fenced",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "    let is_fenced = || {",
            replace: "    if !ruling.decision().is_allowed() {\n        return true;\n    }\n    let is_fenced = || {",
        }],
        watch: FENCE,
    },
    Ablation {
        name: "the store of a fence is not compared",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "        fence.store == runs.shared.identity().id\n            && !",
            replace: "        !",
        }],
        watch: FENCE,
    },
    Ablation {
        name: "an allow that has lapsed starts",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "ruling.holds_at(now) && (",
            replace: "(ruling.bound().is_none() || ruling.holds_at(now)) && (",
        }],
        watch: watched_by(&["::lapses::"]),
    },
    Ablation {
        name: "begin moves what is not queued any more",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-sqlite/src/sql/begin.sql",
            find: "\n  AND runs.status = 'queued'",
            replace: "",
        }],
        watch: watched_by(&["::begin::", "::races::"]),
    },
    Ablation {
        name: "the decision is not written in the start's commit",
        guarantee: "G4",
        edits: &[Edit {
            file: "crates/adapters-sqlite/src/sql/begin.sql",
            find: "    decision_id      = substr(start.value, 37, 36),\n    ruling           = rulings.seq,\n",
            replace: "",
        }],
        watch: watched_by(&["::begin::"]),
    },
    Ablation {
        name: "the write lock is taken at the first write and not before",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/adapters-sqlite/src/writer.rs",
            find: "BEGIN IMMEDIATE",
            replace: "BEGIN DEFERRED",
        }],
        watch: watched_by(&["lock::"]),
    },
    Ablation {
        name: "facts are older than their revision",
        guarantee: "G2",
        edits: &[
            Edit {
                file: "crates/adapters-sqlite/src/authority/look_up.rs",
                find: "    let mut snapshot = authority.shared.read(OPERATION).await?;\n    if",
                replace: "    let mut before = authority.shared.read(OPERATION).await?;\n    let rows = read_rows(&mut before, queries).await?;\n    before.commit().await.map_err(failed(OPERATION))?;\n    let mut snapshot = authority.shared.read(OPERATION).await?;\n    if",
            },
            Edit {
                file: "crates/adapters-sqlite/src/authority/look_up.rs",
                find: "    let rows = read_rows(&mut snapshot, queries).await?;\n",
                replace: "",
            },
        ],
        watch: watched_by(&["lock::"]),
    },
    Ablation {
        name: "a run completes under any lease",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-sqlite/src/sql/finish.sql",
            find: " AND runs.lease_id = finish.value ->> 1",
            replace: "",
        }],
        watch: watched_by(&["::finish::", "::leases::"]),
    },
    Ablation {
        name: "a lease is renewed by whoever asks",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-sqlite/src/sql/renew.sql",
            find: " AND runs.lease_id = renewal.value ->> 1",
            replace: "",
        }],
        watch: watched_by(&["::leases::"]),
    },
    Ablation {
        name: "runs are rescued whose lease still runs",
        guarantee: "G3",
        edits: &[
            Edit {
                file: "crates/adapters-sqlite/src/sql/rescue.sql",
                find: " AND lease_expires_at <= ?2",
                replace: "",
            },
            Edit {
                file: "crates/adapters-sqlite/src/sql/lapsed.sql",
                find: " AND runs.lease_expires_at <= ?1",
                replace: " AND ?1 > 0",
            },
        ],
        watch: watched_by(&["::rescue::"]),
    },
    Ablation {
        name: "a rescued run has no successor",
        guarantee: "G5",
        edits: &[Edit {
            file: "crates/adapters-sqlite/src/sql/lapsed.sql",
            find: "runs.attempt < rulings.max_attempts",
            replace: "runs.attempt > rulings.max_attempts",
        }],
        watch: watched_by(&["::rescue::"]),
    },
    Ablation {
        name: "a decision that was read back as not made may still be made",
        guarantee: "G3",
        edits: &[Edit {
            file: BEGIN,
            find: "                start.abandon();\n",
            replace: "",
        }],
        watch: watched_by(&["::read_back::"]),
    },
    Ablation {
        name: "a sealed file lets queued runs start",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-sqlite/src/sql/close.sql",
            find: "CREATE TRIGGER closed_runs_stay_queued BEFORE UPDATE ON runs\nWHEN OLD.status = 'queued'",
            replace: "CREATE TRIGGER closed_runs_stay_queued BEFORE UPDATE ON runs\nWHEN OLD.status = 'nothing'",
        }],
        watch: watched_by(&["moving::sealed::"]),
    },
    not_raised!(
        "define_role raises nothing",
        "                include_str!(\"../sql/scopes_of_role.sql\"),\n                role.as_str(),",
        "                \"SELECT '' WHERE ?1 IS NULL\",\n                role.as_str(),"
    ),
    not_raised!(
        "set_user and remove_user raise nothing",
        "                include_str!(\"../sql/scopes_of_user.sql\"),\n",
        "                \"SELECT '' WHERE ?1 IS NULL\",\n"
    ),
    not_raised!(
        "set_tenant does not raise the workspace that it leaves",
        "            let mut touched = scopes(connection, statement, tenant.as_str(), None).await?;",
        "            let mut touched = scopes(connection, statement, tenant.as_str(), None).await?;\n            touched.clear();"
    ),
    not_raised!(
        "set_tenant does not raise the workspace that it comes to",
        "            touched.insert(workspace.clone());\n",
        "            let _kept = workspace;\n"
    ),
    not_raised!(
        "set_connection raises nothing",
        "            scopes(connection, statement, id.as_str(), Some(tenant.as_str())).await",
        "            let _kept = (statement, id, tenant);\n            Ok(BTreeSet::new())"
    ),
    not_raised!(
        "set_workspace raises nothing",
        "        AuthorityChange::SetWorkspace { workspace, .. }\n        |",
        "        AuthorityChange::SetWorkspace { .. } => Ok(BTreeSet::new()),\n       "
    ),
    not_raised!(
        "grant raises nothing",
        "        | AuthorityChange::Grant { workspace, .. }\n        | AuthorityChange::Revoke { workspace, .. }\n        | AuthorityChange::SetWriteGate { workspace, .. }\n        | AuthorityChange::SetPrerequisite { workspace, .. } => {",
        "        | AuthorityChange::Revoke { workspace, .. }\n        | AuthorityChange::SetWriteGate { workspace, .. }\n        | AuthorityChange::SetPrerequisite { workspace, .. }\n        | AuthorityChange::Grant { workspace, .. } => {\n            if matches!(change, AuthorityChange::Grant { .. }) {\n                return Ok(BTreeSet::new());\n            }"
    ),
    not_raised!(
        "revoke raises nothing",
        "        | AuthorityChange::SetPrerequisite { workspace, .. } => {\n",
        "        | AuthorityChange::SetPrerequisite { workspace, .. } => {\n            if matches!(change, AuthorityChange::Revoke { .. }) {\n                return Ok(BTreeSet::new());\n            }\n"
    ),
    not_raised!(
        "set_write_gate raises nothing",
        "        | AuthorityChange::SetPrerequisite { workspace, .. } => {\n",
        "        | AuthorityChange::SetPrerequisite { workspace, .. } => {\n            if matches!(change, AuthorityChange::SetWriteGate { .. }) {\n                return Ok(BTreeSet::new());\n            }\n"
    ),
    not_raised!(
        "set_prerequisite raises nothing",
        "        | AuthorityChange::SetPrerequisite { workspace, .. } => {\n",
        "        | AuthorityChange::SetPrerequisite { workspace, .. } => {\n            if matches!(change, AuthorityChange::SetPrerequisite { .. }) {\n                return Ok(BTreeSet::new());\n            }\n"
    ),
];
