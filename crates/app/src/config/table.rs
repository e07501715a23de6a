//! Reads TOML tables key by key, so that every complaint names the line and the key it is about.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration::parse_duration;

/// A problem, and where it is.
#[derive(Debug)]
pub(super) struct Fault {
    /// The offset in bytes.
    pub(super) at: usize,
    /// The path of the key.
    pub(super) field: Option<String>,
    /// What was found and what was expected.
    pub(super) problem: String,
}

/// The keys of one table that have not been read yet.
///
/// Keys are taken one at a time; [`Table::finish`] refuses those that nobody asked for.
pub(super) struct Table<'t> {
    path: String,
    unread: Vec<Entry<'t>>,
    known: Vec<&'static str>,
}

/// One key and its value.
pub(super) struct Entry<'t> {
    /// The key.
    pub(super) key: String,
    key_at: usize,
    /// Its value.
    pub(super) value: Value<'t>,
}

/// One value, and where it stands.
pub(super) struct Value<'t> {
    field: String,
    at: usize,
    value: DeValue<'t>,
}

impl<'t> Table<'t> {
    /// Reads a whole document.
    pub(super) fn parse(text: &'t str) -> Result<Self, Fault> {
        match DeTable::parse(text) {
            Ok(table) => Ok(Self::new(String::new(), table.into_inner())),
            Err(error) => Err(malformed(text, &error)),
        }
    }

    fn new(path: String, table: DeTable<'t>) -> Self {
        let mut unread: Vec<_> = table
            .into_iter()
            .map(|(key, value)| Entry::new(&path, key.span(), key.into_inner().into(), value))
            .collect();
        unread.sort_by_key(|entry| entry.key_at);
        Self {
            path,
            unread,
            known: Vec::new(),
        }
    }

    /// Takes the value at `key`, if the table has one, and reads it.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Value<'t>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        self.known.push(key);
        match self.unread.iter().position(|entry| entry.key == key) {
            None => Ok(None),
            Some(at) => read(self.unread.remove(at).value).map(Some),
        }
    }

    /// The entries nobody has asked for, in the order of the text.
    pub(super) fn unread(self) -> Vec<Entry<'t>> {
        self.unread
    }

    /// Refuses the first entry nobody has asked for.
    pub(super) fn finish(self) -> Result<(), Fault> {
        let Some(entry) = self.unread.into_iter().next() else {
            return Ok(());
        };
        let known: Vec<_> = self.known.iter().map(|key| format!("`{key}`")).collect();
        let known = known.join(", ");
        if self.path.starts_with("operations.") && entry.value.value.is_table() {
            let name = entry.value.field.trim_start_matches("operations.");
            return Err(entry.fault(format_args!(
                "not a key here; an operation's name with dots is quoted, as in \
                 `[operations.\"{name}\"]`"
            )));
        }
        Err(entry.fault(format_args!("not a key here, expected one of {known}")))
    }
}

impl<'t> Entry<'t> {
    fn new(path: &str, key_at: Range<usize>, key: String, value: Spanned<DeValue<'t>>) -> Self {
        let field = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        Self {
            key,
            key_at: key_at.start,
            value: Value::new(field, value),
        }
    }

    /// A problem with the key.
    pub(super) fn fault(&self, problem: impl Display) -> Fault {
        Fault {
            at: self.key_at,
            ..self.value.fault(problem)
        }
    }
}

impl<'t> Value<'t> {
    fn new(field: String, value: Spanned<DeValue<'t>>) -> Self {
        Self {
            field,
            at: value.span().start,
            value: value.into_inner(),
        }
    }

    /// A problem with the value.
    pub(super) fn fault(&self, problem: impl Display) -> Fault {
        Fault {
            at: self.at,
            field: Some(self.field.clone()),
            problem: problem.to_string(),
        }
    }

    fn expected(&self, expected: impl Display) -> Fault {
        let found = self.value.type_str();
        let article = match found {
            "integer" | "array" => "an",
            _ => "a",
        };
        self.fault(format_args!("expected {expected}, found {article} {found}"))
    }

    /// The value as text in backticks, cut to a readable length.
    pub(super) fn quoted(&self) -> String {
        let text = match (&self.value, self.value.as_integer()) {
            (_, Some(integer)) => integer.to_string(),
            (value, None) => value.as_str().unwrap_or_default().to_owned(),
        };
        format!("`{}`", clip(&text))
    }

    /// A text.
    pub(super) fn text(&self) -> Result<&str, Fault> {
        self.value.as_str().ok_or_else(|| self.expected("a string"))
    }

    /// A text that is also something else.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self) -> Result<T, Fault> {
        self.text()?.parse().map_err(|error| self.fault(error))
    }

    /// One of a few names.
    pub(super) fn one_of<T: Copy>(&self, what: &str, names: &[(&str, T)]) -> Result<T, Fault> {
        let text = self.text()?;
        let found = names.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = names.iter().map(|(name, _)| format!("`{name}`")).collect();
            let (quoted, names) = (self.quoted(), names.join(", "));
            self.fault(format_args!(
                "{quoted} is not a {what}, expected one of {names}"
            ))
        })
    }

    /// Yes or no.
    pub(super) fn boolean(&self) -> Result<bool, Fault> {
        self.value
            .as_bool()
            .ok_or_else(|| self.expected("`true` or `false`"))
    }

    /// A whole number.
    pub(super) fn integer(&self, range: RangeInclusive<u32>) -> Result<u32, Fault> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let Some(integer) = self.value.as_integer() else {
            return Err(self.expected(wanted));
        };
        match u32::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if range.contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(self.fault(format_args!(
                "{} is out of range, expected {wanted}",
                self.quoted()
            ))),
        }
    }

    /// A length of time.
    pub(super) fn duration(&self) -> Result<Duration, Fault> {
        let Some(text) = self.value.as_str() else {
            return Err(self.expected("a string such as `500ms`, `10m` or `1h30m`"));
        };
        parse_duration(text)
            .map_err(|problem| self.fault(format_args!("{} {problem}", self.quoted())))
    }

    /// Several values, each read.
    pub(super) fn list<T, L: FromIterator<T>>(
        self,
        read: impl Fn(&Value<'t>) -> Result<T, Fault>,
    ) -> Result<L, Fault> {
        let DeValue::Array(array) = self.value else {
            return Err(self.expected("an array"));
        };
        let values = array.into_iter().enumerate();
        values
            .map(|(at, value)| read(&Value::new(format!("{}[{at}]", self.field), value)))
            .collect()
    }

    /// A table.
    pub(super) fn table(self) -> Result<Table<'t>, Fault> {
        match self.value {
            DeValue::Table(table) => Ok(Table::new(self.field, table)),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => Err(self.expected("a table")),
        }
    }
}

fn malformed(text: &str, error: &toml::de::Error) -> Fault {
    let span = error.span().unwrap_or_default();
    let found = text.get(span.clone()).unwrap_or_default().trim();
    let found = match found.lines().next() {
        None => String::new(),
        Some(found) => format!(", at `{}`", clip(found)),
    };
    Fault {
        at: span.start,
        field: None,
        problem: format!("not valid TOML: {}{found}", error.message()),
    }
}

fn clip(text: &str) -> String {
    text.chars().take(48).collect()
}
