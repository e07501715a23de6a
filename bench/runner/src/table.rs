//! What was measured, as tables in Markdown.

use std::fmt::Write as _;

use crate::arguments::Figure;
use crate::peers::Store;
use crate::programs::version;
use crate::rows::{Row, Rows, Spread};

/// What is shown of each figure: its title, its name in a peer's answer, and how many decimals.
const SHOWN: [(Figure, &str, &str, usize); 4] = [
    (Figure::Drain, "drained, jobs/s", "drain_per_s", 0),
    (Figure::Drain, "submitted, jobs/s", "submit_per_s", 0),
    (
        Figure::Latency,
        "submitted until entered, ms, half of them",
        "p50_ms",
        2,
    ),
    (
        Figure::Latency,
        "submitted until entered, ms, 99 of 100",
        "p99_ms",
        2,
    ),
];

/// All tables.
pub(crate) fn of(rows: &Rows) -> String {
    let mut text = String::new();
    for store in Store::ALL {
        for (figure, title, name, decimals) in SHOWN {
            let lines: Vec<Vec<String>> = rows
                .of(store, figure)
                .map(|row| line(rows, row, name, decimals))
                .collect();
            if !lines.is_empty() {
                let title = format!("{store}: {title}");
                let heads = [&title, "median", "lowest", "highest", "to ours", "rounds"];
                push(&mut text, &heads, &lines);
            }
        }
    }
    let lines: Vec<Vec<String>> = rows.all().iter().map(about).collect();
    let heads = [
        "peer",
        "version",
        "figure",
        "setting",
        "keeps finished jobs",
        "less or more than ours",
    ];
    push(&mut text, &heads, &lines);
    text
}

fn line(rows: &Rows, row: &Row, name: &str, decimals: usize) -> Vec<String> {
    let mut cells = vec![row.peer.name.to_owned()];
    let number = |value: f64| grouped(value, decimals);
    match row.spread(name) {
        Some(Spread {
            median,
            lowest,
            highest,
            values,
        }) => {
            cells.extend([median, lowest, highest].map(number));
            let ratio = rows.to_ours(row, name);
            cells.push(ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")));
            let failed = row.failure().map(|why| format!(", others failed: {why}"));
            cells.push(format!("{}{}", values.len(), failed.unwrap_or_default()));
        }
        None => {
            let why = row.failure().unwrap_or("not measured");
            cells.extend(["", "", "", "", why].map(str::to_owned));
        }
    }
    cells
}

fn about(row: &Row) -> Vec<String> {
    let keeps = if row.peer.keeps_finished { "yes" } else { "no" };
    vec![
        row.peer.name.to_owned(),
        version(row.peer).unwrap_or_default(),
        row.figure.to_string(),
        row.setting().unwrap_or_default().to_owned(),
        keeps.to_owned(),
        row.peer.note.to_owned(),
    ]
}

/// A table whose columns are as wide as what is in them; figures stand to the right.
fn push(text: &mut String, heads: &[&str], lines: &[Vec<String>]) {
    let width = |column: usize, head: &str| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max();
        widest.unwrap_or(0).max(head.chars().count())
    };
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(column, head)| width(column, head))
        .collect();
    let mut put = |cells: &[&str]| {
        for (cell, width) in cells.iter().zip(&widths) {
            let is_figure = cell.starts_with(|first: char| first.is_ascii_digit());
            // Writing to a string does not fail.
            let _ = match is_figure {
                true => write!(text, "| {cell:>width$} "),
                false => write!(text, "| {cell:<width$} "),
            };
        }
        text.push_str("|\n");
    };
    put(heads);
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    put(&rules.iter().map(String::as_str).collect::<Vec<_>>());
    for line in lines {
        put(&line.iter().map(String::as_str).collect::<Vec<_>>());
    }
    text.push('\n');
}

/// A number with its thousands apart.
fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (nth, digit) in whole.chars().enumerate() {
        if nth > 0 && (whole.len() - nth).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!(grouped(84_800.4, 0), "84,800");
        assert_eq!(grouped(999.0, 0), "999");
        assert_eq!(grouped(1234.5, 2), "1,234.50");
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut text = String::new();
        let line = |name: &str, figure: &str| vec![name.to_owned(), figure.to_owned()];
        push(
            &mut text,
            &["peer", "jobs/s"],
            &[line("ours", "7"), line("theirs", "12")],
        );
        let expected = "\
            | peer   | jobs/s |\n\
            | ------ | ------ |\n\
            | ours   |      7 |\n\
            | theirs |     12 |\n\n";
        assert_eq!(text, expected);
    }
}
