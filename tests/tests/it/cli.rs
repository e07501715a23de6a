//! What the commands say, refuse, and leave unchanged.

mod authority;
mod bad_input;
mod bench;
mod demo;
mod explain;
mod globals;
mod operate;
mod prune;
mod refusals;
mod runs;
mod simulate;
mod snapshots;
mod submit;

use crate::support::{AUTHORITY, Site};

/// Two operations of one configuration, with commands that do nothing.
const CONFIG: &str = r#"
[operations.inventory_sync]
capability = "inventory.sync"
command = ["true"]

[operations."restore.execute"]
capability = "restore.execute"
writes = true
command = ["true"]
"#;

/// A prepared store with authority and these operations.
fn site() -> Site {
    let site = Site::new(CONFIG);
    site.apply(AUTHORITY);
    site
}

/// A run that user 8 may not start.
const DENIED: &str = r#"{"workspace":"1","tenant":"4","user":"8","type":"inventory_sync"}"#;
/// A run that user 7 may start.
const ALLOWED: &str = r#"{"workspace":"1","tenant":"4","user":"7","type":"inventory_sync"}"#;
