//! The server is stopped at once and started again in the middle of a drain.

use std::sync::{Arc, Mutex};

use countersign::Ports;
use xtask::interrupts::Interrupts;
use xtask::programs::{Search, Server, directories, search};
use xtask::servers::Postgres;

use super::place::Place;
use crate::drain::{ALLOWED, Drain};
use crate::support::{drained, until_async};

/// A server that nobody else uses.
fn start() -> Postgres {
    match search(Server::Postgres, &directories()) {
        Search::Found(program) => Postgres::start(&program, &Interrupts::default()).unwrap(),
        Search::Missing(too_old) => panic!("PostgreSQL is not installed: {too_old:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_goes_on_after_a_crash_of_the_server() {
    const BEFORE: usize = 400;
    let server = Arc::new(Mutex::new(start()));
    let url = server.lock().unwrap().url();
    Place::play(url, {
        let server = Arc::clone(&server);
        move |place| async move {
            let store = place.open().await;
            // The server is stopped while many are on their way, and before all of them have come through.
            let ports = Ports::postgres(&store).unwrap();
            let drain = Drain::of(&ports, 2 * BEFORE).await;
            let worker = drain.worker(&ports);
            let progress = worker.progress();
            let draining = tokio::spawn(drained(worker));
            until_async("the drain is under way", async || {
                (progress.tally().started >= BEFORE as u64).then_some(())
            })
            .await;
            let restarting = tokio::task::spawn_blocking(move || {
                let mut server = server.lock().unwrap();
                server.restart_at_once(&Interrupts::default()).unwrap();
            });
            restarting.await.unwrap();
            assert!(progress.tally().succeeded < ALLOWED as u64);

            drain.let_end(usize::MAX);
            draining.await.unwrap();
            drain.finish(&ports).await;
            drain.assert_sound(&ports).await;
            store.close().await;
        }
    })
    .await;
}
