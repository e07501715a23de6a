//! What was measured, as one JSON object.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use xtask::Error;

use crate::measure::Measured;
use crate::programs::version;
use crate::rows::{Row, Rows};
use crate::servers::ServerPrograms;

/// Writes all rows, each with its rounds.
pub(crate) fn write(file: &Path, rows: &Rows, servers: &ServerPrograms) -> Result<(), Error> {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let rows: Vec<Value> = rows.all().iter().map(|row| of(rows, row)).collect();
    let text = json!({
        "processors": processors,
        "processor": processor(),
        "servers": servers.versions(),
        "rows": rows,
    });
    fs::write(file, format!("{text:#}\n")).map_err(|source| Error::File {
        action: "write",
        path: file.to_owned(),
        source,
    })
}

fn of(rows: &Rows, row: &Row) -> Value {
    let names = row.rounds.iter().find_map(|measured| match measured {
        Measured::Answered(answer) => Some(answer.values.iter().map(|(name, _)| name.as_str())),
        Measured::Failed(_) => None,
    });
    let figures: Map<String, Value> = names
        .into_iter()
        .flatten()
        .filter_map(|name| {
            let spread = row.spread(name)?;
            let figure = json!({
                "median": spread.median,
                "lowest": spread.lowest,
                "highest": spread.highest,
                "to_ours": rows.to_ours(row, name),
                "rounds": spread.values,
            });
            Some((name.to_owned(), figure))
        })
        .collect();
    json!({
        "peer": row.peer.name,
        "version": version(row.peer),
        "store": row.peer.store.to_string(),
        "figure": row.figure.to_string(),
        "setting": row.setting(),
        "keeps_finished": row.peer.keeps_finished,
        "gate": row.peer.is_ours(),
        "note": row.peer.note,
        "figures": figures,
        "failed": row.failure(),
    })
}

/// What the system calls its processor, where it tells.
fn processor() -> Option<String> {
    let told = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = told.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
