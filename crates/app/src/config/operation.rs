//! The tables `[operations.NAME]`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use countersign_domain::{
    ConnectionUse, Continuity, Lifecycles, Operation, OperationType, RetryPolicy,
};

use super::CommandSpec;
use super::table::{Entry, Fault, Table, Value};

const MAX_ATTEMPTS: RangeInclusive<u32> = 1..=1000;
const EXIT_CODES: RangeInclusive<u32> = 1..=255;

/// Every operation, and the commands of those that have one.
pub(super) type Operations = (Vec<Operation>, BTreeMap<OperationType, CommandSpec>);

/// Reads `[operations]` with every operation in it.
pub(super) fn read_all(section: Value<'_>) -> Result<Operations, Fault> {
    let (mut operations, mut commands) = Operations::default();
    for entry in section.table()?.unread() {
        let (operation, command) = read(entry)?;
        if let Some(command) = command {
            commands.insert(operation.name.clone(), command);
        }
        operations.push(operation);
    }
    Ok((operations, commands))
}

fn read(entry: Entry<'_>) -> Result<(Operation, Option<CommandSpec>), Fault> {
    let name: OperationType = entry.key.parse().map_err(|error| entry.fault(error))?;
    let mut table = entry.value.table()?;
    let defaults = Operation::new(name);
    let operation = Operation {
        capability: table.read("capability", |value| value.parsed())?,
        writes: table
            .read("writes", |value| value.boolean())?
            .unwrap_or(defaults.writes),
        connection: table
            .read("connection", read_connection)?
            .unwrap_or(defaults.connection),
        prerequisites: table
            .read("prerequisites", |value| value.list(Value::parsed))?
            .unwrap_or(defaults.prerequisites),
        lifecycles: table
            .read("lifecycles", read_lifecycles)?
            .unwrap_or(defaults.lifecycles),
        system: table
            .read("system", |value| value.boolean())?
            .unwrap_or(defaults.system),
        retry: read_retry(&mut table)?,
        timeout: table.read("timeout", |value| value.duration())?,
        continuity: table
            .read("continuity", read_continuity)?
            .unwrap_or(defaults.continuity),
        ..defaults
    };
    let command = read_command(&mut table)?;
    table.finish()?;
    Ok((operation, command))
}

fn read_connection(value: Value<'_>) -> Result<ConnectionUse, Fault> {
    value.one_of(
        "use of a connection",
        &[
            ("none", ConnectionUse::None),
            ("optional", ConnectionUse::Optional),
            ("required", ConnectionUse::Required),
        ],
    )
}

fn read_continuity(value: Value<'_>) -> Result<Continuity, Fault> {
    value.one_of(
        "continuity",
        &[
            ("cancel", Continuity::Cancel),
            ("finish", Continuity::Finish),
        ],
    )
}

fn read_lifecycles(value: Value<'_>) -> Result<Lifecycles, Fault> {
    let none =
        value.fault("is empty, so that no tenant is accepted; expected at least one lifecycle");
    match value.list(Value::parsed)? {
        Lifecycles::NONE => Err(none),
        lifecycles => Ok(lifecycles),
    }
}

/// A limit that is not set gives way to a longer `backoff`; one that is set must not be shorter.
fn read_retry(table: &mut Table<'_>) -> Result<RetryPolicy, Fault> {
    let defaults = RetryPolicy::default();
    let max_attempts = table.read("max_attempts", |value| value.integer(MAX_ATTEMPTS))?;
    let backoff = table.read("backoff", |value| value.duration())?;
    let backoff = backoff.unwrap_or(defaults.backoff);
    let backoff_limit = table.read("backoff_limit", |value| match value.duration()? {
        limit if limit < backoff => Err(value.fault(format_args!(
            "{} is shorter than `backoff`, which is {backoff:?}",
            value.quoted()
        ))),
        limit => Ok(limit),
    })?;
    Ok(RetryPolicy {
        max_attempts: max_attempts.unwrap_or(defaults.max_attempts),
        backoff,
        backoff_limit: backoff_limit.unwrap_or(defaults.backoff_limit.max(backoff)),
    })
}

fn read_command(table: &mut Table<'_>) -> Result<Option<CommandSpec>, Fault> {
    let command = table.read("command", |value| {
        let empty = value.fault("is empty, expected a program and its arguments");
        let mut words = value.list::<_, Vec<_>>(read_word)?.into_iter();
        match words.next() {
            None => Err(empty),
            Some(program) if program.is_empty() => Err(empty),
            Some(program) => Ok(CommandSpec::new(program, words)),
        }
    })?;
    let codes = table.read("permanent_exit_codes", |value| match command {
        None => Err(value.fault("says nothing here, expected only with `command`")),
        Some(_) => value.list::<_, BTreeSet<_>>(read_exit_code),
    })?;
    Ok(command.map(|command| CommandSpec {
        permanent_exit_codes: codes.unwrap_or_default(),
        ..command
    }))
}

fn read_word(value: &Value<'_>) -> Result<String, Fault> {
    match value.text()? {
        text if text.contains('\0') => {
            Err(value.fault("holds the character U+0000, which no argument can"))
        }
        text => Ok(text.to_owned()),
    }
}

fn read_exit_code(value: &Value<'_>) -> Result<u8, Fault> {
    match value.integer(EXIT_CODES)? {
        3 => Err(value.fault("`3` is not a failure: it says that part of the work was done")),
        code => u8::try_from(code).map_err(|error| value.fault(error)),
    }
}
