//! Proves that `decide` says what the contract's table of checks says, for every combination of
//! what it may be asked, and keeps the whole answer readable in `golden/truth_table.txt`.
//!
//! Three witnesses have to agree on each combination: the code (rows, `resolve`, `decide`), an
//! oracle that reads the combination and nothing else, and the compressed table that people read.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a truth table that cannot be worked out has failed"
)]

use std::fmt::Write as _;

use countersign_domain::{AuthorityFacts, Decision, ExecutionContext, Timestamp, decide, resolve};

mod combination;
#[path = "../support/golden.rs"]
mod golden;
mod oracle;
mod tree;

use combination::{COMBINATIONS, Combination, Initiator, each_combination};
use oracle::Verdict;
use tree::Tree;

const LEGEND: &str = "\
The truth table of `decide`. Read it from the top: each line names a column and the values of it
that it stands for. Columns that make no difference are not named. A line with a verdict says what
the five checks came to (P passed, F failed, - not applicable) in the order workspace_scope,
tenant_scope, capability, tenant_operability, execution_prerequisites, and how many combinations
it stands for.

  authority      of the run; + the operation says `system = true`
  initiator      null: the run names none; unknown: there is no such user (any more)
  membership     by a grant without tenant, until it expires or for ever
  tenant         elsewhere: it belongs to another workspace now
  reach          grants on the tenant; capable: their role has the capability
  lifecycle      of the tenant; the operation accepts `active` only, * everything but `active`
  connection     the operation's use of it / what the run names; elsewhere: another tenant's
  prerequisite   none named: the operation names none

";

#[test]
fn every_combination_is_decided_as_the_contract_says() {
    let mut gate = Gate::default();
    let tree = Tree::grow(0, Combination::FIRST, &mut |combination| {
        Verdict::of(&gate.decide(combination))
    });

    let mut looked_up = 0;
    each_combination(0, Combination::FIRST, &mut |combination| {
        looked_up += 1;
        let decided = tree.look_up(combination);
        let expected = Verdict::by_oracle(combination);
        if decided != expected {
            panic!("{combination:?}: decided {decided:?}, expected {expected:?}");
        }
    });
    assert_eq!(looked_up, COMBINATIONS);

    let mut text = LEGEND.to_owned();
    writeln!(text, "{:>7}{:>10}", "checks", "times").unwrap();
    tree.print(0, &mut text);
    let printed: u64 = text.lines().filter_map(times).sum();
    assert_eq!(printed, COMBINATIONS, "each combination on one line");
    golden::compare("truth_table.txt", &text);
}

/// The combinations that a printed line stands for.
fn times(line: &str) -> Option<u64> {
    line.contains(" => ")
        .then(|| line.split_whitespace().nth(1)?.parse().ok())
        .flatten()
}
/// The code under test. Contexts and facts are worked out once for each part of a combination that
/// they depend on, which is all that makes millions of combinations affordable.
#[derive(Default)]
struct Gate {
    contexts: Vec<Option<ExecutionContext>>,
    facts: Vec<Option<AuthorityFacts>>,
}

impl Gate {
    fn decide(&mut self, c: &Combination) -> Decision {
        let (connection_use, connection) = c.connection();
        let context = cached(
            &mut self.contexts,
            &[
                (c.authority as usize, 4),
                ((c.initiator != Initiator::Null).into(), 2),
                (c.needs as usize, 2),
                (c.lifecycle as usize / 4, 2),
                (connection_use, 3),
                ((connection != 0).into(), 2),
                (c.writes as usize, 2),
                (c.names_prerequisite().into(), 2),
            ],
            || c.context(),
        );
        let facts = cached(
            &mut self.facts,
            &[
                (c.workspace as usize, 3),
                (c.initiator as usize, 4),
                (c.membership as usize, 3),
                (c.tenant as usize, 3),
                (c.reach as usize, 3),
                (c.lifecycle as usize % 4, 4),
                (connection, 5),
                (c.gates as usize, 4),
                (c.prerequisite as usize, 5),
            ],
            || resolve(&context.query(), &c.rows(), Timestamp::UNIX_EPOCH),
        );
        decide(context, facts)
    }
}

/// The value at mixed-radix `digits`, each a digit and its radix.
fn cached<'a, T>(
    values: &'a mut Vec<Option<T>>,
    digits: &[(usize, usize)],
    make: impl FnOnce() -> T,
) -> &'a T {
    let mut at = 0;
    for &(digit, radix) in digits {
        at = at * radix + digit;
    }
    if values.len() <= at {
        values.resize_with(at + 1, || None);
    }
    values[at].get_or_insert_with(make)
}
