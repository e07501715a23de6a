//! JSON kept as text: checked once, brought into one spelling, and never parsed again.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

/// The largest JSON document that is kept with a run, in bytes: 1 MiB.
pub const MAX_JSON_BYTES: usize = 1 << 20;

/// Documents nest at most this deep; every store and client involved can read that.
const MAX_DEPTH: usize = 64;

/// Why a text is not a JSON document that can be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text does not follow the grammar of JSON.
    #[error("not valid JSON: {problem}")]
    Malformed {
        /// What the parser found.
        problem: String,
    },
    /// Larger than [`MAX_JSON_BYTES`].
    #[error("{bytes} bytes of JSON, expected at most {MAX_JSON_BYTES}")]
    TooLarge {
        /// The size found.
        bytes: usize,
    },
    /// Nested deeper than 64 levels.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// One object has the same key twice, so readers would disagree about its meaning.
    #[error("key `{key}` stands twice in one object")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A string holds U+0000, which not every store can keep.
    #[error("a string holds the character \\u0000, which cannot be stored")]
    Nul,
}

/// A JSON document in canonical spelling: no white space, object keys sorted by their bytes, numbers
/// as they were written. Two documents that are equal but for white space and key order are the same
/// text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsonText(Arc<str>);

impl JsonText {
    /// Checks a document and brings it into canonical spelling.
    ///
    /// # Errors
    /// [`JsonError`] when it is malformed, too large, too deep, ambiguous or holds `\u0000`.
    pub fn canonical(text: &str) -> Result<Self, JsonError> {
        if text.len() > MAX_JSON_BYTES {
            return Err(JsonError::TooLarge { bytes: text.len() });
        }
        let raw: &RawValue = serde_json::from_str(text).map_err(malformed)?;
        let mut out = String::with_capacity(text.len());
        write_value(raw, MAX_DEPTH, &mut out)?;
        Ok(Self(out.into()))
    }

    /// Takes text that a store kept, trusting nothing about it but its grammar.
    ///
    /// # Errors
    /// [`JsonError::Malformed`] when the store holds something that is no JSON.
    pub fn stored(text: impl Into<Arc<str>>) -> Result<Self, JsonError> {
        let text = text.into();
        let _checked: &RawValue = serde_json::from_str(&text).map_err(malformed)?;
        Ok(Self(text))
    }

    /// The document of a value that serializes.
    ///
    /// # Errors
    /// [`JsonError`] when it does not serialize, or to more than can be kept.
    pub fn of(value: &impl Serialize) -> Result<Self, JsonError> {
        let text = serde_json::to_string(value).map_err(malformed)?;
        if text.len() > MAX_JSON_BYTES {
            return Err(JsonError::TooLarge { bytes: text.len() });
        }
        Ok(Self(text.into()))
    }

    /// Text put together from documents that were checked, and so a document itself.
    pub(crate) fn composed(text: String) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::canonical(raw.get()).map_err(de::Error::custom)
    }
}

fn malformed(error: serde_json::Error) -> JsonError {
    JsonError::Malformed {
        problem: error.to_string(),
    }
}

fn write_value(raw: &RawValue, depth: usize, out: &mut String) -> Result<(), JsonError> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{') => write_object(text, deeper(depth)?, out),
        Some(b'[') => write_array(text, deeper(depth)?, out),
        Some(b'"') => {
            let value: String = serde_json::from_str(text).map_err(malformed)?;
            write_string(&value, out)
        }
        Some(_) | None => {
            out.push_str(text);
            Ok(())
        }
    }
}

fn deeper(depth: usize) -> Result<usize, JsonError> {
    depth.checked_sub(1).ok_or(JsonError::TooDeep)
}

fn write_object(text: &str, depth: usize, out: &mut String) -> Result<(), JsonError> {
    let Entries(mut entries) = serde_json::from_str(text).map_err(malformed)?;
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    if let Some(key) = entries.windows(2).find_map(|pair| match pair {
        [(a, _), (b, _)] if a == b => Some(a.clone()),
        _ => None,
    }) {
        return Err(JsonError::DuplicateKey { key });
    }
    out.push('{');
    for (at, (key, value)) in entries.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(key, out)?;
        out.push(':');
        write_value(value, depth, out)?;
    }
    out.push('}');
    Ok(())
}

fn write_array(text: &str, depth: usize, out: &mut String) -> Result<(), JsonError> {
    let Items(items) = serde_json::from_str(text).map_err(malformed)?;
    out.push('[');
    for (at, value) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_value(value, depth, out)?;
    }
    out.push(']');
    Ok(())
}

fn write_string(value: &str, out: &mut String) -> Result<(), JsonError> {
    if value.contains('\0') {
        return Err(JsonError::Nul);
    }
    out.push_str(&serde_json::to_string(value).map_err(malformed)?);
    Ok(())
}

struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct Items<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemsVisitor;
        impl<'de> Visitor<'de> for ItemsVisitor {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(ItemsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_sorts_keys_and_keeps_numbers_as_written() {
        let text = JsonText::canonical(
            r#" { "b" : [1e400, 0.10, 123456789012345678901234567890], "a":"\u00e9" } "#,
        );
        assert_eq!(
            text.unwrap().as_str(),
            r#"{"a":"é","b":[1e400,0.10,123456789012345678901234567890]}"#
        );
    }

    #[test]
    fn ambiguous_or_unstorable_documents_are_refused() {
        let refused = |text: &str| JsonText::canonical(text).unwrap_err();
        assert_eq!(
            refused(r#"{"x":{"a":1,"a":2}}"#),
            JsonError::DuplicateKey { key: "a".into() }
        );
        assert_eq!(refused(r#"["\u0000"]"#), JsonError::Nul);
        assert_eq!(refused(r#"{"\u0000":1}"#), JsonError::Nul);
        assert_eq!(
            refused(&"[".repeat(65)).to_string().split(':').next(),
            Some("not valid JSON")
        );
        assert_eq!(
            refused(&format!("{}1{}", "[".repeat(65), "]".repeat(65))),
            JsonError::TooDeep
        );
        assert!(matches!(
            refused(r#""\ud800""#),
            JsonError::Malformed { .. }
        ));
        let large = format!("\"{}\"", "x".repeat(MAX_JSON_BYTES));
        assert!(matches!(refused(&large), JsonError::TooLarge { .. }));
    }
}
