//! `bench`: how fast a store is, measured on a throwaway beside it.

use std::process::ExitCode;
use std::time::Duration;

use countersign::Stop;
use serde::Serialize;

use super::args::{Bench, COUNTS, Globals};
use super::failure::Failure;
use super::output::Output;
use super::signals;
use super::stores::Throwaway;

mod measure;

use measure::Bed;

pub(crate) async fn run(
    globals: &Globals,
    bench: &Bench,
    output: Output,
) -> Result<ExitCode, Failure> {
    let runs = count(globals, bench)?;
    // Before there is anything that could be left behind.
    let stop = Stop::new();
    signals::watch(stop.clone())?;
    let throwaway = Throwaway::beside(globals).await?;
    let (address, ports) = (throwaway.address(), throwaway.ports()?);
    output.note(format_args!("on a store of its own, {address}"));
    let measured = Bed::new(ports, stop, output).measure(runs).await;
    // Whatever came of it, nothing is left behind.
    throwaway.remove().await?;
    tell(runs, &measured?, output)?;
    Ok(ExitCode::SUCCESS)
}

/// How many runs: `--count`, or `--runs` where that is a number and so no store of anybody's.
fn count(globals: &Globals, bench: &Bench) -> Result<u32, Failure> {
    let Some(named) = &globals.runs else {
        return Ok(bench.runs);
    };
    match named.parse() {
        Ok(runs) if COUNTS.contains(&runs) => Ok(runs),
        _ => Err(Failure::bad_input(format_args!(
            "`{named}` is not how many runs there are to be, expected {} to {}",
            COUNTS.start(),
            COUNTS.end()
        ))
        .at_field("runs")),
    }
}

/// What was measured.
struct Figures {
    submitted_per_second: f64,
    drained_per_second: f64,
    /// From submitting a run to entering its handler, of an idle worker.
    start: Vec<Duration>,
    /// How long a revocation took while two workers started runs in its workspace.
    revocation: Vec<Duration>,
    /// Runs that these started meanwhile.
    started_per_second_meanwhile: f64,
}

#[derive(Serialize)]
struct Told {
    runs: u32,
    submitted_per_second: f64,
    drained_per_second: f64,
    start_ms: Spread,
    revocation_ms: Spread,
    started_per_second_meanwhile: f64,
}

/// Milliseconds.
#[derive(Serialize)]
struct Spread {
    samples: usize,
    p50: f64,
    p99: f64,
    most: f64,
}

impl Spread {
    fn of(took: &[Duration]) -> Self {
        let mut took = took.to_vec();
        took.sort_unstable();
        let at = |percent: usize| {
            let rank = (took.len() * percent).div_ceil(100).saturating_sub(1);
            let took = took.get(rank).copied().unwrap_or_default();
            rounded(took.as_secs_f64() * 1000.0, 100.0)
        };
        Self {
            samples: took.len(),
            p50: at(50),
            p99: at(99),
            most: at(100),
        }
    }
}

fn rounded(figure: f64, parts: f64) -> f64 {
    (figure * parts).round() / parts
}

fn tell(runs: u32, figures: &Figures, output: Output) -> Result<(), Failure> {
    let told = Told {
        runs,
        submitted_per_second: rounded(figures.submitted_per_second, 1.0),
        drained_per_second: rounded(figures.drained_per_second, 1.0),
        start_ms: Spread::of(&figures.start),
        revocation_ms: Spread::of(&figures.revocation),
        started_per_second_meanwhile: rounded(figures.started_per_second_meanwhile, 1.0),
    };
    if output.is_json() {
        return output.object(&told);
    }
    let row = |what: &str, figure: String| vec![what.to_owned(), figure];
    let spread = |spread: &Spread| {
        format!(
            "p50 {} ms, p99 {} ms, most {} ms of {}",
            spread.p50, spread.p99, spread.most, spread.samples
        )
    };
    output.table(
        &["MEASURED", "FIGURE"],
        vec![
            row(
                "submit, 1,000 a batch",
                format!("{} runs/s", told.submitted_per_second),
            ),
            row(
                "drain, one worker, gate on, decisions kept",
                format!("{} runs/s", told.drained_per_second),
            ),
            row(
                "from submit to handler, idle worker",
                spread(&told.start_ms),
            ),
            row(
                "a revocation while two workers start runs there",
                spread(&told.revocation_ms),
            ),
            row(
                "started meanwhile",
                format!("{} runs/s", told.started_per_second_meanwhile),
            ),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let took: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        let spread = Spread::of(&took);
        assert_eq!((spread.p50, spread.p99, spread.most), (100.0, 198.0, 200.0));
        let spread = Spread::of(&[Duration::from_micros(1234)]);
        assert_eq!((spread.p50, spread.p99, spread.most), (1.23, 1.23, 1.23));
        let spread = Spread::of(&[]);
        assert_eq!((spread.samples, spread.most), (0, 0.0));
    }
}
