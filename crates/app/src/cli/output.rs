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
        writeln!(out, "{text}").or_else(ignore_closed)
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
            let _told = writeln!(anstream::stderr().lock(), "{text}");
        }
    }

    /// A bar on stderr for long work; hidden with `--json` and where stderr is no terminal.
    pub(crate) fn progress(self, what: &'static str, length: u64) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(length).with_message(what);
        match ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} {eta}") {
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
