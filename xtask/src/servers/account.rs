//! The account that PostgreSQL runs under when the task itself runs as root.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::unistd::{User, geteuid};

use crate::Error;

/// An account without privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The account to step down to: none unless this is root.
    pub(crate) fn instead_of_root() -> Result<Option<Self>, Error> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            let user = User::from_name(name).map_err(|source| Error::System {
                action: "look up an account for PostgreSQL",
                source: io::Error::from(source),
            })?;
            if let Some(user) = user {
                return Ok(Some(Self {
                    uid: user.uid.as_raw(),
                    gid: user.gid.as_raw(),
                }));
            }
        }
        Err(Error::NoAccount)
    }

    /// Makes `command` run under this account; root's other groups are dropped with it.
    pub(crate) fn run_as(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}
