//! Failures as people and machines read them, and their exit codes.

use std::error::Error;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use countersign::domain::FieldError;
use countersign::port::{PortError, PortErrorKind};
use serde::Serialize;

use super::output::shown;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    told: Told,
    exit: u8,
}

#[derive(Debug, Serialize)]
struct Told {
    code: String,
    message: String,
    line: Option<usize>,
    field: Option<String>,
}

impl Failure {
    fn new(exit: u8, code: impl Into<String>, message: impl Display) -> Self {
        let told = Told {
            code: code.into(),
            message: message.to_string(),
            line: None,
            field: None,
        };
        Self { told, exit }
    }

    /// The work failed: exit code 1.
    pub(crate) fn failed(code: impl Into<String>, message: impl Display) -> Self {
        Self::new(1, code, message)
    }

    /// Usage or bad input, and nothing was changed: exit code 2.
    pub(crate) fn bad_input(message: impl Display) -> Self {
        Self::new(2, "bad_input", message)
    }

    /// Bad input at one key.
    pub(crate) fn of_field(error: &FieldError) -> Self {
        let mut failure = Self::bad_input(error);
        failure.told.field.clone_from(&error.field);
        failure
    }

    /// Words that the command line does not understand.
    pub(crate) fn usage_of(error: &clap::Error) -> Self {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let message = text
            .split("\n\n")
            .next()
            .unwrap_or(text)
            .trim()
            .replace("\n ", "");
        let mut failure = Self::new(2, "usage", message);
        failure.told.field = error
            .get(clap::error::ContextKind::InvalidArg)
            .map(ToString::to_string);
        failure
    }

    /// Refused: exit code 3.
    pub(crate) fn refused(code: impl Into<String>, message: impl Display) -> Self {
        Self::new(3, code, message)
    }

    /// Not found: exit code 3.
    pub(crate) fn not_found(message: impl Display) -> Self {
        Self::new(3, "not_found", message)
    }

    /// Whether a store failed in that way.
    pub(crate) fn is(&self, kind: PortErrorKind) -> bool {
        self.told.code == kind.as_str()
    }

    pub(crate) fn at_line(mut self, line: usize) -> Self {
        self.told.line = Some(line);
        self
    }

    pub(crate) fn at_field(mut self, field: impl Into<String>) -> Self {
        self.told.field = Some(field.into());
        self
    }

    /// Adds what caused it, and what caused that.
    pub(crate) fn caused_by(mut self, source: &(dyn Error + 'static)) -> Self {
        let mut next = Some(source);
        while let Some(error) = next {
            let text = error.to_string();
            if !self.told.message.ends_with(&text) {
                self.told.message = format!("{}: {text}", self.told.message);
            }
            next = error.source();
        }
        self
    }

    /// Tells it on stderr and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        #[derive(Serialize)]
        struct Wrapped<'a> {
            error: &'a Told,
        }
        let mut err = anstream::stderr().lock();
        // Where stderr cannot be written, the exit code still tells.
        let _told = if json {
            let text = serde_json::to_string(&Wrapped { error: &self.told }).unwrap_or_default();
            writeln!(err, "{text}")
        } else {
            let style = anstyle::AnsiColor::Red.on_default().bold();
            let line = self
                .told
                .line
                .map(|line| format!("line {line}: "))
                .unwrap_or_default();
            let message = shown(&self.told.message);
            writeln!(err, "{style}error{style:#}: {line}{message}")
        };
        ExitCode::from(self.exit)
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        // A store that cannot be worked with is the same as a wrong word.
        let unusable = matches!(
            error.kind(),
            PortErrorKind::NotMigrated | PortErrorKind::NewerSchema
        ) || error.operation() == "open";
        let exit = if error.kind() == PortErrorKind::Sealed {
            3
        } else if unusable {
            2
        } else {
            1
        };
        let failure = Self::new(exit, error.kind().as_str(), &error);
        match error.source() {
            Some(source) => failure.caused_by(source),
            None => failure,
        }
    }
}
