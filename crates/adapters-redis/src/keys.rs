//! The names of all keys.
//!
//! What stands between braces decides the slot of a cluster: one a workspace, one for the directory, one a
//! queue. A script's keys are all of one slot. Ids are percent-encoded, so that none can be mistaken for a
//! part of a name.

use std::fmt::Write as _;

use countersign_domain::{OperationType, QueueName, RunId, WorkspaceId};

use crate::Prefix;

/// The names of one store's keys.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    prefix: Prefix,
}

impl Keys {
    pub(crate) fn new(prefix: Prefix) -> Self {
        Self { prefix }
    }

    fn directory(&self, name: &str) -> String {
        format!("{{{}}}:{name}", self.prefix)
    }

    /// Hash: `id` and `version`, and in a sealed store `sealed`. The schema marker.
    pub(crate) fn store(&self) -> String {
        self.directory("store")
    }

    /// Set: the ids of workspaces whose slots are being given their markers. In a cluster only.
    pub(crate) fn opening(&self) -> String {
        self.directory("opening")
    }

    /// Hash: the change of authority that is under way, and the number of the last one. In a cluster only.
    pub(crate) fn intent(&self) -> String {
        self.directory("intent")
    }

    /// Set: the ids of workspaces that runs or authority know, as they are.
    pub(crate) fn workspaces(&self) -> String {
        self.directory("workspaces")
    }

    /// Hash: office to holder and end of term.
    pub(crate) fn offices(&self) -> String {
        self.directory("offices")
    }

    /// Hash: what depends on a user, a role or a tenant. `directory.lua` names them likewise.
    pub(crate) fn dependents(&self, kind: &str, id: &str) -> String {
        self.directory(&format!("{kind}:{}", encoded(id)))
    }

    /// Hash: user to whether they are active.
    pub(crate) fn users(&self) -> String {
        self.directory("users")
    }

    /// Hash: tenant to lifecycle and workspace.
    pub(crate) fn tenants(&self) -> String {
        self.directory("tenants")
    }

    /// Hash: connection to whether it is enabled, and its tenant.
    pub(crate) fn connections(&self) -> String {
        self.directory("connections")
    }

    /// Hash: role to its definition.
    pub(crate) fn roles(&self) -> String {
        self.directory("roles")
    }

    /// Stream: the authority log. `1-0` is the first entry.
    pub(crate) fn log(&self) -> String {
        self.directory("log")
    }

    /// String: the workspace of a run, by its id alone. Each in a slot of its own; one whose run was never
    /// written is harmless.
    pub(crate) fn place(&self, run: RunId) -> String {
        format!("{}:where:{run}", self.prefix)
    }

    /// The channel on which workers are told that something was queued.
    pub(crate) fn bell(&self) -> String {
        self.directory("bell")
    }

    /// What all names begin with.
    pub(crate) fn prefix(&self) -> &str {
        self.prefix.as_str()
    }

    /// The keys of a workspace: its authority and its runs, all of one slot.
    pub(crate) fn workspace(&self, workspace: &WorkspaceId) -> WorkspaceKeys {
        WorkspaceKeys {
            tag: format!("{{{}:{}}}", self.prefix, encoded(workspace.as_str())),
        }
    }

    /// The keys of a queue, all of one slot.
    pub(crate) fn queue(&self, queue: &QueueName) -> QueueKeys {
        QueueKeys {
            tag: format!("{{{}:q:{}}}", self.prefix, encoded(queue.as_str())),
        }
    }
}

/// The names of one workspace's keys.
#[derive(Debug, Clone)]
pub(crate) struct WorkspaceKeys {
    tag: String,
}

impl WorkspaceKeys {
    /// A key of this workspace's slot.
    pub(crate) fn named(&self, name: &str) -> String {
        format!("{}:{name}", self.tag)
    }

    /// Hash: `id`, and in a sealed store `sealed`. The schema marker of a slot in a cluster.
    pub(crate) fn marker(&self) -> String {
        self.named("store")
    }

    /// Hash: `counter` and `nonce`. Never deleted.
    pub(crate) fn scope(&self) -> String {
        self.named("scope")
    }

    /// Hash: what the workspace's verdicts rest on, and under `revision` at which revision.
    pub(crate) fn slice(&self) -> String {
        self.named("slice")
    }

    /// Sorted set: the numbers of the entries of the authority log that concern this workspace.
    pub(crate) fn log(&self) -> String {
        self.named("log")
    }

    /// String: what a run is and how far it has come; see `lua/run.lua`.
    pub(crate) fn run(&self, run: RunId) -> String {
        format!("{}:run:{run}", self.tag)
    }

    /// Hash: what more there is of a run, where its text says so.
    pub(crate) fn more(&self, run: RunId) -> String {
        format!("{}:more:{run}", self.tag)
    }

    /// A run, and what more there is of it.
    pub(crate) fn run_and_more(&self, run: RunId) -> [String; 2] {
        [self.run(run), self.more(run)]
    }

    /// String: the submitter's context, apart from the run because it may be large.
    pub(crate) fn context(&self, run: RunId) -> String {
        format!("{}:context:{run}", self.tag)
    }

    /// What every script about runs begins with, in the order of `lua/run.lua`.
    pub(crate) fn of_runs(&self) -> Vec<String> {
        vec![
            self.runs(),
            self.blocked(),
            self.queued(),
            self.running(),
            self.unique(),
            self.successors(),
            self.rulings(),
        ]
    }

    /// Sorted set, by member alone: every run, as the time it was queued and its id.
    pub(crate) fn runs(&self) -> String {
        self.named("runs")
    }

    /// Sorted set like [`WorkspaceKeys::runs`]: those that were blocked.
    pub(crate) fn blocked(&self) -> String {
        self.named("blocked")
    }

    /// Sorted set, by member alone: the ids of queued runs.
    pub(crate) fn queued(&self) -> String {
        self.named("queued")
    }

    /// Sorted set: the ids of running runs by the end of their lease.
    pub(crate) fn running(&self) -> String {
        self.named("running")
    }

    /// Hash: unique key to the run that holds it.
    pub(crate) fn unique(&self) -> String {
        self.named("unique")
    }

    /// Hash: run to its successor.
    pub(crate) fn successors(&self) -> String {
        self.named("successors")
    }

    /// Hash: number to ruling, and under `last` the highest number.
    pub(crate) fn rulings(&self) -> String {
        self.named("rulings")
    }
}

/// The names of one queue's keys.
#[derive(Debug, Clone)]
pub(crate) struct QueueKeys {
    tag: String,
}

impl QueueKeys {
    /// Hash: run to its entry.
    pub(crate) fn entries(&self) -> String {
        format!("{}:entries", self.tag)
    }

    /// Sorted set: the entries of an operation that may be handed out, in their order.
    pub(crate) fn ready(&self, operation: &OperationType) -> String {
        format!("{}:ready:{}", self.tag, encoded(operation.as_str()))
    }

    /// Sorted set: the other entries of an operation, by the time at which they are to be ready.
    pub(crate) fn waiting(&self, operation: &OperationType) -> String {
        format!("{}:waiting:{}", self.tag, encoded(operation.as_str()))
    }
}

/// An id as it stands in the name of a key: visible ASCII but for `%`, `:` and braces is itself, every
/// other byte `%XX`.
pub(crate) fn encoded(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'%' | b':' | b'{' | b'}') {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _written = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_their_place_in_a_name() {
        assert_eq!(encoded("a-b_c.1/2"), "a-b_c.1/2");
        assert_eq!(encoded("}:{%é "), "%7D%3A%7B%25%C3%A9%20");
        let keys = Keys::new(Prefix::default());
        let named = |workspace: &str| keys.workspace(&workspace.parse().unwrap()).scope();
        assert_eq!(named("w"), "{countersign:w}:scope");
        assert_eq!(named("w}:x"), "{countersign:w%7D%3Ax}:scope");
        // No workspace is mistaken for a queue.
        assert_eq!(named("q:w"), "{countersign:q%3Aw}:scope");
    }
}
