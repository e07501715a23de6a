//! `countersign.toml`.

use bolero::check;
use countersign::config::Config;
use countersign_fuzz::{Edited, Language};

use crate::complains;

const FILES: Language<'_> = Language {
    texts: &[
        r#"[operations.inventory_sync]
capability = "inventory.sync"
command = ["./sync.sh"]
"#,
        r#"# What may be done here.
[operations."restore.execute"]
capability = "restore.execute"
writes = true
connection = "required"
prerequisites = ["baseline"]
lifecycles = ["active", "suspended"]
system = false
max_attempts = 3
timeout = "10m"
continuity = "cancel"
command = ["./restore.sh", "--all"]
permanent_exit_codes = [4, 5]
"#,
        r#"[worker]
concurrency = 4
lease = "30s"

[operations.report]
system = true
backoff = "5s"
"#,
    ],
    words: &[
        "[operations]",
        "[worker]",
        "[[operations.report]]",
        "timeout = ",
        "\"0s\"",
        "\"99999999999999999h\"",
        "max_attempts = 0",
        "command = []",
        "'''",
        "1979-05-27",
        "nan",
    ],
};

/// What is read is read the same again, and a complaint names a line that is there.
#[test]
fn a_configuration_is_read_or_its_line_is_named() {
    check!().with_type::<Edited>().for_each(|edited| {
        let text = edited.text(FILES);
        match Config::parse(&text) {
            Ok(read) => {
                let again = Config::parse(&text).expect(&text);
                assert_eq!(read.catalog.fingerprint(), again.catalog.fingerprint());
                let has_command = |name| read.catalog.get(name).is_some();
                assert!(read.commands.keys().all(has_command), "{text:?}");
            }
            Err(refused) => {
                complains(&text, &refused);
                let lines = text.split('\n').count();
                let named = refused.line.unwrap_or(1);
                assert!(
                    (1..=lines).contains(&named),
                    "line {named} of {lines}: {text:?}"
                );
            }
        }
    });
}
