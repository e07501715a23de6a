//! Files of JSON objects, one a line.

use std::io::Read;
use std::path::Path;

use countersign::domain::{AttributedChange, FieldError};

use super::failure::Failure;

/// Reads a file, or standard input for `-`, as one value a line; empty lines are skipped. The first
/// line that does not read ends it, with its number.
pub(crate) fn read_lines<T>(
    path: &Path,
    read: impl Fn(&str) -> Result<T, FieldError>,
) -> Result<Vec<(usize, T)>, Failure> {
    let bytes = read_all(path)?;
    let mut values = Vec::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = at + 1;
        let line = std::str::from_utf8(line)
            .map_err(|_| Failure::bad_input("the line is not UTF-8").at_line(number))?
            .trim();
        if line.is_empty() {
            continue;
        }
        let value = read(line).map_err(|error| Failure::of_field(&error).at_line(number))?;
        values.push((number, value));
    }
    Ok(values)
}

/// Reads a file of authority changes.
pub(crate) fn read_changes(path: &Path) -> Result<Vec<AttributedChange>, Failure> {
    let lines = read_lines(path, AttributedChange::parse)?;
    Ok(lines.into_iter().map(|(_, change)| change).collect())
}

fn read_all(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    read.map_err(|error| {
        Failure::bad_input(format_args!("`{}` cannot be read", path.display()))
            .at_field("file")
            .caused_by(&error)
    })?;
    Ok(bytes)
}
