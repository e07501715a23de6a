//! Commands: what a sequence is made of, and how one is drawn.
//!
//! The numbers in them pick from small pools, or from whatever there is when the command is carried out. So a
//! sequence stays one when commands are taken out of it, which is how a failure is made small.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use super::changes::{Change, change};
use super::world::{ASKS, Ask};

/// Something that a submitter, an operator, a worker or the sweeper does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Command {
    /// Somebody queues a run.
    Submit {
        ask: Ask,
        who: u8,
        unique: bool,
        priority: i8,
        soon: bool,
    },
    /// Somebody submits again under an id that is known, the same or something else.
    Resubmit { run: u8, same: bool },
    /// Authority changes.
    Change(Change),
    /// Authority changes twice in one commit.
    Changes(Change, Change),
    /// Whoever is in charge puts everything right again, for good or with grants that end soon.
    Mend { for_good: bool },
    /// A worker takes entries off the queue; those it takes briefly are visible again at once.
    Receive { limit: u8, briefly: bool },
    /// A worker forgets a delivery.
    Drop { delivery: u8 },
    /// A worker acks a delivery, whatever became of its run: a queue that loses an entry.
    Ack { delivery: u8 },
    /// A worker puts a delivery off for a moment.
    PutBack { delivery: u8 },
    /// A worker looks up and judges a run, delivered or not, and keeps the start.
    Judge { run: u8, brief_lease: bool },
    /// A worker begins starts that it has kept, perhaps so late that whatever was to end soon has ended; it may
    /// keep them to send them again.
    Begin {
        start: u8,
        count: u8,
        late: bool,
        keep: bool,
    },
    /// A worker that does not know what became of a start reads it back.
    ReadBack { start: u8 },
    /// A worker completes a run, in time, late, or again.
    Finish { running: u8, work: Ending },
    /// A worker renews a lease and judges the run again.
    Renew { running: u8 },
    /// A lease is not renewed in time.
    Lapse { running: u8 },
    /// A worker is no more: nobody has its deliveries, its starts, its leases.
    Crash,
    /// An operator cancels a run.
    Cancel { run: u8 },
    /// An operator retries a run.
    Retry { run: u8 },
    /// A worker could not read the authority of a run, perhaps for the last time.
    PutOff { run: u8, patient: bool },
    /// The sweeper rescues, and restores what the queue has lost.
    Sweep { limit: u8 },
    /// Time passes, until whatever was to come soon has come.
    Wait,
}

/// What a handler comes to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    Succeeds,
    SucceedsPartly,
    /// For good: there is no successor.
    Fails,
    /// To be tried again: at once, or soon.
    FailsForNow {
        soon: bool,
    },
    StopsAsTold,
}

/// Sequences of commands.
pub(super) fn commands() -> impl Strategy<Value = Vec<Command>> {
    vec(command(), 1..=100)
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        10 => submit(),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(run, same)| Command::Resubmit { run, same }),
        9 => change().prop_map(Command::Change),
        1 => (change(), change()).prop_map(|(first, second)| Command::Changes(first, second)),
        4 => any::<bool>().prop_map(|for_good| Command::Mend { for_good }),
        3 => (1..4u8, any::<bool>()).prop_map(|(limit, briefly)| Command::Receive { limit, briefly }),
        1 => any::<u8>().prop_map(|delivery| Command::Drop { delivery }),
        2 => any::<u8>().prop_map(|delivery| Command::Ack { delivery }),
        1 => any::<u8>().prop_map(|delivery| Command::PutBack { delivery }),
        12 => (any::<u8>(), likely(5)).prop_map(|(run, long)| Command::Judge { run, brief_lease: !long }),
        12 => (any::<u8>(), 1..4u8, likely(4), likely(3))
            .prop_map(|(start, count, soon, once)| Command::Begin { start, count, late: !soon, keep: !once }),
        3 => any::<u8>().prop_map(|start| Command::ReadBack { start }),
        7 => (any::<u8>(), ending()).prop_map(|(running, work)| Command::Finish { running, work }),
        4 => any::<u8>().prop_map(|running| Command::Renew { running }),
        3 => any::<u8>().prop_map(|running| Command::Lapse { running }),
        1 => Just(Command::Crash),
        3 => any::<u8>().prop_map(|run| Command::Cancel { run }),
        3 => any::<u8>().prop_map(|run| Command::Retry { run }),
        1 => (any::<u8>(), likely(3)).prop_map(|(run, patient)| Command::PutOff { run, patient }),
        3 => (1..4u8).prop_map(|limit| Command::Sweep { limit }),
        2 => Just(Command::Wait),
    ]
}

fn submit() -> impl Strategy<Value = Command> {
    let ask = proptest::sample::select(&ASKS[..]);
    let unique = any::<bool>();
    let who = prop_oneof![2 => 0..2u8, 1 => any::<u8>()];
    (ask, who, unique, -1..2i8, likely(4)).prop_map(|(ask, who, unique, priority, now)| {
        Command::Submit {
            ask,
            who,
            unique,
            priority,
            soon: !now,
        }
    })
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        2 => Just(Ending::Succeeds),
        1 => Just(Ending::SucceedsPartly),
        1 => Just(Ending::Fails),
        3 => any::<bool>().prop_map(|soon| Ending::FailsForNow { soon }),
        1 => Just(Ending::StopsAsTold),
    ]
}

/// True, but for one in so many times; what is made small is true.
fn likely(once_in: u8) -> impl Strategy<Value = bool> {
    (0..once_in).prop_map(move |drawn| drawn + 1 < once_in)
}
