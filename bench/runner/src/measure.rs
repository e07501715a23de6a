//! One peer, one figure, one time.

use std::fmt;
use std::fs;

use serde_json::Value;
use xtask::Error;
use xtask::steps::Steps;

use crate::arguments::Figure;
use crate::peers::Peer;
use crate::programs::{Programs, output};
use crate::servers::ServerPrograms;

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) enum Measured {
    Answered(Answer),
    Failed(String),
}

/// What a peer said.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The settings that were measured.
    pub(crate) setting: String,
    /// Figures by their names.
    pub(crate) values: Vec<(String, f64)>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (name, value)) in self.values.iter().enumerate() {
            let between = if nth == 0 { "" } else { ", " };
            match name.ends_with("_ms") {
                true => write!(f, "{between}{name} {value:.2}")?,
                false => write!(f, "{between}{name} {value:.0}")?,
            }
        }
        Ok(())
    }
}

/// Starts an empty store and a peer on it, and reads its answer. What a peer does wrong is no error of ours.
pub(crate) fn measure(
    peer: &Peer,
    figure: Figure,
    jobs: usize,
    programs: &Programs,
    servers: &ServerPrograms,
    steps: &Steps,
) -> Result<Measured, Error> {
    let mut command = match programs.command(peer) {
        Ok(command) => command,
        Err(why) => return Ok(Measured::Failed(why)),
    };
    let store = servers.start(peer.store, steps)?;
    let (answer, stdout) = output()?;
    let (complaint, stderr) = output()?;
    command
        .arg(figure.to_string())
        .args(["--store", &store.url()])
        .args(["--jobs", &jobs.to_string()])
        .stdout(stdout)
        .stderr(stderr);
    let ended = match steps.interrupts().run(&mut command) {
        Ok(ended) => ended,
        Err(error @ Error::Run { .. }) => return Ok(Measured::Failed(error.with_sources())),
        Err(error) => return Err(error),
    };
    drop(store);
    let said = |file: &tempfile::NamedTempFile| fs::read_to_string(file.path()).unwrap_or_default();
    if !ended.success() {
        let complaint = said(&complaint);
        let last = complaint.lines().rfind(|line| !line.trim().is_empty());
        return Ok(Measured::Failed(last.map_or_else(
            || format!("it ended with {ended}"),
            |line| line.trim().to_owned(),
        )));
    }
    let answer = said(&answer);
    Ok(read(&answer).map_or_else(
        || Measured::Failed(format!("its answer does not read: {}", answer.trim())),
        Measured::Answered,
    ))
}

/// Reads a peer's line of JSON: its setting, and every figure that it names with its unit.
fn read(line: &str) -> Option<Answer> {
    let answer: Value = serde_json::from_str(line).ok()?;
    let answer = answer.as_object()?;
    let values = answer
        .iter()
        .filter(|(name, _)| name.ends_with("_per_s") || name.ends_with("_ms"))
        .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
    Some(Answer {
        setting: answer.get("setting")?.as_str()?.to_owned(),
        values: values.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_figures_with_units() {
        let line = r#"{"setting":"batch 7","jobs":9,"drain_per_s":4.0,"submit_per_s":5}"#;
        let answer = read(line).unwrap();
        assert_eq!(answer.setting, "batch 7");
        assert_eq!(answer.to_string(), "drain_per_s 4, submit_per_s 5");
    }

    #[test]
    fn what_is_no_answer_is_none() {
        assert!(read("done").is_none());
        assert!(read(r#"{"drain_per_s":4.0}"#).is_none());
    }
}
