//! From addresses to ports.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use countersign::config::Config;
use countersign::moving::Home;
use countersign::port::{
    AuthorityStore, PortErrorKind, RunQueue, RunRepository, StoreMaintenance, StoreMove,
};
use countersign::postgres::{PostgresMaintenance, PostgresStore, PostgresThrowaway, PostgresUrl};
use countersign::redis::{RedisMaintenance, RedisStore, RedisThrowaway, RedisUrl};
use countersign::sqlite::{SqliteMaintenance, SqliteStore, SqliteThrowaway, SqliteUrl};
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

/// The address of a store of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Address {
    Sqlite(SqliteUrl),
    Postgres(Box<PostgresUrl>),
    Redis(Box<RedisUrl>),
}

impl Address {
    /// Reads the address that was given as `field`.
    fn parse(url: &str, field: &'static str) -> Result<Self, Failure> {
        const EXPECTED: &str = "expected `sqlite://PATH`, `postgres://USER@HOST/DATABASE`, `redis://HOST` or `redis-cluster://HOST,HOST`";
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        match scheme {
            "sqlite" => url
                .parse()
                .map(Self::Sqlite)
                .map_err(|error| Failure::bad_input(error).at_field(field)),
            "postgres" | "postgresql" => url
                .parse()
                .map(|url| Self::Postgres(Box::new(url)))
                .map_err(|error| Failure::bad_input(error).at_field(field)),
            "redis" | "redis-cluster" => url
                .parse()
                .map(|url| Self::Redis(Box::new(url)))
                .map_err(|error| Failure::bad_input(error).at_field(field)),
            "" => Err(Failure::bad_input(format_args!(
                "`{url}` is not the address of a store, {EXPECTED}"
            ))
            .at_field(field)),
            other => Err(Failure::bad_input(format_args!(
                "`{other}` is not a kind of store that this version knows, {EXPECTED}"
            ))
            .at_field(field)),
        }
    }

    async fn open(&self) -> Result<Store, Failure> {
        Ok(match self {
            Self::Sqlite(url) => Store::Sqlite(SqliteStore::open(url.path()).await?),
            Self::Postgres(url) => Store::Postgres(PostgresStore::open(url).await?),
            Self::Redis(url) => Store::Redis(RedisStore::open(url).await?),
        })
    }

    fn maintenance(&self) -> Box<dyn StoreMaintenance> {
        match self {
            Self::Sqlite(url) => Box::new(SqliteMaintenance::at(url.path())),
            Self::Postgres(url) => Box::new(PostgresMaintenance::at(url)),
            Self::Redis(url) => Box::new(RedisMaintenance::at(url)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(url) => url.fmt(f),
            Self::Postgres(url) => url.fmt(f),
            Self::Redis(url) => url.fmt(f),
        }
    }
}

/// An opened store of one kind.
#[derive(Clone)]
enum Store {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
    Redis(RedisStore),
}

impl Store {
    fn runs(&self) -> Arc<dyn RunRepository> {
        match self {
            Self::Sqlite(store) => Arc::new(store.runs()),
            Self::Postgres(store) => Arc::new(store.runs()),
            Self::Redis(store) => Arc::new(store.runs()),
        }
    }

    fn runs_apart_from_queue(&self) -> Arc<dyn RunRepository> {
        match self {
            Self::Sqlite(store) => Arc::new(store.runs_apart_from_queue()),
            Self::Postgres(store) => Arc::new(store.runs_apart_from_queue()),
            // The queue is its caller's to keep, wherever it is.
            Self::Redis(store) => Arc::new(store.runs()),
        }
    }

    /// The store as a home.
    fn home(&self) -> Arc<dyn StoreMove> {
        match self {
            Self::Sqlite(store) => Arc::new(store.home()),
            Self::Postgres(store) => Arc::new(store.home()),
            Self::Redis(store) => Arc::new(store.home()),
        }
    }

    fn home_apart_from_queue(&self) -> Arc<dyn StoreMove> {
        match self {
            Self::Sqlite(store) => Arc::new(store.home_apart_from_queue()),
            Self::Postgres(store) => Arc::new(store.home_apart_from_queue()),
            // The queue is its caller's to keep, wherever it is.
            Self::Redis(store) => Arc::new(store.home()),
        }
    }

    fn authority(&self) -> Arc<dyn AuthorityStore> {
        match self {
            Self::Sqlite(store) => Arc::new(store.authority()),
            Self::Postgres(store) => Arc::new(store.authority()),
            Self::Redis(store) => Arc::new(store.authority()),
        }
    }

    fn queue(&self) -> Arc<dyn RunQueue> {
        match self {
            Self::Sqlite(store) => Arc::new(store.queue()),
            Self::Postgres(store) => Arc::new(store.queue()),
            Self::Redis(store) => Arc::new(store.queue()),
        }
    }
}

/// Opens the store that is moved out of.
pub(crate) async fn open_source(url: &str) -> Result<Home, Failure> {
    let address = Address::parse(url, "from")?;
    let store = address.open().await?;
    let queue = store.queue();
    Ok(home(&store, &address, queue))
}

/// Opens the store that is moved into, and prepares it where there is none yet; its queue is elsewhere where
/// another store is named for that.
pub(crate) async fn open_target(url: &str, queue: Option<&str>) -> Result<Home, Failure> {
    let address = Address::parse(url, "to")?;
    let queue = queue.map(|url| Address::parse(url, "queue")).transpose()?;
    if is_unprepared(&address).await? {
        address.maintenance().migrate().await?;
    }
    let store = address.open().await?;
    let queue = match queue {
        Some(queue) => queue.open().await?.queue(),
        None => store.queue(),
    };
    Ok(home(&store, &address, queue))
}

/// Whether there is no store at all. One of an older version is somebody's.
async fn is_unprepared(address: &Address) -> Result<bool, Failure> {
    match address.open().await {
        Ok(_) => return Ok(false),
        Err(failure) if failure.is(PortErrorKind::NotMigrated) => {}
        Err(failure) => return Err(failure),
    }
    let pending = address.maintenance().pending().await?;
    Ok(match address {
        Address::Sqlite(_) | Address::Postgres(_) => {
            pending.first().is_some_and(|step| step.version == 1)
        }
        // There is one step, which makes a store of nothing.
        Address::Redis(_) => !pending.is_empty(),
    })
}

fn home(store: &Store, address: &Address, queue: Arc<dyn RunQueue>) -> Home {
    let (kept, runs) = match store.queue().store().id == queue.store().id {
        true => (store.home(), store.runs()),
        false => (store.home_apart_from_queue(), store.runs_apart_from_queue()),
    };
    Home {
        store: kept,
        runs,
        queue,
        address: address.to_string(),
    }
}

/// A store of nobody's beside the one that is named.
pub(crate) enum Throwaway {
    Sqlite(SqliteThrowaway),
    Postgres(PostgresThrowaway),
    Redis(RedisThrowaway),
}

impl Throwaway {
    /// Makes one. The store that is named is left alone, and need not be there.
    pub(crate) async fn beside(globals: &Globals) -> Result<Self, Failure> {
        if let Some(named) = [&globals.authority, &globals.queue]
            .into_iter()
            .flatten()
            .next()
        {
            let message =
                format_args!("one store is measured at a time, expected `--store {named}`");
            return Err(Failure::bad_input(message).at_field("store"));
        }
        Ok(match Address::parse(&globals.store, "store")? {
            Address::Sqlite(url) => Self::Sqlite(SqliteThrowaway::beside(url.path()).await?),
            Address::Postgres(url) => Self::Postgres(PostgresThrowaway::beside(&url).await?),
            Address::Redis(url) => Self::Redis(RedisThrowaway::beside(&url).await?),
        })
    }

    pub(crate) fn ports(&self) -> Result<Ports, Failure> {
        match self {
            Self::Sqlite(throwaway) => Ports::sqlite(throwaway.store()),
            Self::Postgres(throwaway) => Ports::postgres(throwaway.store()),
            Self::Redis(throwaway) => Ports::redis(throwaway.store()),
        }
        .map_err(Failure::bad_input)
    }

    /// Where it is.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Sqlite(throwaway) => format!("sqlite://{}", throwaway.path().display()),
            Self::Postgres(throwaway) => throwaway.url().to_string(),
            Self::Redis(throwaway) => throwaway.url().to_string(),
        }
    }

    /// Removes it, with everything in it.
    pub(crate) async fn remove(self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(throwaway) => throwaway.remove().await?,
            Self::Postgres(throwaway) => throwaway.remove().await?,
            Self::Redis(throwaway) => throwaway.remove().await?,
        }
        Ok(())
    }
}

/// The addresses of runs, authority and queue.
struct Addresses {
    runs: Address,
    authority: Address,
    queue: Address,
}

impl Addresses {
    fn of(globals: &Globals) -> Result<Self, Failure> {
        let one = |named: &Option<String>, field| match named {
            Some(url) => Address::parse(url, field),
            None => Address::parse(&globals.store, "store"),
        };
        Ok(Self {
            runs: one(&globals.runs, "runs")?,
            authority: one(&globals.authority, "authority")?,
            queue: one(&globals.queue, "queue")?,
        })
    }
}

async fn open_ports(globals: &Globals, consistency: ConsistencyMode) -> Result<Ports, Failure> {
    let addresses = Addresses::of(globals)?;
    let runs = addresses.runs.open().await?;
    let another = async |address: &Address| match *address == addresses.runs {
        true => Ok(runs.clone()),
        false => address.open().await,
    };
    let authority = another(&addresses.authority).await?.authority();
    let queue = another(&addresses.queue).await?.queue();
    // By the stores' own ids: one store may go by several addresses.
    let repository = match runs.queue().store().id == queue.store().id {
        true => runs.runs(),
        false => runs.runs_apart_from_queue(),
    };
    let ports = Ports::new(repository, authority, queue, consistency)
        .map_err(|error| Failure::bad_input(error).at_field("authority"))?;
    Ok(ports.with_home(runs.home()))
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
    for address in [addresses.runs, addresses.authority, addresses.queue] {
        let told = address.to_string();
        if !stores.iter().any(|(known, _)| *known == told) {
            stores.push((told, address.maintenance()));
        }
    }
    Ok(stores)
}
