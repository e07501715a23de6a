//! Reads one flat JSON object key by key, so that every complaint names the key it is about.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What is wrong with one JSON object, and at which key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct FieldError {
    /// The key the problem is at; none when the text is no JSON object at all.
    pub field: Option<String>,
    /// What was found and what was expected.
    pub problem: String,
}

impl FieldError {
    /// A problem at `field`.
    #[must_use]
    pub fn at(field: &str, problem: impl fmt::Display) -> Self {
        Self {
            field: Some(field.to_owned()),
            problem: problem.to_string(),
        }
    }

    /// A problem with the whole object.
    #[must_use]
    pub fn whole(problem: impl fmt::Display) -> Self {
        Self {
            field: None,
            problem: problem.to_string(),
        }
    }
}

/// The keys of one JSON object that have not been read yet.
///
/// Keys are taken one at a time; [`Fields::finish`] refuses those nobody asked for. Values stay the
/// text they were, so that a nested document can be kept to the letter.
#[derive(Debug)]
pub struct Fields {
    unread: BTreeMap<String, Box<RawValue>>,
    known: Vec<&'static str>,
}

impl Fields {
    /// Reads the keys of a JSON object; a key that stands twice is refused.
    ///
    /// # Errors
    /// [`FieldError`] when the text is no JSON object.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        serde_json::from_str(text).map_err(|error| FieldError::whole(json_problem(&error)))
    }

    /// Takes the value at `field`, or none when the key is absent or `null`.
    ///
    /// # Errors
    /// [`FieldError`] when the value has the wrong shape.
    pub fn optional<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
    ) -> Result<Option<T>, FieldError> {
        match self.raw(field) {
            None => Ok(None),
            Some(raw) => serde_json::from_str::<Option<T>>(raw.get()).map_err(|error| {
                // The field is named; a place within its value would be taken for one in the line.
                let text = error.to_string();
                let problem = text.rsplit_once(" at line ").map_or(&*text, |(p, _)| p);
                FieldError::at(field, format!("`{field}`: {problem}"))
            }),
        }
    }

    /// Takes the value at `field`.
    ///
    /// # Errors
    /// [`FieldError`] when the key is absent or `null`, or the value has the wrong shape.
    pub fn required<T: DeserializeOwned>(&mut self, field: &'static str) -> Result<T, FieldError> {
        self.optional(field)?
            .ok_or_else(|| FieldError::at(field, format!("`{field}` is missing")))
    }

    /// Takes the text of the value at `field`, unread.
    pub fn raw(&mut self, field: &'static str) -> Option<Box<RawValue>> {
        self.known.push(field);
        self.unread.remove(field)
    }

    /// Drops the value at `field`, whatever it is.
    pub fn ignore(&mut self, field: &'static str) {
        let _ignored = self.raw(field);
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`FieldError`] naming the first key that was not asked for, and those that were.
    pub fn finish(self) -> Result<(), FieldError> {
        match self.unread.first_key_value() {
            None => Ok(()),
            Some((key, _)) => Err(FieldError::at(
                key,
                format!(
                    "`{}` is not a key here, expected {}",
                    clip(key),
                    listed(&self.known)
                ),
            )),
        }
    }
}

/// The problem without serde's position where that says nothing: these texts are one line long.
fn json_problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((problem, place)) => match place.split_once(" column ") {
            Some((_, "0" | "1")) | None => problem.to_owned(),
            Some((_, column)) => format!("{problem} (column {column})"),
        },
        None => text,
    }
}

fn clip(key: &str) -> String {
    key.chars().take(48).collect()
}

fn listed(known: &[&str]) -> String {
    known
        .iter()
        .map(|key| format!("`{key}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut unread = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    if unread.contains_key(&key) {
                        let key = clip(&key);
                        return Err(serde::de::Error::custom(format!(
                            "key `{key}` stands twice"
                        )));
                    }
                    unread.insert(key, map.next_value::<Box<RawValue>>()?);
                }
                Ok(Fields {
                    unread,
                    known: Vec::new(),
                })
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}
