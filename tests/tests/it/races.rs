//! Many workers and many who change authority on one store, and whether what they were answered can be told as
//! one story: linearizability of starts (G2, G3).
//!
//! Every call of `begin` and of `apply` is recorded with its answer, for each place (a workspace with its tenant
//! and all that its runs rest on) by itself: linearizability is compositional. Each history has to be one that a
//! store could have given that does one thing after the other, every thing at some moment between its call and
//! its answer; and such a store starts a run only while it is authorised, blocks it only while it is not, and
//! does either once.
//!
//! `COUNTERSIGN_ROUNDS` says how many rounds, for each store.

mod facts;
mod history;
mod round;
mod sequential;

use countersign_conformance::scene::Came;
use tokio::runtime::{Builder, Runtime};

use crate::model::Kind;
use facts::Switch;
use history::History;
use round::{Fencing, RUNS, Race};
use sequential::{Op, Ret};

macro_rules! on {
    ($($name:ident: $kind:ident, $rounds:literal;)+) => {$(
        #[test]
        fn $name() {
            linearizable(Kind::$kind, $rounds);
        }
    )+};
}

on! {
    starts_are_linearizable_on_sqlite: Sqlite, 25;
    starts_are_linearizable_on_postgres: Postgres, 60;
    starts_are_linearizable_on_redis: Redis, 60;
    starts_are_linearizable_on_a_redis_cluster: RedisCluster, 60;
    starts_are_linearizable_on_postgres_with_the_queue_on_redis: QueueOnRedis, 20;
}

/// Plays rounds, so many unless `COUNTERSIGN_ROUNDS` says otherwise.
fn linearizable(kind: Kind, rounds: u64) {
    let rounds = match std::env::var("COUNTERSIGN_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("COUNTERSIGN_ROUNDS, a number"),
        Err(_) => rounds,
    };
    let found = runtime().block_on(first_broken(kind, Fencing::AsLookedUp, rounds));
    if let Err((round, history)) = found {
        panic!("round {round} on {kind:?} cannot be told as one story:\n{history}");
    }
}

/// The first round with a history that is not linearizable; else how often each answer came.
async fn first_broken(
    kind: Kind,
    fencing: Fencing,
    rounds: u64,
) -> Result<[usize; 4], (u64, String)> {
    let race = Race::on(kind, fencing).await;
    let mut came = [0; 4];
    let mut broken = None;
    for number in 0..rounds {
        for history in race.round(number).await.iter() {
            if !history.is_linearizable(RUNS) {
                broken.get_or_insert((number, history.told()));
            }
            let answers = [Came::Started, Came::Blocked, Came::Moved, Came::NotQueued];
            for (count, answer) in came.iter_mut().zip(answers) {
                *count += history.count(|ret| ret == Ret::Came(answer));
            }
        }
        if broken.is_some() {
            break;
        }
    }
    race.close().await;
    broken.map_or(Ok(came), Err)
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap()
}

/// The rounds are not in vain: starts are let through, blocked, moved, and lost to others.
#[test]
fn every_answer_comes_in_some_round() {
    let held = runtime().block_on(first_broken(Kind::Sqlite, Fencing::AsLookedUp, 15));
    let came = held.unwrap();
    assert!(came.iter().all(|count| *count > 0), "{came:?}");
}

/// A worker that reads the revisions once more when it has decided is found out.
#[test]
fn a_fence_that_is_refreshed_after_the_decision_is_found_out() {
    let found = runtime().block_on(first_broken(Kind::Sqlite, Fencing::Refreshed, 500));
    assert!(
        found.is_err(),
        "500 rounds, and nobody has noticed: {found:?}"
    );
}

/// What somebody does while nobody else does anything.
fn then(history: &History, op: Op, ret: Ret) {
    history.invoked(0, op);
    history.returned(0, ret);
}

fn off(switch: Switch) -> Op {
    Op::Change(switch.effects(0, false)[0].1)
}

fn on(switch: Switch) -> Op {
    Op::Change(switch.effects(0, true)[0].1)
}

#[test]
fn a_start_after_a_revocation_has_returned_is_no_story() {
    let history = History::default();
    then(&history, off(Switch::Grants), Ret::Changed);
    then(&history, Op::Begin(0), Ret::Came(Came::Started));
    assert!(!history.is_linearizable(RUNS));
}

#[test]
fn a_start_while_a_revocation_is_under_way_is_one() {
    let history = History::default();
    history.invoked(1, off(Switch::Grants));
    then(&history, Op::Begin(0), Ret::Came(Came::Started));
    history.returned(1, Ret::Changed);
    then(&history, Op::Begin(1), Ret::Came(Came::Blocked));
    assert!(history.is_linearizable(RUNS));
}

#[test]
fn a_block_of_what_was_authorised_all_along_is_no_story() {
    let history = History::default();
    then(&history, off(Switch::User), Ret::Changed);
    then(&history, on(Switch::User), Ret::Changed);
    then(&history, Op::Begin(0), Ret::Came(Came::Blocked));
    assert!(!history.is_linearizable(RUNS));
}

#[test]
fn a_run_that_starts_twice_is_no_story() {
    let history = History::default();
    history.invoked(1, Op::Begin(0));
    then(&history, Op::Begin(0), Ret::Came(Came::Started));
    history.returned(1, Ret::Came(Came::Started));
    assert!(!history.is_linearizable(RUNS));
}

/// Neither is blocked before the revocation nor starts after it: one of the two answers is wrong, though each
/// by itself could be right.
#[test]
fn answers_that_want_two_orders_are_no_story() {
    let history = History::default();
    history.invoked(1, off(Switch::Gate));
    then(&history, Op::Begin(0), Ret::Came(Came::Blocked));
    then(&history, Op::Begin(1), Ret::Came(Came::Started));
    history.returned(1, Ret::Changed);
    assert!(!history.is_linearizable(RUNS));
}
