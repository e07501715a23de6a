//! The schema that holds everything of a store, and statements written for it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

/// The schema that statements and migrations are written for.
const WRITTEN_FOR: &str = "countersign";

/// The name of the schema that holds a store: a lower-case letter or `_`, then lower-case letters, digits
/// and `_`, 48 bytes at most, so that it never needs quotes.
#[derive(Clone)]
pub struct Schema {
    name: Arc<str>,
    /// Statements as they read for this schema, where it is not the one they are written for.
    rewritten: Arc<Mutex<HashMap<&'static str, Arc<str>>>>,
}

/// A text that is not the name of a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is not the name of a schema, expected up to 48 lower-case letters, digits and `_`, no digit first"
)]
pub struct SchemaError {
    found: String,
}

impl Schema {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// A statement of ours as it reads for this schema.
    pub(crate) fn sql(&self, written: &'static str) -> SqlStr {
        if &*self.name == WRITTEN_FOR {
            return SqlStr::from_static(written);
        }
        let mut known = self
            .rewritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let text = known
            .entry(written)
            .or_insert_with(|| self.rewrite(written).into());
        AssertSqlSafe(Arc::clone(text)).into_sql_str()
    }

    /// Puts this schema in the place of the one that statements are written for. A name that needs no
    /// quotes can stand wherever that one does.
    pub(crate) fn rewrite(&self, written: &str) -> String {
        written.replace(&format!("{WRITTEN_FOR}."), &format!("{}.", self.name))
    }
}

impl Default for Schema {
    /// `countersign`.
    fn default() -> Self {
        Self {
            name: WRITTEN_FOR.into(),
            rewritten: Arc::default(),
        }
    }
}

impl FromStr for Schema {
    type Err = SchemaError;
    fn from_str(text: &str) -> Result<Self, SchemaError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let fits = (1..=48).contains(&text.len())
            && text.bytes().all(plain)
            && !text.starts_with(|first: char| first.is_ascii_digit())
            && !text.starts_with("pg_");
        if fits {
            Ok(Self {
                name: text.into(),
                rewritten: Arc::default(),
            })
        } else {
            Err(SchemaError {
                found: text.chars().take(64).collect(),
            })
        }
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Schema {}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_rewritten_for_another_schema() {
        let written = "SELECT 1 FROM countersign.runs JOIN countersign.queue ON true";
        assert_eq!(Schema::default().sql(written).as_str(), written);
        let other: Schema = "jobs_2".parse().unwrap();
        let expected = "SELECT 1 FROM jobs_2.runs JOIN jobs_2.queue ON true";
        assert_eq!(other.sql(written).as_str(), expected);
        assert_eq!(other.sql(written).as_str(), expected);
    }

    #[test]
    fn names_that_would_need_quotes_are_refused() {
        for name in ["", "Jobs", "2jobs", "a-b", "a.b", "a\"b", "pg_jobs", "é"] {
            assert!(name.parse::<Schema>().is_err(), "{name}");
        }
        assert!("a".repeat(49).parse::<Schema>().is_err());
        assert_eq!("_a1".parse::<Schema>().unwrap().as_str(), "_a1");
    }

    /// Whatever was rewritten for the one and not yet for the other.
    #[test]
    fn a_schema_is_its_name() {
        let [jobs, same, other] = ["jobs", "jobs", "tasks"].map(|name| name.parse().unwrap());
        let _rewritten: SqlStr = Schema::sql(&jobs, "SELECT 1 FROM countersign.runs");
        assert_eq!(jobs, same);
        assert_ne!(jobs, other);
    }
}
