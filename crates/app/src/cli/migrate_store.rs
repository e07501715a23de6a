//! `migrate-store`: moving everything from one store into another one.

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use countersign::domain::MoveId;
use countersign::moving::{self, Home, MoveError, MoveReport, Stage, Tally};
use countersign::port::Part;
use serde::Serialize;

use super::args::{Globals, MigrateStore};
use super::failure::Failure;
use super::output::{Output, bold, styled};
use super::stores::{open_source, open_target};

pub(crate) async fn run(
    globals: &Globals,
    args: &MigrateStore,
    output: Output,
) -> Result<ExitCode, Failure> {
    for (field, named) in [("runs", &globals.runs), ("authority", &globals.authority)] {
        if named.is_some() {
            let message =
                "a store is moved whole, with runs and authority: name it with --from and --to";
            return Err(Failure::bad_input(message).at_field(field));
        }
    }
    let from = open_source(&args.from).await?;
    let Some(to) = &args.to else {
        let movement = moving::abandon_lost_target(&from).await?;
        return abandoned(movement, &from, None, output);
    };
    let to = open_target(to, globals.queue.as_deref()).await?;
    if args.abandon {
        let movement = moving::abandon(&from, &to).await?;
        return abandoned(movement, &from, Some(&to), output);
    }
    let told = Progress::default();
    let watch = |stage| told.tell(stage, output);
    let moved = tokio::select! {
        moved = moving::move_house(&from, &to, &watch) => moved?,
        interrupted = tokio::signal::ctrl_c() => {
            return Err(match interrupted {
                Ok(()) => interrupted_by_hand(),
                Err(error) => Failure::failed("signals", "signals cannot be listened to").caused_by(&error),
            });
        }
    };
    tell(&moved, &from, &to, output)?;
    Ok(ExitCode::SUCCESS)
}

fn interrupted_by_hand() -> Failure {
    let message = "interrupted: the same command again goes on with the move, and with --abandon it gives it \
                   up; the source may be sealed until then";
    Failure::failed("interrupted", message)
}

impl From<MoveError> for Failure {
    fn from(error: MoveError) -> Self {
        if let MoveError::Port(error) = error {
            return error.into();
        }
        if matches!(error, MoveError::SameStore) {
            return Self::bad_input(error).at_field("to");
        }
        match error.is_refusal() {
            true => Self::refused(error.code(), error),
            false => Self::failed(error.code(), error),
        }
    }
}

#[derive(Serialize)]
struct ToldPart {
    count: u64,
    digest: String,
}

impl From<Tally> for ToldPart {
    fn from(tally: Tally) -> Self {
        Self {
            count: tally.count,
            digest: tally.digest.to_string(),
        }
    }
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(rename = "move")]
    movement: MoveId,
    from: &'a str,
    to: &'a str,
    /// What was moved; null where that had been done before.
    moved: Option<serde_json::Map<String, serde_json::Value>>,
}

fn tell(moved: &MoveReport, from: &Home, to: &Home, output: Output) -> Result<(), Failure> {
    let (from, to) = (&from.address, &to.address);
    if output.is_json() {
        let told = moved.parts.map(|parts| {
            let part = |(part, tally): (Part, Tally)| {
                let told = serde_json::to_value(ToldPart::from(tally)).unwrap_or_default();
                (part.as_str().to_owned(), told)
            };
            parts.into_iter().map(part).collect()
        });
        return output.object(&Told {
            movement: moved.movement,
            from,
            to,
            moved: told,
        });
    }
    match moved.parts {
        None => output.line(format_args!(
            "everything had moved from {from} to {to} before"
        ))?,
        Some(parts) => {
            output.line(styled(bold(), format_args!("moved from {from} to {to}")))?;
            let row = |(part, tally): (Part, Tally)| {
                vec![
                    part.as_str().to_owned(),
                    tally.count.to_string(),
                    tally.digest.to_string(),
                ]
            };
            output.table(
                &["part", "moved", "digest of both sides"],
                parts.map(row).into(),
            )?;
        }
    }
    output.line(format_args!(
        "{to} is open: start its workers, and let submitters use it. {from} stays sealed"
    ))
}

#[derive(Serialize)]
struct ToldAbandoned<'a> {
    abandoned: MoveId,
    from: &'a str,
    to: Option<&'a str>,
}

fn abandoned(
    movement: MoveId,
    from: &Home,
    to: Option<&Home>,
    output: Output,
) -> Result<ExitCode, Failure> {
    let (from, to) = (from.address.as_str(), to.map(|to| to.address.as_str()));
    if output.is_json() {
        output.object(&ToldAbandoned {
            abandoned: movement,
            from,
            to,
        })?;
    } else {
        let target = to.map_or_else(
            || "its target is given up for lost".to_owned(),
            |to| format!("{to} never opens, throw it away"),
        );
        output.line(format_args!("abandoned: {from} is open again; {target}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How often a number that grows is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What was told last on stderr, and when.
#[derive(Default)]
struct Progress(Mutex<Option<(String, Instant)>>);

impl Progress {
    /// Tells each stage once, and again from time to time while it lasts.
    fn tell(&self, stage: Stage, output: Output) {
        let (what, number) = words(stage);
        let Ok(mut last) = self.0.lock() else {
            return;
        };
        if last
            .as_ref()
            .is_some_and(|(told, at)| *told == what && at.elapsed() < TELL_EVERY)
        {
            return;
        }
        output.note(format_args!("{what}{number}"));
        *last = Some((what, Instant::now()));
    }
}

fn words(stage: Stage) -> (String, String) {
    let counted = |what: String, number: u64| (what, format!(": {number}"));
    match stage {
        Stage::CopyingAhead { runs } => counted(
            "copying completed runs, the source works on".to_owned(),
            runs,
        ),
        Stage::Sealed => ("the source is sealed".to_owned(), String::new()),
        Stage::Waiting { running } => counted(
            "waiting for what runs in the source to end".to_owned(),
            running,
        ),
        Stage::Copying { part, read } => counted(format!("copying {}", part.as_str()), read),
        Stage::Verifying { part, read } => {
            counted(format!("comparing {} in the target", part.as_str()), read)
        }
        Stage::Open => ("the target is open".to_owned(), String::new()),
    }
}
