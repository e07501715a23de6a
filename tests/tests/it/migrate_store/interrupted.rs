//! A move that is interrupted anywhere goes on where it stopped, or is given up, and never leaves two homes
//! open.

use std::path::Path;

use countersign::moving::{Home, MoveError, abandon, abandon_lost_target, move_house};
use countersign::sqlite::SqliteStore;
use countersign_conformance::Ports;
use countersign_conformance::scene::{HOME, Scene};
use countersign_ports::{Moved, PortErrorKind, Standing};
use tempfile::TempDir;

use super::faulty::{Calls, Fault};
use super::{contents, furnish};

/// A furnished source to be copied, and what it holds.
struct Template {
    dir: TempDir,
    holds: Vec<Moved>,
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
    async fn stores(&self) -> (TempDir, SqliteStore, SqliteStore) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("from.db");
        std::fs::copy(self.dir.path().join("from.db"), &path).unwrap();
        let from = SqliteStore::open(&path).await.unwrap();
        let to = SqliteStore::create(dir.path().join("to.db")).await.unwrap();
        (dir, from, to)
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

fn home(store: &SqliteStore, name: &str) -> Home {
    Home::sqlite(store, format!("sqlite://{name}"))
}

/// Interrupts a move at each of its calls in turn, and hands over what is left.
async fn interrupt_everywhere(
    fault: Fault,
    mut then: impl AsyncFnMut(&Template, Home, Home, bool),
) {
    let template = Template::new().await;
    for n in 0.. {
        let (_dir, from, to) = template.stores().await;
        let (from, to) = (home(&from, "from.db"), home(&to, "to.db"));
        let calls = Calls::failing_at(n, fault);
        let moved = move_house(&calls.at(&from), &calls.at(&to), &|_| {}).await;
        if !calls.have_failed() {
            moved.unwrap();
            assert!(n > 20, "only {n} calls were made");
            return;
        }
        not_both_open(&from, &to).await;
        then(&template, from, to, moved.is_ok()).await;
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

async fn resumes(fault: Fault) {
    interrupt_everywhere(fault, async |template, from, to, _| {
        move_house(&from, &to, &|_| {}).await.unwrap();
        not_both_open(&from, &to).await;
        assert_eq!(contents(&*to.store).await, template.holds);
        let target = to.store.standing().await.unwrap();
        assert!(matches!(target, Standing::Open { filled_by: Some(_) }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_interrupted_before_any_call_goes_on() {
    resumes(Fault::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_whose_answer_is_lost_at_any_call_goes_on() {
    resumes(Fault::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_interrupted_anywhere_can_be_given_up() {
    interrupt_everywhere(Fault::After, async |template, from, to, _| {
        match abandon(&from, &to).await {
            Ok(_) => {
                assert_eq!(from.store.standing().await.unwrap(), Standing::NEW);
                let target = to.store.standing().await.unwrap();
                assert!(matches!(target, Standing::Abandoned { .. }));
                abandon(&from, &to).await.unwrap();
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
        not_both_open(&from, &to).await;
        assert_eq!(contents(&*from.store).await, template.holds);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_giving_up_that_is_interrupted_anywhere_goes_on() {
    let template = Template::new().await;
    for fault in [Fault::Before, Fault::After] {
        for n in 0.. {
            let (_dir, from, to) = template.stores().await;
            let (from, to) = (home(&from, "from.db"), home(&to, "to.db"));
            stop_before_opening(&from, &to).await;
            let calls = Calls::failing_at(n, fault);
            let _given_up = abandon(&calls.at(&from), &calls.at(&to)).await;
            if !calls.have_failed() {
                break;
            }
            // Whoever goes on with the move instead gets nowhere once it was given up.
            not_both_open(&from, &to).await;
            abandon(&from, &to).await.unwrap();
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
    let (_dir, from, to) = template.stores().await;
    let (from, to) = (home(&from, "from.db"), home(&to, "to.db"));
    assert!(matches!(
        abandon_lost_target(&from).await,
        Err(MoveError::NoMove)
    ));
    stop_before_opening(&from, &to).await;
    abandon_lost_target(&from).await.unwrap();
    assert_eq!(from.store.standing().await.unwrap(), Standing::NEW);
    assert_eq!(contents(&*from.store).await, template.holds);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_the_same_stays_closed() {
    let template = Template::new().await;
    let (dir, from, to) = template.stores().await;
    let (from, to) = (home(&from, "from.db"), home(&to, "to.db"));
    stop_before_opening(&from, &to).await;
    // A run that nobody moved, imported behind the move's back.
    let Standing::Sealed { movement, .. } = from.store.standing().await.unwrap() else {
        panic!("the source is sealed")
    };
    to.store
        .import(movement.id, &[stray(dir.path()).await])
        .await
        .unwrap();
    let moved = move_house(&from, &to, &|_| {}).await;
    let Err(MoveError::Differs { examples, .. }) = &moved else {
        panic!("they differ: {moved:?}")
    };
    assert!(examples.contains("is in the target alone"), "{examples}");
    let target = to.store.standing().await.unwrap();
    assert!(matches!(target, Standing::Filling { .. }), "{target}");
    let submitted = to.runs.submit(&[HOME.sync()]).await;
    assert_eq!(submitted.unwrap_err().kind(), PortErrorKind::Sealed);
}

async fn stray(dir: &Path) -> Moved {
    let store = SqliteStore::create(dir.join("stray.db")).await.unwrap();
    Scene::home(&ports(&store)).await.submit(HOME.sync()).await;
    let held = contents(&store.home()).await;
    let run = held.into_iter().find(|item| matches!(item, Moved::Run(_)));
    run.expect("a run")
}
