//! Sequences of whatever may happen, held against a model, on every store (G1 to G8).
//!
//! A sequence of commands is drawn, and carried out on a store and on references in memory: who may do what, the
//! record of every run, the entries of the queue. Each answer has to be what the references say, and after each
//! command every run is read back and held against its reference and the guarantees. In the end all that was
//! accepted is worked off.
//!
//! `COUNTERSIGN_CASES` says how many sequences, for each store. A sequence that fails is made small, and printed
//! as Rust: it goes into [`regressions`] under a name that says what it has found. (Seeds are not kept: they mean
//! another sequence once a command is added.)

mod authority;
mod changes;
mod command;
mod entries;
mod guarantees;
mod play;
mod regressions;
mod runs;
mod store;
mod window;
mod world;

use std::any::Any;
use std::cell::Cell;
use std::sync::{Arc, Once};
use std::time::Duration;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::{Builder, Runtime};

use command::Command;
use play::{Play, Seen};
pub(crate) use store::{Kind, OwnStore};

/// What may come of commands.
const ALL: [&str; 33] = [
    "acked",
    "acked too late",
    "blocked",
    "cancelled before the start",
    "completed",
    "completed after a cancel",
    "completed again",
    "completed too late",
    "delivered",
    "denied under way",
    "found decided",
    "found on record",
    "found queued",
    "given up",
    "lapsed",
    "moved",
    "not queued",
    "put off",
    "queued",
    "renewed",
    "renewed too late",
    "rescued",
    "rescued for the last time",
    "restored",
    "retried",
    "retried before",
    "retried too early",
    "retried while another holds the key",
    "started",
    "taken by another",
    "there already",
    "to be cancelled",
    "to be tried again",
];

/// So many sequences have something of everything.
const ENOUGH: usize = 200;

/// The threads that sequences are played on.
const PLAYING: &str = "model";

/// A sequence that has not ended by then hangs.
const PATIENCE: Duration = Duration::from_secs(60);

macro_rules! on {
    ($($name:ident: $kind:ident, $cases:literal;)+) => {$(
        #[test]
        fn $name() {
            hold(Kind::$kind, $cases);
        }
    )+};
}

on! {
    the_model_holds_on_sqlite: Sqlite, 24;
    the_model_holds_on_postgres: Postgres, 6;
    the_model_holds_on_redis: Redis, 12;
    the_model_holds_on_a_redis_cluster: RedisCluster, 8;
    the_model_holds_on_postgres_with_the_queue_on_redis: QueueOnRedis, 6;
}

/// Plays sequences on stores of a kind, so many unless `COUNTERSIGN_CASES` says otherwise.
fn hold(kind: Kind, cases: u32) {
    let cases = match std::env::var("COUNTERSIGN_CASES") {
        Ok(cases) => cases.parse().expect("COUNTERSIGN_CASES, a number"),
        Err(_) => cases,
    };
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 1_000,
        ..Config::default()
    };
    let runtime = runtime();
    // A server that is not there is told as such, and not as a sequence that fails.
    runtime.block_on(async {
        let store = OwnStore::of(kind);
        drop(store.open().await);
        store.remove().await;
    });
    hush();
    let held = Cell::new(0);
    let failed = Cell::new(false);
    let played = TestRunner::new(config).run(&command::commands(), |commands| {
        let ended = play(&runtime, kind, commands);
        failed.set(failed.get() || ended.is_err());
        held.set(held.get() + u32::from(!failed.get()));
        ended.map(drop).map_err(TestCaseError::fail)
    });
    if let Err(failed) = played {
        panic!("on {kind:?}, after {} that held: {failed}", held.get());
    }
}

/// Has the panics of sequences say nothing: a thousand of them are made small, and the last is told.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let said = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() != Some(PLAYING) {
                said(panic);
            }
        }));
    });
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(PLAYING)
        .enable_all()
        .build()
        .unwrap()
}

/// The sequences are not in vain: whatever may come of a command does come of one.
#[test]
fn everything_that_may_happen_does() {
    let runtime = runtime();
    let mut runner = TestRunner::deterministic();
    let mut seen = Seen::new();
    let missing = |seen: &Seen| ALL.into_iter().find(|what| !seen.contains_key(what));
    for _ in 0..ENOUGH {
        if missing(&seen).is_none() {
            return;
        }
        let commands = command::commands().new_tree(&mut runner).unwrap();
        for (what, times) in play(&runtime, Kind::Sqlite, commands.current()).unwrap() {
            *seen.entry(what).or_default() += times;
        }
    }
    panic!("{:?} in none of them, but {seen:#?}", missing(&seen));
}

/// Plays one sequence on a store of its own, which is thrown away whatever comes of it.
fn play(runtime: &Runtime, kind: Kind, commands: Vec<Command>) -> Result<Seen, String> {
    runtime.block_on(async {
        let store = Arc::new(OwnStore::of(kind));
        let lent = store.clone();
        // A task of its own: its panic is caught, and what it held is let go of.
        let playing = tokio::spawn(async move { Play::all(&lent, &commands).await });
        let ended = tokio::time::timeout(PATIENCE, playing).await;
        if let Some(store) = Arc::into_inner(store) {
            store.remove().await;
        }
        match ended {
            Ok(ended) => ended.map_err(|error| told(&*error.into_panic())),
            Err(_elapsed) => Err(format!("has not ended after {PATIENCE:?}")),
        }
    })
}

/// What a panic said.
fn told(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}
