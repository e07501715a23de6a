//! From addresses to ports.

use std::path::Path;
use std::sync::Arc;

use countersign::config::Config;
use countersign::port::StoreMaintenance;
use countersign::sqlite::{SqliteMaintenance, SqliteStore, SqliteUrl};
use countersign::{ConsistencyMode, Ports};

use super::args::Globals;
use super::failure::Failure;

/// The configuration that is read where none is named.
const DEFAULT_CONFIG: &str = "countersign.toml";

/// What the command line and the configuration together say.
pub(crate) struct Deployment {
    pub(crate) ports: Ports,
    pub(crate) config: Config,
    /// Whether a configuration was read at all: without one nobody knows which operations there are.
    pub(crate) configured: bool,
}

impl Deployment {
    /// Opens the stores and reads the configuration.
    pub(crate) async fn open(globals: &Globals) -> Result<Self, Failure> {
        let (config, configured) = read_config(globals.config.as_deref())?;
        let ports = open_ports(globals, config.consistency).await?;
        Ok(Self {
            ports,
            config,
            configured,
        })
    }
}

/// Reads the configuration; the empty one where none is named and there is no default file.
pub(crate) fn read_config(named: Option<&Path>) -> Result<(Config, bool), Failure> {
    let path = match named {
        Some(path) => path,
        None if Path::new(DEFAULT_CONFIG).exists() => Path::new(DEFAULT_CONFIG),
        None => return Ok((Config::default(), false)),
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::bad_input(format_args!(
            "the configuration `{}` cannot be read",
            path.display()
        ))
        .at_field("config")
        .caused_by(&error)
    })?;
    let config = Config::parse(&text).map_err(|error| {
        let failure = Failure::bad_input(format_args!("{}: {error}", path.display()));
        let failure = match error.line {
            Some(line) => failure.at_line(line),
            None => failure,
        };
        match error.field {
            Some(field) => failure.at_field(field),
            None => failure,
        }
    })?;
    Ok((config, true))
}

/// The addresses of runs, authority and queue.
struct Addresses {
    runs: SqliteUrl,
    authority: SqliteUrl,
    queue: SqliteUrl,
}

impl Addresses {
    fn of(globals: &Globals) -> Result<Self, Failure> {
        let one = |named: &Option<String>, field| match named {
            Some(url) => address(url, field),
            None => address(&globals.store, "store"),
        };
        Ok(Self {
            runs: one(&globals.runs, "runs")?,
            authority: one(&globals.authority, "authority")?,
            queue: one(&globals.queue, "queue")?,
        })
    }
}

fn address(url: &str, field: &'static str) -> Result<SqliteUrl, Failure> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    match scheme {
        "sqlite" => url
            .parse()
            .map_err(|error| Failure::bad_input(error).at_field(field)),
        "" => Err(Failure::bad_input(format_args!(
            "`{url}` is not the address of a store, expected `sqlite://PATH`"
        ))
        .at_field(field)),
        other => Err(Failure::bad_input(format_args!(
            "`{other}` is not a kind of store that this version knows, expected `sqlite://PATH`"
        ))
        .at_field(field)),
    }
}

async fn open_ports(globals: &Globals, consistency: ConsistencyMode) -> Result<Ports, Failure> {
    let addresses = Addresses::of(globals)?;
    let runs = SqliteStore::open(addresses.runs.path()).await?;
    let authority = match addresses.authority == addresses.runs {
        true => runs.clone(),
        false => SqliteStore::open(addresses.authority.path()).await?,
    };
    let queue = match addresses.queue == addresses.runs {
        true => runs.clone(),
        false => SqliteStore::open(addresses.queue.path()).await?,
    };
    let repository = if addresses.queue == addresses.runs {
        runs.runs()
    } else {
        runs.runs_apart_from_queue()
    };
    Ports::new(
        Arc::new(repository),
        Arc::new(authority.authority()),
        Arc::new(queue.queue()),
        consistency,
    )
    .map_err(|error| Failure::bad_input(error).at_field("authority"))
}

/// The addresses of runs and authority, where they are not the same.
pub(crate) fn runs_and_authority_apart(globals: &Globals) -> Result<Option<String>, Failure> {
    let addresses = Addresses::of(globals)?;
    Ok((addresses.runs != addresses.authority)
        .then(|| format!("{} and {}", addresses.runs, addresses.authority)))
}

/// A store to prepare or check, with its address.
type Maintained = (String, Box<dyn StoreMaintenance>);

/// Each store that is named, once.
pub(crate) fn maintained(globals: &Globals) -> Result<Vec<Maintained>, Failure> {
    let addresses = Addresses::of(globals)?;
    let mut stores: Vec<Maintained> = Vec::new();
    for url in [addresses.runs, addresses.authority, addresses.queue] {
        let told = url.to_string();
        if !stores.iter().any(|(known, _)| *known == told) {
            stores.push((told, Box::new(SqliteMaintenance::at(url.path()))));
        }
    }
    Ok(stores)
}
