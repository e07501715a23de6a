//! Finds a server program, or installs it with the system's package manager.

use std::path::PathBuf;
use std::process::Command;

use nix::unistd::geteuid;

use crate::Error;
use crate::programs::{self, Search, Server};
use crate::steps::{Steps, command_line};

/// A package manager that we know how to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// Debian, Ubuntu.
    Apt,
    /// Fedora and its kin.
    Dnf,
    /// Alpine.
    Apk,
    /// Arch.
    Pacman,
    /// openSUSE.
    Zypper,
    /// macOS; also on Linux, as a last resort.
    Brew,
}

/// The server's program; installs it if this machine has none that is new enough.
///
/// # Errors
/// Nothing was found and nothing could be installed, or somebody asked the task to stop.
pub fn find_or_install(server: Server, steps: &Steps) -> Result<PathBuf, Error> {
    let mut found = match programs::search(server, &programs::directories()) {
        Search::Found(program) => return Ok(program),
        Search::Missing(too_old) => too_old,
    };
    let missing = |found, why: String, advice| Error::ServerMissing {
        title: server.title(),
        minimum: server.minimum(),
        found,
        why,
        advice,
    };
    let Some(manager) = Manager::choose(programs::on_path) else {
        return Err(missing(
            found,
            "no package manager that this task knows is here".to_owned(),
            format!("install {} and put its server on PATH", server.title()),
        ));
    };
    let elevation = elevation(manager, geteuid().is_root(), programs::on_path("sudo"));
    let mut tried = Vec::new();
    for package in manager.packages(server) {
        let by_hand = manager.by_hand(package);
        let Some(elevation) = elevation else {
            let why = "this account may not install it".to_owned();
            let advice = format!("as one that may, run: {by_hand}");
            return Err(missing(found, why, advice));
        };
        tried.push(by_hand);
        for words in manager.install(package) {
            match steps.run(&mut command(elevation, words)) {
                Ok(()) => {}
                // Whether the server is there now is what counts: an update fails for any broken
                // source, and the next name may be the one that this release has.
                Err(Error::StepFailed { status, .. }) => steps.tell(&format!("failed ({status})")),
                Err(stopped) => return Err(stopped),
            }
        }
        match programs::search(server, &programs::directories()) {
            Search::Found(program) => return Ok(program),
            Search::Missing(too_old) => found = too_old,
        }
    }
    Err(missing(
        found,
        "installing it did not help".to_owned(),
        format!("tried, and worth a try by hand: {}", tried.join("; ")),
    ))
}

impl Manager {
    /// The manager to use where these programs are available: a distribution's own before
    /// Homebrew, which people also install beside it.
    pub fn choose(available: impl Fn(&str) -> bool) -> Option<Self> {
        let known = [
            ("apt-get", Self::Apt),
            ("dnf", Self::Dnf),
            ("apk", Self::Apk),
            ("pacman", Self::Pacman),
            ("zypper", Self::Zypper),
            ("brew", Self::Brew),
        ];
        known
            .into_iter()
            .find(|(program, _)| available(program))
            .map(|(_, manager)| manager)
    }

    /// Names under which the server may be packaged, most likely first.
    fn packages(self, server: Server) -> &'static [&'static str] {
        match (server, self) {
            (Server::Postgres, Self::Apt | Self::Apk | Self::Pacman) => &["postgresql"],
            (Server::Postgres, Self::Dnf | Self::Zypper) => &["postgresql-server"],
            (Server::Postgres, Self::Brew) => &["postgresql@17"],
            (Server::Redis, Self::Apt) => &["redis-server", "valkey-server"],
            (Server::Redis, Self::Dnf | Self::Pacman | Self::Zypper) => &["valkey", "redis"],
            (Server::Redis, Self::Apk | Self::Brew) => &["redis", "valkey"],
        }
    }

    /// The commands that install a package without asking anything.
    fn install(self, package: &str) -> Vec<Vec<&str>> {
        match self {
            Self::Apt => vec![
                vec!["apt-get", "update"],
                vec![
                    "env",
                    "DEBIAN_FRONTEND=noninteractive",
                    "apt-get",
                    "install",
                    "--yes",
                    "--no-install-recommends",
                    package,
                ],
            ],
            Self::Dnf => vec![vec!["dnf", "install", "--assumeyes", package]],
            Self::Apk => vec![vec!["apk", "add", "--no-cache", package]],
            Self::Pacman => vec![vec!["pacman", "-Sy", "--noconfirm", "--needed", package]],
            Self::Zypper => vec![vec!["zypper", "--non-interactive", "install", package]],
            Self::Brew => vec![vec!["brew", "install", package]],
        }
    }

    /// What a person would type.
    fn by_hand(self, package: &str) -> String {
        self.install(package)
            .into_iter()
            .map(|words| command_line(&command(&[], words)))
            .collect::<Vec<_>>()
            .join(" && ")
    }
}

/// What to put before a command that installs; none if this account may not install.
fn elevation(manager: Manager, root: bool, sudo: bool) -> Option<&'static [&'static str]> {
    match (manager, root, sudo) {
        // Homebrew refuses to run as root.
        (Manager::Brew, true, _) => None,
        (Manager::Brew, false, _) | (_, true, _) => Some(&[]),
        // Never asks for a password: there may be nobody to answer.
        (_, false, true) => Some(&["sudo", "-n"]),
        (_, false, false) => None,
    }
}

fn command(elevation: &[&str], words: Vec<&str>) -> Command {
    let mut words = elevation.iter().copied().chain(words);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_goes_before_homebrew() {
        let choose = |here: &[&str]| Manager::choose(|program| here.contains(&program));
        assert_eq!(choose(&["brew", "apt-get"]), Some(Manager::Apt));
        assert_eq!(choose(&["brew", "apk"]), Some(Manager::Apk));
        assert_eq!(choose(&["brew"]), Some(Manager::Brew));
        assert_eq!(choose(&["cargo"]), None);
    }

    #[test]
    fn root_is_asked_for_only_where_it_is_needed() {
        assert_eq!(elevation(Manager::Apt, true, true), Some(&[][..]));
        assert_eq!(
            elevation(Manager::Apt, false, true),
            Some(&["sudo", "-n"][..])
        );
        assert_eq!(elevation(Manager::Apt, false, false), None);
        assert_eq!(elevation(Manager::Brew, false, true), Some(&[][..]));
        assert_eq!(elevation(Manager::Brew, true, true), None);
    }

    #[test]
    fn the_advice_can_be_pasted_into_a_shell() {
        assert_eq!(
            Manager::Apt.by_hand("redis-server"),
            "apt-get update && env DEBIAN_FRONTEND=noninteractive \
             apt-get install --yes --no-install-recommends redis-server"
        );
        assert_eq!(Manager::Brew.by_hand("redis"), "brew install redis");
    }
}
