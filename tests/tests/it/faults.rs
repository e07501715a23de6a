//! A scripted scenario in which one call of a worker's ports fails: every call there is, in every way, on every store.
//!
//! Whatever fails, every run ends, none is entered twice, and what was queued by somebody whose authority is gone is
//! blocked and never entered.

mod ports;
mod scenario;

use tokio::task::JoinSet;

use crate::model::Kind;
use ports::{Calls, Fault};

/// How many scenarios are played at a time: they mostly wait. A PostgreSQL server has so many connections and no more.
fn at_once(kind: Kind) -> usize {
    match kind {
        Kind::Sqlite | Kind::Redis | Kind::RedisCluster => 12,
        Kind::Postgres | Kind::QueueOnRedis => 4,
    }
}

/// Of so many calls one fails: each, where there is time for that.
fn every() -> usize {
    let named = std::env::var("COUNTERSIGN_EVERY");
    named.map_or(4, |every| every.parse().unwrap())
}

/// How many calls there may be: a scenario that makes as many is never done.
const MOST: usize = 400;

/// Plays the scenario with each of its calls failing in turn.
#[expect(
    clippy::print_stdout,
    reason = "how many calls there were is what a reader asks for"
)]
async fn sweep(kind: Kind, fault: Fault) {
    // What comes late or is refused is tried again; how often is not the same each time. So the sweep ends with a
    // block of scenarios none of which came to the call that was to fail.
    let (at_once, every) = (at_once(kind), every());
    // Each fault at other calls than the others.
    let first = fault as usize % every;
    let (mut next, mut failed) = (first, 0);
    while next < MOST {
        let mut block = JoinSet::new();
        for n in (next..).step_by(every).take(at_once) {
            block.spawn(async move {
                let calls = Calls::failing(n, fault);
                scenario::play(kind, &calls, n).await;
                calls.have_failed()
            });
        }
        let reached = block
            .join_all()
            .await
            .into_iter()
            .filter(|was| *was)
            .count();
        failed += reached;
        next += at_once * every;
        if reached == 0 {
            println!("{kind:?}, {fault:?}: {failed} calls failed in turn, one of {every}");
            assert!(failed * every > 20, "only {failed} calls were made");
            return;
        }
    }
    panic!("{MOST} calls, and still not done");
}

macro_rules! sweeps {
    ($($kind:ident in $store:ident),+ $(,)?) => {$(
        mod $store {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn a_call_that_does_nothing_does_no_harm() {
                sweep(Kind::$kind, Fault::Refused).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn a_call_whose_answer_is_lost_does_no_harm() {
                sweep(Kind::$kind, Fault::Unheard).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn a_call_that_comes_late_does_no_harm() {
                sweep(Kind::$kind, Fault::Late).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn a_call_that_is_dropped_does_no_harm() {
                sweep(Kind::$kind, Fault::Dropped).await;
            }
        }
    )+};
}

sweeps! {
    Sqlite in on_sqlite,
    Postgres in on_postgres,
    Redis in on_redis,
    RedisCluster in on_a_redis_cluster,
    QueueOnRedis in on_postgres_with_the_queue_on_redis,
}
