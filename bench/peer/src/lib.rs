//! What every peer program has in common: its words, its clock and its answer.
//!
//! A peer is a program that is started as `peer drain|latency --store URL --jobs N`, on a store that is empty and
//! that nobody else uses. It answers with one line of JSON on stdout. What it has to be able to do is [`Peer`]; when
//! the clock starts and stops is said here, once for all of them.

use std::fmt;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;

mod entered;
mod percentile;
mod words;

pub use entered::entered;
pub use words::{Figure, Task};

use entered::Entries;
use percentile::percentile;

/// A peer that takes longer than this is given up.
const PATIENCE: Duration = Duration::from_secs(240);

/// How often a store is asked whether it has recorded everything, once every handler has run.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Samples of a latency that are thrown away, while connections open and caches fill.
const WARM_UP: usize = 30;

/// Whatever goes wrong. A peer has nothing to mend.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A job queue that can be measured.
pub trait Peer: Sized {
    /// A worker that works.
    type Working;

    /// Prepares an empty store.
    fn open(task: &Task) -> impl Future<Output = Result<Self, Failure>>;

    /// The settings that are measured, for people.
    fn setting(&self) -> String;

    /// Queues that many jobs, by the best call there is for many.
    fn submit(&self, jobs: usize) -> impl Future<Output = Result<(), Failure>>;

    /// Queues one job.
    fn submit_one(&self) -> impl Future<Output = Result<(), Failure>>;

    /// Starts one worker. Its handler calls [`entered`], and does nothing else.
    fn work(&self) -> impl Future<Output = Result<Self::Working, Failure>>;

    /// Whether the store knows of all those jobs that they are done. Asked after every handler has run.
    fn has_recorded(
        &self,
        working: &mut Self::Working,
        jobs: usize,
    ) -> impl Future<Output = Result<bool, Failure>>;
}

/// The whole program of a peer, on a runtime of its choice.
pub fn main<P: Peer>(runtime: std::io::Result<Runtime>) -> ExitCode {
    match runtime
        .map_err(Failure::from)
        .and_then(|runtime| measure::<P>(&runtime))
    {
        Ok(answer) => tell(&answer),
        Err(failure) => fail(&failure),
    }
}

/// What a worker ends with that was never told to: the process ends too.
pub fn ended<E: fmt::Debug>(how: Result<(), E>) {
    fail(&format!("the worker ended: {how:?}"));
    std::process::exit(1);
}

/// Many threads, and everything else as it comes.
pub fn runtime() -> std::io::Result<Runtime> {
    Runtime::new()
}

fn measure<P: Peer>(runtime: &Runtime) -> Result<Value, Failure> {
    let task = Task::parse(std::env::args().skip(1))?;
    thread::spawn(|| {
        thread::sleep(PATIENCE);
        let limit = PATIENCE.as_secs();
        fail(&format!("it had not ended after {limit} s"));
        std::process::exit(1);
    });
    runtime.block_on(async {
        let peer = P::open(&task).await?;
        match task.figure {
            Figure::Drain => drain(&peer, task.jobs).await,
            Figure::Latency => latency(&peer, task.jobs).await,
        }
    })
}

async fn drain<P: Peer>(peer: &P, jobs: usize) -> Result<Value, Failure> {
    let mut entries = Entries::every(jobs);
    let submitting = Instant::now();
    peer.submit(jobs).await?;
    let submitted = submitting.elapsed();
    let draining = Instant::now();
    let mut working = peer.work().await?;
    entries.next().await?;
    while !peer.has_recorded(&mut working, jobs).await? {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let drained = draining.elapsed();
    Ok(json!({
        "setting": peer.setting(),
        "jobs": jobs,
        "submit_per_s": rate(jobs, submitted),
        "drain_per_s": rate(jobs, drained),
    }))
}

async fn latency<P: Peer>(peer: &P, samples: usize) -> Result<Value, Failure> {
    let mut entries = Entries::every(1);
    let working = peer.work().await?;
    let mut took = Vec::with_capacity(samples);
    for sample in 0..WARM_UP + samples {
        tokio::time::sleep(pause(sample)).await;
        let submitting = Instant::now();
        peer.submit_one().await?;
        let entered = entries.next().await?;
        if sample >= WARM_UP {
            took.push(entered.duration_since(submitting).as_secs_f64() * 1000.0);
        }
    }
    drop(working);
    took.sort_by(f64::total_cmp);
    Ok(json!({
        "setting": peer.setting(),
        "samples": samples,
        "p50_ms": percentile(&took, 0.50),
        "p99_ms": percentile(&took, 0.99),
    }))
}

/// From 10 to 30 ms, never in step with whoever polls, and the same for every peer.
fn pause(sample: usize) -> Duration {
    let drawn = (sample as u64).wrapping_mul(7_919) % 20_000;
    Duration::from_micros(10_000 + drawn)
}

fn rate(jobs: usize, took: Duration) -> f64 {
    jobs as f64 / took.as_secs_f64()
}

#[expect(clippy::print_stdout, reason = "the answer is what stdout is for")]
fn tell(answer: &Value) -> ExitCode {
    println!("{answer}");
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "a program that fails says why")]
fn fail(failure: &dyn fmt::Display) -> ExitCode {
    eprintln!("{failure}");
    ExitCode::FAILURE
}
