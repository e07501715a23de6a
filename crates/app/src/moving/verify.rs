//! Whether the target holds what the source holds: read whole, counted and compared.

use std::collections::BTreeMap;

use countersign_ports::{Part, PortError, StoreMove};

use super::pages::Pages;
use super::passes::is_completed;
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
        if found != *held
            && let Some(examples) = differences(from, to, *part).await?
        {
            return Err(MoveError::Differs {
                part: *part,
                held: *held,
                found,
                examples,
            });
        }
    }
    Ok(())
}

/// Some of the records that differ, in words. None where all of them are completed runs that the target alone has: those
/// were copied ahead and then pruned at the source, and do no harm.
async fn differences(from: &Home, to: &Home, part: Part) -> Result<Option<String>, PortError> {
    let source = records(&*from.store, part).await?;
    let target = records(&*to.store, part).await?;
    let missing_or_other = source
        .iter()
        .filter_map(|(name, held)| match target.get(name) {
            None => Some(format!("{name} is missing in the target")),
            Some(found) if found.digest != held.digest => Some(format!("{name} is not the same")),
            Some(_) => None,
        });
    let mut pruned = 0_u64;
    let too_many = target
        .iter()
        .filter(|(name, _)| !source.contains_key(*name))
        .filter(|(_, found)| {
            pruned += u64::from(found.is_completed);
            !found.is_completed
        })
        .map(|(name, _)| format!("{name} is in the target alone"));
    let told: Vec<String> = missing_or_other.chain(too_many).take(EXAMPLES).collect();
    Ok(match (told.is_empty(), pruned) {
        (false, _) => Some(told.join("; ")),
        (true, 0) => Some("no record differs now, so one of them has changed meanwhile".to_owned()),
        (true, _) => None,
    })
}

/// What is compared of a record.
struct Record {
    digest: [u8; 32],
    /// Whether it is a run that is completed.
    is_completed: bool,
}

async fn records(store: &dyn StoreMove, part: Part) -> Result<BTreeMap<String, Record>, PortError> {
    let mut records = BTreeMap::new();
    let mut pages = Pages::of(store, part);
    while let Some(page) = pages.next().await? {
        for item in &page {
            let record = Record {
                digest: hashed(&record_of(item)?),
                is_completed: is_completed(item),
            };
            records.insert(name_of(item), record);
        }
    }
    Ok(records)
}
