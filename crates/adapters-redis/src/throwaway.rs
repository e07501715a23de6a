//! A store that is removed again.

use std::collections::BTreeSet;

use countersign_domain::{OperationType, QueueName, RunId, WorkspaceId};
use countersign_ports::{PortError, PortResult, RunKey, fresh_store_id};

use crate::keys::Keys;
use crate::rows::{Columns, list};
use crate::runs::{run_key, stored};
use crate::script::Call;
use crate::store::Shared;
use crate::{RedisStore, RedisUrl, workspaces};

const OPERATION: &str = "remove";

/// How many runs are removed at a time.
const AT_ONCE: usize = 500;

/// A store of nobody's, under a prefix of its own on the server or cluster of another one. Such a one alone can be
/// removed.
#[derive(Debug)]
pub struct RedisThrowaway {
    store: RedisStore,
    url: RedisUrl,
}

impl RedisThrowaway {
    /// Makes a store where `url` leads, under a prefix that is drawn.
    ///
    /// # Errors
    /// As [`RedisStore::create`].
    pub async fn beside(url: &RedisUrl) -> PortResult<Self> {
        let prefix = format!("throwaway-{}", drawn());
        let prefix = prefix
            .parse()
            .map_err(|error| PortError::corrupt("open", "a prefix", error))?;
        let url = url.under(prefix);
        let store = RedisStore::create(&url).await?;
        Ok(Self { store, url })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &RedisStore {
        &self.store
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &RedisUrl {
        &self.url
    }

    /// Removes it, key by key: nothing else on the server is looked at.
    ///
    /// # Errors
    /// What the server says; what is left is under the prefix.
    pub async fn remove(self) -> PortResult<()> {
        let shared = self.store.shared();
        let mut served = BTreeSet::new();
        for workspace in workspaces::all(shared, OPERATION).await? {
            remove_workspace(shared, &workspace, &mut served).await?;
        }
        remove_queues(shared, &served).await?;
        remove_directory(shared).await?;
        self.store.close().await;
        Ok(())
    }
}

/// So many digits that nobody else has drawn them, and few enough for a name.
fn drawn() -> String {
    let mut digits = fresh_store_id().as_uuid().simple().to_string();
    digits.truncate(24);
    digits
}

/// The operations of each queue.
type Served = BTreeSet<(QueueName, OperationType)>;

async fn remove_workspace(
    shared: &Shared,
    workspace: &WorkspaceId,
    served: &mut Served,
) -> PortResult<()> {
    let keys = shared.keys().workspace(workspace);
    loop {
        let page = Call::command("ZRANGE", keys.runs()).arg(0).arg(AT_ONCE - 1);
        let members = list(shared.link().call(OPERATION, page).await?, OPERATION)?;
        let members: Vec<String> = members
            .into_iter()
            .map(|member| Columns::one(member, OPERATION).text("a member of an index"))
            .collect::<PortResult<_>>()?;
        if members.is_empty() {
            break;
        }
        let runs: Vec<RunKey> = members
            .iter()
            .map(|member| run_key(workspace, member, OPERATION))
            .collect::<PortResult<_>>()?;
        for run in stored(shared, &runs, OPERATION)
            .await?
            .into_iter()
            .flatten()
        {
            served.extend(run.map(|run| {
                let entry = run.entry();
                (entry.queue_name, entry.operation_type)
            }));
        }
        let of_run = |id: RunId| [keys.run(id), keys.more(id), keys.context(id)];
        let mut calls = vec![Call::unlink(
            runs.iter().flat_map(|run| of_run(run.id)).collect(),
        )];
        calls.extend((runs.iter()).map(|run| Call::unlink(vec![shared.keys().place(run.id)])));
        // Last: what it names is removed.
        shared.link().call_all(OPERATION, &calls).await?;
        let done = Call::change("ZREM", keys.runs()).arg(&members);
        shared.link().call(OPERATION, done).await?;
    }
    let mut own = keys.of_runs();
    own.extend([keys.scope(), keys.slice(), keys.log(), keys.marker()]);
    shared.link().call(OPERATION, Call::unlink(own)).await?;
    Ok(())
}

async fn remove_queues(shared: &Shared, served: &Served) -> PortResult<()> {
    let calls: Vec<Call> = served
        .iter()
        .map(|(queue, operation)| {
            let queue = shared.keys().queue(queue);
            let places = [queue.ready(operation), queue.waiting(operation)];
            Call::unlink([vec![queue.entries()], places.to_vec()].concat())
        })
        .collect();
    shared.link().call_all(OPERATION, &calls).await?;
    Ok(())
}

async fn remove_directory(shared: &Shared) -> PortResult<()> {
    let keys: &Keys = shared.keys();
    let kinds = [
        ("user", keys.users()),
        ("role", keys.roles()),
        ("tenant", keys.tenants()),
    ];
    let mut own = Vec::new();
    for (kind, index) in kinds {
        let told = shared.link().call(OPERATION, Call::command("HKEYS", index));
        for id in list(told.await?, OPERATION)? {
            let id = Columns::one(id, OPERATION).text("an id of the directory")?;
            own.push(keys.dependents(kind, &id));
        }
    }
    own.extend([
        keys.workspaces(),
        keys.users(),
        keys.roles(),
        keys.tenants(),
        keys.connections(),
        keys.log(),
        keys.offices(),
        keys.opening(),
        keys.intent(),
        // The marker goes with them: from here on this is no store.
        keys.store(),
    ]);
    shared.link().call(OPERATION, Call::unlink(own)).await?;
    Ok(())
}
