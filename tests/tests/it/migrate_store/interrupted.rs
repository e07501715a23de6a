//! A move that is interrupted anywhere goes on where it stopped, or is given up, and never leaves two homes
//! open.

use std::path::Path;
use std::time::Duration;

use countersign::moving::{Home, MoveError, abandon, abandon_lost_target, move_house};
use countersign::sqlite::SqliteStore;
use countersign_conformance::Ports;
use countersign_conformance::scene::{HOME, Scene};
use countersign_ports::{Moved, PortErrorKind, Prune, Standing};
use tempfile::TempDir;

use super::faulty::{Calls, Fault};
use super::{TestStore, contents, furnish};

/// A furnished source to be copied, and what it holds.
struct Template {
    dir: TempDir,
    holds: Vec<Moved>,
}

/// The kinds of source and target.
type Kinds = [fn() -> TestStore; 2];

const FILES: Kinds = [TestStore::sqlite, TestStore::sqlite];

/// Both sides of a move that has not begun.
struct Sides {
    from: Home,
    to: Home,
    stores: [TestStore; 2],
}

impl Sides {
    async fn remove(self) {
        for store in self.stores {
            store.remove().await;
        }
    }
}

impl Template {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::create(dir.path().join("from.db"))
            .await
            .unwrap();
        furnish(&Scene::bare(&ports(&store)), 60).await;
        let holds = contents(&store.home()).await;
        store.close().await;
        Self { dir, holds }
    }

    /// A fresh copy of the source, and an empty target.
    async fn sides(&self, kinds: Kinds) -> Sides {
        let stores = kinds.map(|kind| kind());
        let [source, target] = &stores;
        let template = self.dir.path().join("from.db");
        let from = match source {
            TestStore::Sqlite(dir) => {
                std::fs::copy(template, dir.path().join("store.db")).unwrap();
                source.open().await.0
            }
            TestStore::Postgres(_) | TestStore::Redis(..) => {
                let copy = tempfile::tempdir().unwrap();
                let path = copy.path().join("from.db");
                std::fs::copy(template, &path).unwrap();
                let copied = SqliteStore::open(&path).await.unwrap();
                let (from, _) = source.open().await;
                let copied = Home::sqlite(&copied, "sqlite://copy.db");
                move_house(&copied, &from, &|_| {}).await.unwrap();
                from
            }
        };
        let (to, _) = target.open().await;
        Sides { from, to, stores }
    }
}

fn ports(store: &SqliteStore) -> Ports {
    use std::sync::Arc;
    Ports::new(
        Arc::new(store.runs()),
        Arc::new(store.authority()),
        Arc::new(store.queue()),
    )
}

/// Interrupts a move at each of its calls in turn, and hands over what is left.
async fn interrupt_everywhere(
    kinds: Kinds,
    fault: Fault,
    mut then: impl AsyncFnMut(&Template, &Home, &Home),
) {
    let template = Template::new().await;
    for n in 0.. {
        let sides = template.sides(kinds).await;
        let (from, to) = (&sides.from, &sides.to);
        let calls = Calls::failing_at(n, fault);
        let moved = move_house(&calls.at(from), &calls.at(to), &|_| {}).await;
        let have_failed = calls.have_failed();
        if have_failed {
            not_both_open(from, to).await;
            then(&template, from, to).await;
        } else {
            moved.unwrap();
            assert!(n > 20, "only {n} calls were made");
        }
        sides.remove().await;
        if !have_failed {
            return;
        }
    }
}

async fn not_both_open(from: &Home, to: &Home) {
    let source = from.store.standing().await.unwrap();
    let target = to.store.standing().await.unwrap();
    let open = |standing: &Standing| matches!(standing, Standing::Open { .. });
    // An empty target that nothing was ever moved to is nobody's home yet.
    let untouched = target == Standing::NEW;
    assert!(
        untouched || !(open(&source) && open(&target)),
        "{source} {target}"
    );
}

async fn resumes(kinds: Kinds, fault: Fault) {
    interrupt_everywhere(kinds, fault, async |template, from, to| {
        move_house(from, to, &|_| {}).await.unwrap();
        not_both_open(from, to).await;
        assert_eq!(contents(&*to.store).await, template.holds);
        let target = to.store.standing().await.unwrap();
        assert!(matches!(target, Standing::Open { filled_by: Some(_) }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_interrupted_before_any_call_goes_on() {
    resumes(FILES, Fault::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_whose_answer_is_lost_at_any_call_goes_on() {
    resumes(FILES, Fault::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_into_redis_whose_answer_is_lost_at_any_call_goes_on() {
    resumes([TestStore::sqlite, TestStore::redis], Fault::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_out_of_redis_that_is_interrupted_before_any_call_goes_on() {
    resumes([TestStore::redis, TestStore::sqlite], Fault::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_from_a_cluster_into_postgres_whose_answer_is_lost_at_any_call_goes_on() {
    let kinds: Kinds = [TestStore::redis_cluster, TestStore::postgres];
    resumes(kinds, Fault::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_into_a_cluster_that_is_interrupted_before_any_call_goes_on() {
    resumes([TestStore::sqlite, TestStore::redis_cluster], Fault::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_interrupted_anywhere_can_be_given_up() {
    interrupt_everywhere(FILES, Fault::After, async |template, from, to| {
        match abandon(from, to).await {
            Ok(_) => {
                assert_eq!(from.store.standing().await.unwrap(), Standing::NEW);
                let target = to.store.standing().await.unwrap();
                assert!(matches!(target, Standing::Abandoned { .. }));
                abandon(from, to).await.unwrap();
            }
            Err(MoveError::NoMove) => {
                assert_eq!(to.store.standing().await.unwrap(), Standing::NEW);
                assert_eq!(from.store.standing().await.unwrap(), Standing::NEW);
            }
            Err(MoveError::Over) => {
                let source = from.store.standing().await.unwrap();
                assert!(matches!(source, Standing::Sealed { .. }));
            }
            Err(other) => panic!("{other}"),
        }
        not_both_open(from, to).await;
        assert_eq!(contents(&*from.store).await, template.holds);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_giving_up_that_is_interrupted_anywhere_goes_on() {
    let template = Template::new().await;
    for fault in [Fault::Before, Fault::After] {
        for n in 0.. {
            let sides = template.sides(FILES).await;
            let (from, to) = (&sides.from, &sides.to);
            stop_before_opening(from, to).await;
            let calls = Calls::failing_at(n, fault);
            let _given_up = abandon(&calls.at(from), &calls.at(to)).await;
            if !calls.have_failed() {
                break;
            }
            // Whoever goes on with the move instead gets nowhere once it was given up.
            not_both_open(from, to).await;
            abandon(from, to).await.unwrap();
            assert_eq!(from.store.standing().await.unwrap(), Standing::NEW);
        }
    }
}

/// Leaves a move where all is copied and nothing is open.
async fn stop_before_opening(from: &Home, to: &Home) {
    for n in 0.. {
        let calls = Calls::failing_at(n, Fault::Before);
        let moved = move_house(from, &calls.at(to), &|_| {}).await;
        let source = from.store.standing().await.unwrap();
        if matches!(source, Standing::Sealed { .. }) {
            assert!(moved.is_err());
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_target_is_lost_opens_again() {
    let template = Template::new().await;
    let sides = template.sides(FILES).await;
    let (from, to) = (&sides.from, &sides.to);
    assert!(matches!(
        abandon_lost_target(from).await,
        Err(MoveError::NoMove)
    ));
    stop_before_opening(from, to).await;
    abandon_lost_target(from).await.unwrap();
    assert_eq!(from.store.standing().await.unwrap(), Standing::NEW);
    assert_eq!(contents(&*from.store).await, template.holds);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_the_same_stays_closed() {
    let template = Template::new().await;
    let sides = template.sides(FILES).await;
    let (from, to) = (&sides.from, &sides.to);
    stop_before_opening(from, to).await;
    // A run that nobody moved, imported behind the move's back.
    let Standing::Sealed { movement, .. } = from.store.standing().await.unwrap() else {
        panic!("the source is sealed")
    };
    to.store
        .import(movement.id, &[stray(template.dir.path()).await])
        .await
        .unwrap();
    let moved = move_house(from, to, &|_| {}).await;
    let Err(MoveError::Differs { examples, .. }) = &moved else {
        panic!("they differ: {moved:?}")
    };
    assert!(examples.contains("is in the target alone"), "{examples}");
    let target = to.store.standing().await.unwrap();
    assert!(matches!(target, Standing::Filling { .. }), "{target}");
    let submitted = to.runs.submit(&[HOME.sync()]).await;
    assert_eq!(submitted.unwrap_err().kind(), PortErrorKind::Sealed);
}

/// They were copied while the source was open: the target has them, and nobody misses them at the source.
#[tokio::test(flavor = "multi_thread")]
async fn runs_that_are_pruned_once_they_were_copied_do_not_keep_the_target_closed() {
    let template = Template::new().await;
    let sides = template.sides(FILES).await;
    let (from, to) = (&sides.from, &sides.to);
    for n in 0.. {
        let calls = Calls::failing_at(n, Fault::After);
        let moved = move_house(from, &calls.at(to), &|_| {}).await;
        assert!(moved.is_err(), "something was copied before the end");
        if !contents(&*to.store).await.is_empty() {
            break;
        }
    }
    assert_eq!(from.store.standing().await.unwrap(), Standing::NEW);
    let prune = Prune {
        older_than: Duration::ZERO,
        keep_blocked: false,
        after: None,
        limit: 1000,
    };
    let pruned = from.runs.prune(&prune).await.unwrap().removed;
    assert!(pruned > 0);
    move_house(from, to, &|_| {}).await.unwrap();
    let (source, target) = (contents(&*from.store).await, contents(&*to.store).await);
    assert_eq!(target.len() as u64, source.len() as u64 + pruned);
    assert!(source.iter().all(|item| target.contains(item)));
}

async fn stray(dir: &Path) -> Moved {
    let store = SqliteStore::create(dir.join("stray.db")).await.unwrap();
    Scene::home(&ports(&store)).await.submit(HOME.sync()).await;
    let held = contents(&store.home()).await;
    let run = held.into_iter().find(|item| matches!(item, Moved::Run(_)));
    run.expect("a run")
}
