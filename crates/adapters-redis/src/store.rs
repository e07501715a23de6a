//! Opening a store, and what its ports share.

use std::sync::Arc;

use countersign_domain::{StoreId, Timestamp};
use countersign_ports::{PortResult, StoreIdentity, StoreMaintenance};

use crate::connect::Link;
use crate::error::unreadable;
use crate::keys::{Keys, WorkspaceKeys};
use crate::maintenance::{RedisMaintenance, require_current_store};
use crate::queue::bell::Bell;
use crate::rows::read_time;
use crate::script::Call;
use crate::{RedisAuthority, RedisMove, RedisQueue, RedisRuns, RedisUrl};

/// One prepared store, opened: where the ports come from.
#[derive(Debug, Clone)]
pub struct RedisStore {
    shared: Arc<Shared>,
}

/// What the ports of one opened store have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    identity: StoreIdentity,
    link: Link,
    bell: Bell,
    keys: Keys,
}

impl RedisStore {
    /// Opens a store that `migrate` has prepared.
    ///
    /// # Errors
    /// [`PortErrorKind::NotMigrated`](countersign_ports::PortErrorKind::NotMigrated) where there is no store
    /// under the prefix, or one of an older version;
    /// [`PortErrorKind::NewerSchema`](countersign_ports::PortErrorKind::NewerSchema) where a newer version
    /// prepared it; and what the server says.
    pub async fn open(url: &RedisUrl) -> PortResult<Self> {
        const OPERATION: &str = "open";
        let link = Link::new(url, OPERATION)?;
        let keys = Keys::new(url.prefix().clone());
        let id = require_current_store(&link, &keys, OPERATION).await?;
        Ok(Self {
            shared: Arc::new(Shared {
                identity: identity(id),
                link,
                bell: Bell::new(keys.bell()),
                keys,
            }),
        })
    }

    /// Prepares the store where that is needed, and opens it: for programs that embed the store.
    ///
    /// # Errors
    /// As [`RedisStore::open`].
    pub async fn create(url: &RedisUrl) -> PortResult<Self> {
        RedisMaintenance::at(url).migrate().await?;
        Self::open(url).await
    }

    /// The run repository. The queue is in another slot, and its upkeep the caller's.
    #[must_use]
    pub fn runs(&self) -> RedisRuns {
        RedisRuns::new(Arc::clone(&self.shared))
    }

    /// The authority, read and written.
    #[must_use]
    pub fn authority(&self) -> RedisAuthority {
        RedisAuthority::new(Arc::clone(&self.shared))
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> RedisQueue {
        RedisQueue::new(Arc::clone(&self.shared))
    }

    /// The store as a home that is moved out of, or into.
    #[must_use]
    pub fn home(&self) -> RedisMove {
        RedisMove::new(Arc::clone(&self.shared))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Ends the connections.
    pub async fn close(&self) {
        self.shared.bell.close();
        self.shared.link.close().await;
    }
}

fn identity(id: StoreId) -> StoreIdentity {
    StoreIdentity { id, kind: "redis" }
}

impl Shared {
    pub(crate) fn identity(&self) -> &StoreIdentity {
        &self.identity
    }

    /// The store's id, as scripts compare it with their marker.
    pub(crate) fn id(&self) -> String {
        self.identity.id.to_string()
    }

    /// Whether the store is in a cluster, where a script reaches the keys of one slot.
    pub(crate) fn is_in_slots(&self) -> bool {
        self.link.is_a_cluster()
    }

    /// The marker that scripts about a workspace look at: one that they can reach.
    pub(crate) fn marker(&self, workspace: &WorkspaceKeys) -> String {
        if self.is_in_slots() {
            workspace.marker()
        } else {
            self.keys.store()
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.bell
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The server's clock. Of a cluster the one that is behind all others: whatever is older than this by any of
    /// them is older by all.
    pub(crate) async fn clock(&self, operation: &'static str) -> PortResult<Timestamp> {
        let time = || Call::bare("TIME");
        if !self.is_in_slots() {
            return read_time(self.link.call(operation, time()).await?, operation);
        }
        let times = self.link.call_on_each_primary(operation, time).await?;
        let times = times.into_iter().map(|time| read_time(time, operation));
        let times: Vec<Timestamp> = times.collect::<PortResult<_>>()?;
        let first = times.into_iter().min();
        first.ok_or_else(|| unreadable(operation, "the cluster's time"))
    }
}
