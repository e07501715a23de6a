//! What moves in, by itself.

use std::time::Duration;

use countersign_domain::QueueName;
use countersign_ports::{
    AuthorityLookup, Imported, Moved, Movement, Part, Receive, RunQueue, Side, Step, Stepped,
    StoreMove, fresh_move_id,
};
use countersign_sqlite::SqliteStore;

use crate::scene::Scene;

/// Moves facts and a queued run into a new store that keeps its queue, or does not: what is answered the first time
/// and the second, and how many entries there are.
async fn moved_in(keeps_queue: bool) -> ([Vec<Imported>; 2], usize) {
    let scene = Scene::new().await;
    let run = scene.queued().await;
    let mut items = Vec::new();
    for part in [Part::Facts, Part::Runs] {
        let mut after = None;
        loop {
            let page = scene.store.home().export(part, after.as_ref(), 10).await;
            let page = page.unwrap();
            items.extend(page.items.into_iter().map(Moved::storable));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(&dir.path().join("target.db"))
        .await
        .unwrap();
    let home = match keeps_queue {
        true => store.home(),
        false => store.home_apart_from_queue(),
    };
    let side = |store: &SqliteStore| Side {
        store: store.authority().store().id,
        address: "sqlite://".to_owned(),
    };
    let movement = Movement {
        id: fresh_move_id(),
        from: side(&scene.store),
        to: side(&store),
    };
    let id = movement.id;
    let stepped = home.step(&Step::Fill(movement)).await.unwrap();
    assert!(matches!(stepped, Stepped::Stands(_)), "{stepped:?}");
    let first = home.import(id, &items).await.unwrap();
    let second = home.import(id, &items).await.unwrap();
    let receive = Receive {
        queue_name: &QueueName::standard(),
        operations: std::slice::from_ref(&run.operation_type),
        limit: 10,
        invisible_for: Duration::from_secs(60),
    };
    let entries = store.queue().receive(&receive).await.unwrap().len();
    ([first, second], entries)
}

#[tokio::test]
async fn what_moves_in_is_added_once_with_its_entry_where_the_queue_is_kept() {
    for keeps_queue in [true, false] {
        let ([first, second], entries) = moved_in(keeps_queue).await;
        assert_eq!(first, vec![Imported::Added; first.len()]);
        // The run is left as it is; facts are written over by the same.
        assert_eq!(second.last(), Some(&Imported::Present));
        assert!(first.len() > 4, "{first:?}");
        assert_eq!(entries, usize::from(keeps_queue));
    }
}
