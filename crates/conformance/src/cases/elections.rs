//! Offices: held by one at a time, for a term by the store's clock.

use std::time::Duration;

use countersign_ports::{Candidacy, Elected};

use crate::Ports;
use crate::scene::{AN_HOUR, Scene, patiently};

async fn elect(scene: &Scene, office: &str, holder: &str, term: Duration) -> Elected {
    let candidacy = Candidacy {
        office,
        holder,
        term,
    };
    patiently(|| scene.ports.runs.elect(&candidacy)).await
}

async fn step_down(scene: &Scene, office: &str, holder: &str) {
    patiently(|| scene.ports.runs.step_down(office, holder)).await;
}

/// The first to stand holds the office, from every process's point of view.
pub async fn the_first_to_stand_holds_the_office(ports: &Ports) {
    let scene = Scene::bare(ports);
    let elsewhere = scene.elsewhere().await;
    assert_eq!(
        elect(&scene, "sweeper", "one", AN_HOUR).await,
        Elected::Holder
    );
    assert_eq!(
        elect(&elsewhere, "sweeper", "two", AN_HOUR).await,
        Elected::Another
    );
    assert_eq!(
        elect(&scene, "sweeper", "two", AN_HOUR).await,
        Elected::Another
    );
}

/// The holder stands again to stay, from any process, and for as long as it says.
pub async fn the_holder_renews_its_term(ports: &Ports) {
    let scene = Scene::bare(ports);
    let elsewhere = scene.elsewhere().await;
    let short = Duration::from_millis(20);
    elect(&scene, "sweeper", "one", short).await;
    assert_eq!(
        elect(&elsewhere, "sweeper", "one", AN_HOUR).await,
        Elected::Holder
    );
    scene.clock_past(scene.clock().await.plus(short)).await;
    assert_eq!(
        elect(&scene, "sweeper", "two", AN_HOUR).await,
        Elected::Another
    );
}

/// An office whose term is over goes to the next who stands, and not back.
pub async fn a_term_that_is_over_frees_the_office(ports: &Ports) {
    let scene = Scene::bare(ports);
    let short = Duration::from_millis(5);
    elect(&scene, "sweeper", "one", short).await;
    scene.clock_past(scene.clock().await.plus(short)).await;
    assert_eq!(
        elect(&scene, "sweeper", "two", AN_HOUR).await,
        Elected::Holder
    );
    assert_eq!(
        elect(&scene, "sweeper", "one", AN_HOUR).await,
        Elected::Another
    );
}

/// Stepping down frees the office at once; only the holder can.
pub async fn only_the_holder_steps_down(ports: &Ports) {
    let scene = Scene::bare(ports);
    elect(&scene, "sweeper", "one", AN_HOUR).await;
    step_down(&scene, "sweeper", "two").await;
    step_down(&scene, "an office that nobody holds", "one").await;
    assert_eq!(
        elect(&scene, "sweeper", "two", AN_HOUR).await,
        Elected::Another
    );
    step_down(&scene, "sweeper", "one").await;
    assert_eq!(
        elect(&scene, "sweeper", "two", AN_HOUR).await,
        Elected::Holder
    );
    step_down(&scene, "sweeper", "one").await;
    assert_eq!(
        elect(&scene, "sweeper", "one", AN_HOUR).await,
        Elected::Another
    );
}

/// Offices and holders are compared byte for byte; one may hold several offices.
pub async fn offices_do_not_concern_each_other(ports: &Ports) {
    let scene = Scene::bare(ports);
    for office in [
        "sweeper", "Sweeper", "sweeper ", "swee%", "*", "a:b", "é", "e\u{301}", "'",
    ] {
        assert_eq!(
            elect(&scene, office, "one", AN_HOUR).await,
            Elected::Holder,
            "{office}"
        );
        for other in ["One", "one ", "on%", "*"] {
            let elected = elect(&scene, office, other, AN_HOUR).await;
            assert_eq!(elected, Elected::Another, "{office} for {other}");
        }
    }
}

/// Many stand at once: one is elected.
pub async fn of_many_who_stand_at_once_one_is_elected(ports: &Ports) {
    let scene = Scene::bare(ports);
    let elected = scene.crowd(8, |n, scene| async move {
        elect(&scene, "sweeper", &format!("worker {n}"), AN_HOUR).await
    });
    let holders = elected.await.into_iter();
    assert_eq!(holders.filter(|one| *one == Elected::Holder).count(), 1);
}
