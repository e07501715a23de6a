//! The decision, and the way from it into a handler.

use super::{Ablation, Edit, Watch};

const DOMAIN: Watch = Watch {
    package: "countersign-domain",
    binary: None,
    tests: &[],
};

const GATE: Watch = Watch {
    package: "countersign-tests",
    binary: Some("it"),
    tests: &["gate_order::"],
};

pub(super) const ABLATIONS: &[Ablation] = &[
    Ablation {
        name: "a check accepts every lifecycle that it does not know",
        guarantee: "G1",
        edits: &[Edit {
            file: "crates/domain/src/decision.rs",
            find: "        Some(_) | None => Err(ReasonCode::TenantNotOperable),",
            replace: "        _ => Ok(()),",
        }],
        watch: DOMAIN,
    },
    Ablation {
        name: "membership is not asked for",
        guarantee: "G1",
        edits: &[Edit {
            file: "crates/domain/src/decision.rs",
            find: "            if !facts.membership.holds() {",
            replace: "            if false {",
        }],
        watch: DOMAIN,
    },
    Ablation {
        name: "an allow forgets when it lapses",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/domain/src/decision.rs",
            find: "    Decision::allow(checks, held.lapses_at())",
            replace: "    Decision::allow(checks, None)",
        }],
        watch: DOMAIN,
    },
    Ablation {
        name: "a grant holds at the moment at which it ends",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/domain/src/facts.rs",
            find: "Some(expires_at) if as_of < expires_at =>",
            replace: "Some(expires_at) if as_of <= expires_at =>",
        }],
        watch: DOMAIN,
    },
    Ablation {
        name: "a grant of another tenant reaches",
        guarantee: "G1",
        edits: &[Edit {
            file: "crates/domain/src/facts.rs",
            find: "            Some(tenant) => *tenant == query.tenant_id,",
            replace: "            Some(_) => true,",
        }],
        watch: DOMAIN,
    },
    Ablation {
        name: "a start yields a permit as often as it is asked",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/ports/src/start.rs",
            find: "        if self.spent.swap(true, Ordering::AcqRel) {",
            replace: "        if false {",
        }],
        watch: Watch {
            package: "countersign-sqlite",
            binary: Some("it"),
            tests: &["read_back::", "start", "lost"],
        },
    },
    Ablation {
        name: "a permit is entered past its deadline",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/ports/src/start.rs",
            find: "        if Instant::now() >= self.deadline {",
            replace: "        if false {",
        }],
        watch: Watch {
            package: "countersign-tests",
            binary: Some("it"),
            tests: &["lifecycle::leases::"],
        },
    },
    Ablation {
        name: "authority that moved is not looked up again",
        guarantee: "G2",
        edits: &[Edit {
            file: "crates/app/src/gate.rs",
            find: "                Ok(Begun::AuthorityMoved) => {\n                    again.insert(at);\n                    continue;\n                }",
            replace: "                Ok(Begun::AuthorityMoved) => Passage::NotQueued,",
        }],
        watch: GATE,
    },
    Ablation {
        name: "a start of unknown end is begun again instead of read back",
        guarantee: "G3",
        edits: &[Edit {
            file: "crates/app/src/gate/begin.rs",
            find: "                self.read_back(starts, error).await\n            }\n            known",
            replace: "                let _kept = Self::read_back;\n                drop(error);\n                self.ports.runs().begin(starts).await\n            }\n            known",
        }],
        watch: GATE,
    },
    Ablation {
        name: "what cannot be read is left without a word",
        guarantee: "G6",
        edits: &[Edit {
            file: "crates/app/src/gate.rs",
            find: "        self.put_off(undecided, passages).await;\n        let mut again",
            replace: "        let mut again",
        }],
        watch: GATE,
    },
];
