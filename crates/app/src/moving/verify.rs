//! Whether the target holds what the source holds: read whole, counted and compared.

use std::collections::BTreeMap;

use countersign_ports::{Part, PortError, StoreMove};

use super::pages::Pages;
use super::record::{name_of, record_of};
use super::tally::hashed;
use super::{Home, MoveError, Stage, Tally, Watch};

/// How many of the records that differ are named.
const EXAMPLES: usize = 5;

pub(super) async fn verify(
    from: &Home,
    to: &Home,
    held: &[(Part, Tally); 4],
    watch: Watch<'_>,
) -> Result<(), MoveError> {
    for (part, held) in held {
        let mut found = Tally::default();
        let mut pages = Pages::of(&*to.store, *part);
        while let Some(page) = pages.next().await? {
            for item in &page {
                found.count(&hashed(&record_of(item)?));
            }
            watch(Stage::Verifying {
                part: *part,
                read: found.count,
            });
        }
        if found != *held {
            return Err(MoveError::Differs {
                part: *part,
                held: *held,
                found,
                examples: differences(from, to, *part).await?,
            });
        }
    }
    Ok(())
}

/// Some of the records that differ, in words.
async fn differences(from: &Home, to: &Home, part: Part) -> Result<String, PortError> {
    let source = digests(&*from.store, part).await?;
    let target = digests(&*to.store, part).await?;
    let missing_or_other = source
        .iter()
        .filter_map(|(name, digest)| match target.get(name) {
            None => Some(format!("{name} is missing in the target")),
            Some(found) if found != digest => Some(format!("{name} is not the same")),
            Some(_) => None,
        });
    let too_many = target.keys().filter(|name| !source.contains_key(*name));
    let too_many = too_many.map(|name| format!("{name} is in the target alone"));
    let told: Vec<String> = missing_or_other.chain(too_many).take(EXAMPLES).collect();
    Ok(match told.is_empty() {
        true => "no record differs now, so one of them has changed meanwhile".to_owned(),
        false => told.join("; "),
    })
}

async fn digests(
    store: &dyn StoreMove,
    part: Part,
) -> Result<BTreeMap<String, [u8; 32]>, PortError> {
    let mut digests = BTreeMap::new();
    let mut pages = Pages::of(store, part);
    while let Some(page) = pages.next().await? {
        for item in &page {
            digests.insert(name_of(item), hashed(&record_of(item)?));
        }
    }
    Ok(digests)
}
