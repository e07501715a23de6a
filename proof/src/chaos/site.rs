//! A store of its own, with its server, and the directory that workers work in.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;
use xtask::interrupts::Interrupts;
use xtask::programs::{Search, Server, directories, search};
use xtask::servers::redis_cluster::Layout;
use xtask::servers::{Postgres, Redis, RedisCluster};

use super::command::persistently;
use super::proxy::Proxy;
use super::{Broken, Report};

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A SQLite file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
    /// A Redis server that has everything on disk before it answers.
    Redis,
    /// Three such nodes of a Redis Cluster.
    RedisCluster,
}

/// Where workers work.
pub(super) struct Site {
    directory: TempDir,
    binary: PathBuf,
    /// The store's address, past any proxy.
    pub(super) store: String,
    /// The same as workers know it.
    pub(super) to_workers: String,
    pub(super) kind: Kind,
    server: Mutex<Running>,
    proxy: Option<Proxy>,
}

enum Running {
    Nothing,
    Postgres(Postgres),
    Redis(Redis),
    RedisCluster(RedisCluster),
}

const CONFIG: &str = r#"
[worker]
lease = "2s"
concurrency = 8
[operations.work]
capability = "inventory.sync"
command = ["sh", "work.sh"]
max_attempts = 6
backoff = "100ms"
backoff_limit = "1s"
"#;

/// Writes down that it was entered, takes a while, and fails from time to time.
const WORK: &str = r#"
echo "$COUNTERSIGN_RUN_ID" >> entered
chance=$(od -An -N1 -tu1 /dev/urandom | tr -d ' ')
sleep "0.$((chance % 9))"
test "$chance" -lt 235
"#;

const AUTHORITY: &str = r#"{"change":"define_role","role":"operator","capabilities":["inventory.sync"],"all_tenants":true}
"#;

/// How many workspaces there are, each with one tenant.
pub(super) const WORKSPACES: usize = 5;

impl Site {
    pub(super) fn prepared(kind: Kind) -> Result<Self, Broken> {
        let directory = tempfile::tempdir().map_err(Broken::with("a directory"))?;
        let binary = std::env::var_os("COUNTERSIGN_BINARY").map(PathBuf::from);
        let binary = binary.ok_or_else(|| {
            Broken::new("COUNTERSIGN_BINARY, the program to run: `cargo xtask chaos` builds it")
        })?;
        let interrupts = Interrupts::default();
        let (server, store) = match kind {
            Kind::Sqlite => (Running::Nothing, "sqlite://countersign.db".to_owned()),
            Kind::Postgres => {
                let server = Postgres::start(&program(Server::Postgres)?, &interrupts);
                let server = server.map_err(Broken::new)?;
                let url = server.url();
                (Running::Postgres(server), url)
            }
            Kind::Redis => {
                let server = Redis::start_durable(&program(Server::Redis)?, &interrupts);
                let server = server.map_err(Broken::new)?;
                let url = server.url();
                (Running::Redis(server), url)
            }
            Kind::RedisCluster => {
                let layout = Layout {
                    is_durable: true,
                    ..Layout::default()
                };
                let cluster = RedisCluster::laid_out(&program(Server::Redis)?, layout, &interrupts);
                let cluster = cluster.map_err(Broken::new)?;
                let url = cluster.url();
                (Running::RedisCluster(cluster), url)
            }
        };
        let port = match &server {
            Running::Postgres(server) => Some(server.port()),
            Running::Redis(server) => Some(server.port()),
            // The nodes of a cluster send clients to each other, past any proxy.
            Running::Nothing | Running::RedisCluster(_) => None,
        };
        let proxy = port.map(Proxy::to).transpose()?;
        let to_workers = match (&proxy, port) {
            (Some(proxy), Some(port)) => {
                store.replace(&format!(":{port}"), &format!(":{}", proxy.port()))
            }
            (Some(_) | None, _) => store.clone(),
        };
        let site = Self {
            directory,
            binary,
            store,
            to_workers,
            kind,
            server: Mutex::new(server),
            proxy,
        };
        site.write("countersign.toml", CONFIG)?;
        site.write("work.sh", WORK)?;
        site.write("entered", "")?;
        site.tell(&["migrate"], "")?;
        let mut authority = AUTHORITY.to_owned();
        for n in 0..WORKSPACES {
            authority.push_str(&format!(
                "{{\"change\":\"set_workspace\",\"workspace\":\"w{n}\",\"active\":true}}\n{{\"change\":\"set_tenant\",\"tenant\":\"t{n}\",\"workspace\":\"w{n}\",\"lifecycle\":\"active\"}}\n"
            ));
        }
        site.tell(&["authority", "apply", "-"], &authority)?;
        Ok(site)
    }

    /// Runs a command on the store, until it succeeds.
    pub(super) fn tell(
        &self,
        words: &[&str],
        input: &str,
    ) -> Result<Vec<serde_json::Value>, Broken> {
        let store = ["--store", &self.store];
        persistently(&self.binary, self.path(), &[&store, words].concat(), input)
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn binary(&self) -> &Path {
        &self.binary
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Broken> {
        fs::write(self.path().join(name), text).map_err(Broken::with("a file"))
    }

    /// The runs whose handlers were entered, in order.
    pub(super) fn entered(&self) -> Result<Vec<String>, Broken> {
        let text = fs::read_to_string(self.path().join("entered"));
        let text = text.map_err(Broken::with("what was entered"))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Cuts the workers' connections, and for a moment lets nothing through.
    pub(super) fn cut(&self, report: &mut Report) {
        if let Some(proxy) = &self.proxy {
            proxy.stall(true);
            std::thread::sleep(Duration::from_millis(300));
            proxy.cut();
            proxy.stall(false);
            report.cuts += 1;
        }
    }

    /// Stops the server at once, as a crash would, and starts it again.
    pub(super) fn restart(&self, report: &mut Report) -> Result<(), Broken> {
        let interrupts = Interrupts::default();
        let Ok(mut server) = self.server.lock() else {
            return Ok(());
        };
        let restarted = match &mut *server {
            Running::Nothing => return Ok(()),
            Running::Postgres(server) => server.restart_at_once(&interrupts),
            Running::Redis(server) => server.restart_at_once(&interrupts),
            Running::RedisCluster(cluster) => {
                let node = report.restarts as usize % cluster.nodes().len();
                let nodes = cluster.nodes_mut();
                let restarted = match nodes.get_mut(node) {
                    Some(node) => node.restart_at_once(&interrupts),
                    None => Ok(()),
                };
                restarted.and_then(|()| cluster.wait_until_whole(&interrupts))
            }
        };
        restarted.map_err(Broken::new)?;
        report.restarts += 1;
        Ok(())
    }

    /// Lets everything through.
    pub(super) fn heal(&self) {
        if let Some(proxy) = &self.proxy {
            proxy.stall(false);
        }
    }
}

fn program(server: Server) -> Result<PathBuf, Broken> {
    match search(server, &directories()) {
        Search::Found(program) => Ok(program),
        Search::Missing(_) => Err(Broken::new(format!("{server:?} is not installed"))),
    }
}
