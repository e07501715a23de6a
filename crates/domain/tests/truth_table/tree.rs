//! The compressed table: a decision tree that leaves out what makes no difference.

use std::fmt::Write as _;

use countersign_domain::ReasonCode;

use crate::combination::{COLUMNS, Combination};
use crate::oracle::Verdict;

/// A decision tree that asks for one column after another and leaves out those that do not matter.
#[derive(Debug)]
pub(crate) enum Tree {
    Leaf { verdict: Verdict, combinations: u64 },
    Branch { column: usize, arms: Vec<Arm> },
}

#[derive(Debug)]
pub(crate) struct Arm {
    /// The values of the column, a bit each.
    values: u32,
    tree: Tree,
}

impl Tree {
    /// The tree of every possible combination that agrees with `so_far` on the columns before
    /// `column`.
    pub(crate) fn grow(
        column: usize,
        so_far: Combination,
        judge: &mut impl FnMut(&Combination) -> Verdict,
    ) -> Self {
        let Some(asked) = COLUMNS.get(column) else {
            return Self::Leaf {
                verdict: judge(&so_far),
                combinations: 1,
            };
        };
        let mut arms: Vec<Arm> = Vec::new();
        for value in 0..asked.labels.len() {
            let mut combination = so_far;
            (asked.set)(&mut combination, value);
            if !combination.is_possible() {
                continue;
            }
            let tree = Self::grow(column + 1, combination, judge);
            match arms.iter_mut().find(|arm| arm.tree.says_what(&tree)) {
                Some(arm) => {
                    arm.values |= 1 << value;
                    arm.tree.absorb(&tree);
                }
                None => arms.push(Arm {
                    values: 1 << value,
                    tree,
                }),
            }
        }
        match arms.len() {
            1 => arms.remove(0).tree,
            _ => Self::Branch { column, arms },
        }
    }

    /// Whether both come to the same verdicts by the same questions.
    fn says_what(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Leaf { verdict: a, .. }, Self::Leaf { verdict: b, .. }) => a == b,
            (
                Self::Branch { column: a, arms },
                Self::Branch {
                    column: b,
                    arms: others,
                },
            ) => {
                a == b
                    && arms.len() == others.len()
                    && arms
                        .iter()
                        .zip(others)
                        .all(|(a, b)| a.values == b.values && a.tree.says_what(&b.tree))
            }
            (Self::Leaf { .. }, Self::Branch { .. }) | (Self::Branch { .. }, Self::Leaf { .. }) => {
                false
            }
        }
    }

    /// Adds the combinations of a tree that says the same.
    fn absorb(&mut self, other: &Self) {
        match (self, other) {
            (
                Self::Leaf { combinations, .. },
                Self::Leaf {
                    combinations: more, ..
                },
            ) => *combinations += more,
            (Self::Branch { arms, .. }, Self::Branch { arms: others, .. }) => {
                for (arm, other) in arms.iter_mut().zip(others) {
                    arm.tree.absorb(&other.tree);
                }
            }
            (Self::Leaf { .. }, Self::Branch { .. }) | (Self::Branch { .. }, Self::Leaf { .. }) => {
                panic!("only trees that say the same are merged")
            }
        }
    }

    /// The verdict of the one line that a combination falls under.
    pub(crate) fn look_up(&self, combination: &Combination) -> Verdict {
        match self {
            Self::Leaf { verdict, .. } => *verdict,
            Self::Branch { column, arms } => {
                let value = 1 << (COLUMNS[*column].get)(combination);
                let mut matching = arms.iter().filter(|arm| arm.values & value != 0);
                match (matching.next(), matching.next()) {
                    (Some(arm), None) => arm.tree.look_up(combination),
                    (first, _) => panic!("{combination:?} has {first:?} and another line"),
                }
            }
        }
    }

    pub(crate) fn print(&self, depth: usize, out: &mut String) {
        let Self::Branch { column, arms } = self else {
            return;
        };
        let asked = &COLUMNS[*column];
        for arm in arms {
            let labels: Vec<&str> = (0..asked.labels.len())
                .filter(|value| arm.values & (1 << value) != 0)
                .map(|value| asked.labels[value])
                .collect();
            let question = format!(
                "{}{}: {}",
                "  ".repeat(depth),
                asked.title,
                labels.join(" | ")
            );
            match &arm.tree {
                Self::Branch { .. } => {
                    writeln!(out, "{:>7}{:>10}  {question}", "", "").unwrap();
                    arm.tree.print(depth + 1, out);
                }
                Self::Leaf {
                    verdict,
                    combinations,
                } => {
                    let checks = String::from_utf8_lossy(&verdict.checks);
                    let reason = verdict.reason.map_or("allow", ReasonCode::as_str);
                    writeln!(out, "{checks:>7}{combinations:>10}  {question} => {reason}").unwrap();
                }
            }
        }
    }
}
