//! What goes to stdout: JSON for machines, tables and colour for people at a terminal.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table};
use countersign::domain::{CheckResult, RunOutcome};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::failure::Failure;

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// One JSON object on a line of its own.
    pub(crate) fn object(self, value: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_string(value).map_err(|error| {
            Failure::failed("unprintable", "a record cannot be written").caused_by(&error)
        })?;
        text.push('\n');
        print(text.as_bytes())
    }

    /// A line for people.
    pub(crate) fn line(self, text: impl std::fmt::Display) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        writeln!(out, "{}", styled_only(&text.to_string())).or_else(ignore_closed)
    }

    /// A table for people: columns under headings, no lines.
    pub(crate) fn table(self, headings: &[&str], rows: Vec<Vec<String>>) -> Result<(), Failure> {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        if std::io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.set_header(headings);
        table.add_rows(rows);
        for line in table.lines() {
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// A line on stderr about work under way; none with `--json`.
    pub(crate) fn note(self, text: impl std::fmt::Display) {
        if !self.json {
            // Where stderr cannot be written there is nobody to tell.
            let text = styled_only(&text.to_string());
            let _told = writeln!(anstream::stderr().lock(), "{text}");
        }
    }

    /// A bar on stderr for long work; hidden with `--json` and where stderr is no terminal.
    pub(crate) fn progress(self, what: &'static str, length: u64) -> ProgressBar {
        let bar = ProgressBar::new(length);
        self.shown(bar, what, "{msg} {wide_bar} {pos}/{len} {per_sec} {eta}")
    }

    /// The same for work of which nobody knows how much there is.
    pub(crate) fn count(self, what: &'static str) -> ProgressBar {
        let count = ProgressBar::no_length();
        self.shown(count, what, "{pos} {msg} {per_sec}")
    }

    fn shown(self, bar: ProgressBar, what: &'static str, template: &str) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = bar.with_message(what);
        match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).or_else(ignore_closed)
}

/// A reader that has seen enough, such as `head`, is no failure.
fn ignore_closed(error: std::io::Error) -> Result<(), Failure> {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Err(Failure::failed("stdout", "stdout cannot be written").caused_by(&error))
}

/// What a text quotes is told, and not obeyed: a terminal does as control characters say, and reasons, messages and
/// contexts are anybody's. Line breaks stay.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        show(c, &mut shown);
    }
    shown
}

fn show(c: char, shown: &mut String) {
    match c {
        '\n' => shown.push(c),
        c if c.is_control() => shown.extend(c.escape_default()),
        c => shown.push(c),
    }
}

/// The same of a text that has styles in it: those stay.
fn styled_only(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let style = style_at(rest);
        match style {
            Some(style) => shown.push_str(style),
            None => show(c, &mut shown),
        }
        rest = rest
            .get(style.map_or(c.len_utf8(), str::len)..)
            .unwrap_or_default();
    }
    shown
}

/// A style that a text begins with, as `anstyle` writes them: it colours, and can do nothing else.
fn style_at(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let length = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let is_style = parameters.get(length..)?.starts_with('m');
    is_style.then(|| text.get(..length + 3))?
}

/// A number of things, in words.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    if number == 1 {
        format!("1 {thing}")
    } else {
        format!("{number} {thing}s")
    }
}

/// Text in a style, plain where stdout is no terminal.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

pub(crate) fn bold() -> Style {
    Style::new().bold()
}

pub(crate) fn outcome_style(outcome: RunOutcome) -> Style {
    match outcome {
        RunOutcome::Pending => Style::new(),
        RunOutcome::Succeeded => AnsiColor::Green.on_default(),
        RunOutcome::PartiallySucceeded => AnsiColor::Yellow.on_default(),
        RunOutcome::Failed => AnsiColor::Red.on_default(),
        RunOutcome::Blocked => AnsiColor::Magenta.on_default(),
        RunOutcome::Cancelled => AnsiColor::BrightBlack.on_default(),
    }
}

pub(crate) fn check_style(result: CheckResult) -> Style {
    match result {
        CheckResult::Passed => AnsiColor::Green.on_default(),
        CheckResult::Failed => AnsiColor::Red.on_default().bold(),
        CheckResult::NotApplicable => AnsiColor::BrightBlack.on_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        let hostile = "a\u{1b}]0;title\u{7}b\r\u{9b}2Jc\nd";
        let told = "a\\u{1b}]0;title\\u{7}b\\r\\u{9b}2Jc\nd";
        assert_eq!(shown(hostile), told);
        assert_eq!(styled_only(hostile), told);
    }

    #[test]
    fn styles_stay() {
        let text = styled(bold().fg_color(Some(AnsiColor::Red.into())), "run é");
        assert!(text.starts_with('\u{1b}'));
        assert_eq!(styled_only(&text), text);
        assert_eq!(styled_only("\u{1b}[2J\u{1b}["), "\\u{1b}[2J\\u{1b}[");
    }
}
