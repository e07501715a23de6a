//! Steps of a task: each is a command with a heading before it and its duration after it.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::Error;
use crate::interrupts::Interrupts;

/// Runs the steps of one task.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    interrupts: Interrupts,
}

impl Steps {
    /// Steps that end when somebody asks the task to stop.
    #[must_use]
    pub fn new(interrupts: Interrupts) -> Self {
        Self { interrupts }
    }

    /// Runs one command to its end, its output in full view.
    ///
    /// # Errors
    /// The command could not be started, failed, or somebody asked the task to stop.
    pub fn run(&self, command: &mut Command) -> Result<(), Error> {
        let step = command_line(command);
        self.headed(&step.clone(), || {
            let status = self.interrupts.run(command)?;
            if status.success() {
                Ok(())
            } else {
                Err(Error::StepFailed { step, status })
            }
        })
    }

    /// Does `work` between a heading and its duration.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn headed<T>(
        &self,
        heading: &str,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        eprintln!("==> {heading}");
        let begun = Instant::now();
        let done = work()?;
        eprintln!("    done in {}", in_words(begun.elapsed()));
        Ok(done)
    }

    /// Tells the person something between steps.
    pub fn tell(&self, message: &str) {
        eprintln!("    {message}");
    }

    /// Who may ask these steps to stop.
    #[must_use]
    pub fn interrupts(&self) -> &Interrupts {
        &self.interrupts
    }
}

/// A command as a person would type it.
pub(crate) fn command_line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| quoted(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:+,@%^".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn in_words(duration: Duration) -> String {
    if duration.as_secs() < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!(
            "{} min {} s",
            duration.as_secs() / 60,
            duration.as_secs() % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_can_be_pasted_into_a_shell() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["nextest", "run", "-E", "test(it's)", ""]);
        assert_eq!(
            command_line(&command),
            r"cargo nextest run -E 'test(it'\''s)' ''"
        );
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(in_words(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(in_words(Duration::from_secs(125)), "2 min 5 s");
    }
}
