//! Finds the server programs that this machine already has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::version::{Version, leading_number};

/// A kind of server that tests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The SQL server; its `initdb` is needed as well.
    Postgres,
    /// Redis, or Valkey: some distributions no longer package the former, and all that tests use
    /// is the same in both.
    Redis,
}

impl Server {
    /// Its name, for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
        }
    }

    /// The oldest major version that will do.
    #[must_use]
    pub fn minimum(self) -> u32 {
        match self {
            Self::Postgres => 14,
            Self::Redis => 7,
        }
    }

    /// Programs of which any one is the server, best first.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgres"],
            Self::Redis => &["redis-server", "valkey-server"],
        }
    }

    /// A program that must lie beside the server's.
    fn beside(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some("initdb"),
            Self::Redis => None,
        }
    }

    /// What precedes the version in what the server prints for `--version`.
    fn version_marker(self) -> &'static str {
        match self {
            Self::Postgres => "(PostgreSQL) ",
            Self::Redis => "v=",
        }
    }
}

/// What a search for a server came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Search {
    /// The server program to run.
    Found(PathBuf),
    /// Nothing that will do; versions that were found and are too old.
    Missing(Vec<String>),
}

/// Searches the directories in their order and takes the first server that is new enough.
#[must_use]
pub fn search(server: Server, directories: &[PathBuf]) -> Search {
    let mut too_old = Vec::new();
    for directory in directories {
        if server
            .beside()
            .is_some_and(|name| !is_program(&directory.join(name)))
        {
            continue;
        }
        for program in server.programs().iter().map(|name| directory.join(name)) {
            if !is_program(&program) {
                continue;
            }
            let mut ask = Command::new(&program);
            match Version::printed_by(ask.arg("--version"), server.version_marker()) {
                Some(version) if version.major >= server.minimum() => {
                    return Search::Found(program);
                }
                Some(version) => too_old.push(format!("{version} at `{}`", program.display())),
                None => {}
            }
        }
    }
    Search::Missing(too_old)
}

/// Where this machine may have servers: PATH, where `pg_config` says, then where packages put
/// what they keep out of PATH, highest version first.
#[must_use]
pub fn directories() -> Vec<PathBuf> {
    let mut directories = path();
    directories.extend(pg_config_bindir());
    directories.extend(beside_path(Path::new("/")));
    directories
}

/// Whether PATH has this program.
#[must_use]
pub fn on_path(name: &str) -> bool {
    path()
        .iter()
        .any(|directory| is_program(&directory.join(name)))
}

fn path() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default()
}

fn pg_config_bindir() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| PathBuf::from(printed.trim()))
}

/// (directory, beginning of names in it, rest of the path): the number after the beginning is
/// the server's major version.
const VERSIONED: &[(&str, &str, &str)] = &[
    ("usr/lib/postgresql", "", "bin"),          // Debian, Ubuntu
    ("usr", "pgsql-", "bin"),                   // PostgreSQL's own RPMs
    ("usr/lib", "postgresql", "bin"),           // openSUSE
    ("usr/libexec", "postgresql", ""),          // Alpine
    ("opt/homebrew/opt", "postgresql@", "bin"), // Homebrew, Apple silicon
    ("usr/local/opt", "postgresql@", "bin"),    // Homebrew, Intel
    ("home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"), // Homebrew, Linux
];

const UNVERSIONED: &[&str] = &["usr/sbin", "usr/local/bin", "opt/homebrew/bin"];

fn beside_path(root: &Path) -> Vec<PathBuf> {
    let mut versioned = Vec::new();
    for (parent, beginning, rest) in VERSIONED {
        let Ok(entries) = fs::read_dir(root.join(parent)) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix(beginning))
                .and_then(leading_number);
            if let Some((major, _)) = number {
                versioned.push((major, entry.path().join(rest)));
            }
        }
    }
    versioned.sort_by(|left, right| right.cmp(left));
    let versioned = versioned.into_iter().map(|(_, directory)| directory);
    versioned
        .chain(UNVERSIONED.iter().map(|directory| root.join(directory)))
        .collect()
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that does nothing but print its version, and its `initdb`.
    fn install(directory: &Path, version: &str) {
        fs::create_dir_all(directory).unwrap();
        let prints = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
        for (name, text) in [("postgres", prints.as_str()), ("initdb", "#!/bin/sh\n")] {
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn the_highest_packaged_version_is_taken() {
        let root = tempfile::tempdir().unwrap();
        for major in ["9", "14", "16", "15"] {
            install(
                &root
                    .path()
                    .join("usr/lib/postgresql")
                    .join(major)
                    .join("bin"),
                &format!("{major}.1"),
            );
        }
        assert_eq!(
            search(Server::Postgres, &beside_path(root.path())),
            Search::Found(root.path().join("usr/lib/postgresql/16/bin/postgres"))
        );
    }

    #[test]
    fn a_server_that_is_too_old_is_passed_over_and_named() {
        let old = tempfile::tempdir().unwrap();
        let new = tempfile::tempdir().unwrap();
        install(old.path(), "13.22");
        let Search::Missing(too_old) = search(Server::Postgres, &[old.path().into()]) else {
            panic!("PostgreSQL 13 was taken");
        };
        assert!(too_old.concat().starts_with("13.22 at "));
        install(new.path(), "14.0");
        assert_eq!(
            search(Server::Postgres, &[old.path().into(), new.path().into()]),
            Search::Found(new.path().join("postgres"))
        );
    }

    #[test]
    fn a_client_installation_without_initdb_is_no_server() {
        let directory = tempfile::tempdir().unwrap();
        install(directory.path(), "17.2");
        fs::remove_file(directory.path().join("initdb")).unwrap();
        assert_eq!(
            search(Server::Postgres, &[directory.path().into()]),
            Search::Missing(Vec::new())
        );
    }
}
