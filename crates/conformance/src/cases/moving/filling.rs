//! A store that is being filled: closed until it is opened, by its own move.

use countersign_ports::{Standing, Step, Stepped};

use crate::Ports;
use crate::change::{set_user, set_workspace};
use crate::scene::{HOME, House, refused};

/// One that has runs or authority is somebody's home.
pub async fn a_store_that_holds_anything_is_not_filled(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let fill = Step::Fill(house.movement.clone());
    house.to.apply(&[set_user("u", true)]).await;
    assert_eq!(house.to.step(&fill).await, Stepped::NotEmpty);
    assert_eq!(house.to.standing().await, Standing::NEW);
    house.to.submit(HOME.sync()).await;
}

/// It is closed like a sealed one, and says what fills it.
pub async fn a_store_that_is_filled_queues_starts_and_changes_nothing(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let key = house.from.submit(HOME.sync()).await;
    house.fill().await;
    house.seal().await;
    house.copy().await;
    let filled = house.to.contents().await;
    let told = refused(to.runs.submit(&[HOME.sync()]).await);
    let address = &house.movement.from.address;
    assert!(told.contains(address.as_str()), "`{address}` in: {told}");
    let start = house.to.judge(&key).await;
    refused(to.runs.begin(&[start]).await);
    let change = set_workspace("another", true);
    refused(to.authority.apply(&[change.into()]).await);
    assert_eq!(house.to.contents().await, filled);
}

/// Neither by another move nor before it is one.
pub async fn a_store_opens_for_the_move_that_fills_it_alone(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let open = Step::Open(house.movement.id);
    assert_eq!(house.to.step(&open).await, Stepped::Refused(Standing::NEW));
    house.fill().await;
    let filling = house.to.standing().await;
    let other = house.another_move();
    for step in [
        Step::Open(other.id),
        Step::Abandon(other.id),
        Step::Fill(other.clone()),
        Step::Seal(other),
    ] {
        let stepped = house.to.step(&step).await;
        assert_eq!(stepped, Stepped::Refused(filling.clone()), "{step:?}");
    }
    house.fill().await;
    assert_eq!(house.to.standing().await, filling);
    house.open().await;
    house.open().await;
    house.to.submit(HOME.sync()).await;
}

/// A move that was given up is given up: its target never opens, and is filled by nobody.
pub async fn an_abandoned_store_never_opens(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    house.fill().await;
    house
        .to
        .stands_after(&Step::Abandon(house.movement.id))
        .await;
    let abandoned = house.to.standing().await;
    for step in [
        Step::Open(house.movement.id),
        Step::Fill(house.movement.clone()),
        Step::Fill(house.another_move()),
    ] {
        let stepped = house.to.step(&step).await;
        assert_eq!(stepped, Stepped::Refused(abandoned.clone()), "{step:?}");
    }
    refused(to.runs.submit(&[HOME.sync()]).await);
    let items = house.from.contents().await;
    refused(to.home().import(house.movement.id, &items).await);
    // Nor does an opened one go back.
    let step = Step::Abandon(house.movement.id);
    assert_eq!(
        house.from.step(&step).await,
        Stepped::Refused(Standing::NEW)
    );
}

/// Not another move, nor one that has opened it.
pub async fn only_the_move_that_fills_a_store_imports(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let items = house.from.contents().await;
    let import = async |movement| to.home().import(movement, &items).await;
    refused(import(house.movement.id).await);
    house.fill().await;
    refused(import(house.another_move().id).await);
    house.import(&items).await;
    house.open().await;
    refused(import(house.movement.id).await);
    assert_eq!(house.to.contents().await, items);
}

/// What one process seals and fills, another one finds closed.
pub async fn a_standing_is_seen_by_another_process(from: &Ports, to: &Ports) {
    let house = House::new(from, to).await;
    let (source, target) = (house.from.elsewhere().await, house.to.elsewhere().await);
    house.fill().await;
    house.seal().await;
    assert_eq!(source.standing().await, house.from.standing().await);
    assert_eq!(target.standing().await, house.to.standing().await);
    refused(source.ports.runs.submit(&[HOME.sync()]).await);
    refused(target.ports.runs.submit(&[HOME.sync()]).await);
    house.copy().await;
    house.open().await;
    target.submit(HOME.sync()).await;
}
