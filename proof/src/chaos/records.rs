//! What the store has on record at the end, and what handlers wrote outside.

use std::collections::HashMap;

use serde_json::Value;

use super::Broken;
use super::site::Site;

/// All of it.
pub(super) struct Records {
    /// Every run, by id.
    pub(super) runs: HashMap<String, Value>,
    /// When authority went away from a user, by the store's clock: the first such change of each.
    pub(super) revoked_at: HashMap<String, String>,
    /// The runs whose handlers were entered.
    pub(super) entered: Vec<String>,
}

/// How many records are read at a time.
const PAGE: usize = 1000;

impl Records {
    pub(super) fn of(site: &Site) -> Result<Self, Broken> {
        Ok(Self {
            runs: runs(site)?,
            revoked_at: revocations(site)?,
            entered: site.entered()?,
        })
    }
}

fn runs(site: &Site) -> Result<HashMap<String, Value>, Broken> {
    let mut runs = HashMap::new();
    let mut after: Option<String> = None;
    loop {
        let limit = PAGE.to_string();
        let mut words = vec!["runs", "list", "--limit", &limit];
        if let Some(after) = &after {
            words.extend(["--after", after]);
        }
        let page = site.tell(&words, "")?;
        let length = page.len();
        for run in page {
            after = text(&run, "id");
            let id = after
                .clone()
                .ok_or_else(|| Broken::new("a run without id"))?;
            runs.insert(id, run);
        }
        if length < PAGE {
            return Ok(runs);
        }
    }
}

fn revocations(site: &Site) -> Result<HashMap<String, String>, Broken> {
    let mut revoked = HashMap::new();
    let mut before: Option<String> = None;
    loop {
        let limit = PAGE.to_string();
        let mut words = vec!["authority", "log", "--limit", &limit];
        if let Some(before) = &before {
            words.extend(["--before", before]);
        }
        let page = site.tell(&words, "")?;
        let length = page.len();
        for entry in page {
            before = entry.get("seq").map(Value::to_string);
            let change = entry.get("change").cloned().unwrap_or_default();
            let kind = text(&change, "change");
            let takes_away = match kind.as_deref() {
                Some("revoke") => true,
                Some("set_user") => change.get("active") == Some(&Value::Bool(false)),
                Some(_) | None => false,
            };
            // Newest first: the last one that is read is the first that was made.
            if takes_away
                && let (Some(user), Some(at)) = (text(&change, "user"), text(&entry, "at"))
            {
                revoked.insert(user, at);
            }
        }
        if length < PAGE {
            return Ok(revoked);
        }
    }
}

/// A field that holds a text.
pub(super) fn text(of: &Value, field: &str) -> Option<String> {
    of.get(field)?.as_str().map(str::to_owned)
}
