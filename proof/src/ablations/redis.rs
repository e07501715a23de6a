//! Redis: the fence in one script, and changes in a cluster.

use super::{Ablation, Edit, Watch};

const BEGIN: &str = "crates/adapters-redis/src/lua/begin.lua";

const fn watched_by(tests: &'static [&'static str]) -> Watch {
    Watch {
        package: "countersign-redis",
        binary: Some("it"),
        tests,
    }
}

const FENCE: Watch = watched_by(&["suite::fence::", "suite::races::"]);

pub(super) const ABLATIONS: &[Ablation] = &[
    Ablation {
        name: "a ruling goes with the first of its runs",
        guarantee: "G4",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/rulings.lua",
            find: "    if count and count > released then\n",
            replace: "    if false then\n",
        }],
        watch: watched_by(&["suite::retention::"]),
    },
    Ablation {
        name: "begin compares no revision",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "    if revisions[tonumber(place)] ~= fenced then",
            replace: "    if not revisions[tonumber(place)] and fenced then",
        }],
        watch: FENCE,
    },
    Ablation {
        name: "a missing scope record passes",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "    if revisions[tonumber(place)] ~= fenced then",
            replace: "    if revisions[tonumber(place)] and revisions[tonumber(place)] ~= fenced then",
        }],
        watch: watched_by(&["suite::revisions::"]),
    },
    Ablation {
        name: "a fence of no scope stands",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "  return compared > 0",
            replace: "  return compared >= 0",
        }],
        watch: watched_by(&["suite::revisions::"]),
    },
    Ablation {
        name: "a deny is not fenced",
        guarantee: "G2",
        edits: &[
            Edit {
                file: BEGIN,
                find: "  if not ruling.is_current then",
                replace: "  if not ruling.is_current and ruling.is_allowed then",
            },
            Edit {
                file: BEGIN,
                find: "    if is_plain and not ruling.is_current then",
                replace: "    if is_plain and not ruling.is_current and ruling.is_allowed then",
            },
        ],
        watch: FENCE,
    },
    Ablation {
        name: "what is queued and nothing else starts under any ruling",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "    if is_plain and not ruling.is_current then",
            replace: "    if is_plain and not ruling.is_allowed and not ruling.is_current then",
        }],
        watch: FENCE,
    },
    Ablation {
        name: "what was undecided before starts under any ruling",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "  if not ruling.is_current then",
            replace: "  if not ruling.is_current and not ruling.is_allowed then",
        }],
        watch: watched_by(&["suite::fence::", "suite::undecided::"]),
    },
    Ablation {
        name: "an allow that has lapsed starts",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "    return stands(fence) and (ends == '' or now < tonumber(ends))",
            replace: "    return stands(fence)",
        }],
        watch: watched_by(&["suite::lapses::"]),
    },
    Ablation {
        name: "a bound that has passed starts",
        guarantee: "G2",
        edits: &[Edit {
            file: BEGIN,
            find: "  return kind == 'bounded' and now <= tonumber(ends)",
            replace: "  return kind == 'bounded'",
        }],
        watch: watched_by(&["suite::bounded::"]),
    },
    Ablation {
        name: "a store without its marker starts runs",
        guarantee: "G6",
        edits: &[Edit {
            file: BEGIN,
            find: "  if not marked then\n    return false\n  elseif kind",
            replace: "  if kind",
        }],
        watch: watched_by(&["authority::", "runs::", "suite::fence::"]),
    },
    Ablation {
        name: "a sealed store starts runs",
        guarantee: "G3",
        edits: &[Edit {
            file: BEGIN,
            find: "if marked then\n  refuse_sealed(sealed)\nend\n",
            replace: "",
        }],
        watch: watched_by(&["moving_house::sealed::"]),
    },
    Ablation {
        name: "begin moves what is not queued any more",
        guarantee: "G3",
        edits: &[Edit {
            file: BEGIN,
            find: "  elseif run.status ~= 'queued' or run[barred] then",
            replace: "  elseif run[barred] then",
        }],
        watch: watched_by(&["suite::begin::", "suite::races::"]),
    },
    Ablation {
        name: "a decision that was read back as not made may still be made",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/read_back.lua",
            find: "    keep_more(run, {'barred:' .. decision, '1'})\n",
            replace: "",
        }],
        watch: watched_by(&["runs::lost::"]),
    },
    Ablation {
        name: "a ruling on another question starts a run",
        guarantee: "G8",
        edits: &[Edit {
            file: BEGIN,
            find: "  elseif run.asked ~= ruling.asked then",
            replace: "  elseif run.asked == nil then",
        }],
        watch: watched_by(&["runs::", "suite::begin::"]),
    },
    Ablation {
        name: "the decision is not written with the start",
        guarantee: "G4",
        edits: &[Edit {
            file: BEGIN,
            find: "times .. becomes .. '\\t' .. number_of(ruling) .. sub(text, 9)",
            replace: "times .. becomes:gsub('%x', '0') .. '\\t' .. number_of(ruling) .. sub(text, 9)",
        }],
        watch: watched_by(&["suite::begin::"]),
    },
    Ablation {
        name: "what no run is, is read as one",
        guarantee: "G1",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/run.lua",
            find: "  local problem = read_head(run, head)\n",
            replace: "  read_head(run, head)\n  local problem = nil\n",
        }],
        watch: watched_by(&["runs::damage::"]),
    },
    Ablation {
        name: "revisions are not replaced",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/slice.lua",
            find: "  set(scope, 'counter', counter)\n  set(scope, 'nonce', nonce)\n  set(slice, 'revision', counter .. '-' .. nonce)\n  return",
            replace: "  return",
        }],
        watch: watched_by(&["suite::revisions::", "suite::authority::"]),
    },
    Ablation {
        name: "a revoke asks nothing of the workspace",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/directory.lua",
            find: "  touch(workspace)\n  withdraw(user, workspace, tenant, role)\n",
            replace: "  withdraw(user, workspace, tenant, role)\n  asked = {}\n",
        }],
        watch: watched_by(&["suite::revisions::", "suite::authority::"]),
    },
    Ablation {
        name: "a user is changed in the directory alone",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/directory.lua",
            find: "    if not where:find('\\n', 1, true) then\n      ask(",
            replace: "    if not where then\n      ask(",
        }],
        watch: watched_by(&["suite::revisions::", "suite::authority::"]),
    },
    Ablation {
        name: "half a scope record is taken for none",
        guarantee: "G6",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/look_up.lua",
            find: "elseif not counter or not nonce or revision ~= counter .. '-' .. nonce then\n  return {'malformed'}",
            replace: "elseif not counter or not nonce then\n  return {'malformed'}",
        }],
        watch: watched_by(&["authority::", "damage"]),
    },
    Ablation {
        name: "a run completes under any lease",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/finish.lua",
            find: "  elseif run.lease ~= lease then\n    return {'lost'}\n",
            replace: "",
        }],
        watch: watched_by(&["suite::finish::", "suite::leases::"]),
    },
    Ablation {
        name: "a run that simply succeeded completes under any lease",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/finish.lua",
            find: "  if held and find(text, lease, held, true) == held and",
            replace: "  if held and",
        }],
        watch: watched_by(&["suite::finish::", "suite::leases::"]),
    },
    Ablation {
        name: "a cancel flag is not looked for",
        guarantee: "G7",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/finish.lua",
            find: "'^running\\t%-\\t",
            replace: "'^running\\t[+-]\\t",
        }],
        watch: watched_by(&["suite::finish::", "suite::cancel::"]),
    },
    Ablation {
        name: "runs are rescued whose lease still runs",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/rescue.lua",
            find: "  elseif tonumber(run.lease_until) > now then\n    return {'held'}\n",
            replace: "",
        }],
        watch: watched_by(&["suite::rescue::", "runs::damage::"]),
    },
    Ablation {
        name: "in a cluster a slice takes its part of a change as often as it is sent",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/fulfil.lua",
            find: "elseif version == VERSION then",
            replace: "elseif version == VERSION and seed == '' then",
        }],
        watch: watched_by(&["cluster::changes::"]),
    },
    Ablation {
        name: "in a cluster a slice takes an older change after a newer one",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/fulfil.lua",
            find: "if version > VERSION then\n  return {'overtaken'}\nelseif",
            replace: "if",
        }],
        watch: watched_by(&["cluster::changes::"]),
    },
    Ablation {
        name: "in a cluster a change begins beside an unfinished one",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/intend.lua",
            find: "if get(INTENT, 'seed') then",
            replace: "if get(INTENT, 'nothing') then",
        }],
        watch: watched_by(&["cluster::changes::"]),
    },
    Ablation {
        name: "in a cluster only the directory is sealed",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/adapters-redis/src/moving/standing.rs",
            find: "        shared.link().call_all(operation, &calls).await?;\n        let arrive",
            replace: "        let _kept = calls;\n        let arrive",
        }],
        watch: watched_by(&["moving_house_on_a_cluster::sealed::", "cluster::moving::"]),
    },
    Ablation {
        name: "in a cluster a change that was begun outlives the seal",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/adapters-redis/src/moving/standing.rs",
            find: "        intent::roll_forward(shared, operation).await?;\n",
            replace: "        let _kept = intent::roll_forward;\n",
        }],
        watch: watched_by(&["cluster::moving::"]),
    },
    Ablation {
        name: "in a cluster a marker goes back to an earlier step",
        guarantee: "G5",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/follow.lua",
            find: "elseif taken >= tonumber(STEP) then\n  return false\n",
            replace: "",
        }],
        watch: watched_by(&["cluster::moving::"]),
    },
    Ablation {
        name: "an import is let into a store that no move fills",
        guarantee: "G1",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/prelude.lua",
            find: "  if redis.call('HGET', key, 'filling') ~= movement then",
            replace: "  if not movement then",
        }],
        watch: watched_by(&["moving_house::filling::"]),
    },
    Ablation {
        name: "imported grants lack their user in the slice",
        guarantee: "G6",
        edits: &[Edit {
            file: "crates/adapters-redis/src/lua/import_facts.lua",
            find: "  ask(workspace, active and 'set' or 'default', 'user:' .. user, active or '-')\n",
            replace: "",
        }],
        watch: watched_by(&["moving_house::moved::"]),
    },
];
