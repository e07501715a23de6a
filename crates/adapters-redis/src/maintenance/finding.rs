//! What `doctor` has found, at one server or at every node of a cluster.

use countersign_ports::{Finding, Severity};

/// What a start, a revocation or a run that is undone endangers.
pub(super) const WHAT_WAS_ANSWERED: &[&str] = &["G2", "G3", "G5"];

/// One finding of what was found at each node: the worst of it, with where it was found unless that is
/// everywhere.
pub(super) fn of_all(found: Vec<(&str, Finding)>) -> Option<Finding> {
    let nodes = found.len();
    let worst = found.iter().map(|(_, finding)| finding.severity).max()?;
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    let mut one = None;
    for (node, finding) in found {
        if finding.severity == worst {
            match told.iter_mut().find(|(text, _)| *text == finding.found) {
                Some((_, at)) => at.push(node),
                None => told.push((finding.found.clone(), vec![node])),
            }
            one = one.or(Some(finding));
        }
    }
    let everywhere = told.iter().all(|(_, at)| at.len() == nodes);
    let told = told.into_iter().map(|(text, at)| match everywhere {
        true => text,
        false => format!("{}: {text}", at.join(", ")),
    });
    let found = told.collect::<Vec<String>>().join("; ");
    one.map(|one| Finding { found, ..one })
}

/// The server does not say, or not to this user.
pub(super) fn untold(code: &'static str, what: &str, right: &str) -> Finding {
    warning(
        code,
        format!("the server does not say {what}"),
        WHAT_WAS_ANSWERED,
        format!("give the user the right `{right}`, or make sure of it yourself"),
    )
}

/// As it should be, or worth knowing.
pub(super) fn note(code: &'static str, found: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Note,
        code,
        found: found.into(),
        endangers: &[],
        mend: String::new(),
    }
}

pub(super) fn warning(
    code: &'static str,
    found: impl Into<String>,
    endangers: &'static [&'static str],
    mend: impl Into<String>,
) -> Finding {
    Finding {
        severity: Severity::Warning,
        code,
        found: found.into(),
        endangers,
        mend: mend.into(),
    }
}

pub(super) fn error(
    code: &'static str,
    found: impl Into<String>,
    endangers: &'static [&'static str],
    mend: impl Into<String>,
) -> Finding {
    Finding {
        severity: Severity::Error,
        ..warning(code, found, endangers, mend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_told_with_its_nodes_unless_it_is_everywhere() {
        let note = || note("c", "fine");
        let bad = |text: &str| error("c", text, &["G2"], "mend it");
        let told = |found: Vec<Finding>| {
            let found = ["a", "b", "c"].into_iter().zip(found).collect();
            let all = of_all(found).unwrap();
            (all.severity, all.found)
        };
        let told_of = |found, severity, text: &str| {
            assert_eq!(told(found), (severity, text.to_owned()));
        };
        told_of(vec![note(), note(), note()], Severity::Note, "fine");
        told_of(
            vec![note(), bad("worse"), note()],
            Severity::Error,
            "b: worse",
        );
        told_of(
            vec![bad("worse"), bad("bad"), bad("worse")],
            Severity::Error,
            "a, c: worse; b: bad",
        );
        told_of(vec![bad("alone")], Severity::Error, "alone");
        assert_eq!(of_all(Vec::new()), None);
    }
}
