//! The gate's calls on its ports, and their order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use countersign::{ConsistencyMode, Gate, GateTerms, Passage, Ports};
use countersign_domain::{
    AttributedChange, AuthorityChange, AuthorityQuery, Catalog, DecisionId, OperationRun, RoleName,
    RoleRow, RunId, Submission, Timestamp,
};
use countersign_ports::{
    Applied, AuthorityLookup, AuthorityStore, Begun, LogEntry, LogQuery, LookedUp,
    MockAuthorityStore, MockRunQueue, MockRunRepository, PortError, PortErrorKind, PortResult,
    PutOff, ShowQuery, Start, StoreIdentity, UndecidedCause, UndecidedPolicy, fresh_run_id,
    fresh_store_id,
};
use mockall::Sequence;

use crate::support::{AUTHORITY, found, operation};

mod begin;

/// Mocked ports of one store.
struct Mocks {
    store: StoreIdentity,
    runs: MockRunRepository,
    authority: MockAuthorityStore,
    lease_for: Duration,
}

impl Mocks {
    fn new() -> Self {
        let store = StoreIdentity {
            id: fresh_store_id(),
            kind: "mocked",
        };
        let (mut runs, mut authority) = (MockRunRepository::new(), MockAuthorityStore::new());
        runs.expect_store().return_const(store.clone());
        authority.expect_store().return_const(store.clone());
        Self {
            store,
            runs,
            authority,
            lease_for: Duration::from_secs(30),
        }
    }

    /// Every look-up finds the same authority, as often as the gate asks.
    fn with_authority(mut self) -> Self {
        let store = self.store.clone();
        self.authority.expect_look_up().returning(move |queries| {
            Ok(queries
                .iter()
                .map(|query| found(&store, AUTHORITY, query))
                .collect())
        });
        self
    }

    fn gate(self, consistency: ConsistencyMode) -> Gate {
        let authority = Arc::new(self.authority);
        gate_over(self.runs, authority, consistency, self.lease_for)
    }

    async fn pass(self, runs: &[OperationRun]) -> Vec<Passage> {
        self.gate(ConsistencyMode::Fenced).pass(runs).await
    }
}

fn gate_over(
    runs: MockRunRepository,
    authority: Arc<dyn AuthorityStore>,
    consistency: ConsistencyMode,
    lease_for: Duration,
) -> Gate {
    let queue = Arc::new(MockRunQueue::new());
    let ports = Ports::new(Arc::new(runs), authority, queue, consistency);
    let terms = GateTerms {
        worker: "worker-1".parse().unwrap(),
        lease_for,
        undecided: UndecidedPolicy::default(),
    };
    let catalog = Arc::new(Catalog::new([operation("sync")]));
    Gate::new(ports.unwrap(), catalog, terms)
}

/// Answers each look-up after a while; after the last of them none.
struct TakesLong {
    inner: MockAuthorityStore,
    waits: Mutex<Vec<Duration>>,
}

impl TakesLong {
    fn over(inner: MockAuthorityStore, waits: &[Duration]) -> Arc<Self> {
        let waits = Mutex::new(waits.iter().rev().copied().collect());
        Arc::new(Self { inner, waits })
    }
}

#[async_trait]
impl AuthorityLookup for TakesLong {
    fn store(&self) -> &StoreIdentity {
        self.inner.store()
    }

    async fn look_up(&self, queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>> {
        let wait = self.waits.lock().unwrap().pop();
        match wait {
            Some(wait) => tokio::time::sleep(wait).await,
            None => std::future::pending().await,
        }
        self.inner.look_up(queries).await
    }
}

#[async_trait]
impl AuthorityStore for TakesLong {
    async fn apply(&self, changes: &[AttributedChange]) -> PortResult<Applied> {
        self.inner.apply(changes).await
    }

    async fn show(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        self.inner.show(query).await
    }

    async fn roles(&self, roles: &[RoleName]) -> PortResult<Vec<Option<RoleRow>>> {
        self.inner.roles(roles).await
    }

    async fn log(&self, query: &LogQuery) -> PortResult<Vec<LogEntry>> {
        self.inner.log(query).await
    }
}

/// A queued run of this user.
fn queued(user: &str) -> OperationRun {
    queued_in("1", user)
}

fn queued_in(workspace: &str, user: &str) -> OperationRun {
    let line =
        format!(r#"{{"workspace":"{workspace}","tenant":"4","user":"{user}","type":"sync"}}"#);
    let submission = Submission::parse(&line).unwrap();
    crate::support::queued_run(fresh_run_id(), submission)
}

fn committed(starts: &[Start]) -> Vec<Begun> {
    starts
        .iter()
        .map(|start| start.committed(Timestamp::UNIX_EPOCH))
        .collect()
}

/// Every decision id that was ever sent, in order.
type Sent = Arc<Mutex<Vec<DecisionId>>>;

fn note(sent: &Sent, starts: &[Start]) {
    sent.lock()
        .unwrap()
        .extend(starts.iter().map(Start::decision_id));
}

fn assert_distinct(sent: &Sent, times: usize) {
    let mut ids: Vec<String> = sent
        .lock()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ids.len(), times);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), times, "a decision id was used again");
}

fn failure(kind: PortErrorKind) -> PortError {
    PortError::new(kind, "begin", "as told")
}

#[tokio::test]
async fn authority_is_looked_up_once_for_each_distinct_query_and_before_anything_is_begun() {
    let (mut mocks, mut order) = (Mocks::new(), Sequence::new());
    let store = mocks.store.clone();
    mocks
        .authority
        .expect_look_up()
        .times(1)
        .in_sequence(&mut order)
        .returning(move |queries| {
            assert_eq!(queries.len(), 2);
            Ok(queries
                .iter()
                .map(|query| found(&store, AUTHORITY, query))
                .collect())
        });
    mocks
        .runs
        .expect_begin()
        .times(1)
        .in_sequence(&mut order)
        .returning(|starts| {
            let allowed: Vec<bool> = starts
                .iter()
                .map(|start| start.decision().is_allowed())
                .collect();
            assert_eq!(allowed, [true, false, true]);
            Ok(committed(starts))
        });
    let runs = [queued("7"), queued("8"), queued("7")];
    let passages = mocks.pass(&runs).await;
    assert!(
        matches!(
            &passages[..],
            [Passage::Started(first), Passage::Blocked(_), Passage::Started(third)]
                if first.run().id == runs[0].id && third.run().id == runs[2].id
        ),
        "{passages:?}"
    );
}

#[tokio::test]
async fn an_undecided_run_is_put_off_and_never_begun_and_its_neighbour_is() {
    let mut mocks = Mocks::new();
    let store = mocks.store.clone();
    mocks
        .authority
        .expect_look_up()
        .times(1)
        .returning(move |queries| {
            let answer = |query: &AuthorityQuery| match query.initiator.as_ref() {
                Some(user) if user.as_str() == "8" => {
                    LookedUp::Undecided(UndecidedCause::MarkerMissing)
                }
                Some(_) | None => found(&store, AUTHORITY, query),
            };
            Ok(queries.iter().map(answer).collect())
        });
    let (dark, lit) = (queued("8"), queued("7"));
    let (dark_id, lit_id) = (dark.id, lit.id);
    mocks
        .runs
        .expect_put_off()
        .times(1)
        .returning(move |undecided, _| {
            let ids: Vec<RunId> = undecided.iter().map(|one| one.run.id).collect();
            assert_eq!(ids, [dark_id]);
            Ok(vec![waiting()])
        });
    mocks.runs.expect_begin().times(1).returning(move |starts| {
        let ids: Vec<RunId> = starts.iter().map(|start| start.run().id).collect();
        assert_eq!(ids, [lit_id]);
        Ok(committed(starts))
    });
    let passages = mocks.pass(&[dark, lit]).await;
    assert!(
        matches!(&passages[..], [Passage::PutOff(_), Passage::Started(_)]),
        "{passages:?}"
    );
}

fn waiting() -> PutOff {
    PutOff::Waiting {
        since: Timestamp::UNIX_EPOCH,
        until: Timestamp::UNIX_EPOCH,
    }
}

#[tokio::test]
async fn nothing_is_begun_where_no_authority_could_be_read_at_all() {
    let mut mocks = Mocks::new();
    mocks.authority.expect_look_up().times(1).returning(|_| {
        let refused = std::io::Error::other("connection refused");
        Err(failure(PortErrorKind::Unavailable).caused_by(refused))
    });
    mocks
        .runs
        .expect_put_off()
        .times(1)
        .returning(|undecided, _| {
            for one in undecided {
                let says_why =
                    one.cause.contains("as told") && one.cause.ends_with(": connection refused");
                assert!(says_why, "{}", one.cause);
            }
            Ok(undecided.iter().map(|_| waiting()).collect())
        });
    mocks.runs.expect_begin().never();
    let passages = mocks.pass(&[queued("7"), queued("8")]).await;
    assert!(
        matches!(&passages[..], [Passage::PutOff(_), Passage::PutOff(_)]),
        "{passages:?}"
    );
}

#[tokio::test]
async fn a_missing_answer_is_undecided_and_no_verdict() {
    let mut mocks = Mocks::new();
    mocks
        .authority
        .expect_look_up()
        .times(1)
        .returning(|_| Ok(Vec::new()));
    mocks
        .runs
        .expect_put_off()
        .times(1)
        .returning(|_, _| Ok(vec![waiting()]));
    mocks.runs.expect_begin().never();
    let passages = mocks.pass(&[queued("7")]).await;
    assert!(
        matches!(&passages[..], [Passage::PutOff(_)]),
        "{passages:?}"
    );
}

#[tokio::test]
async fn a_run_whose_authority_moved_is_looked_up_and_decided_again() {
    let (mut mocks, mut order) = (Mocks::new(), Sequence::new());
    let sent = Sent::default();
    // Allowed at first; after the change, not any more.
    for (changes, is_last) in [(AUTHORITY, false), ("", true)] {
        let store = mocks.store.clone();
        mocks
            .authority
            .expect_look_up()
            .times(1)
            .in_sequence(&mut order)
            .returning(move |queries| Ok(vec![found(&store, changes, &queries[0])]));
        let sent = Arc::clone(&sent);
        mocks
            .runs
            .expect_begin()
            .times(1)
            .in_sequence(&mut order)
            .returning(move |starts| {
                note(&sent, starts);
                Ok(if is_last {
                    committed(starts)
                } else {
                    vec![Begun::AuthorityMoved]
                })
            });
    }
    let passages = mocks.pass(&[queued("7")]).await;
    assert!(
        matches!(&passages[..], [Passage::Blocked(_)]),
        "{passages:?}"
    );
    assert_distinct(&sent, 2);
}

#[tokio::test]
async fn runs_whose_authority_keeps_moving_are_in_the_end_begun_alone_and_then_set_aside() {
    let mut mocks = Mocks::new().with_authority();
    let sizes: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (sent, seen) = (Sent::default(), Arc::clone(&sizes));
    let noted = Arc::clone(&sent);
    mocks.runs.expect_begin().returning(move |starts| {
        note(&noted, starts);
        seen.lock().unwrap().push(starts.len());
        Ok(starts.iter().map(|_| Begun::AuthorityMoved).collect())
    });
    let passages = mocks.pass(&[queued("7"), queued("8")]).await;
    assert!(
        matches!(&passages[..], [Passage::SetAside, Passage::SetAside]),
        "{passages:?}"
    );
    let sizes = sizes.lock().unwrap().clone();
    assert_eq!(sizes.iter().sum::<usize>(), 2 * 8);
    assert_eq!(sizes, [2, 2, 2, 2, 2, 2, 1, 1, 1, 1]);
    assert_distinct(&sent, 16);
}

/// No wait before the first, and a millisecond more each: whoever changes authority gets on.
#[tokio::test(start_paused = true)]
async fn rounds_are_further_apart_each_time() {
    let mut mocks = Mocks::new().with_authority();
    // Between two ticks of the timer, so that a wait of whatever length ends with the next tick after it: also one of
    // nothing would take time.
    tokio::time::advance(Duration::from_micros(500)).await;
    let begun = tokio::time::Instant::now();
    let times: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let noted = Arc::clone(&times);
    mocks.runs.expect_begin().returning(move |starts| {
        noted.lock().unwrap().push(begun.elapsed());
        Ok(starts.iter().map(|_| Begun::AuthorityMoved).collect())
    });
    let _set_aside = mocks.pass(&[queued("7")]).await;
    let ticks = [0, 1 + 1, 2 + 1, 3 + 1, 4 + 1, 5 + 1, 6 + 1, 7 + 1];
    let expected = ticks.iter().scan(Duration::ZERO, |at, wait| {
        *at += Duration::from_millis(*wait);
        Some(*at)
    });
    assert_eq!(*times.lock().unwrap(), expected.collect::<Vec<_>>());
}

/// Its permit lapses: it does not wait for those whose authority moves on and on.
#[tokio::test(start_paused = true)]
async fn a_run_that_has_started_waits_for_its_neighbours_no_longer_than_a_sixth_of_its_lease() {
    let mut mocks = Mocks::new().with_authority();
    // Shorter than six times the wait before the second round.
    mocks.lease_for = Duration::from_millis(3);
    let moves_on = queued("7");
    let id = moves_on.id;
    mocks.runs.expect_begin().times(2).returning(move |starts| {
        let began = committed(starts).into_iter().zip(starts);
        Ok(began
            .map(|(begun, start)| match start.run().id == id {
                true => Begun::AuthorityMoved,
                false => begun,
            })
            .collect())
    });
    let passages = mocks.pass(&[moves_on, queued("7")]).await;
    assert!(
        matches!(&passages[..], [Passage::SetAside, Passage::Started(_)]),
        "{passages:?}"
    );
}

#[tokio::test]
async fn runs_whose_authority_stays_busy_are_set_aside_after_two_rounds() {
    let mut mocks = Mocks::new().with_authority();
    let busy = |starts: &[Start]| Ok(starts.iter().map(|_| Begun::AuthorityBusy).collect());
    mocks.runs.expect_begin().times(2).returning(busy);
    let passages = mocks.pass(&[queued("7"), queued("8")]).await;
    assert!(
        matches!(&passages[..], [Passage::SetAside, Passage::SetAside]),
        "{passages:?}"
    );
}

#[tokio::test]
async fn a_busy_scope_holds_up_nobody_else() {
    let mut mocks = Mocks::new().with_authority();
    let (held, free) = (queued("7"), queued("8"));
    let held_id = held.id;
    let rounds = Mutex::new(0);
    mocks.runs.expect_begin().times(2).returning(move |starts| {
        *rounds.lock().unwrap() += 1;
        let first_round = *rounds.lock().unwrap() == 1;
        if !first_round {
            assert_eq!(starts.len(), 1, "the neighbour is through");
        }
        let begin = |start: &Start| {
            if first_round && start.run().id == held_id {
                Begun::AuthorityBusy
            } else {
                start.committed(Timestamp::UNIX_EPOCH)
            }
        };
        Ok(starts.iter().map(begin).collect())
    });
    let passages = mocks.pass(&[held, free]).await;
    assert!(
        matches!(&passages[..], [Passage::Started(_), Passage::Blocked(_)]),
        "{passages:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_authority_moved_starts_a_moment_after_its_neighbour() {
    let mut mocks = Mocks::new().with_authority();
    mocks.runs.expect_begin().times(2).returning(|starts| {
        let mut begun = committed(&starts[..1]);
        begun.extend(starts[1..].iter().map(|_| Begun::AuthorityMoved));
        Ok(begun)
    });
    let passages = mocks.pass(&[queued("7"), queued("7")]).await;
    assert!(
        matches!(&passages[..], [Passage::Started(_), Passage::Started(_)]),
        "{passages:?}"
    );
}

/// Nobody holds a permit that might lapse.
#[tokio::test(start_paused = true)]
async fn where_no_run_has_started_look_ups_may_take_longer_than_a_lease() {
    let mut mocks = Mocks::new().with_authority();
    let mut rounds = 0;
    mocks.runs.expect_begin().times(2).returning(move |starts| {
        rounds += 1;
        Ok(match rounds {
            1 => vec![Begun::AuthorityMoved],
            _ => committed(starts),
        })
    });
    let lease_for = mocks.lease_for;
    let authority = TakesLong::over(mocks.authority, &[2 * lease_for; 2]);
    let gate = gate_over(mocks.runs, authority, ConsistencyMode::Fenced, lease_for);
    let passages = gate.pass(&[queued("7")]).await;
    assert!(
        matches!(&passages[..], [Passage::Started(_)]),
        "{passages:?}"
    );
}

/// Their permits lapse meanwhile.
#[tokio::test(start_paused = true)]
async fn a_look_up_that_is_not_answered_keeps_no_run_that_has_started_from_its_handler() {
    let mut mocks = Mocks::new().with_authority();
    mocks.runs.expect_begin().times(1).returning(|starts| {
        let mut begun = committed(&starts[..1]);
        begun.push(Begun::AuthorityMoved);
        Ok(begun)
    });
    let lease_for = mocks.lease_for;
    let authority = TakesLong::over(mocks.authority, &[Duration::ZERO]);
    let gate = gate_over(mocks.runs, authority, ConsistencyMode::Fenced, lease_for);
    let begun = tokio::time::Instant::now();
    let runs = [queued("7"), queued("7")];
    let passages = tokio::time::timeout(lease_for, gate.pass(&runs)).await;
    let passages = passages.expect("an answer before the permit lapses");
    assert!(
        matches!(&passages[..], [Passage::Started(_), Passage::SetAside]),
        "{passages:?}"
    );
    assert!(begun.elapsed() < lease_for / 5, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_run_stores_clock_is_read_before_authority_is_asked_where_the_stores_are_apart() {
    let (mut mocks, mut order) = (Mocks::new(), Sequence::new());
    let read_at: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
    mocks
        .runs
        .expect_clock()
        .times(1)
        .in_sequence(&mut order)
        .returning(move || Ok(read_at));
    let store = mocks.store.clone();
    mocks
        .authority
        .expect_look_up()
        .times(1)
        .in_sequence(&mut order)
        .returning(move |queries| Ok(vec![found(&store, AUTHORITY, &queries[0])]));
    let max_age = Duration::from_millis(500);
    mocks
        .runs
        .expect_begin()
        .times(1)
        .in_sequence(&mut order)
        .returning(move |starts| {
            let bound = starts[0].bound().unwrap();
            assert_eq!((bound.read_at, bound.max_age), (read_at, max_age));
            Ok(committed(starts))
        });
    let gate = mocks.gate(ConsistencyMode::Bounded { max_age });
    let passages = gate.pass(&[queued("7")]).await;
    assert!(
        matches!(&passages[..], [Passage::Started(_)]),
        "{passages:?}"
    );
}

#[tokio::test]
async fn a_run_of_an_unknown_operation_touches_no_port() {
    let mocks = Mocks::new();
    let run = OperationRun {
        operation_type: "unheard_of".parse().unwrap(),
        ..queued("7")
    };
    let passages = mocks.pass(&[run]).await;
    assert!(
        matches!(&passages[..], [Passage::UnknownOperation]),
        "{passages:?}"
    );
}
